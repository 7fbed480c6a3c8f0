"""The wire format: its frame, what is refused and why, and older and newer writers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import fastavro
import pytest

from inventory_domain.changes import InventoryChange, SourceHeartbeat, StockCounted
from inventory_domain.errors import InvalidRecord, UndecodableRecord
from inventory_domain.exposure import Attempt, AttemptState, Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.identifiers import (
    ChannelId,
    EventId,
    ListingId,
    LocationId,
    Marketplace,
    ReservationId,
    Sku,
    SourceId,
)
from inventory_domain.sku_state import EmittedTarget, InputPosition, PartitionProgress, SkuState
from inventory_domain.stock import Position, Reservation, Stock
from inventory_schemas import codec
from inventory_schemas.avsc import schema_text
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, LISTING_EXPOSURE, PRODUCT, SKU_STATE
from inventory_schemas.registry import LocalRegistry
from tests.support.stock import a_listing, a_product
from tests.support.wire import a_serde

A_CHANGE = InventoryChange(
    EventId("e1"), SourceId("erp"), 7, 1_800_000_000_000, Sku("SKU-1"), LocationId("dallas"), StockCounted(5)
)


def changed(name: str, change: Any) -> str:
    """The schema text with a change made to it."""
    schema = json.loads(schema_text(name))
    change(schema)
    return json.dumps(schema)


def test_a_record_begins_with_a_zero_and_the_schemas_id_in_four_bytes() -> None:
    registry = LocalRegistry()
    registry.id_of("another-value", schema_text("product"))

    data = a_serde(INVENTORY_CHANGE, registry).encode(A_CHANGE)

    assert data[:5] == b"\x00\x00\x00\x00\x02"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, codec.EMPTY),
        (b"", codec.EMPTY),
        (b"\x00\x00\x00", codec.NOT_FRAMED),
        (b'{"sku": "SKU-1"}', codec.NOT_FRAMED),
        (b"\x00\x00\x00\x00\x63rest", codec.UNKNOWN_SCHEMA_ID),
        (b"\x00\x00\x00\x00\x01\x02", codec.BAD_AVRO),
    ],
)
def test_each_way_of_being_undecodable_has_its_reason(data: bytes | None, reason: str) -> None:
    serde = a_serde(INVENTORY_CHANGE)
    serde.prepare()

    with pytest.raises(UndecodableRecord) as caught:
        serde.decode(data)

    assert caught.value.reason == reason
    assert "inventory_change-value" in str(caught.value) or "99" in str(caught.value)


def test_a_record_of_another_kind_is_refused_by_its_name() -> None:
    registry = LocalRegistry()
    data = a_serde(PRODUCT, registry).encode(a_product())

    with pytest.raises(
        UndecodableRecord, match=r"inventory_sync\.Product, not inventory_sync\.InventoryChange"
    ) as caught:
        a_serde(INVENTORY_CHANGE, registry).decode(data)

    assert caught.value.reason == codec.WRONG_SCHEMA


def test_bytes_behind_the_record_are_not_passed_over() -> None:
    serde = a_serde(INVENTORY_CHANGE)

    with pytest.raises(UndecodableRecord, match="2 bytes after the record") as caught:
        serde.decode(serde.encode(A_CHANGE) + b"ab")

    assert caught.value.reason == codec.BAD_AVRO


def test_a_writer_that_is_older_and_lacks_a_field_is_read_with_its_default() -> None:
    registry = LocalRegistry()
    older = changed("inventory_change", lambda schema: _without(schema, "location"))
    data = _written(registry, older, {**_record(), "kind": ("inventory_sync.SourceHeartbeat", {})}, without="location")

    assert a_serde(INVENTORY_CHANGE, registry).decode(data) == replace(
        A_CHANGE, sku=None, location=None, kind=SourceHeartbeat()
    )


def test_a_writer_that_is_newer_and_has_a_further_field_is_read_without_it() -> None:
    registry = LocalRegistry()
    field = {"name": "note", "type": "string", "doc": "Further.", "default": ""}
    newer = changed("inventory_change", lambda schema: schema["fields"].insert(0, field))
    data = _written(registry, newer, {**_record(), "note": "hello"})

    assert a_serde(INVENTORY_CHANGE, registry).decode(data) == A_CHANGE


def test_a_kind_of_change_that_only_newer_writers_know_is_a_bad_record() -> None:
    registry = LocalRegistry()
    kind = {"type": "record", "name": "StockBlessed", "doc": "New.", "fields": []}
    newer = changed("inventory_change", lambda schema: schema["fields"][-1]["type"].append(kind))
    data = _written(registry, newer, {**_record(), "kind": ("inventory_sync.StockBlessed", {})})
    serde = a_serde(INVENTORY_CHANGE, registry)

    with pytest.raises(UndecodableRecord) as caught:
        serde.decode(data)

    assert caught.value.reason == codec.WRONG_SCHEMA
    assert serde.decode(_written(registry, newer, _record())) == A_CHANGE  # the kinds it knows are read as before


def test_a_listing_type_that_only_newer_writers_know_is_refused_with_its_field() -> None:
    """Read as a fixed price, it would be written to."""
    registry = LocalRegistry()
    newer = changed("product", lambda schema: _enum(schema, "ListingType")["symbols"].append("LIVE_SHOW"))
    product = a_product(a_listing("ebay-us", "A1"))
    record = PRODUCT.to_record(product)
    record["listings"][0]["listing_type"] = "LIVE_SHOW"
    data = _written(registry, newer, record)

    with pytest.raises(InvalidRecord, match="listing_type of listing 'ebay-us/A1' is UNKNOWN"):
        a_serde(PRODUCT, registry).decode(data)


@pytest.mark.parametrize(
    ("enum", "path", "read"),
    [
        ("Proof", ("confirmed", "proof"), Proof.ASSUMED),
        ("Result", ("last", "result"), Result.FAILED),
        ("AttemptState", ("open", "state"), AttemptState.UNKNOWN),
    ],
)
def test_what_only_newer_workers_know_of_an_attempt_is_read_at_its_worst(
    enum: str, path: tuple[str, str], read: object
) -> None:
    registry = LocalRegistry()
    newer = changed("listing_exposure", lambda schema: _enum(schema, enum)["symbols"].append("BRAND_NEW"))
    record = _exposure_record()
    part = record[path[0]]
    part = part[0] if isinstance(part, list) else part[1]
    part[path[1]] = "BRAND_NEW"

    exposure = a_serde(LISTING_EXPOSURE, registry).decode(_written(registry, newer, record))

    part = getattr(exposure, path[0])
    assert getattr(part[0] if isinstance(part, tuple) else part, path[1]) is read


def test_a_schema_that_differs_in_its_words_only_needs_no_resolution() -> None:
    """Registries may keep the words of the first version; resolving each record would cost twice the time."""
    registry = LocalRegistry()
    reworded = changed("inventory_change", lambda schema: schema.update(doc="Other words."))
    serde = a_serde(INVENTORY_CHANGE, registry)

    assert serde.decode(_written(registry, reworded, _record())) == A_CHANGE
    assert all(reading.reader is None for reading in serde._readings.values())


def test_state_and_progress_share_a_topic_and_come_back_as_what_they_are() -> None:
    serde: Serde[SkuState | PartitionProgress] = a_serde(SKU_STATE)
    kept = Position(7, {ReservationId("r1"): Reservation(3, None, -1_760_000_000_000, 1)})  # expired
    state = SkuState(Sku("SKU-1"), Stock({LocationId("dallas"): kept}), product=a_product())
    progress = PartitionProgress({"inventory.changes": InputPosition("abc", 3)}, {"erp": 5}, "f00")

    assert serde.decode(serde.encode(state)) == state
    assert serde.decode(serde.encode(progress)) == progress


def test_in_memory_the_ids_of_an_emitted_target_are_those_of_the_catalog() -> None:
    """There is a target for each of millions of listings, and a copy of its ids would be kept with each."""
    listing = a_listing("ebay-us", "A1")
    target = EmittedTarget(1, 2, {}, ChannelId("ebay-us"), Marketplace("ebay"), dict(listing.marketplace_ids))
    serde = a_serde(SKU_STATE)
    state = SkuState(Sku("SKU-1"), product=a_product(listing), targets={listing.listing_id: target})

    read = serde.decode(serde.encode(state))

    assert read.targets[ListingId("ebay-us/A1")].marketplace_ids is read.product.listings[0].marketplace_ids


def _record() -> dict[str, Any]:
    return INVENTORY_CHANGE.to_record(A_CHANGE)


def _without(schema: dict[str, Any], name: str) -> None:
    schema["fields"] = [field for field in schema["fields"] if field["name"] != name]


def _enum(node: Any, name: str) -> dict[str, Any]:
    """The enum of that name, wherever it stands."""
    found = list(_enums(node, name))
    assert len(found) == 1
    return found[0]


def _enums(node: Any, name: str) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if node.get("type") == "enum" and node.get("name") == name:
            yield node
        for part in node.values():
            yield from _enums(part, name)
    elif isinstance(node, list):
        for part in node:
            yield from _enums(part, name)


def _written(registry: LocalRegistry, schema: str, record: dict[str, Any], without: str | None = None) -> bytes:
    """The bytes of somebody who writes with that schema."""
    if without:
        record = {**record, "sku": None}
        del record[without]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(schema)), record)
    return codec.HEADER.pack(0, registry.id_of("x", schema)) + out.getvalue()


def _exposure_record() -> dict[str, Any]:
    exposure = Exposure(
        ListingId("ebay-us/A1"),
        Sku("SKU-1"),
        Confirmed(3, 1, 5, Proof.READ),
        LastAttempt(1, 1, 3, {}, None, 5, Result.OPEN),
        (Attempt(1, 1, 3, {}, None, "single", None, 5, 9, AttemptState.SENT, True),),
    )
    return LISTING_EXPOSURE.to_record(exposure)
