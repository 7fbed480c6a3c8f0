from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.due import Urgency, Wanted, due_from_ms, is_due, rises, urgency, wanted
from inventory_domain.exposure import FEED, SINGLE, Confirmed, Exposure, LastAttempt, Proof, Result, begin
from inventory_domain.identifiers import ListingId, NodeId, Sku
from inventory_domain.retry import RetrySchedule
from tests.support.delivery import a_target

SCHEDULE = RetrySchedule((5.0, 15.0, 60.0), 300.0)
NOW_MS = 1_000  # when the attempts of these tests were made


def attempted(quantity: int, version: int, result: Result, failures: int = 0) -> Exposure:
    last = LastAttempt(1, version, quantity, {}, None, 1_000, result, failures)
    return Exposure(ListingId("harbor-us/A"), Sku("A"), last=last)


def showing(units: int) -> Exposure:
    return Exposure(ListingId("harbor-us/A"), Sku("A"), confirmed=Confirmed(units, 1, 0, Proof.READ))


def test_a_mask_makes_every_number_zero() -> None:
    target = replace(a_target(quantity=5), nodes={NodeId("n1"): 3, NodeId("n2"): 2})

    want = wanted(target, "stopped")

    assert (want.quantity, want.nodes, want.mask) == (0, {"n1": 0, "n2": 0}, "stopped")


@pytest.mark.parametrize(
    ("exposure", "due"),
    [
        (None, True),
        (attempted(5, 1, Result.ACCEPTED), True),
        (attempted(5, 3, Result.FAILED), False),
        (attempted(5, 2, Result.ACCEPTED), False),
        (attempted(5, 2, Result.APPLIED), False),
        (attempted(5, 2, Result.REJECTED), False),
        (attempted(5, 2, Result.OPEN), False),
        (attempted(5, 2, Result.FAILED), True),
        (attempted(5, 2, Result.OVER_SHOWN), True),
        (attempted(4, 2, Result.ACCEPTED), True),
    ],
)
def test_what_is_due_is_the_target_against_the_last_attempt(exposure: Exposure | None, due: bool) -> None:
    assert is_due(Wanted(5, {}, 2), exposure) is due


def test_another_split_over_nodes_is_due_though_the_sum_stays() -> None:
    want = Wanted(5, {NodeId("n1"): 5}, 2)

    assert is_due(want, attempted(5, 2, Result.ACCEPTED))


def under_way(path: str, quantity: int = 5) -> Exposure:
    """A listing that shows 9, with this number of version 1 sent and not answered."""
    exposure, _ = begin(
        showing(9), version=1, quantity=quantity, nodes={}, mask=None, path=path, now_ms=1_000, settles_by_ms=2_000
    )
    return exposure


@pytest.mark.parametrize(("quantity", "due"), [(4, True), (5, False), (6, False)])
def test_while_a_row_of_a_feed_has_no_report_only_less_than_it_goes(quantity: int, due: bool) -> None:
    """The feed would undo a rise, or the rise be undone by it; and what is equal is under way."""
    assert is_due(Wanted(quantity, {}, 2), under_way(FEED)) is due


@pytest.mark.parametrize(("path", "due"), [(FEED, True), (SINGLE, False)])
def test_a_stop_goes_past_a_row_of_a_feed_and_waits_for_a_request(path: str, due: bool) -> None:
    """A feed may take an hour; a request has its answer within seconds, and one is in flight at a time."""
    assert is_due(Wanted(0, {}, 1, "stopped"), under_way(path)) is due


def test_a_fall_that_was_rejected_stays_due() -> None:
    """The old number is still on sale; a rise that was rejected sells nothing wrongly."""
    rejected = attempted(5, 2, Result.REJECTED)
    shows_more = replace(showing(9), last=replace(rejected.last, falling_since_ms=1_000))
    shows_less = replace(showing(3), last=rejected.last)

    assert is_due(Wanted(5, {}, 2), shows_more)
    assert not is_due(Wanted(5, {}, 2), shows_less)


@pytest.mark.parametrize(("unseen", "due"), [(1, True), (2, False)])
def test_a_rise_that_is_not_seen_is_sent_once_more(unseen: int, due: bool) -> None:
    under_shown = attempted(5, 2, Result.UNDER_SHOWN)
    exposure = replace(under_shown, last=replace(under_shown.last, unseen=unseen))

    assert is_due(Wanted(5, {}, 2), exposure) is due


@pytest.mark.parametrize(("failures", "from_ms"), [(0, 0), (1, 6_000), (2, 16_000), (3, 61_000), (9, 301_000)])
def test_failures_in_a_row_make_a_listing_wait(failures: int, from_ms: int) -> None:
    want = Wanted(5, {}, 2)

    assert due_from_ms(want, attempted(5, 2, Result.FAILED, failures), SCHEDULE, NOW_MS) == from_ms


def test_a_newer_target_inherits_the_wait() -> None:
    assert due_from_ms(Wanted(4, {}, 3), attempted(5, 2, Result.FAILED, 2), SCHEDULE, NOW_MS) == 16_000


def test_another_number_does_not_wait_for_one_that_was_rejected() -> None:
    """It was refused for what it said."""
    assert due_from_ms(Wanted(4, {}, 3), attempted(5, 2, Result.REJECTED, 2), SCHEDULE, NOW_MS) == 0


def test_a_failure_that_is_ahead_of_the_clock_keeps_nothing_waiting() -> None:
    """The clock was set back since: nobody knows how long ago it was."""
    assert due_from_ms(Wanted(5, {}, 2), attempted(5, 2, Result.FAILED, 3), SCHEDULE, now_ms=999) == 0


def test_what_is_not_due_has_no_time() -> None:
    assert due_from_ms(Wanted(5, {}, 2), attempted(5, 2, Result.ACCEPTED), SCHEDULE, NOW_MS) is None


def test_what_is_late_costs_most_goes_first() -> None:
    ranks = [
        urgency(Wanted(0, {}, 1), showing(9)),
        urgency(Wanted(0, {}, 1), showing(4)),
        urgency(Wanted(1, {}, 1), showing(9)),
        urgency(Wanted(8, {}, 1), showing(9)),
        urgency(Wanted(9, {}, 1), showing(9)),
    ]

    assert ranks == sorted(ranks)
    assert [rank[0] for rank in ranks] == [
        Urgency.FALL_TO_ZERO,
        Urgency.FALL_TO_ZERO,
        Urgency.FALL,
        Urgency.FALL,
        Urgency.RISE,
    ]


def test_what_was_never_confirmed_is_the_worst_fall_of_all_that_sell_as_fast() -> None:
    """It may be showing anything: a number sent for it may bring down one that is far too high."""
    never = attempted(9, 1, Result.ACCEPTED)
    ranks = [
        urgency(Wanted(0, {}, 2), None),
        urgency(Wanted(0, {}, 2), showing(50)),
        urgency(Wanted(3, {}, 2), never, 8.0),
        urgency(Wanted(3, {}, 2), never, 2.0),
        urgency(Wanted(3, {}, 2), showing(50), 2.0),
        urgency(Wanted(9, {}, 2), showing(3)),
    ]

    assert ranks == sorted(ranks)
    assert [rank[0] for rank in ranks] == [
        Urgency.FALL_TO_ZERO,
        Urgency.FALL_TO_ZERO,
        Urgency.FALL,
        Urgency.FALL,
        Urgency.FALL,
        Urgency.RISE,
    ]


def test_a_mask_that_comes_or_goes_does_not_inherit_the_wait() -> None:
    """Stop-sale is ahead of everything, and so is the way back from it."""
    failed = attempted(5, 2, Result.FAILED, failures=4)

    assert due_from_ms(wanted(a_target(quantity=5, version=2), "stop-sale"), failed, SCHEDULE, NOW_MS) == 0
    assert due_from_ms(wanted(a_target(quantity=5, version=2), None), failed, SCHEDULE, NOW_MS) == 301_000


def test_zero_under_a_mask_is_sent_once_whatever_targets_come() -> None:
    masked = wanted(a_target(quantity=5, version=7), "stop-sale")

    assert not is_due(masked, attempted(0, 2, Result.ACCEPTED))
    assert is_due(masked, attempted(0, 2, Result.OVER_SHOWN))
    assert is_due(masked, attempted(0, 2, Result.FAILED))


@pytest.mark.parametrize(("units", "quantity", "rise"), [(3, 5, True), (5, 5, True), (6, 5, False), (0, 0, False)])
def test_a_rise_is_what_may_put_more_on_sale(units: int, quantity: int, rise: bool) -> None:
    assert rises(wanted(a_target(quantity=quantity), None), showing(units)) is rise


def test_a_listing_of_which_nothing_is_known_may_only_fall_to_zero() -> None:
    assert rises(wanted(a_target(quantity=1), None), None)
    assert not rises(wanted(a_target(quantity=0), None), None)


def test_of_a_listing_that_was_never_confirmed_what_was_sent_is_the_measure() -> None:
    sent = replace(under_way(SINGLE), confirmed=None)

    assert not rises(Wanted(4, {}, 2), sent)
    assert rises(Wanted(5, {}, 2), sent)


def test_the_same_number_under_a_newer_version_is_due_and_is_a_rise() -> None:
    """The marketplace sold some of it and shows less by now."""
    refill = Wanted(5, {}, 3)
    sent = replace(attempted(5, 2, Result.APPLIED), confirmed=Confirmed(5, 2, 0, Proof.READ))

    assert is_due(refill, sent)
    assert not is_due(Wanted(5, {}, 2), sent)
    assert rises(refill, sent)
    assert urgency(refill, sent)[0] is Urgency.RISE


@pytest.mark.parametrize(
    ("fast", "slow"), [((2, 5.0), (9, 0.5)), ((3, None), (2, None)), ((9, 0.0), (2, 0.0)), ((2, 5.0), (3, None))]
)
def test_falls_go_by_what_may_be_sold_wrongly_in_a_day(
    fast: tuple[int, float | None], slow: tuple[int, float | None]
) -> None:
    """Units over-shown count as often as they sell; where nothing sold, more of them still go before fewer."""

    def rank(over_shown: int, sales_per_day: float | None) -> tuple[Urgency, float]:
        exposure = Exposure(ListingId("a"), Sku("a"), Confirmed(10 + over_shown, 0, 0, Proof.READ))
        return urgency(Wanted(10, {}, 1), exposure, sales_per_day)

    assert rank(*fast) < rank(*slow)
