"""Fetch positions, so that nothing is lost between the broker, Faust and the engine without being seen (rule 4)."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from inventory_streams.engine.records import FetchedBatch


class Fit(Enum):
    """How a stretch fits behind what came before: it follows, was there already, or something is missing."""

    FOLLOWS = "follows"
    STALE = "stale"
    GAP = "gap"


def fit(expected: int, start: int, end: int) -> Fit:
    """Compare a stretch [start, end) with the position that is expected next."""
    if start > expected:
        return Fit.GAP
    if end <= expected:
        return Fit.STALE
    return Fit.FOLLOWS


def trimmed(batch: FetchedBatch, expected: int) -> FetchedBatch:
    """The batch without what lies before the expected position."""
    if batch.start >= expected:
        return batch
    records = tuple(record for record in batch.records if record.offset >= expected)
    return replace(batch, start=expected, records=records)


def singly(batch: FetchedBatch) -> list[FetchedBatch]:
    """The same stretch as batches of one record; markers go with the record before them, or alone."""
    if len(batch.records) <= 1:
        return [batch]
    starts = [batch.start, *(record.offset for record in batch.records[1:])]
    ends = [*starts[1:], batch.end]
    return [
        replace(batch, start=start, end=end, records=(record,))
        for start, end, record in zip(starts, ends, batch.records, strict=True)
    ]


def in_parts(batch: FetchedBatch, keys_max: int) -> list[FetchedBatch]:
    """The same stretch as batches of at most so many different keys; they meet where a record begins."""
    if len(batch.records) <= keys_max:
        return [batch]
    parts: list[FetchedBatch] = []
    keys: set[bytes | None] = set()
    first, start = 0, batch.start
    for index, record in enumerate(batch.records):
        if len(keys) == keys_max and record.key not in keys:
            parts.append(replace(batch, start=start, end=record.offset, records=batch.records[first:index]))
            first, start, keys = index, record.offset, set()
        keys.add(record.key)
    parts.append(replace(batch, start=start, records=batch.records[first:]))
    return parts
