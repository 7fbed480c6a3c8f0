"""What the input adds up to, in plain sums that share nothing with the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.identifiers import Sku

WITHHELD_UNITS = 1


@dataclass
class Expected:
    """One SKU as a bookkeeper would keep it: Dallas by the sequence of its source, Reno by the order of arrival.

    `withheld` is the buffer that is configured now, `silent` that the source of Dallas has fallen silent, `hand` what
    an operator has ordered.
    """

    counts: dict[int, int] = field(default_factory=dict)
    moves: dict[int, int] = field(default_factory=dict)
    reno: int = 0
    reserved: dict[str, int] = field(default_factory=dict)
    sold: dict[str, int] = field(default_factory=dict)
    listed: bool = True
    seen: set[str] = field(default_factory=set)
    withheld: int = WITHHELD_UNITS
    silent: bool = False
    hand: Override | None = None

    def shown(self, now_ms: int = 0) -> int:
        """What the listing must show in the end. What an operator holds may be less until then."""
        free = max(0, self.free() - self.withheld) if self.listed else 0
        hand = self.hand
        if hand is None or (hand.until_ms is not None and hand.until_ms <= now_ms):
            return free
        most = {OverrideKind.ZERO: 0, OverrideKind.CAP: hand.units or 0}.get(hand.kind, free)
        return min(free, most)

    def free(self) -> int:
        """What may be promised; below zero where more was sold than there was."""
        return sum(self.available().values()) - sum(self.sold.values())

    def available(self) -> dict[str, int]:
        """Units by location. While the source of Dallas is silent nobody vouches for Dallas."""
        newest = max(self.counts)
        dallas = self.counts[newest] + sum(units for sequence, units in self.moves.items() if sequence > newest)
        reno = self.reno - sum(self.reserved.values())
        return {"dallas": 0 if self.silent else max(0, dallas), "reno": max(0, reno)}

    def note(self, change: InventoryChange) -> None:
        """A change has reached the topic; once more, if it was sent again."""
        kind = change.kind
        if change.event_id in self.seen:
            return
        self.seen.add(change.event_id)
        if change.sequence is not None:
            if isinstance(kind, StockCounted):
                self.counts[change.sequence] = kind.on_hand
            elif isinstance(kind, StockAdjusted):
                self.moves[change.sequence] = kind.units
        elif isinstance(kind, StockCounted):
            self.reno = kind.on_hand
        elif isinstance(kind, StockAdjusted):
            self.reno += kind.units
        elif isinstance(kind, StockReserved):
            self.reserved[kind.reservation_id] = kind.units
        elif isinstance(kind, ReservationReleased):
            self.reserved.pop(kind.reservation_id, None)
        elif isinstance(kind, UnitsSold):
            self.sold[kind.order_id] = kind.units
        elif isinstance(kind, OrderShipped):
            self.reno -= kind.units
            self.sold.pop(str(kind.order_id), None)


@dataclass
class ExpectedKit:
    """A kit as a bookkeeper would keep it: at each location as many as its parts are enough for."""

    parts: Mapping[Sku, int]
    of: Mapping[Sku, Expected]
    listed: bool = True
    withheld: int = WITHHELD_UNITS

    def shown(self) -> int:
        """What the listing must show in the end."""
        free = 0
        for location in ("dallas", "reno"):
            free += min(self.of[part].available()[location] // units for part, units in self.parts.items())
        return max(0, free - self.withheld) if self.listed else 0

    def silent(self) -> dict[Sku, list[tuple[str, ...]]]:
        """By part, the locations of which it must have said that their source is silent."""
        return {part: [("dallas",)] if self.of[part].silent else [] for part in self.parts}
