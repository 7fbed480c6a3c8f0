from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inventory_streams.delivery.offsets import OffsetTracker


def test_nothing_is_committed_ahead_of_work_that_is_open() -> None:
    tracker = OffsetTracker(0)
    for offset in range(5):
        tracker.start(offset)

    for offset in (0, 1, 3):
        tracker.finish(offset)

    assert (tracker.committable(), tracker.unfinished) == (2, 2)


def test_gaps_of_transaction_markers_are_passed() -> None:
    tracker = OffsetTracker(0)
    for offset in (3, 7, 12):
        tracker.start(offset)
        tracker.finish(offset)

    assert tracker.committable() == 13


def test_a_position_read_elsewhere_counts() -> None:
    assert OffsetTracker(40).committable() == 40


def test_finishing_twice_changes_nothing() -> None:
    tracker = OffsetTracker(0)
    tracker.start(0)
    tracker.start(1)

    tracker.finish(0)
    tracker.finish(0)

    assert tracker.committable() == 1


@given(st.permutations(list(range(12))), st.integers(0, 12))
def test_the_lowest_unfinished_offset_bounds_what_is_committed(order: list[int], finished: int) -> None:
    tracker = OffsetTracker(0)
    for offset in range(12):
        tracker.start(offset)

    for offset in order[:finished]:
        tracker.finish(offset)

    assert tracker.committable() == min(order[finished:], default=12)
