"""What every system must have said in the end, computed the plain way and apart from all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from benchmarks.workload import CHANNELS, LOCATIONS, Change

Shown: TypeAlias = dict[str, tuple[int, ...]]
"""Per SKU the number on each channel, in the order of CHANNELS."""

FAULTS_NAMED_MAX = 5


@dataclass(slots=True)
class _Sku:
    on_hand: dict[str, int] = field(default_factory=dict)
    open_orders: dict[str, int] = field(default_factory=dict)


class Model:
    """Positions per SKU from the changes in their order, and the numbers that follow from them."""

    def __init__(self) -> None:
        self._skus: dict[str, _Sku] = {}

    def apply(self, change: Change) -> None:
        """Take in one change."""
        sku = self._skus.get(change.sku)
        if sku is None:
            sku = self._skus[change.sku] = _Sku()
        if change.kind == "counted":
            sku.on_hand[change.location] = change.units
        elif change.kind == "adjusted":
            sku.on_hand[change.location] += change.units
        elif change.kind == "sold":
            sku.open_orders[change.order] = change.units
        else:
            sku.on_hand[change.location] -= change.units
            del sku.open_orders[change.order]

    def shown(self) -> Shown:
        """The numbers that must be shown now, of every SKU whose locations were all counted."""
        return {name: _numbers(sku) for name, sku in self._skus.items() if len(sku.on_hand) == len(LOCATIONS)}


def _numbers(sku: _Sku) -> tuple[int, ...]:
    there = sum(max(0, sku.on_hand[location] - safety) for location, safety in LOCATIONS.items())
    atp = max(0, there - sum(sku.open_orders.values()))
    return tuple(atp - min(atp, max(channel.units, (atp * channel.percent + 99) // 100)) for channel in CHANNELS)


def faults(expected: Shown, said: Mapping[tuple[str, str], int]) -> list[str]:
    """Where the last numbers that a system said differ from what must be shown; empty when none does.

    `said` is by channel and SKU. The first few faults are named, the others counted.
    """
    found = list(_faults(expected, said))
    if len(found) > FAULTS_NAMED_MAX:
        return [*found[:FAULTS_NAMED_MAX], f"and {len(found) - FAULTS_NAMED_MAX} more"]
    return found


def _faults(expected: Shown, said: Mapping[tuple[str, str], int]) -> Iterable[str]:
    names: Sequence[str] = [channel.name for channel in CHANNELS]
    for sku, numbers in expected.items():
        for channel, number in zip(names, numbers, strict=True):
            last = said.get((channel, sku))
            if last != number:
                yield f"{channel}/{sku} must show {number}, last said {'nothing' if last is None else last}"
    for channel, sku in said:
        if sku not in expected or channel not in names:
            yield f"{channel}/{sku} was said and is not expected at all"
