"""A channel's states: what brings them about, and what they mean for its listings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from inventory_domain.bulk import Condition
from inventory_domain.health import TRANSITIONS, ChannelHealth, ChannelReport, ChannelState, HealthRules, standing_of
from inventory_domain.health_alerts import alerts
from inventory_domain.health_machine import commanded, passed, reported, taken_over, told, whole
from inventory_domain.operations import OperatorAction
from inventory_domain.retry import RetrySchedule
from tests.support.channels import RULES, START_MS, a_channel, a_command, a_report, at

STATE = ChannelState
FAR_MS = 4_000_000_000_000


def after(*reports: ChannelReport, start: ChannelHealth | None = None) -> ChannelHealth:
    health = start or a_channel()
    for report in reports:
        health = reported(health, report, RULES)
    return health


def failing(seconds: float = 20.0) -> ChannelHealth:
    return after(a_report(seconds, failures=3, rounds=3))


def stopped_by_time() -> ChannelHealth:
    return passed(failing(), at(1_800), RULES, anything_to_sell=True)


def test_a_channel_fails_at_the_third_failure_in_a_row() -> None:
    assert after(a_report(failures=2)).state is STATE.SELLING
    assert after(a_report(failures=2), a_report(failures=1)).state is STATE.FAILING


def test_a_success_between_failures_ends_the_row() -> None:
    """Failures of single listings do not count against a channel whose other listings go through."""
    health = after(a_report(failures=2), a_report(successes=1, failures=3, since_success=1))

    assert (health.state, health.failures_in_a_row) == (STATE.SELLING, 1)


def test_a_failing_channel_sells_again_with_the_next_success() -> None:
    health = after(a_report(failures=3), a_report(4, successes=1))

    assert (health.state, health.failures_in_a_row, health.last_success_ms) == (STATE.SELLING, 0, at(4))


def test_the_words_of_a_channel_that_sells_are_true_from_its_first_report_on() -> None:
    """They said "no report yet" until the state changed, which may be never."""
    started = after(a_report())
    sells = after(a_report(), a_report(4, successes=1), a_report(9))
    failed = after(a_report(successes=1), a_report(4, failures=3))

    assert [a_channel().reason, started.reason, sells.reason] == [
        "no report yet",
        "nothing was written yet",
        "the marketplace answers",
    ]
    assert failed.reason.startswith("3 failures in a row")


def test_an_idle_report_changes_no_state() -> None:
    assert after(a_report(failures=3), a_report()).state is STATE.FAILING


def test_the_last_success_of_any_worker_counts() -> None:
    health = after(a_report(4, successes=1), a_report(5, last_success_ms=at(3)))

    assert health.last_success_ms == at(4)


def test_the_reason_names_the_failure_that_was_most_frequent() -> None:
    assert after(a_report(failures=3)).reason == "3 failures in a row: transient"


def test_credentials_that_are_refused_count_at_once() -> None:
    health = after(a_report(failures=1, kind="unauthorized"))

    assert (health.state, health.credentials_lost) == (STATE.FAILING, True)
    assert [one.name for one in alerts(a_channel(), health, START_MS)] == ["credentials-lost"]
    assert after(a_report(9, successes=1), start=health).state is STATE.SELLING


def test_a_probe_follows_the_schedule_from_where_the_failing_listing_was() -> None:
    """5 s, 15 s, 60 s, then every 5 min, whether one listing failed three times or three listings once."""
    one_listing = failing(20)
    three_listings = after(a_report(0, failures=3, rounds=1))

    assert one_listing.probe_at_ms == at(80)
    assert three_listings.probe_at_ms == at(5)
    waits = []
    health, now_s = three_listings, 5.0
    for _ in range(5):
        health = reported(health, a_report(now_s, failures=1, probes_failed=1), RULES)
        assert health.probe_at_ms is not None
        waits.append((health.probe_at_ms - at(now_s)) / 1000)
        now_s += waits[-1]
    assert waits == [15, 60, 300, 300, 300]


def test_requests_that_were_under_way_when_it_failed_do_not_move_its_probe() -> None:
    health = after(a_report(22, failures=4, rounds=1), start=failing(20))

    assert (health.probe_at_ms, health.rounds) == (at(80), 3)


def test_an_idle_channel_is_probed_five_minutes_after_its_last_success() -> None:
    assert after(a_report(10, successes=1)).probe_at_ms == at(310)


def test_an_idle_probe_that_fails_is_repeated_on_the_schedule() -> None:
    health = after(a_report(310, failures=1, probes_failed=1), start=after(a_report(10, successes=1)))

    assert (health.state, health.probe_at_ms) == (STATE.SELLING, at(315))


def test_the_countdown_to_stop_sale_is_told_from_the_moment_that_it_fails() -> None:
    health = after(a_report(20, failures=3), start=after(a_report(10, successes=1)))

    assert health.stop_at_ms == at(10 + 1_800)
    assert after(a_report(30, successes=1), start=health).stop_at_ms is None


def test_stop_sale_begins_when_nothing_went_through_for_half_an_hour() -> None:
    assert passed(failing(), at(1_799), RULES, anything_to_sell=True).state is STATE.FAILING
    stopped = stopped_by_time()
    assert (stopped.state, stopped.epoch, stopped.by) == (STATE.STOPPED, 2, "system")
    assert stopped.reason == "no success for 30 min"


def test_a_clock_that_is_set_back_puts_off_neither_the_stop_nor_a_probe() -> None:
    """Times by the clock as it was lie in the future: nothing is counted from there."""
    ahead = failing(7_200)
    before = passed(
        replace(ahead, last_success_ms=at(7_100), recovered_ms=at(7_000)), at(0), RULES, anything_to_sell=True
    )

    assert (before.probe_at_ms, before.recovered_ms, before.stop_at_ms) == (at(0), at(0), at(1_800))
    assert passed(before, at(1_799), RULES, anything_to_sell=True).state is STATE.FAILING
    assert passed(before, at(1_800), RULES, anything_to_sell=True).state is STATE.STOPPED


def test_a_warning_goes_out_once_before_stop_sale() -> None:
    before = passed(failing(), at(1_199), RULES, anything_to_sell=True)
    near = passed(before, at(1_201), RULES, anything_to_sell=True)
    later = passed(near, at(1_300), RULES, anything_to_sell=True)

    assert [one.name for one in alerts(before, near, at(1_201))] == ["stop-sale-near"]
    assert alerts(near, later, at(1_300)) == []


def test_where_there_is_nothing_to_sell_the_clock_rests() -> None:
    assert passed(failing(), at(90_000), RULES, anything_to_sell=False).state is STATE.FAILING


def test_a_channel_without_any_success_is_stopped_even_when_nothing_failed() -> None:
    """Then its probes were not made, and nobody can vouch for it."""
    assert passed(a_channel(), at(1_801), RULES, anything_to_sell=True).state is STATE.STOPPED


def test_the_second_trigger_is_off_by_default() -> None:
    quick = replace(RULES, stop_after_failures=3, stop_after_failures_s=300.0)

    assert passed(failing(), at(400), RULES, anything_to_sell=True).state is STATE.FAILING
    assert passed(failing(), at(299), quick, anything_to_sell=True).state is STATE.FAILING
    assert passed(failing(), at(300), quick, anything_to_sell=True).state is STATE.STOPPED


def test_a_push_that_goes_through_restores_a_channel_that_time_has_stopped() -> None:
    health = after(a_report(2_000, successes=1), start=stopped_by_time())

    assert (health.state, health.epoch, health.stop, health.recovered_ms) == (STATE.RESTORING, 3, None, at(2_000))


def test_a_success_followed_by_failures_does_not_end_a_stop() -> None:
    health = after(a_report(2_000, successes=1, failures=3), start=stopped_by_time())

    assert health.state is STATE.STOPPED


def test_a_restored_channel_sells_when_it_is_whole() -> None:
    restoring = after(a_report(2_000, successes=1), start=stopped_by_time())

    assert whole(restoring, at(2_100), RULES).state is STATE.SELLING
    assert whole(failing(), at(2_100), RULES).state is STATE.FAILING


def test_a_restore_that_fails_goes_on_afterwards() -> None:
    restoring = after(a_report(2_000, successes=1), start=stopped_by_time())
    fails = after(a_report(2_010, failures=3), start=restoring)
    again = after(a_report(2_020, successes=1), start=fails)

    assert (fails.state, again.state) == (STATE.FAILING, STATE.RESTORING)


def test_an_operators_stop_is_ended_by_an_operator_only() -> None:
    stopped = commanded(a_channel(), a_command(OperatorAction.STOP_SALE, 10), RULES)
    proven = after(a_report(20, successes=5), start=stopped)
    restored = commanded(proven, a_command(OperatorAction.RESTORE, 30), RULES)

    assert (stopped.state, stopped.by, stopped.reason) == (STATE.STOPPED, "ann", "stop-sale: audit")
    assert proven.state is STATE.STOPPED
    assert (restored.state, restored.epoch) == (STATE.RESTORING, 3)


def test_a_restore_of_a_channel_that_still_fails_waits_for_a_push_that_goes_through() -> None:
    stopped = commanded(failing(), a_command(OperatorAction.STOP_SALE, 30), RULES)
    asked = commanded(stopped, a_command(OperatorAction.RESTORE, 40), RULES)
    restored = after(a_report(50, successes=1), start=asked)

    assert (asked.state, asked.probe_at_ms) == (STATE.STOPPED, at(40))
    assert restored.state is STATE.RESTORING


def test_a_pause_holds_rises_and_its_failures_still_count() -> None:
    paused = commanded(a_channel(), a_command(OperatorAction.PAUSE), RULES)

    standing = standing_of(paused, RULES, FAR_MS)
    assert (standing.mask, standing.rises_held, standing.falls_held) == (None, "paused", None)
    assert paused.stop_at_ms is None
    assert after(a_report(failures=3), start=paused).state is STATE.FAILING


def test_a_pause_of_everything_starts_the_clock_and_is_ended_by_an_operator_only() -> None:
    paused = commanded(a_channel(), a_command(OperatorAction.PAUSE, 100, falls_too=True), RULES)
    stopped = passed(paused, at(1_900), RULES, anything_to_sell=True)
    proven = after(a_report(1_950, successes=1), start=stopped)

    assert standing_of(paused, RULES, FAR_MS).falls_held == "paused"
    assert (paused.state, paused.stop_at_ms, paused.probe_at_ms) == (STATE.PAUSED, at(1_900), None)
    assert (stopped.state, stopped.by) == (STATE.STOPPED, "ann")
    assert proven.state is STATE.STOPPED
    assert commanded(proven, a_command(OperatorAction.RESTORE, 1_960), RULES).state is STATE.RESTORING


@pytest.mark.parametrize("proven", [True, False])
def test_a_restore_does_not_end_a_pause_of_rises(proven: bool) -> None:
    """Who ends the stop need not know of what the channel is paused for."""
    paused = commanded(a_channel(), a_command(OperatorAction.PAUSE, 10), RULES)
    stopped = commanded(paused, a_command(OperatorAction.STOP_SALE, 20), RULES)
    before = after(a_report(30, successes=1), start=stopped) if proven else stopped
    restored = after(a_report(50, successes=1), start=commanded(before, a_command(OperatorAction.RESTORE, 40), RULES))
    resumed = commanded(restored, a_command(OperatorAction.RESUME, 60), RULES)

    assert standing_of(restored, RULES, FAR_MS).rises_held == "paused"
    assert (restored.state, resumed.state) == (STATE.PAUSED, STATE.RESTORING)


def test_resume_ends_a_pause() -> None:
    paused = commanded(a_channel(), a_command(OperatorAction.PAUSE, 10, falls_too=True), RULES)
    resumed = commanded(paused, a_command(OperatorAction.RESUME, 1_500), RULES)

    assert (resumed.state, resumed.stop_at_ms) == (STATE.SELLING, None)
    assert passed(resumed, at(1_900), RULES, anything_to_sell=True).state is STATE.SELLING


def test_a_command_that_changes_nothing_leaves_no_trace() -> None:
    assert commanded(a_channel(), a_command(OperatorAction.RESUME), RULES) == a_channel()
    assert commanded(a_channel(), a_command(OperatorAction.RESTORE), RULES) == a_channel()
    assert commanded(a_channel(), a_command(OperatorAction.RECONCILE), RULES) == a_channel()


def test_a_known_outage_holds_everything_and_the_clock_runs() -> None:
    out = told(after(a_report(10, successes=1)), Condition.OUTAGE, at(60), RULES)
    standing = standing_of(out, RULES, FAR_MS)

    assert (standing.mask, standing.rises_held, standing.falls_held) == (None, "known-outage", "known-outage")
    assert (out.state, out.stop_at_ms, out.probe_at_ms) == (STATE.OUTAGE, at(1_810), at(360))


def test_zeros_of_a_known_outage_go_at_the_probes_pace_and_first_after_it_succeeds() -> None:
    out = told(after(a_report(10, successes=1)), Condition.OUTAGE, at(60), RULES)
    stopped = passed(out, at(1_810), RULES, anything_to_sell=True)
    proven = after(a_report(1_900, successes=1), start=stopped)
    zeroed = after(a_report(1_901, successes=1), start=proven)

    assert (stopped.state, standing_of(stopped, RULES, FAR_MS).falls_held) == (STATE.STOPPED, "known-outage")
    standing = standing_of(proven, RULES, FAR_MS)
    assert (proven.state, standing.mask, standing.falls_held) == (STATE.STOPPED, "stop-sale", None)
    assert zeroed.state is STATE.RESTORING


def test_a_platform_that_is_up_again_is_probed_at_once() -> None:
    out = told(failing(), Condition.OUTAGE, at(60), RULES)
    up = told(out, Condition.OPERATIONAL, at(100), RULES)

    assert (up.state, up.probe_at_ms) == (STATE.FAILING, at(100))


def test_a_status_page_that_is_wrong_is_not_believed_twice() -> None:
    out = told(a_channel(), Condition.OUTAGE, at(60), RULES)
    proven = after(a_report(70, successes=1), start=out)

    assert proven.state is STATE.SELLING
    assert told(proven, Condition.OUTAGE, at(80), RULES).state is STATE.SELLING
    up = told(proven, Condition.OPERATIONAL, at(90), RULES)
    assert told(up, Condition.OUTAGE, at(100), RULES).state is STATE.OUTAGE


def test_a_read_that_is_answered_lets_what_failed_try_again_and_proves_no_more() -> None:
    """Reads may work while writes do not: the row of failures and the clock go on."""
    health = after(a_report(80, reads_answered=1), start=failing(20))
    fails = after(a_report(90, failures=1, rounds=4), start=health)

    assert (health.state, health.half_open, health.stop_at_ms) == (STATE.FAILING, True, at(1_800))
    assert standing_of(health, RULES, FAR_MS).falls_held is None
    assert standing_of(fails, RULES, FAR_MS).falls_held == "circuit-open"


def test_a_read_that_is_answered_vouches_for_a_channel_where_nothing_failed() -> None:
    assert after(a_report(300, reads_answered=1)).last_success_ms == at(300)


def test_nothing_rises_before_the_engine_has_looked_at_what_happened_meanwhile() -> None:
    """P6: the targets of the outage may be old."""
    health = after(a_report(2_000, successes=1), start=stopped_by_time())

    assert standing_of(health, RULES, at(1_999)).rises_held == "engine-behind-recovery"
    assert standing_of(health, RULES, at(1_999)).falls_held is None
    assert standing_of(health, RULES, at(2_000)).rises_held is None


def test_stop_sale_is_a_mask_that_no_circuit_holds() -> None:
    standing = standing_of(stopped_by_time(), RULES, FAR_MS)

    assert (standing.mask, standing.falls_held, standing.every_path) == ("stop-sale", None, True)


def test_a_new_owner_goes_on_with_a_countdown_and_begins_others_anew() -> None:
    """Restarts must not save a failing channel from its stop, nor stop one that nobody could watch."""
    counting = taken_over(failing(), at(900), RULES)
    resting = taken_over(after(a_report(10, successes=1)), at(90_000), RULES)

    assert counting.stop_at_ms == at(1_800)
    assert passed(resting, at(90_010), RULES, anything_to_sell=True).state is STATE.SELLING
    assert passed(resting, at(91_800), RULES, anything_to_sell=True).state is STATE.STOPPED


def test_every_change_is_told_by_an_alert_of_its_own() -> None:
    stopped, restoring = stopped_by_time(), after(a_report(2_000, successes=1), start=stopped_by_time())
    steps = [a_channel(), failing(), stopped, restoring, whole(restoring, at(2_100), RULES)]

    names = [[one.name for one in alerts(before, now, START_MS)] for before, now in pairwise(steps)]
    assert names == [["channel-failing"], ["channel-stopped"], ["channel-restored"], ["channel-sells"]]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"idle_probe_s": 1_800.0}, "health.idle_probe_s"),
        ({"stop_after_s": 100_000.0}, "health.stop_after_s"),
        ({"failures_in_a_row": 0}, "health.failures_in_a_row"),
        ({"stop_after_failures": -1}, "health.stop_after_failures"),
        ({"probe": RetrySchedule((0.0,), 5.0)}, "health.probe"),
        ({"restore_ramp_s": -1.0}, "health.restore_ramp_s"),
    ],
)
def test_rules_that_cannot_be_are_named_with_their_path(changes: dict[str, object], path: str) -> None:
    assert [fault.path for fault in HealthRules(**changes).faults("health")] == [path]  # type: ignore[arg-type]


def test_every_state_can_be_left() -> None:
    assert set(TRANSITIONS) == set(ChannelState)
    assert all(TRANSITIONS.values())
