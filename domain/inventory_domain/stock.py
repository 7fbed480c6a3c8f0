"""What is known of one SKU's units: positions by location, sales that are in no position yet, and guards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_domain.values import made_often, replace


@made_often
@dataclass(frozen=True, slots=True)
class Move:
    """Signed units that a source reported under a sequence of its own."""

    sequence: int
    units: int


@made_often
@dataclass(frozen=True, slots=True)
class SourceLog:
    """What one source said about one location: its newest count and the moves that are newer than it.

    `counted` is what the count said, None again (its sequence stays) when another source has counted the location
    since; `excludes_reserved`: of what is free, without the units reserved before it, and taken at `free_at_ms`.
    The moves are applied again to a count that arrives late. Those up to `forgotten_through` are no longer kept
    one by one, so a count older than that can no longer be completed and is superseded.
    """

    count_sequence: int | None = None
    counted: int | None = None
    moves: tuple[Move, ...] = ()
    forgotten_through: int | None = None
    excludes_reserved: bool = False
    free_at_ms: int | None = None

    @property
    def is_outdone(self) -> bool:
        """Whether its count is not the one that stands, because another source has counted the location since."""
        return self.counted is None and self.count_sequence is not None


@made_often
@dataclass(frozen=True, slots=True)
class Reservation:
    """Units promised to an order; past `expires_at_ms` they may be sold again. `sequence` is its source's.

    One that has expired and is kept all the same, see `without_expired`, has that time with a minus.
    """

    units: int
    order_id: OrderId | None = None
    expires_at_ms: int | None = None
    sequence: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is only kept because a count has its units."""
        return self.expires_at_ms is not None and self.expires_at_ms < 0

    @property
    def ends_ms(self) -> int | None:
        """When it expires, or has expired."""
        return None if self.expires_at_ms is None else abs(self.expires_at_ms)


@made_often
@dataclass(frozen=True, slots=True)
class Position:
    """One SKU at one location. `on_hand` is None until the location was counted once: unknown is not zero."""

    on_hand: int | None = None
    reservations: Mapping[ReservationId, Reservation] = field(default_factory=dict)
    sources: Mapping[SourceId, SourceLog] = field(default_factory=dict)

    def reserved(self, now_ms: int) -> int:
        """Units promised to orders that are not shipped yet and whose reservation has not expired."""
        return sum(
            held.units
            for held in self.reservations.values()
            if held.expires_at_ms is None or held.expires_at_ms > now_ms
        )


@made_often
@dataclass(frozen=True, slots=True)
class ChannelSale:
    """Units a channel sold that the source has not reported yet."""

    channel: ChannelId
    units: int
    occurred_at_ms: int


@dataclass(frozen=True, slots=True)
class KitSale:
    """Units of this SKU that were sold inside a kit and that the source has not reported yet."""

    channel: ChannelId
    units: int
    occurred_at_ms: int


KitOrder = tuple[Sku, OrderId]
"""The kit that was sold, and the order: one order may have the SKU by itself and in several kits."""


@made_often
@dataclass(frozen=True, slots=True)
class Stock:
    """All that is known of one SKU's units: positions, sales not yet in them, and the guards against repetition.

    `cancels` are units that channels took back before they told of their sale.
    """

    positions: Mapping[LocationId, Position] = field(default_factory=dict)
    sales: Mapping[OrderId, ChannelSale] = field(default_factory=dict)
    known_orders: tuple[OrderId, ...] = ()
    event_ids: tuple[EventId, ...] = ()
    kit_sales: Mapping[KitOrder, KitSale] = field(default_factory=dict)
    cancels: Mapping[OrderId, ChannelSale] = field(default_factory=dict)

    def units_sold_unreported(self, besides: Sku | None = None) -> dict[ChannelId, int]:
        """Units sold per channel that the source does not know of yet; all of them are netted from every ATP.

        Those sold inside the kit `besides` are left out: that kit nets its own sales.
        """
        sold: dict[ChannelId, int] = {}
        for sale in self.sales.values():
            sold[sale.channel] = sold.get(sale.channel, 0) + sale.units
        for (kit, _), part in self.kit_sales.items():
            if kit != besides:
                sold[part.channel] = sold.get(part.channel, 0) + part.units
        return sold

    def first_expiry_ms(self) -> int | None:
        """When the first reservation expires by itself, or has and nobody has looked since, if one does."""
        times = [
            held.expires_at_ms
            for position in self.positions.values()
            if position.reservations
            for held in position.reservations.values()
            if held.expires_at_ms is not None and not held.is_over
        ]
        return min(times, default=None)


def without_expired(stock: Stock, now_ms: int) -> Stock:
    """The stock without reservations that have expired; the same object when there is none.

    One whose units a count of what is free was raised by stays, and holds nothing: if it turns out to have ended before
    that count was taken, they were in the count already, and are in it twice.
    """
    positions = {
        location: replace(position, reservations=still)
        for location, position in stock.positions.items()
        if position.reservations and (still := _still_held(position, now_ms)) != position.reservations
    }
    return replace(stock, positions={**stock.positions, **positions}) if positions else stock


def _still_held(position: Position, now_ms: int) -> dict[ReservationId, Reservation]:
    still: dict[ReservationId, Reservation] = {}
    for key, held in position.reservations.items():
        ends_ms = held.ends_ms
        if ends_ms is None or (ends_ms > now_ms and not held.is_over):
            still[key] = held
        elif any(_has_units_of(log, held, ends_ms) for log in position.sources.values()):
            still[key] = held if held.is_over else replace(held, expires_at_ms=-ends_ms)
    return still


def _has_units_of(log: SourceLog, held: Reservation, ends_ms: int) -> bool:
    """Whether this count of what is free was taken while the reservation was thought to hold."""
    if log.count_sequence is None or log.free_at_ms is None or log.free_at_ms >= ends_ms:
        return False
    return held.sequence is None or held.sequence < log.count_sequence
