"""Events as JSON lines: one object a line, each of which says by `kind` what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from inventory_cli.event_fields import EventFault, EventFields
from inventory_cli.event_ids import OwnIds
from inventory_domain.catalog import (
    Component,
    Fulfillment,
    Listing,
    ListingNode,
    ListingType,
    Product,
    ProductStatus,
    StockingLocation,
)
from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SkuChange,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import (
    ChannelId,
    EventId,
    ListingId,
    LocationId,
    NodeId,
    OrderId,
    ReservationId,
    Sku,
    SourceId,
    listing_id,
)
from inventory_schemas.records_catalog import check_product
from inventory_schemas.records_changes import check_change

LINE_BYTES_MAX: Final = 1 << 20
PRODUCT: Final = "Product"
PRODUCT_REMOVED: Final = "ProductRemoved"
HEARTBEAT: Final = "SourceHeartbeat"
NO_ID: Final = "none"  # until the line is known to have no fault


@dataclass(frozen=True, slots=True)
class ProductRemoved:
    """The product leaves the catalog."""

    sku: Sku


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The source is alive; to be sent to every partition."""

    source: SourceId


Event = InventoryChange | Product | ProductRemoved | Heartbeat


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read: the event, or everything that is wrong with it."""

    number: int
    event: Event | None
    faults: tuple[EventFault, ...] = ()


def read_lines(
    lines: Iterable[str], *, source: str, now_ms: Callable[[], int], products: bool = False
) -> Iterator[Line]:
    """Every line that is not empty. `source` is for changes that name none; `products`: lines need no kind.

    A change without an event id gets one of `OwnIds`.
    """
    ids = OwnIds()
    for number, text in enumerate(lines, 1):
        stripped = text.strip()
        if not stripped:
            continue
        yield _line(number, stripped, source, ids, now_ms(), products)


def _line(number: int, text: str, source: str, ids: OwnIds, now_ms: int, products: bool) -> Line:
    if len(text) > LINE_BYTES_MAX:
        return Line(number, None, (EventFault("", f"has {len(text)} characters, at most {LINE_BYTES_MAX}"),))
    try:
        raw = json.loads(text)
    except ValueError as error:
        return Line(number, None, (EventFault("", f"is not JSON: {error}"),))
    if not isinstance(raw, dict):
        return Line(number, None, (EventFault("", "must be one JSON object"),))
    faults: list[EventFault] = []
    fields = EventFields(raw, faults)
    event = _event(fields, fields.text("kind", PRODUCT if products else None), source, now_ms, faults)
    if event is not None:
        fields.end()
    if faults:
        return Line(number, None, tuple(faults))
    try:
        if isinstance(event, InventoryChange):
            check_change(event)
        elif isinstance(event, Product):
            check_product(event)
    except InvalidRecord as error:
        return Line(number, None, (EventFault("", str(error)),))
    if isinstance(event, InventoryChange) and raw.get("event_id") is None:
        event = replace(event, event_id=ids.of(event, text, dated=raw.get("occurred_at_ms") is not None))
    return Line(number, event)


def _event(fields: EventFields, kind: str, source: str, now_ms: int, faults: list[EventFault]) -> Event | None:
    if kind == PRODUCT:
        return _product(fields)
    if kind == PRODUCT_REMOVED:
        return ProductRemoved(Sku(fields.text("sku")))
    if kind == HEARTBEAT:
        return Heartbeat(SourceId(fields.text("source", source)))
    if kind not in _KINDS:
        if not faults:
            known = ", ".join([*_KINDS, HEARTBEAT, PRODUCT, PRODUCT_REMOVED])
            faults.append(EventFault("kind", f"must be one of {known}, not {kind!r}"))
        return None
    location = fields.text_or_none("location")
    return InventoryChange(
        event_id=EventId(fields.text("event_id", NO_ID)),
        source=SourceId(fields.text("source", source)),
        sequence=fields.whole_or_none("sequence"),
        occurred_at_ms=fields.whole("occurred_at_ms", now_ms),
        sku=Sku(fields.text("sku")),
        location=None if location is None else LocationId(location),
        kind=_KINDS[kind](fields),
    )


def _order(fields: EventFields) -> OrderId | None:
    given = fields.text_or_none("order_id")
    return None if given is None else OrderId(given)


def _reservation(fields: EventFields) -> ReservationId | None:
    given = fields.text_or_none("reservation_id")
    return None if given is None else ReservationId(given)


_KINDS: Final[Mapping[str, Callable[[EventFields], SkuChange]]] = MappingProxyType(
    {
        "StockCounted": lambda f: StockCounted(
            f.whole("on_hand"), f.whole_or_none("includes_orders_until_ms"), f.flag("excludes_reserved")
        ),
        "StockAdjusted": lambda f: StockAdjusted(f.whole("units")),
        "StockReserved": lambda f: StockReserved(
            ReservationId(f.text("reservation_id")), f.whole("units"), _order(f), f.whole_or_none("expires_at_ms")
        ),
        "ReservationReleased": lambda f: ReservationReleased(ReservationId(f.text("reservation_id"))),
        "OrderShipped": lambda f: OrderShipped(f.whole("units"), _reservation(f), _order(f)),
        "UnitsSold": lambda f: UnitsSold(ChannelId(f.text("channel")), OrderId(f.text("order_id")), f.whole("units")),
        "SaleCancelled": lambda f: SaleCancelled(
            ChannelId(f.text("channel")), OrderId(f.text("order_id")), f.whole("units"), f.text("reason", "unknown")
        ),
    }
)


def _product(fields: EventFields) -> Product:
    sku = Sku(fields.text("sku"))
    return Product(
        sku=sku,
        status=fields.choice("status", ProductStatus, ProductStatus.ACTIVE),
        category=fields.text("category", ""),
        locations=tuple(_stocking(one) for one in fields.objects("locations")),
        listings=tuple(_listing(one, sku) for one in fields.objects("listings")),
        components=tuple(_component(one) for one in fields.objects("components")),
        sale_stops_at_ms=fields.whole_or_none("sale_stops_at_ms"),
    )


def _stocking(fields: EventFields) -> StockingLocation:
    stocking = StockingLocation(LocationId(fields.text("location")), fields.whole("safety_stock", 0))
    fields.end()
    return stocking


def _component(fields: EventFields) -> Component:
    component = Component(Sku(fields.text("sku")), fields.whole("units", 1))
    fields.end()
    return component


def _listing(fields: EventFields, sku: Sku) -> Listing:
    channel = ChannelId(fields.text("channel"))
    listing = Listing(
        listing_id=ListingId(fields.text("listing_id", listing_id(channel, sku))),
        channel=channel,
        marketplace_ids=fields.texts_by_name("marketplace_ids"),
        listing_type=fields.choice("listing_type", ListingType, ListingType.FIXED_PRICE),
        fulfillment=fields.choice("fulfillment", Fulfillment, Fulfillment.SELLER),
        variation_of=fields.text_or_none("variation_of"),
        nodes=tuple(_node(one) for one in fields.objects("nodes")),
        two_day=fields.flag("two_day"),
        price_minor=fields.whole_or_none("price_minor"),
        margin_minor=fields.whole_or_none("margin_minor"),
        min_shown=fields.whole("min_shown", 0),
        max_shown=fields.whole_or_none("max_shown"),
    )
    fields.end()
    return listing


def _node(fields: EventFields) -> ListingNode:
    node = ListingNode(NodeId(fields.text("node")), LocationId(fields.text("location")), fields.flag("two_day"))
    fields.end()
    return node
