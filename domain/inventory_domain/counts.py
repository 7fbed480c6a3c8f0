"""The engine's positions against the source's own counts: what should be equal, and is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from inventory_domain.identifiers import LocationId, Sku, SourceId


class CountFault(Enum):
    """What is wrong.

    UNKNOWN: the engine has no position there. NOT_APPLIED: its newest count of the source is older. DIFFERS: the
    numbers are not the same.
    """

    UNKNOWN = "unknown"
    NOT_APPLIED = "not-applied"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What a source counted. Without a sequence it is a list of what is on hand now, as a file is."""

    sku: Sku
    location: LocationId
    source: SourceId
    on_hand: int
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class KnownCount:
    """What the engine has of a SKU at a location: units on hand, and per source its newest count with its sequence.

    A count that another source's took the place of has no units any more.
    """

    on_hand: int | None
    counted: Mapping[SourceId, tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class CountDifference:
    """One position that does not agree with its source; `engine` is None where it was never counted."""

    count: SourceCount
    fault: CountFault
    engine: int | None


def count_differences(
    counts: Iterable[SourceCount], known: Mapping[tuple[Sku, LocationId], KnownCount]
) -> list[CountDifference]:
    """Every count that the engine's positions do not agree with.

    A count with a sequence is compared with the engine's own copy of it, since adjustments may have come on top; one
    that the engine has a newer count for is over. A count without one is compared with what is on hand.
    """
    found = []
    for count in counts:
        position = known.get((count.sku, count.location))
        if position is None or position.on_hand is None:
            found.append(CountDifference(count, CountFault.UNKNOWN, None))
        elif count.sequence is None:
            if position.on_hand != count.on_hand:
                found.append(CountDifference(count, CountFault.DIFFERS, position.on_hand))
        else:
            found.extend(_against_own_copy(count, count.sequence, position))
    return found


def _against_own_copy(count: SourceCount, sequence: int, position: KnownCount) -> list[CountDifference]:
    newest, units = position.counted.get(count.source, (-1, 0))
    if newest < sequence:
        return [CountDifference(count, CountFault.NOT_APPLIED, position.on_hand)]
    if newest == sequence and units is not None and units != count.on_hand:
        return [CountDifference(count, CountFault.DIFFERS, units)]
    return []
