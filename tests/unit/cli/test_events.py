"""Events as JSON lines: what is wrong is named by field and value, and what is right is what it says."""

import json

import pytest

from inventory_cli.events import Heartbeat, Line, ProductRemoved, read_lines
from inventory_domain.catalog import Product
from inventory_domain.changes import InventoryChange, StockCounted, StockReserved
from inventory_domain.identifiers import LocationId
from inventory_domain.positions import apply
from inventory_domain.stock import Stock

COUNT: dict[str, object] = {"kind": "StockCounted", "sku": "A", "location": "m", "on_hand": 3}
NOW_MS = 1_800_000_000_000


def read(*lines: object, products: bool = False) -> list[Line]:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    return list(read_lines(texts, source="file", now_ms=lambda: NOW_MS, products=products))


def test_a_count_gets_what_it_leaves_out() -> None:
    (line,) = read({"kind": "StockCounted", "sku": "A", "location": "main", "on_hand": 3})

    assert isinstance(line.event, InventoryChange)
    assert line.event.kind == StockCounted(3)
    assert (line.event.source, line.event.sequence, line.event.occurred_at_ms) == ("file", None, NOW_MS)


def test_a_count_says_what_it_includes() -> None:
    (line,) = read({**COUNT, "excludes_reserved": True, "includes_orders_until_ms": NOW_MS})

    assert isinstance(line.event, InventoryChange)
    assert line.event.kind == StockCounted(3, NOW_MS, excludes_reserved=True)


def test_a_kit_names_its_components_and_the_end_of_its_sale() -> None:
    parts = [{"sku": "PLATE", "units": 4}, {"sku": "BASKET"}]
    (line,) = read({"kind": "Product", "sku": "PICNIC", "components": parts, "sale_stops_at_ms": NOW_MS})

    assert isinstance(line.event, Product)
    assert [(part.sku, part.units) for part in line.event.components] == [("PLATE", 4), ("BASKET", 1)]
    assert line.event.sale_stops_at_ms == NOW_MS


def test_a_reservation_carries_its_order() -> None:
    (line,) = read(
        {"kind": "StockReserved", "sku": "A", "location": "m", "reservation_id": "r", "units": 2, "order_id": "o"}
    )

    assert isinstance(line.event, InventoryChange)
    assert line.event.kind == StockReserved("r", 2, "o")  # type: ignore[arg-type]


def test_a_file_sent_twice_counts_once() -> None:
    event = {"kind": "StockAdjusted", "sku": "A", "location": "main", "units": 1}

    first, second = read(event, event), read(event, event)

    ids = [line.event.event_id for line in first if isinstance(line.event, InventoryChange)]
    again = [line.event.event_id for line in second if isinstance(line.event, InventoryChange)]
    assert ids == again
    assert len(set(ids)) == 2


def test_a_product_names_its_listings() -> None:
    (line,) = read(
        {
            "kind": "Product",
            "sku": "A",
            "locations": [{"location": "main", "safety_stock": 2}],
            "listings": [
                {
                    "channel": "shop",
                    "marketplace_ids": {"inventory_item_id": "gid://shopify/InventoryItem/1"},
                    "nodes": [{"node": "gid://shopify/Location/2", "location": "main"}],
                }
            ],
        }
    )

    assert isinstance(line.event, Product)
    assert line.event.listings[0].listing_id == "shop/A"
    assert line.event.listings[0].nodes[0].location == "main"


def test_heartbeats_and_removed_products_are_lines_too() -> None:
    lines = read({"kind": "SourceHeartbeat"}, {"kind": "ProductRemoved", "sku": "A"}, "", "   ")

    assert [line.event for line in lines] == [Heartbeat("file"), ProductRemoved("A")]  # type: ignore[arg-type]


def test_products_alone_need_no_kind() -> None:
    (line,) = read({"sku": "A"}, products=True)

    assert isinstance(line.event, Product)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", "one JSON object"),
        ({"sku": "A"}, "kind: is missing"),
        ({"kind": "Sold"}, "'Sold'"),
        (
            {"kind": "StockCounted", "sku": "A", "location": "m", "on_hand": "3"},
            'on_hand: must be a whole number, not "3"',
        ),
        ({"kind": "StockCounted", "sku": "A", "location": "m", "on_hand": -3}, "on_hand is -3"),
        ({"kind": "StockCounted", "sku": "A", "location": "m", "on_hand": True}, "on_hand"),
        ({"kind": "StockCounted", "sku": "A", "on_hand": 3}, "location is missing"),
        ({"kind": "StockCounted", "sku": "", "location": "m", "on_hand": 3}, "sku"),
        (
            {"kind": "StockCounted", "sku": "A", "location": "m", "on_hand": 3, "onhand": 3},
            "onhand: is not a field here",
        ),
        ({"kind": "UnitsSold", "sku": "A", "order_id": "o", "units": 1}, "channel: is missing"),
        ({"kind": "UnitsSold", "sku": "A", "channel": "c", "order_id": "o", "units": 0}, "units is 0"),
        ({"kind": "Product", "sku": "A", "status": "gone"}, "status: must be one of active"),
        ({"kind": "Product", "sku": "A", "listings": [{"channel": 1}]}, "listings[0].channel: must be text, not 1"),
        ({"kind": "Product", "sku": "A", "locations": {}}, "locations: must be a list of objects"),
        ({"kind": "Product", "sku": "A", "listings": [{"channel": "c", "listing_id": "d/1"}]}, "d/1"),
        ({"kind": "Product", "sku": "A", "locations": [{"location": "m"}, {"location": "m"}]}, "'m'"),
    ],
)
def test_a_fault_names_field_and_value(line: object, words: str) -> None:
    (found,) = read(line)

    assert found.event is None
    assert words in "; ".join(str(fault) for fault in found.faults)


def test_every_fault_of_a_line_is_told_with_its_number() -> None:
    lines = read({"kind": "SourceHeartbeat"}, {"kind": "StockCounted", "location": 1, "on_hand": "x"})

    assert lines[1].number == 2
    assert {fault.field for fault in lines[1].faults} == {"sku", "location", "on_hand"}


def stock_after(*files: list[Line]) -> Stock:
    """What the engine makes of these files, sent one after the other."""
    stock = Stock()
    for line in [line for lines in files for line in lines]:
        assert isinstance(line.event, InventoryChange), line.faults
        stock, _ = apply(stock, line.event)
    return stock


def test_a_count_with_the_number_of_an_earlier_one_counts() -> None:
    """Dropped as a repetition it would leave 20 on sale where 5 are left."""
    five, twenty = {**COUNT, "on_hand": 5}, {**COUNT, "on_hand": 20}

    stock = stock_after(read(five), read(twenty), read(five))

    assert stock.positions[LocationId("m")].on_hand == 5


def test_a_file_with_a_count_and_what_followed_it_leaves_the_same_when_it_is_sent_again() -> None:
    place = {"sku": "A", "location": "m"}
    file = [
        {"kind": "StockAdjusted", **place, "units": 4},
        {**COUNT, "on_hand": 10},
        {"kind": "StockAdjusted", **place, "units": -1},
        {"kind": "StockAdjusted", **place, "units": -1},
        {"kind": "StockReserved", **place, "reservation_id": "r", "units": 3, "order_id": "o"},
        {"kind": "OrderShipped", **place, "reservation_id": "r", "units": 2},
        {"kind": "StockReserved", **place, "reservation_id": "s", "units": 1},
        {"kind": "ReservationReleased", **place, "reservation_id": "s"},
        {"kind": "StockAdjusted", **place, "location": "n", "units": 7},
    ]

    once, twice = stock_after(read(*file)), stock_after(read(*file), read(*file))

    for stock in (once, twice):
        assert stock.positions[LocationId("m")].on_hand == 6
        assert stock.positions[LocationId("n")] == once.positions[LocationId("n")]
        assert stock.positions[LocationId("m")].reserved(NOW_MS) == 1


@pytest.mark.parametrize("own", [{"sequence": 4}, {"occurred_at_ms": NOW_MS}, {"event_id": "e"}])
def test_a_count_that_says_which_it_is_counts_once(own: dict[str, object]) -> None:
    first, second = read({**COUNT, **own}), read({**COUNT, **own})

    assert first == second
