"""Builders of stock, products and policies: each sets only what a test is about."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from inventory_domain.atp import Availability
from inventory_domain.buffers import BufferPolicy
from inventory_domain.catalog import (
    Fulfillment,
    Listing,
    ListingNode,
    ListingType,
    Product,
    ProductStatus,
    StockingLocation,
)
from inventory_domain.changes import InventoryChange, SkuChange, StockCounted
from inventory_domain.identifiers import (
    AccountId,
    ChannelId,
    EventId,
    ListingId,
    LocationId,
    Marketplace,
    Sku,
    SourceId,
)
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.positions import apply
from inventory_domain.stock import Stock

SKU = Sku("SKU-1")
NOW_MS = 1_800_000_000_000
_event_numbers = itertools.count(1)


def a_change(
    kind: SkuChange,
    *,
    location: str | None = "dallas",
    sequence: int | None = None,
    event_id: str | None = None,
    source: str = "erp",
    occurred_at_ms: int = NOW_MS,
) -> InventoryChange:
    """A change of SKU-1 at Dallas with a new event id."""
    return InventoryChange(
        event_id=EventId(event_id or f"e{next(_event_numbers)}"),
        source=SourceId(source),
        sequence=sequence,
        occurred_at_ms=occurred_at_ms,
        sku=SKU,
        location=LocationId(location) if location else None,
        kind=kind,
    )


def a_stock(**on_hand: int) -> Stock:
    """Stock counted at each of these locations."""
    stock = Stock()
    for location, units in on_hand.items():
        stock, _ = apply(stock, a_change(StockCounted(units), location=location))
    return stock


def after(stock: Stock, *kinds: SkuChange, location: str | None = "dallas") -> Stock:
    """The stock after these changes, all at one location."""
    for kind in kinds:
        stock, _ = apply(stock, a_change(kind, location=location))
    return stock


def available(by_location: Mapping[str, int], sold: Mapping[str, int] | None = None) -> Availability:
    """What may be promised, written down directly."""
    return Availability(
        {LocationId(location): units for location, units in by_location.items()},
        frozenset(),
        {ChannelId(channel): units for channel, units in (sold or {}).items()},
    )


def a_listing(
    channel: str = "market-us",
    own_id: str = "1",
    *,
    listing_type: ListingType = ListingType.FIXED_PRICE,
    fulfillment: Fulfillment = Fulfillment.SELLER,
    nodes: tuple[ListingNode, ...] = (),
    two_day: bool = False,
    min_shown: int = 0,
    max_shown: int | None = None,
    ids: Mapping[str, str] | None = None,
) -> Listing:
    """A listing that we write, on one channel."""
    return Listing(
        listing_id=ListingId(f"{channel}/{own_id}"),
        channel=ChannelId(channel),
        marketplace_ids=dict(ids or {"sku": own_id}),
        listing_type=listing_type,
        fulfillment=fulfillment,
        nodes=nodes,
        two_day=two_day,
        min_shown=min_shown,
        max_shown=max_shown,
    )


def a_product(
    *listings: Listing,
    locations: Mapping[str, int] | None = None,
    status: ProductStatus = ProductStatus.ACTIVE,
    category: str = "toys",
    sale_stops_at_ms: int | None = None,
) -> Product:
    """A product at Dallas without safety stock, with one listing unless told otherwise."""
    stocked = locations if locations is not None else {"dallas": 0}
    return Product(
        sku=SKU,
        status=status,
        category=category,
        locations=tuple(StockingLocation(LocationId(location), safety) for location, safety in stocked.items()),
        listings=listings or (a_listing(),),
        sale_stops_at_ms=sale_stops_at_ms,
    )


def a_channel(
    name: str = "market-us",
    *,
    locations: tuple[str, ...] = ("dallas",),
    units: int = 0,
    percent_withheld: int = 0,
    percent: int = 0,
    allow_full: bool = True,
) -> ChannelPolicy:
    """A channel that sells from Dallas and withholds nothing."""
    return ChannelPolicy(
        channel=ChannelId(name),
        marketplace=Marketplace("market"),
        account=AccountId("account"),
        locations=frozenset(LocationId(location) for location in locations),
        buffer=BufferPolicy(units, percent_withheld),
        percent=percent,
        allow_full=allow_full,
    )


def a_policy(*channels: ChannelPolicy, strategy: Strategy = Strategy.SHARED_POOL) -> AllocationPolicy:
    """A policy for these channels, or for the one of `a_channel`."""
    chosen = channels or (a_channel(),)
    return AllocationPolicy({channel.channel: channel for channel in chosen}, strategy)
