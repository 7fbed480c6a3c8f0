"""What can happen to stock, as the source of truth or a marketplace tells it. One value per kind of change."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_domain.values import made_often

QUANTITY_MAX = 1_000_000_000  # Shopify's upper bound for a quantity (specs 4.1); no source counts more


@made_often
@dataclass(frozen=True, slots=True)
class StockCounted:
    """Absolute units on hand at the location. The last count by the source's own sequence wins.

    `includes_orders_until_ms`: orders placed up to then are already subtracted or reserved in the source's
    figures, so sales that a channel reported up to then are no longer netted. None: it says nothing of orders.
    `excludes_reserved`: units reserved before the count are not in it, because the source counts what is free.
    """

    on_hand: int
    includes_orders_until_ms: int | None = None
    excludes_reserved: bool = False


@made_often
@dataclass(frozen=True, slots=True)
class StockAdjusted:
    """Signed units: a receipt, a loss, a return to the shelf."""

    units: int


@made_often
@dataclass(frozen=True, slots=True)
class StockReserved:
    """Units on hand that are promised to an order. They stay on hand until they are shipped."""

    reservation_id: ReservationId
    units: int
    order_id: OrderId | None = None
    expires_at_ms: int | None = None


@made_often
@dataclass(frozen=True, slots=True)
class ReservationReleased:
    """The reservation ends and its units may be sold again."""

    reservation_id: ReservationId


@made_often
@dataclass(frozen=True, slots=True)
class OrderShipped:
    """Units left the location: on hand falls, and the order's reservation ends by as many units."""

    units: int
    reservation_id: ReservationId | None = None
    order_id: OrderId | None = None


@made_often
@dataclass(frozen=True, slots=True)
class UnitsSold:
    """A channel sold units that the source may not know of yet. They are netted until the source reports the order."""

    channel: ChannelId
    order_id: OrderId
    units: int


@made_often
@dataclass(frozen=True, slots=True)
class SaleCancelled:
    """A channel took a sale back; `reason` is the channel's word (`no-stock` is a real oversell)."""

    channel: ChannelId
    order_id: OrderId
    units: int
    reason: str


@dataclass(frozen=True, slots=True)
class SourceHeartbeat:
    """The source is alive and has sent all that it knows. It has no SKU and goes to every partition."""


SkuChange = (
    StockCounted | StockAdjusted | StockReserved | ReservationReleased | OrderShipped | UnitsSold | SaleCancelled
)


@made_often
@dataclass(frozen=True, slots=True)
class InventoryChange:
    """One record of `inventory.changes`.

    `sequence` grows with every change of one SKU at one location by one source; None where the source has none, and
    then the order of the topic counts. `location` is None only for sales and heartbeats.
    """

    event_id: EventId
    source: SourceId
    sequence: int | None
    occurred_at_ms: int
    sku: Sku | None
    location: LocationId | None
    kind: SkuChange | SourceHeartbeat
