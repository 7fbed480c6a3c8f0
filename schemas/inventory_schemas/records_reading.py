"""Changes of stock read by hand, field by field in the order of their schema file.

Python evaluates arguments from left to right, so the order in which they stand here is the order on the wire.
"""

from __future__ import annotations

from collections.abc import Callable

from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SkuChange,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_schemas.avro_reading import AvroReader


def read_change(r: AvroReader) -> InventoryChange:
    """An InventoryChange, unchecked."""
    return InventoryChange(
        event_id=EventId(r.text()),
        source=SourceId(r.word()),
        sequence=r.long_or_null(),
        occurred_at_ms=r.long(),
        sku=Sku(r.text()) if r.is_present() else None,
        location=LocationId(r.word()) if r.is_present() else None,
        kind=r.one_of(_KINDS)(r),
    )


def _reserved(r: AvroReader) -> StockReserved:
    return StockReserved(ReservationId(r.text()), r.long(), _order_or_none(r), r.long_or_null())


def _shipped(r: AvroReader) -> OrderShipped:
    return OrderShipped(r.long(), ReservationId(r.text()) if r.is_present() else None, _order_or_none(r))


def _sold(r: AvroReader) -> UnitsSold:
    return UnitsSold(ChannelId(r.word()), OrderId(r.text()), r.long())


def _cancelled(r: AvroReader) -> SaleCancelled:
    return SaleCancelled(ChannelId(r.word()), OrderId(r.text()), r.long(), r.word())


def _order_or_none(r: AvroReader) -> OrderId | None:
    return OrderId(r.text()) if r.is_present() else None


_KINDS: tuple[Callable[[AvroReader], SkuChange | SourceHeartbeat], ...] = (
    lambda r: StockCounted(r.long(), r.long_or_null()),
    lambda r: StockAdjusted(r.long()),
    _reserved,
    lambda r: ReservationReleased(ReservationId(r.text())),
    _shipped,
    _sold,
    _cancelled,
    lambda _: SourceHeartbeat(),
)
