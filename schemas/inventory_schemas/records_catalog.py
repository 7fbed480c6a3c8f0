"""`product`: what is sold and where it is listed, on the wire, and what a producer may say of it."""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern

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
from inventory_domain.changes import QUANTITY_MAX
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import ChannelId, LocationId, NodeId, checked
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.values import check_range, check_time, check_units, flat, symbol, texts_of

MONEY_MAX = 10**15  # minor units of any currency; a bound on what a record can make us compute with

_location_to_record = flat(StockingLocation)
_node_to_record = flat(ListingNode)
_component_to_record = flat(Component)


def product_to_record(product: Product) -> Record:
    """The product's fields as they are written, alone or inside a SKU's state."""
    return {
        "sku": product.sku,
        "status": product.status.name,
        "category": product.category,
        "locations": [_location_to_record(one) for one in product.locations],
        "listings": [_listing_to_record(one) for one in product.listings],
        "components": [_component_to_record(one) for one in product.components],
        "sale_stops_at_ms": product.sale_stops_at_ms,
    }


def _listing_to_record(listing: Listing) -> Record:
    return {
        "listing_id": listing.listing_id,
        "channel": listing.channel,
        "marketplace_ids": listing.marketplace_ids,
        "listing_type": listing.listing_type.name,
        "fulfillment": listing.fulfillment.name,
        "variation_of": listing.variation_of,
        "nodes": [_node_to_record(node) for node in listing.nodes],
        "two_day": listing.two_day,
        "price_minor": listing.price_minor,
        "margin_minor": listing.margin_minor,
        "min_shown": listing.min_shown,
        "max_shown": listing.max_shown,
    }


def product_from_record(record: Record) -> Product:
    """The product of these fields, unchecked: for what the engine wrote itself."""
    return Product(
        sku=record["sku"],
        status=symbol(ProductStatus, record["status"], "status"),
        category=intern(record["category"]),
        locations=tuple(
            StockingLocation(LocationId(intern(one["location"])), one["safety_stock"]) for one in record["locations"]
        ),
        listings=tuple([_listing_from_record(one) for one in record["listings"]]),
        components=tuple([Component(**one) for one in record["components"]]),
        sale_stops_at_ms=record["sale_stops_at_ms"],
    )


def _listing_from_record(record: Record) -> Listing:
    listing_id = record["listing_id"]
    return Listing(
        listing_id=listing_id,
        channel=ChannelId(intern(record["channel"])),
        marketplace_ids=texts_of(record["marketplace_ids"]),
        listing_type=symbol(ListingType, record["listing_type"], f"listing_type of listing {listing_id!r}"),
        fulfillment=symbol(Fulfillment, record["fulfillment"], f"fulfillment of listing {listing_id!r}"),
        variation_of=record["variation_of"],
        nodes=tuple(
            [
                ListingNode(NodeId(intern(node["node"])), LocationId(intern(node["location"])), node["two_day"])
                for node in record["nodes"]
            ]
        ),
        two_day=record["two_day"],
        price_minor=record["price_minor"],
        margin_minor=record["margin_minor"],
        min_shown=record["min_shown"],
        max_shown=record["max_shown"],
    )


def _from_record(record: Record) -> Product:
    product = product_from_record(record)
    check_product(product)
    return product


def check_product(product: Product) -> None:
    """Raise InvalidRecord, naming field and value, when no producer can mean this."""
    checked(product.sku, "sku")
    check_time(product.sale_stops_at_ms, "sale_stops_at_ms")
    if product.category:
        checked(product.category, "category")
    _check_each_once([stocking.location for stocking in product.locations], "location", "duplicate-location")
    for stocking in product.locations:
        checked(stocking.location, "location")
        check_range(stocking.safety_stock, 0, QUANTITY_MAX, f"safety_stock of location {stocking.location!r}")
    _check_each_once([listing.listing_id for listing in product.listings], "listing_id", "duplicate-listing")
    for listing in product.listings:
        _check_listing(listing)
    _check_each_once([component.sku for component in product.components], "component sku", "duplicate-component")
    for component in product.components:
        checked(component.sku, "component sku")
        check_units(component.units, f"units of component {component.sku!r}")
        if component.sku == product.sku:
            raise InvalidRecord("bad-component", f"component sku {component.sku!r} is the kit itself")


def _check_listing(listing: Listing) -> None:
    checked(listing.listing_id, "listing_id")
    checked(listing.channel, "channel")
    of = f"of listing {listing.listing_id!r}"
    if "/" in listing.channel:
        raise InvalidRecord("bad-channel", f"channel {listing.channel!r} {of} has a slash in it")
    if not listing.listing_id.startswith(f"{listing.channel}/") or listing.listing_id == f"{listing.channel}/":
        raise InvalidRecord("bad-listing-id", f"listing_id {listing.listing_id!r} is not {listing.channel}/<id>")
    for name, text in listing.marketplace_ids.items():
        checked(name, f"a name in marketplace_ids {of}")
        checked(text, f"marketplace_ids.{name} {of}")
    if listing.variation_of is not None:
        checked(listing.variation_of, f"variation_of {of}")
    _check_each_once([node.node for node in listing.nodes], f"node {of}", "duplicate-node")
    for node in listing.nodes:
        checked(node.node, f"node {of}")
        checked(node.location, f"location of node {node.node!r} {of}")
    check_range(listing.min_shown, 0, QUANTITY_MAX, f"min_shown {of}")
    if listing.max_shown is not None:
        check_range(listing.max_shown, 0, QUANTITY_MAX, f"max_shown {of}")
    if listing.price_minor is not None:
        check_range(listing.price_minor, 0, MONEY_MAX, f"price_minor {of}", "bad-price")
    if listing.margin_minor is not None:
        check_range(listing.margin_minor, -MONEY_MAX, MONEY_MAX, f"margin_minor {of}", "bad-price")


def _check_each_once(names: Iterable[str], what: str, reason: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidRecord(reason, f"{what} {name!r} is there twice")
        seen.add(name)


PRODUCT: RecordKind[Product] = RecordKind("product", product_to_record, _from_record)
