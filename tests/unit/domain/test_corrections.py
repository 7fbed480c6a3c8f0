"""When a difference is acted upon, and what is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.causes import SentNumber, SignalSeen
from inventory_domain.corrections import Case, CorrectionPolicy, Judged, Standing, Verdict, case_after, judge
from inventory_domain.expected import ReadTraits
from inventory_domain.exposure import Confirmed, LastAttempt, Proof, Result, observe
from inventory_domain.identifiers import NodeId
from inventory_domain.reconciliation import Action, Cause, Severity
from tests.support.reconciling import SETTLING, a_reading, at, judged_by, settling, shown, sold

POLICY = CorrectionPolicy()


def told(verdict: Verdict) -> tuple[str, str]:
    """The action and the cause that are written down."""
    assert verdict.record is not None, verdict
    return verdict.record.action, verdict.record.cause


@pytest.mark.parametrize(
    ("delta", "expected", "severity"),
    [
        (2, 100, None),
        (3, 100, Severity.INVESTIGATE),
        (1, 10, Severity.INVESTIGATE),  # 10 %
        (1, 20, None),  # 5 % is not more than 5 %
        (2, 0, None),  # of nothing there is no share
        (3, 0, Severity.INVESTIGATE),
        (10, 0, Severity.INVESTIGATE),
        (11, 0, Severity.PAGE),
        (3, 50, Severity.PAGE),  # 6 % and more than 2 units
        (-3, 50, Severity.PAGE),
        (10, 1_000, Severity.INVESTIGATE),
        (11, 1_000, Severity.PAGE),
    ],
)
def test_the_thresholds(delta: int, expected: int, severity: Severity | None) -> None:
    assert POLICY.severity(delta, expected) is severity


def test_what_is_within_the_range_is_left_alone() -> None:
    verdict = judge(a_reading(10, 240), judged_by(shown(10, 0, seen_min=20), 240), None)

    assert verdict == Verdict(Standing.WITHIN, "within", None)


def test_over_shown_is_corrected_at_once() -> None:
    verdict = judge(a_reading(50, 240), judged_by(shown(10, 0, seen_min=20), 240), None)

    assert told(verdict)[0] == Action.RESTATE.value and verdict.restate == 1
    assert verdict.record is not None and verdict.record.delta == 40
    assert verdict.record.severity == Severity.PAGE.value


def test_under_shown_is_corrected_only_when_it_stays_so_past_the_order_delay() -> None:
    known = judged_by(shown(10, 0, seen_min=20), 240)

    first = judge(a_reading(4, 240), known, None)
    soon = judge(a_reading(4, 270), judged_by(shown(10, 0, seen_min=20), 270), first.case)
    later = judge(a_reading(4, 480), judged_by(shown(10, 0, seen_min=20), 480), soon.case)

    assert told(first)[0] == Action.WAIT.value and first.restate is None
    assert soon.restate is None and soon.record is None
    assert told(later)[0] == Action.RESTATE.value and later.restate == 1


def test_an_under_shown_number_that_moves_is_waited_for_anew() -> None:
    """Orders that are not reported yet lower it again and again."""
    exposure = shown(10, 0, seen_min=20)

    first = judge(a_reading(4, 240), judged_by(exposure, 240), None)
    moved = judge(a_reading(3, 480), judged_by(exposure, 480), first.case)

    assert told(moved)[0] == Action.WAIT.value and moved.restate is None


def test_an_order_that_comes_late_clears_the_case() -> None:
    exposure = shown(10, 0, seen_min=20)

    first = judge(a_reading(4, 240), judged_by(exposure, 240), None)
    after = judge(a_reading(4, 480), judged_by(exposure, 480, moves=[sold(6, 200)]), first.case)

    assert told(first) == (Action.WAIT.value, Cause.ORDER_NOT_IN_SOURCE.value)
    assert told(after) == (Action.CLEARED.value, Cause.ORDER_NOT_IN_SOURCE.value) and after.case is None


def test_a_settling_listing_is_never_corrected() -> None:
    exposure = settling(shown(10, 0, seen_min=20), 4, 238)

    verdicts = [judge(a_reading(units, 240), judged_by(exposure, 240), None) for units in (10, 7, 4)]

    assert {one.standing for one in verdicts} == {Standing.WITHIN}


def test_a_reading_older_than_the_write_says_nothing() -> None:
    """A report may be an hour old, and show what was there before our write."""
    exposure = shown(2, 200, seen_min=205)

    verdict = judge(a_reading(30, 240, age_min=60), judged_by(exposure, 240), None)

    assert verdict.standing is Standing.UNJUDGED and verdict.restate is None and verdict.look_again


def test_no_quantity_is_not_zero() -> None:
    verdict = judge(a_reading(None, 240), judged_by(shown(10, 0, seen_min=20), 240), None)

    assert verdict == Verdict(Standing.UNJUDGED, "no-quantity", None)


def test_a_small_excess_is_read_again_and_not_corrected() -> None:
    verdict = judge(a_reading(102, 240), judged_by(shown(100, 0, seen_min=20), 240), None)

    assert verdict.standing is Standing.NEAR and verdict.look_again and verdict.restate is None


def test_a_correction_that_holds_is_verified() -> None:
    first = judge(a_reading(50, 240), judged_by(shown(10, 0, seen_min=20), 240), None)
    mended = shown(10, 241, seen_min=260, version=2)

    after = judge(a_reading(10, 480), judged_by(mended, 480), first.case)

    assert told(after)[0] == Action.VERIFIED.value and after.case is None


def test_a_correction_on_its_way_is_given_time() -> None:
    exposure = shown(10, 0, seen_min=20)
    first = judge(a_reading(50, 240), judged_by(exposure, 240), None)

    before_answer = judge(a_reading(50, 250), judged_by(exposure, 250), first.case)
    while_settling = judge(a_reading(50, 250), judged_by(settling(exposure, 10, 245), 250), first.case)

    assert (before_answer.why, while_settling.why) == ("correction-on-its-way", "correction-settling")
    assert before_answer.case == while_settling.case == first.case


def test_nothing_is_verified_while_the_newest_write_is_open() -> None:
    """The range holds the wrong number, too, until it is over."""
    exposure = shown(10, 0, seen_min=20)
    first = judge(a_reading(4, 240), judged_by(exposure, 240), None)
    corrected = judge(a_reading(4, 480), judged_by(exposure, 480), first.case)
    read = replace(exposure, confirmed=Confirmed(4, 1, at(480), Proof.READ))

    still = judge(a_reading(4, 490), judged_by(settling(read, 10, 485), 490), corrected.case)
    after = judge(a_reading(10, 520), judged_by(shown(10, 485, seen_min=505, version=2), 520), still.case)

    assert (still.why, still.record, still.case) == ("correction-settling", None, corrected.case)
    assert told(after)[0] == Action.VERIFIED.value


def test_a_correction_that_was_refused_is_never_verified() -> None:
    """The read that found the wrong number has confirmed it, so it is within the range from then on."""
    exposure = shown(10, 0, seen_min=20)
    first = judge(a_reading(50, 240), judged_by(exposure, 240), None)
    refused = replace(exposure, last=LastAttempt(2, 2, 10, {}, None, at(241), Result.REJECTED))
    refused = observe(refused, 50, at(300))

    still = judge(a_reading(50, 480), judged_by(refused, 480), first.case)
    mended = judge(a_reading(10, 720), judged_by(observe(refused, 10, at(700)), 720), still.case)
    landed = judge(a_reading(10, 720), judged_by(shown(10, 600, seen_min=660, version=3), 720), still.case)

    assert (still.why, still.record, still.case) == ("correction-refused", None, first.case)
    assert told(mended)[0] == Action.CLEARED.value and mended.case is None
    assert told(landed)[0] == Action.VERIFIED.value


def test_what_delivery_is_to_send_again_is_not_verified_by_an_older_reading() -> None:
    """A pull that began before somebody's edit, judged after the read that found it."""
    over = observe(shown(10, 0, seen_min=20), 50, at(240))
    found = judge(a_reading(50, 240), judged_by(over, 240), None)

    older = judge(a_reading(10, 241), judged_by(over, 241), found.case)

    assert told(found)[0] == Action.WRITE_DUE.value
    assert (older.record, older.case) == (None, found.case)


def test_a_correction_that_nobody_answers_is_asked_for_again_and_counts_once() -> None:
    exposure = shown(10, 0, seen_min=20)
    first = judge(a_reading(50, 240), judged_by(exposure, 240), None)

    again = judge(a_reading(50, 480), judged_by(exposure, 480), first.case)

    assert again.restate == 1 and again.case is not None and again.case.corrections == 1


def test_a_correction_that_did_not_hold_is_escalated_and_after_three_it_stops() -> None:
    case: Case | None = None
    actions = []
    for cycle in range(1, 6):
        exposure = shown(10, cycle * 240 - 120, seen_min=cycle * 240 - 100, version=cycle)
        signal = SignalSeen(50, at(cycle * 240 - 60), "notice-7")
        verdict = judge(a_reading(50, cycle * 240), judged_by(exposure, cycle * 240, signal=signal), case)
        case = verdict.case
        actions.append((verdict.record.action if verdict.record else None, verdict.restate))
        if verdict.record is not None and verdict.record.action == Action.STOP.value:
            stopped = verdict.record

    assert actions == [("restate", 1), ("escalate", 2), ("escalate", 3), ("stop", None), (None, None)]
    assert stopped.cause == Cause.ANOTHER_WRITER.value and stopped.severity == Severity.PAGE.value
    assert "another writer on market-us sets 50 after our 10" in stopped.evidence and "notice-7" in stopped.evidence


def test_what_waits_to_be_sent_anyway_is_not_corrected() -> None:
    known = judged_by(shown(10, 0, seen_min=20), 240, newest=2)

    first = judge(a_reading(50, 240), known, None)
    again = judge(a_reading(50, 250), known, first.case)

    assert told(first)[0] == Action.WRITE_DUE.value and first.restate is None
    assert again.record is None and again.restate is None


def test_the_case_is_known_again_from_what_was_written_down() -> None:
    exposure = shown(10, 0, seen_min=20)
    waiting = judge(a_reading(4, 240), judged_by(exposure, 240), None)
    corrected = judge(a_reading(4, 480), judged_by(exposure, 480), waiting.case)

    for verdict in (waiting, corrected):
        assert verdict.record is not None
        assert case_after(verdict.record) == verdict.case


def test_a_node_that_shows_more_is_found_though_the_sum_is_right() -> None:
    exposure = shown(10, 0, seen_min=20)
    assert exposure.last is not None
    nodes = {NodeId("east"): 8, NodeId("west"): 2}
    exposure = replace(exposure, last=replace(exposure.last, nodes=nodes))
    reading = replace(a_reading(10, 240), nodes={NodeId("east"): 2, NodeId("west"): 8})

    verdict = judge(reading, judged_by(exposure, 240), None)

    assert verdict.record is not None and verdict.record.delta == 6 and verdict.restate == 1


class TestCauses:
    """Each class with what speaks for it."""

    def cause(self, observed: int, known: Judged, minutes: float = 240, case: Case | None = None) -> tuple[str, str]:
        record = judge(a_reading(observed, minutes), known, case).record
        assert record is not None
        return record.cause, record.evidence

    def test_a_number_that_a_signal_told_and_nobody_sent_is_a_hand(self) -> None:
        signal = SignalSeen(50, at(100), "notice-1")

        cause, why = self.cause(50, judged_by(shown(10, 0, seen_min=20), 240, signal=signal))

        assert cause == Cause.MANUAL_CHANGE.value and "notice-1" in why

    def test_a_number_that_nobody_sent_is_a_hand(self) -> None:
        cause, why = self.cause(50, judged_by(shown(10, 0, seen_min=20), 240, sent=[SentNumber(10, at(0))]))

        assert cause == Cause.MANUAL_CHANGE.value and "none of the 1 numbers" in why

    def test_what_was_shown_before_a_write_that_was_never_seen_is_a_lost_push(self) -> None:
        sent = [SentNumber(30, at(-600)), SentNumber(10, at(0))]

        cause, why = self.cause(30, judged_by(shown(10, 0), 240, sent=sent))

        assert cause == Cause.OWN_LOST_PUSH.value and "never seen live" in why

    def test_the_same_soon_after_its_settling_time_may_still_come(self) -> None:
        sent = [SentNumber(30, at(-600)), SentNumber(10, at(0))]

        cause, _ = self.cause(30, judged_by(shown(10, 0), 40, sent=sent), minutes=40)

        assert cause == Cause.LATE_PROCESSING.value

    def test_an_older_number_after_the_newer_was_seen_live_came_late(self) -> None:
        sent = [SentNumber(30, at(-600)), SentNumber(10, at(0))]

        cause, _ = self.cause(30, judged_by(shown(10, 0, seen_min=20), 240, sent=sent))

        assert cause == Cause.LATE_PROCESSING.value

    def test_units_of_a_cancelled_order_that_are_on_sale_again_are_a_return(self) -> None:
        moves = [sold(-4, 100, "O7")]

        cause, why = self.cause(14, judged_by(shown(10, 0, seen_min=20), 240, moves=moves))

        assert cause == Cause.RETURN.value and "O7" in why

    def test_a_lower_number_that_stays_without_an_order_is_a_hand(self) -> None:
        sent = [SentNumber(10, at(0))]
        case = judge(a_reading(4, 240), judged_by(shown(10, 0, seen_min=20), 240), None).case

        cause, _ = self.cause(4, judged_by(shown(10, 0, seen_min=20), 480, sent=sent), 480, case)

        assert cause == Cause.MANUAL_CHANGE.value

    def test_without_any_evidence_it_is_unknown(self) -> None:
        cause, _ = self.cause(50, judged_by(shown(10, 0, seen_min=20), 240))

        assert cause == Cause.UNKNOWN.value


def test_faults_of_a_policy_name_their_place() -> None:
    policy = CorrectionPolicy(units=-1, percent=101, order_delay_s=-5, corrections_max=0)

    assert [fault.path for fault in policy.faults("reconcile")] == [
        "reconcile.units",
        "reconcile.corrections_max",
        "reconcile.percent",
        "reconcile.order_delay_s",
    ]


def test_what_is_read_below_a_written_number_is_not_taken_for_confirmed() -> None:
    """A read after an edit confirms the edited number; the edit is found all the same."""
    exposure = replace(shown(10, 0, seen_min=20), confirmed=Confirmed(3, 1, at(100), Proof.READ))
    traits = ReadTraits(includes_own_sales=False, settling_ms=SETTLING)

    verdict = judge(a_reading(3, 240), judged_by(exposure, 240, traits=traits), None)

    assert told(verdict) == (Action.WAIT.value, Cause.UNKNOWN.value)
