from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.exposure import FEED, SINGLE, Confirmed, Exposure, Proof, begin, conclude, observe
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import Accepted, Rejected
from inventory_domain.write_paths import (
    Backlog,
    FeedPace,
    FeedRows,
    SinglePace,
    best_drain_s,
    goes_by_feed,
    may_go_by_feed,
    rows_of_feed,
)

AMAZON = FeedPace(wait_s=0.0, takes_s=600.0, listings_max=25_000, always_above=1_000)
WALMART = FeedPace(wait_s=0.0, takes_s=120.0, listings_max=10_000)
FIVE_A_SECOND = SinglePace(5.0)


def test_a_small_backlog_goes_by_single_calls() -> None:
    assert rows_of_feed(Backlog(0, 1_000), FIVE_A_SECOND, AMAZON) == FeedRows()


def test_above_the_limit_all_but_falls_to_zero_go_by_feed_although_single_calls_could_do_it() -> None:
    assert rows_of_feed(Backlog(200, 801), FIVE_A_SECOND, AMAZON) == FeedRows(0, 801)


def test_without_such_a_limit_the_feed_takes_what_single_calls_cannot_send_before_its_report() -> None:
    assert rows_of_feed(Backlog(0, 5_000), SinglePace(200 / 60), WALMART) == FeedRows(0, 4_600)


def test_falls_to_zero_that_single_calls_cannot_send_in_time_go_by_feed() -> None:
    """A stopped catalog of 100,000 listings at 5/s would take 5.6 hours."""
    assert rows_of_feed(Backlog(100_000, 0), FIVE_A_SECOND, AMAZON) == FeedRows(25_000, 0)
    assert rows_of_feed(Backlog(5_000, 100), FIVE_A_SECOND, AMAZON) == FeedRows(2_000, 100)


def test_a_feed_that_may_go_only_much_later_is_not_waited_for() -> None:
    late = FeedPace(wait_s=3_600.0, takes_s=120.0, listings_max=10_000)

    assert rows_of_feed(Backlog(0, 5_000), SinglePace(200 / 60), late) == FeedRows()


COUNTS = st.integers(0, 60_000)


@given(COUNTS, COUNTS, st.floats(0.1, 100), st.floats(0, 4_000), st.floats(1, 4_000), st.integers(1, 30_000))
def test_the_chosen_split_is_never_slower_than_single_calls_alone(
    zeros: int, others: int, rate: float, wait_s: float, takes_s: float, size: int
) -> None:
    backlog, single, feed = Backlog(zeros, others), SinglePace(rate), FeedPace(wait_s, takes_s, size)

    rows = rows_of_feed(backlog, single, feed)

    together_s = max(single.wait_s(backlog.all - rows.all), feed.done_s if rows.all else 0.0)
    assert together_s <= single.wait_s(backlog.all) + 1 / rate
    assert 0 <= rows.zeros <= zeros and 0 <= rows.others <= others and rows.all <= size


@given(COUNTS, COUNTS, st.floats(0.1, 100), st.floats(1, 4_000), st.integers(1, 30_000))
def test_no_other_number_of_rows_makes_it_visible_sooner(
    zeros: int, others: int, rate: float, takes_s: float, size: int
) -> None:
    backlog, single, feed = Backlog(zeros, others), SinglePace(rate), FeedPace(0.0, takes_s, size)

    def done_s(rows: int) -> float:
        return max(single.wait_s(backlog.all - rows), feed.done_s if rows else 0.0)

    best_s = min(done_s(rows) for rows in {0, min(size, backlog.all), *range(0, min(size, backlog.all), 500)})
    assert done_s(rows_of_feed(backlog, single, feed).all) <= best_s + 1 / rate


@given(COUNTS, COUNTS, st.floats(0.1, 100), st.floats(1, 4_000))
def test_falls_to_zero_are_in_a_feed_only_where_single_calls_would_be_later(
    zeros: int, others: int, rate: float, takes_s: float
) -> None:
    single, feed = SinglePace(rate), FeedPace(0.0, takes_s, 30_000, always_above=1_000)

    rows = rows_of_feed(Backlog(zeros, others), single, feed)

    assert rows.zeros == 0 or single.wait_s(zeros) > feed.done_s - 1 / rate


def test_the_least_time_uses_both_paths_at_once() -> None:
    single, feed = SinglePace(200 / 60, at_once=200.0), FeedPace(0.0, 120.0, 10_000)

    assert best_drain_s(50_000, single, feed, 10, 360.0) == 120.0
    assert best_drain_s(200, single, feed, 10, 360.0) == 0.0
    assert best_drain_s(500, single, None, 0, 0.0) == pytest.approx(90.0)
    assert best_drain_s(20_000, FIVE_A_SECOND, feed, 1, 360.0) == 480.0


def tried(path: str, quantity: int, *, refused: bool) -> Exposure:
    """A listing that shows 9 and was sent this quantity that way."""
    shown = Exposure(ListingId("harbor-us/A"), Sku("A"), Confirmed(9, 1, 0, Proof.READ))
    sent, attempt = begin(
        shown, version=2, quantity=quantity, nodes={}, mask=None, path=path, now_ms=1, settles_by_ms=2
    )
    told = {"listing_id": sent.listing_id, "api": "write", "reason": "r"}
    answer = Rejected(**told) if refused else Accepted(**told)
    return conclude(sent, attempt.number, answer, 3, 4)


@pytest.mark.parametrize(
    ("exposure", "other"),
    [
        (None, False),
        (tried(SINGLE, 3, refused=True), True),
        (tried(SINGLE, 3, refused=False), False),
        (tried(SINGLE, 12, refused=True), False),
        (tried(FEED, 3, refused=True), False),
    ],
)
def test_a_fall_that_single_calls_do_not_bring_down_takes_the_other_path(
    exposure: Exposure | None, other: bool
) -> None:
    assert goes_by_feed(exposure) is other


def test_an_overdue_fall_that_is_still_seen_too_high_takes_the_other_path_too() -> None:
    shown = observe(tried(SINGLE, 3, refused=False), 9, 10)

    assert not goes_by_feed(shown)
    assert goes_by_feed(shown, overdue=True)


@pytest.mark.parametrize(
    ("exposure", "may"),
    [(None, True), (tried(SINGLE, 3, refused=True), True), (tried(FEED, 3, refused=True), False)],
)
def test_what_a_feed_was_refused_for_goes_singly(exposure: Exposure | None, may: bool) -> None:
    assert may_go_by_feed(exposure, 3) is may


def test_what_a_lower_single_call_may_undo_goes_by_no_feed() -> None:
    unsettled, _ = begin(
        tried(FEED, 3, refused=False),
        version=9,
        quantity=4,
        nodes={},
        mask=None,
        path=SINGLE,
        now_ms=30,
        settles_by_ms=40,
    )

    assert may_go_by_feed(unsettled, 4)
    assert not may_go_by_feed(unsettled, 5)
    assert may_go_by_feed(observe(unsettled, 4, 50), 5)
