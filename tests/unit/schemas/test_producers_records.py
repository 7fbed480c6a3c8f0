"""What a producer may not say: each is refused by the reader, with the field and the value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inventory_domain.catalog import Component, ListingNode, Product, StockingLocation
from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import KitRegistered, Override, OverrideKind, Restate, SkuCommand
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import EventId, ListingId, LocationId, NodeId, Sku
from inventory_schemas.records import INVENTORY_CHANGE, PRODUCT, SKU_COMMAND
from tests.support.stock import NOW_MS, a_change, a_listing, a_product
from tests.support.wire import a_serde


def refused(kind: Any, value: Any) -> InvalidRecord:
    """How the reader refuses the value."""
    serde = a_serde(kind)
    with pytest.raises(InvalidRecord) as caught:
        serde.decode(serde.encode(value))
    return caught.value


COUNT = a_change(StockCounted(5))
CHANGES: dict[str, tuple[InventoryChange, str, str]] = {
    "no event id": (replace(COUNT, event_id=EventId("")), "empty-identifier", "event_id is empty"),
    "a long source": (a_change(StockCounted(1), source="s" * 201), "long-identifier", "source has 201 characters"),
    "spaces around the SKU": (replace(COUNT, sku=Sku(" A")), "unprintable-identifier", "sku ' A'"),
    "no SKU": (replace(COUNT, sku=None), "no-sku", "sku is missing in a StockCounted"),
    "no location": (replace(COUNT, location=None), "no-location", "location is missing in a StockCounted"),
    "a line break in the location": (replace(COUNT, location=LocationId("a\nb")), "unprintable-identifier", "a\\nb"),
    "a heartbeat about a SKU": (replace(COUNT, kind=SourceHeartbeat()), "unexpected-sku", "sku is 'SKU-1'"),
    "a negative sequence": (replace(COUNT, sequence=-1), "bad-sequence", "sequence is -1"),
    "a time before 1970": (replace(COUNT, occurred_at_ms=-1), "bad-time", "occurred_at_ms is -1"),
    "microseconds": (replace(COUNT, occurred_at_ms=NOW_MS * 1_000), "bad-time", "after the year 9999"),
    "a count below zero": (a_change(StockCounted(-1)), "bad-quantity", "on_hand is -1, 0 to 1000000000"),
    "a count beyond reason": (a_change(StockCounted(QUANTITY_MAX + 1)), "bad-quantity", "on_hand is 1000000001"),
    "orders included before 1970": (a_change(StockCounted(1, -5)), "bad-time", "includes_orders_until_ms is -5"),
    "a huge loss": (a_change(StockAdjusted(-QUANTITY_MAX - 1)), "bad-quantity", "units is -1000000001"),
    "nothing reserved": (a_change(StockReserved("r1", 0)), "bad-quantity", "units is 0, 1 to"),
    "a reservation without name": (a_change(StockReserved("", 1)), "empty-identifier", "reservation_id is empty"),
    "a reservation that ended early": (a_change(StockReserved("r", 1, None, -9)), "bad-time", "expires_at_ms is -9"),
    "a reservation of no order": (a_change(StockReserved("r", 1, "")), "empty-identifier", "order_id is empty"),
    "a release without name": (a_change(ReservationReleased("")), "empty-identifier", "reservation_id is empty"),
    "a shipment of less than nothing": (a_change(OrderShipped(-2)), "bad-quantity", "units is -2"),
    "a sale of nothing": (a_change(UnitsSold("c", "o", 0)), "bad-quantity", "units is 0"),
    "a sale on no channel": (a_change(UnitsSold("", "o", 1)), "empty-identifier", "channel is empty"),
    "a cancelled sale without order": (
        a_change(SaleCancelled("c", "", 1, "")),
        "empty-identifier",
        "order_id is empty",
    ),
}


@pytest.mark.parametrize(("change", "reason", "says"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_that_cannot_be_is_refused(change: InventoryChange, reason: str, says: str) -> None:
    error = refused(INVENTORY_CHANGE, change)

    assert error.reason == reason
    assert says in str(error)


LISTING = a_listing("ebay-us", "1")
DALLAS = LocationId("dallas")
PRODUCTS: dict[str, tuple[Product, str, str]] = {
    "no SKU": (replace(a_product(), sku=Sku("")), "empty-identifier", "sku is empty"),
    "a category with a tab": (a_product(category="a\tb"), "unprintable-identifier", "category 'a\\tb'"),
    "a location twice": (
        replace(a_product(), locations=(StockingLocation(DALLAS), StockingLocation(DALLAS, 3))),
        "duplicate-location",
        "location 'dallas' is there twice",
    ),
    "negative safety stock": (a_product(locations={"dallas": -1}), "bad-quantity", "safety_stock of location 'dallas'"),
    "a listing twice": (a_product(LISTING, LISTING), "duplicate-listing", "listing_id 'ebay-us/1' is there twice"),
    "a listing of another channel": (
        a_product(replace(LISTING, listing_id=ListingId("amazon-us/1"))),
        "bad-listing-id",
        "listing_id 'amazon-us/1' is not ebay-us/<id>",
    ),
    "a listing without its own id": (
        a_product(replace(LISTING, listing_id=ListingId("ebay-us/"))),
        "bad-listing-id",
        "listing_id 'ebay-us/'",
    ),
    "a channel with a slash": (a_product(a_listing("ebay/us", "1")), "bad-channel", "channel 'ebay/us'"),
    "an empty marketplace id": (
        a_product(a_listing("ebay-us", "1", ids={"offer_id": ""})),
        "empty-identifier",
        "marketplace_ids.offer_id of listing 'ebay-us/1' is empty",
    ),
    "an empty parent": (a_product(replace(LISTING, variation_of="")), "empty-identifier", "variation_of of listing"),
    "a node twice": (
        a_product(
            a_listing("ebay-us", "1", nodes=(ListingNode(NodeId("n"), DALLAS), ListingNode(NodeId("n"), DALLAS)))
        ),
        "duplicate-node",
        "node of listing 'ebay-us/1' 'n' is there twice",
    ),
    "a negative minimum": (a_product(a_listing("ebay-us", "1", min_shown=-1)), "bad-quantity", "min_shown of listing"),
    "a negative maximum": (a_product(a_listing("ebay-us", "1", max_shown=-1)), "bad-quantity", "max_shown of listing"),
    "a negative price": (a_product(replace(LISTING, price_minor=-1)), "bad-price", "price_minor of listing"),
    "a margin beyond reason": (
        a_product(replace(LISTING, margin_minor=10**16)),
        "bad-price",
        "margin_minor of listing",
    ),
    "a kit of nothing": (
        replace(a_product(), components=(Component(Sku("A"), 0),)),
        "bad-quantity",
        "units of component 'A' is 0",
    ),
    "a kit of itself": (
        replace(a_product(), components=(Component(Sku("SKU-1"), 1),)),
        "bad-component",
        "component sku 'SKU-1' is the kit itself",
    ),
    "a component twice": (
        replace(a_product(), components=(Component(Sku("A"), 1), Component(Sku("A"), 2))),
        "duplicate-component",
        "component sku 'A' is there twice",
    ),
}


@pytest.mark.parametrize(("product", "reason", "says"), PRODUCTS.values(), ids=PRODUCTS.keys())
def test_a_product_that_cannot_be_is_refused(product: Product, reason: str, says: str) -> None:
    error = refused(PRODUCT, product)

    assert error.reason == reason
    assert says in str(error)


def a_command(kind: Any) -> SkuCommand:
    return SkuCommand(EventId("c1"), Sku("SKU-1"), 5, "reconcile", kind)


COMMANDS: dict[str, tuple[SkuCommand, str]] = {
    "no id": (replace(a_command(KitRegistered(Sku("K"), 1)), command_id=EventId("")), "command_id is empty"),
    "no listing": (a_command(Restate(ListingId(""), 1, "drift")), "listing_id is empty"),
    "a kit of nothing": (a_command(KitRegistered(Sku("K"), 0)), "units is 0"),
    "a cap without a number": (a_command(Override(OverrideKind.CAP, None, None, "ann", "peak")), "units is missing"),
    "a negative cap": (a_command(Override(OverrideKind.CAP, -1, None, "ann", "peak")), "units is -1"),
    "an override until before 1970": (a_command(Override(OverrideKind.HOLD, None, -1, "a", "b")), "until_ms is -1"),
}


@pytest.mark.parametrize(("command", "says"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_that_cannot_be_is_refused(command: SkuCommand, says: str) -> None:
    assert says in str(refused(SKU_COMMAND, command))


@pytest.mark.parametrize("units", [0, QUANTITY_MAX])
def test_the_ends_of_the_range_can_be_counted(units: int) -> None:
    serde = a_serde(INVENTORY_CHANGE)
    change = a_change(StockCounted(units))

    assert serde.decode(serde.encode(change)) == change


def test_a_sale_needs_no_location_and_a_kit_is_well_formed() -> None:
    """Whether a kit can be sold is not a matter of the wire."""
    changes, products = a_serde(INVENTORY_CHANGE), a_serde(PRODUCT)
    sale = a_change(UnitsSold("ebay-us", "o-1", 2), location=None)
    kit = replace(a_product(), components=(Component(Sku("A"), 2),))

    assert changes.decode(changes.encode(sale)) == sale
    assert products.decode(products.encode(kit)) == kit
