"""Records written with any released version of a schema stay readable: topics and changelogs still hold them.

`schema_history/<name>/<n>.avsc` has every released version, the current one last. Who changes a schema adds the next
file there; a released file never changes.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import avro.schema
import fastavro
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_schemas.avsc import schema_names, schema_text
from inventory_schemas.codec import HEADER
from inventory_schemas.compatibility import faults
from inventory_schemas.registry import LocalRegistry
from tests.support.wire import KINDS, a_serde

HISTORY = Path(__file__).parent / "schema_history"
Change = Callable[[dict[str, Any]], None]


def versions(name: str) -> list[Path]:
    """The released versions of a schema, oldest first."""
    return sorted((HISTORY / name).glob("*.avsc"), key=lambda path: int(path.stem))


RELEASED = [(name, path) for name in schema_names() for path in versions(name)]
EVERY_VERSION = pytest.mark.parametrize(
    ("name", "path"), RELEASED, ids=[f"{name}-{path.stem}" for name, path in RELEASED]
)


@pytest.mark.parametrize("name", schema_names())
def test_the_newest_version_in_the_history_is_the_current_one(name: str) -> None:
    """Who changes a schema writes the new version down beside the former ones."""
    numbers = [int(path.stem) for path in versions(name)]

    assert numbers == list(range(1, len(numbers) + 1)) and numbers
    assert json.loads(versions(name)[-1].read_text(encoding="utf-8")) == json.loads(schema_text(name))


@EVERY_VERSION
def test_the_current_schema_reads_every_released_version(name: str, path: Path) -> None:
    older = path.read_text(encoding="utf-8")

    assert faults(schema_text(name), older) == []
    assert avro_reads(schema_text(name), older)


@EVERY_VERSION
@given(data=st.data())
@settings(max_examples=15)
def test_records_of_every_released_version_are_decoded(name: str, path: Path, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    value = data.draw(values)
    older = json.loads(path.read_text(encoding="utf-8"))
    known = {field["name"] for field in older["fields"]}
    record = {field: part for field, part in kind.to_record(value).items() if field in known}

    assert type(read(name, older, record)) is type(value)


# One genuine change of each kind for the schemas that outlive a release: on compacted topics, or held by producers.


def add(name: str, /, **field: Any) -> Change:
    """A field that is added to the record of that name."""

    def change(schema: dict[str, Any]) -> None:
        definition(schema, name)["fields"].append({"doc": "New.", **field})

    return change


def remove(name: str, field: str) -> Change:
    """A field that is taken out of the record of that name."""

    def change(schema: dict[str, Any]) -> None:
        record = definition(schema, name)
        assert any(one["name"] == field for one in record["fields"])
        record["fields"] = [one for one in record["fields"] if one["name"] != field]

    return change


def add_kind(schema: dict[str, Any]) -> None:
    """A further kind of change or command."""
    union = next(field["type"] for field in schema["fields"] if field["name"] == "kind")
    union.append({"type": "record", "name": "Brandnew", "doc": "New.", "fields": []})


SURVIVED: list[tuple[str, str, Change]] = [
    ("inventory_change", "a field with a default", add("InventoryChange", name="lot", type="string", default="")),
    ("inventory_change", "a field of one kind", add("StockCounted", name="by", type=["null", "string"], default=None)),
    ("inventory_change", "a further kind of change", add_kind),
    ("inventory_change", "a field less", remove("StockCounted", "includes_orders_until_ms")),
    ("product", "a field of a listing", add("Listing", name="brand", type="string", default="")),
    ("product", "a field less", remove("Listing", "margin_minor")),
    ("sku_command", "a further kind of command", add_kind),
    ("sku_state", "a field of a position", add("Position", name="lost", type="long", default=0)),
    ("sku_state", "a field less", remove("SkuState", "unknown_since_ms")),
    ("sku_state", "a field of a listing in it", add("Listing", name="brand", type="string", default="")),
    ("listing_target", "the risk, when there is one", add("ListingTarget", name="risk", type="double", default=0.0)),
    ("listing_target", "a field less", remove("ListingTarget", "derivation")),
    ("listing_exposure", "a field of an attempt", add("Attempt", name="row", type=["null", "int"], default=None)),
    ("channel_health", "a field with a default", add("ChannelHealth", name="quota", type="long", default=0)),
]
REFUSED: list[tuple[str, str, Change]] = [
    ("inventory_change", "InventoryChange.lot", add("InventoryChange", name="lot", type="string")),
    ("inventory_change", "InventoryChange.kind.StockCounted.by", add("StockCounted", name="by", type="string")),
    ("product", "Product.listings[].brand", add("Listing", name="brand", type="string")),
    ("sku_state", "SkuStateEntry.entry.SkuState.stock.positions{}.lost", add("Position", name="lost", type="long")),
    ("sku_state", "SkuStateEntry.entry.SkuState.product.Product.listings[].brand",
     add("Listing", name="brand", type="string")),
    ("listing_target", "ListingTarget.risk", add("ListingTarget", name="risk", type="double")),
    ("listing_exposure", "ListingExposure.open[].row", add("Attempt", name="row", type="int")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "what", "change"), SURVIVED, ids=[f"{name}: {what}" for name, what, _ in SURVIVED])
@given(data=st.data())
@settings(max_examples=10)
def test_a_record_of_today_is_read_by_the_version_after_the_change(
    name: str, what: str, change: Change, data: st.DataObject
) -> None:
    kind, values = KINDS[name]
    today, tomorrow = json.loads(schema_text(name)), json.loads(schema_text(name))
    change(tomorrow)
    record = kind.to_record(data.draw(values))

    assert faults(json.dumps(tomorrow), json.dumps(today)) == []
    assert avro_reads(json.dumps(tomorrow), json.dumps(today))
    assert resolved(today, tomorrow, record) is not None


@pytest.mark.parametrize(("name", "path", "change"), REFUSED, ids=[path for _, path, _ in REFUSED])
def test_a_change_that_records_of_today_do_not_survive_is_refused_by_its_field(
    name: str, path: str, change: Change
) -> None:
    tomorrow = json.loads(schema_text(name))
    change(tomorrow)

    assert faults(json.dumps(tomorrow), schema_text(name)) == [
        f"{path}: has no default, and older records do not have it"
    ]
    assert not avro_reads(json.dumps(tomorrow), schema_text(name))


@given(state=KINDS["sku_state"][1])
@settings(max_examples=25)
def test_a_workers_newer_state_is_read_by_one_that_is_not_yet_replaced(state: Any) -> None:
    """While an engine is rolled out, the former version takes partitions over from the new one."""
    newer = json.loads(schema_text("sku_state"))
    add("SkuState", name="velocity", type={"type": "map", "values": "double"}, default={})(newer)
    record = KINDS["sku_state"][0].to_record(state)

    assert read("sku_state", newer, record) == state


def definition(node: Any, name: str) -> dict[str, Any]:
    """The record of that name, wherever it stands."""
    found = _find(node, name)
    assert found is not None, name
    return found


def _find(node: Any, name: str) -> dict[str, Any] | None:
    if isinstance(node, dict):
        if node.get("type") == "record" and node.get("name") == name:
            return node
        node = list(node.values())
    if isinstance(node, list):
        return next((found for part in node if (found := _find(part, name)) is not None), None)
    return None


def written(schema: dict[str, Any], record: dict[str, Any]) -> bytes:
    """The Avro of the record as a writer with that schema gives it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), record)
    return out.getvalue()


def resolved(writer: dict[str, Any], reader: dict[str, Any], record: dict[str, Any]) -> object:
    """What a reader with the one schema makes of a record written with the other."""
    ours = fastavro.parse_schema(copy.deepcopy(reader))
    return fastavro.schemaless_reader(
        io.BytesIO(written(writer, record)), fastavro.parse_schema(copy.deepcopy(writer)), ours, True, True
    )


def read(name: str, writer: dict[str, Any], record: dict[str, Any]) -> Any:
    """What today's serde makes of a record written with that schema."""
    registry = LocalRegistry()
    frame = HEADER.pack(0, registry.id_of("any", json.dumps(writer)))
    return a_serde(KINDS[name][0], registry).decode(frame + written(writer, record))


def avro_reads(reader: str, writer: str) -> bool:
    """What the Avro project's own checker says."""
    checker = ReaderWriterCompatibilityChecker()
    result = checker.get_compatibility(avro.schema.parse(reader), avro.schema.parse(writer))
    return result.compatibility is SchemaCompatibilityType.compatible
