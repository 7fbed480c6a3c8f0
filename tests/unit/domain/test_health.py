from __future__ import annotations

from inventory_domain.health import ChannelHealth, ChannelReport, ChannelState, fold, new_channel
from inventory_domain.identifiers import ChannelId

CHANNEL = ChannelId("harbor-us")


def a_report(
    *, successes: int = 0, failures: int = 0, since_success: int | None = None, last_success_ms: int | None = None
) -> ChannelReport:
    """`since_success` None: all failures came after the last success."""
    return ChannelReport(
        channel=CHANNEL,
        worker="w1",
        at_ms=5_000,
        successes=successes,
        failures={"transient": failures} if failures else {},
        failures_since_success=failures if since_success is None else since_success,
        last_success_ms=last_success_ms,
        backlog=0,
        quota_used={},
    )


def after(*reports: ChannelReport) -> ChannelHealth:
    health = new_channel(CHANNEL, 1_000)
    for report in reports:
        health = fold(health, report)
    return health


def test_a_channel_fails_at_the_third_failure_in_a_row() -> None:
    assert after(a_report(failures=2)).state is ChannelState.SELLING
    assert after(a_report(failures=2), a_report(failures=1)).state is ChannelState.FAILING


def test_a_success_between_failures_ends_the_row() -> None:
    health = after(a_report(failures=2), a_report(successes=1, failures=3, since_success=1))

    assert (health.state, health.failures_in_a_row) == (ChannelState.SELLING, 1)


def test_a_failing_channel_sells_again_with_the_next_success() -> None:
    health = after(a_report(failures=3), a_report(successes=1, last_success_ms=4_000))

    assert (health.state, health.failures_in_a_row, health.last_success_ms) == (ChannelState.SELLING, 0, 4_000)


def test_an_idle_report_changes_no_state() -> None:
    assert after(a_report(failures=3), a_report()).state is ChannelState.FAILING


def test_the_last_success_of_any_worker_counts() -> None:
    health = after(a_report(successes=1, last_success_ms=4_000), a_report(last_success_ms=3_000))

    assert health.last_success_ms == 4_000


def test_the_reason_names_the_failure_that_was_most_frequent() -> None:
    assert after(a_report(failures=3)).reason == "3 failures in a row: transient"
