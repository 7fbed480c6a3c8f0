"""Stock changes, products, commands of SKUs and the engine's own positions as rows."""

from __future__ import annotations

from inventory_domain.catalog import Product
from inventory_domain.changes import InventoryChange, SourceHeartbeat, StockCounted
from inventory_domain.commands import SkuCommand
from inventory_ledger import tables
from inventory_ledger.batch import Batch, Row
from inventory_ledger.rows import Arrival, Project, as_json, clean
from inventory_ledger.settings import Feed
from inventory_schemas.avsc import NAMESPACE
from inventory_schemas.codec import Record, RecordKind, Serde
from inventory_schemas.records import INVENTORY_CHANGE, PRODUCT, SKU_COMMAND, SKU_STATE
from inventory_schemas.registry import Registry


def sku_projection(feed: Feed, subject: str, registry: Registry) -> Project | None:
    """The projection of a topic of SKUs; None when the feed is another kind of topic."""
    if feed is Feed.CHANGES:
        return _changes(Serde(INVENTORY_CHANGE, subject, registry))
    if feed is Feed.PRODUCTS:
        return _products(Serde(PRODUCT, subject, registry))
    if feed is Feed.SKU_COMMANDS:
        return _commands(Serde(SKU_COMMAND, subject, registry))
    if feed is Feed.SKU_STATES:
        return _states(Serde(_POSITIONS, subject, registry))
    return None


def _changes(serde: Serde[InventoryChange]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        kind = one.kind
        if isinstance(kind, SourceHeartbeat) or one.sku is None:
            return  # about no SKU: the newest word of each source is on engine.progress
        units = kind.on_hand if isinstance(kind, StockCounted) else getattr(kind, "units", None)
        batch.append(
            tables.changes,
            (
                *arrival.place,
                one.sku,
                one.event_id,
                one.source,
                one.sequence,
                type(kind).__name__,
                one.location,
                units,
                getattr(kind, "channel", None),
                getattr(kind, "order_id", None),
                getattr(kind, "reservation_id", None),
                clean(kind.reason) if hasattr(kind, "reason") else None,
                one.occurred_at_ms,
            ),
        )

    return project


def _products(serde: Serde[Product]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        if arrival.value is None:
            sku = arrival.key_text()
            batch.remove(tables.products, (sku,), arrival.at_ms)
            batch.listings_of[sku] = []
            return
        one = serde.decode(arrival.value)
        details = {
            "locations": {stocking.location: stocking.safety_stock for stocking in one.locations},
            "components": {part.sku: part.units for part in one.components},
        }
        row = (one.sku, one.status.value, clean(one.category), as_json(details), arrival.at_ms)
        batch.replace(tables.products, (one.sku,), row)
        batch.listings_of[one.sku] = [
            (
                one.sku,
                listing.listing_id,
                listing.channel,
                listing.listing_type.value,
                listing.fulfillment.value,
                listing.is_written,
            )
            for listing in one.listings
        ]

    return project


def _commands(serde: Serde[SkuCommand]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        batch.append(
            tables.sku_commands,
            (
                *arrival.place,
                one.command_id,
                one.sku,
                type(one.kind).__name__,
                getattr(one.kind, "listing_id", None),
                clean(one.issued_by),
                one.issued_at_ms,
                as_json(one.kind),
            ),
        )

    return project


def _positions_of(record: Record) -> Row | None:
    """Of a SKU's state only what people ask for; None for a partition's own record. The rest is not even built."""
    name, state = record["entry"]
    if name != f"{NAMESPACE}.SkuState":
        return None
    stock = state["stock"]
    positions = {
        location: {
            "on_hand": position["on_hand"],
            "reserved": [[held["units"], held["expires_at_ms"]] for held in position["reservations"].values()],
        }
        for location, position in stock["positions"].items()
    }
    sold: dict[str, int] = {}
    for sale in stock["sales"].values():
        sold[sale["channel"]] = sold.get(sale["channel"], 0) + sale["units"]
    return state["sku"], as_json(positions), as_json(sold), as_json(_parts_of(state)), state["changed_at_ms"]


def _parts_of(state: Record) -> Record:
    """What each component of a kit last said, by component; none for what is no kit."""
    links = state["links"]
    if links is None:
        return {}
    return {
        component: {
            "kits": {one["location"]: one["kits"] for one in answer["kits_by_location"]},
            "uncounted": list(answer["uncounted"]),
        }
        for component, answer in links["answers"].items()
    }


def _never(value: Row | None) -> Record:
    raise NotImplementedError("the ledger writes no state")


_POSITIONS: RecordKind[Row | None] = RecordKind(SKU_STATE.name, _never, _positions_of)


def _states(serde: Serde[Row | None]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        if arrival.value is None:
            return  # a SKU of which nothing is known any more
        row = serde.decode(arrival.value)
        if row is not None:
            batch.append(tables.sku_states, (*arrival.place, *row))

    return project
