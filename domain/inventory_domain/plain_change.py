"""A stock change that says what most of them say, in its parts: no value is made of it."""

from __future__ import annotations

from typing import TypeAlias

from inventory_domain.changes import OrderShipped, StockAdjusted, StockCounted, UnitsSold
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, SourceId

PlainKind: TypeAlias = type[StockCounted] | type[StockAdjusted] | type[OrderShipped] | type[UnitsSold]

Told: TypeAlias = tuple[PlainKind, int, OrderId | None, ReservationId | None, ChannelId | None]
"""A kind, its units (those on hand for a count), order, reservation and channel. A sale has an order and a channel."""

PlainChange: TypeAlias = tuple[EventId, SourceId, int | None, int, bytes, LocationId | None, Told]
"""What every change has, in the order of `InventoryChange`. A sale has no location; all others have one. The SKU is as
it was written, unchecked: who knows the SKUs that there are looks for the one that is `written` so. A sequence and a
time are at least 0.
"""
