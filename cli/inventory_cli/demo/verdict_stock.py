"""What the events of one SKU amount to, for the verdict: apart from the engine, and importing nothing of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from inventory_cli.demo.journal import Said


@dataclass(frozen=True, slots=True)
class Stock:
    """What the events amount to for one SKU: free units by location counted once, and sales nobody reserved yet."""

    free: Mapping[str, int]
    unreserved: int


def stock_of(said: Sequence[Said]) -> Stock:
    """On hand less reserved by location, from all events of one SKU in the order of sending."""
    first: dict[str, Said] = {}
    for one in said:
        first.setdefault(one.event_id, one)  # sent again under its id, a change counts once
    once = list(first.values())
    on_hand = _on_hand(once)
    reserved = _reserved(once)
    free = {location: units - reserved.get(location, 0) for location, units in on_hand.items()}
    return Stock(free, _unreserved(once))


def _on_hand(said: Iterable[Said]) -> dict[str, int]:
    """The count with the highest sequence, plus every move with a higher one."""
    counts: dict[str, tuple[int, int]] = {}
    moves: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in said:
        if one.location is None or one.sequence is None:
            continue
        if one.kind == "count":
            counts[one.location] = max(counts.get(one.location, (-1, 0)), (one.sequence, one.units))
        elif one.kind == "adjust":
            moves[one.location].append((one.sequence, one.units))
        elif one.kind == "ship":
            moves[one.location].append((one.sequence, -one.units))
    return {
        location: units + sum(moved for at, moved in moves[location] if at > counted_at)
        for location, (counted_at, units) in counts.items()
    }


def _reserved(said: Iterable[Said]) -> dict[str, int]:
    held: dict[tuple[str, str], int] = {}
    for one in said:
        if one.reservation_id is None or one.location is None:
            continue
        key = (one.location, one.reservation_id)
        if one.kind == "reserve":
            held[key] = one.units
        elif one.kind == "release":
            held.pop(key, None)
        elif one.kind == "ship" and key in held:
            held[key] = max(0, held[key] - one.units)
    total: dict[str, int] = defaultdict(int)
    for (location, _), units in held.items():
        total[location] += units
    return total


def orders_reported(said: Iterable[Said]) -> set[str]:
    """Orders that the ERP has reserved or shipped here."""
    return {one.order_id for one in said if one.kind in ("reserve", "ship") and one.order_id is not None}


def orders_left(said: Iterable[Said]) -> dict[str, int]:
    """Units by order that channels sold here and did not take back."""
    left: dict[str, int] = defaultdict(int)
    for one in said:
        if one.order_id is None:
            continue
        if one.kind == "sold":
            left[one.order_id] += one.units
        elif one.kind == "cancelled":
            left[one.order_id] -= one.units
    return dict(left)


def _unreserved(said: Sequence[Said]) -> int:
    """Units sold on channels whose order the ERP has not reserved or shipped, and the channel not taken back."""
    known = orders_reported(said)
    return sum(max(0, units) for order, units in orders_left(said).items() if order not in known)
