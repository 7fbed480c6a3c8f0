"""Fetch positions and what they show."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from inventory_streams.engine.continuity import Fit, fit, in_parts, singly, trimmed
from inventory_streams.engine.records import FetchedBatch, InputRecord


def a_batch(start: int, end: int, offsets: Sequence[int]) -> FetchedBatch:
    records = tuple(InputRecord("topic", 0, offset, 0, b"key", b"value") for offset in offsets)
    return FetchedBatch("topic", 0, start, end, records)


def offsets_of(batch: FetchedBatch) -> list[int]:
    return [record.offset for record in batch.records]


@pytest.mark.parametrize(
    ("expected", "start", "end", "answer"),
    [
        (5, 5, 9, Fit.FOLLOWS),
        (5, 3, 9, Fit.FOLLOWS),
        (5, 6, 9, Fit.GAP),
        (5, 2, 5, Fit.STALE),
        (0, 0, 1, Fit.FOLLOWS),
    ],
)
def test_a_stretch_fits_where_the_last_one_ended(expected: int, start: int, end: int, answer: Fit) -> None:
    assert fit(expected, start, end) is answer


def test_what_was_had_before_is_trimmed_away() -> None:
    batch = trimmed(a_batch(3, 9, [3, 4, 7, 8]), 5)

    assert (batch.start, batch.end) == (5, 9)
    assert offsets_of(batch) == [7, 8]


def test_single_records_cover_the_same_stretch_without_a_gap() -> None:
    """Offsets jump at transaction markers; the positions of the pieces must still meet."""
    pieces = singly(a_batch(3, 12, [4, 5, 9]))

    assert [offsets_of(piece) for piece in pieces] == [[4], [5], [9]]
    assert [(piece.start, piece.end) for piece in pieces] == [(3, 5), (5, 9), (9, 12)]


def test_a_stretch_of_markers_alone_stays_one() -> None:
    batch = a_batch(3, 5, [])

    assert singly(batch) == [batch]


@pytest.mark.parametrize(
    ("keys", "stretches", "offsets"),
    [
        ("aabab", [(3, 12)], [[4, 5, 7, 9, 10]]),
        ("abcca", [(3, 7), (7, 12)], [[4, 5], [7, 9, 10]]),
        ("abcde", [(3, 7), (7, 10), (10, 12)], [[4, 5], [7, 9], [10]]),
    ],
)
def test_a_stretch_of_many_skus_is_taken_in_parts_without_a_gap(
    keys: str, stretches: list[tuple[int, int]], offsets: list[list[int]]
) -> None:
    """Each SKU of a batch is held decoded until its transaction is committed: their number bounds the memory."""
    places = zip((4, 5, 7, 9, 10), keys, strict=True)
    records = tuple([InputRecord("topic", 0, offset, 0, key.encode(), b"value") for offset, key in places])

    parts = in_parts(FetchedBatch("topic", 0, 3, 12, records, 7), keys_max=2)

    assert [(part.start, part.end) for part in parts] == stretches
    assert [offsets_of(part) for part in parts] == offsets
    assert {part.generation for part in parts} == {7}


def test_markers_alone_are_one_part() -> None:
    assert in_parts(a_batch(3, 5, []), keys_max=2) == [a_batch(3, 5, [])]
