"""Which changes of a schema older records survive, and how a change that they do not is told."""

from __future__ import annotations

import json
from typing import Any

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from inventory_schemas.compatibility import faults

Schema = dict[str, Any] | list[Any] | str


def a_record(*fields: dict[str, Any], name: str = "Thing") -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "n", "fields": list(fields)}


def a_field(name: str, kind: Schema, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def an_enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "Color", "symbols": list(symbols), **more}


LEAF = a_record(a_field("units", "long"), name="Leaf")
OTHER = a_record(a_field("why", "string"), name="Other")
LEAF_WITH_MORE = a_record(a_field("units", "long"), a_field("by", "string"), name="Leaf")
TREE = a_record(a_field("children", {"type": "array", "items": "n.Thing"}, default=[]))
TREE_WITH_NAME = a_record(a_field("children", {"type": "array", "items": "n.Thing"}, default=[]), a_field("x", "int"))

COMPATIBLE: dict[str, tuple[Schema, Schema]] = {
    "nothing changed": (LEAF, LEAF),
    "a field with a default was added": (a_record(a_field("a", "int", default=0)), a_record()),
    "a field was removed": (a_record(), a_record(a_field("a", "int"))),
    "a number became wider": (a_record(a_field("a", "double")), a_record(a_field("a", "int"))),
    "text became bytes": (a_record(a_field("a", "bytes")), a_record(a_field("a", "string"))),
    "a field may be null now": (a_record(a_field("a", ["null", "int"])), a_record(a_field("a", "int"))),
    "a kind was added": (a_record(a_field("a", [LEAF, OTHER])), a_record(a_field("a", [LEAF]))),
    "a union of one record is that record": (a_record(a_field("a", LEAF)), a_record(a_field("a", [LEAF]))),
    "a symbol was added": (an_enum("RED", "BLUE"), an_enum("RED")),
    "a symbol was removed, and there is a default": (an_enum("RED", default="RED"), an_enum("RED", "BLUE")),
    "a field has the old name as alias": (a_record(a_field("b", "int", aliases=["a"])), a_record(a_field("a", "int"))),
    "fields changed their order": (
        a_record(a_field("a", "int"), a_field("b", "int")),
        a_record(a_field("b", "int"), a_field("a", "int")),
    ),
    "a record that contains itself": (TREE, TREE),
    "values of a map became wider": ({"type": "map", "values": "long"}, {"type": "map", "values": "int"}),
}

INCOMPATIBLE: dict[str, tuple[Schema, Schema, str]] = {
    "a field without default was added": (
        a_record(a_field("a", "int")),
        a_record(),
        "Thing.a: has no default, and older records do not have it",
    ),
    "a number became narrower": (
        a_record(a_field("a", "int")),
        a_record(a_field("a", "long")),
        "Thing.a: is int now and long in older records",
    ),
    "text became a number": (
        a_record(a_field("a", "long")),
        a_record(a_field("a", "string")),
        "Thing.a: is long now and string in older records",
    ),
    "a field may no longer be null": (
        a_record(a_field("a", "int")),
        a_record(a_field("a", ["null", "int"])),
        "Thing.a: is int now and null in older records",
    ),
    "a kind was removed": (
        a_record(a_field("a", [LEAF])),
        a_record(a_field("a", [LEAF, OTHER])),
        "Thing.a: cannot be Other any more, and may be that in older records",
    ),
    "a field of one kind was added without default": (
        a_record(a_field("a", [LEAF_WITH_MORE, OTHER])),
        a_record(a_field("a", [LEAF, OTHER])),
        "Thing.a.Leaf.by: has no default, and older records do not have it",
    ),
    "a symbol was removed": (
        a_record(a_field("a", an_enum("RED"))),
        a_record(a_field("a", an_enum("RED", "BLUE"))),
        "Thing.a: does not have BLUE any more, no default symbol, and older records may have it",
    ),
    "items of a list changed": (
        a_record(a_field("a", {"type": "array", "items": LEAF_WITH_MORE})),
        a_record(a_field("a", {"type": "array", "items": LEAF})),
        "Thing.a[].by: has no default, and older records do not have it",
    ),
    "values of a map changed": (
        a_record(a_field("a", {"type": "map", "values": "int"})),
        a_record(a_field("a", {"type": "map", "values": "string"})),
        "Thing.a{}: is int now and string in older records",
    ),
    "bytes of a fixed length changed": (
        {"type": "fixed", "name": "F", "size": 4},
        {"type": "fixed", "name": "F", "size": 8},
        "F: has 4 bytes now and 8 in older records",
    ),
    "it is another record": (
        a_record(name="This"),
        a_record(name="That"),
        "This: is n.This now and n.That in older records",
    ),
    "a record that contains itself": (
        TREE_WITH_NAME,
        TREE,
        "Thing.x: has no default, and older records do not have it",
    ),
}


def avro_says_compatible(reader: Schema, writer: Schema) -> bool:
    checker = ReaderWriterCompatibilityChecker()
    result = checker.get_compatibility(avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer)))
    return result.compatibility is SchemaCompatibilityType.compatible


@pytest.mark.parametrize(("reader", "writer"), COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_a_change_that_older_records_survive_has_no_fault(reader: Schema, writer: Schema) -> None:
    assert faults(json.dumps(reader), json.dumps(writer)) == []


@pytest.mark.parametrize(("reader", "writer", "fault"), INCOMPATIBLE.values(), ids=INCOMPATIBLE.keys())
def test_a_change_that_they_do_not_survive_is_told_by_its_field(reader: Schema, writer: Schema, fault: str) -> None:
    assert faults(json.dumps(reader), json.dumps(writer)) == [fault]


@pytest.mark.parametrize(("reader", "writer"), COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_avro_itself_takes_what_we_take(reader: Schema, writer: Schema) -> None:
    assert avro_says_compatible(reader, writer)


@pytest.mark.parametrize(("reader", "writer", "fault"), INCOMPATIBLE.values(), ids=INCOMPATIBLE.keys())
def test_avro_itself_refuses_what_we_refuse(reader: Schema, writer: Schema, fault: str) -> None:
    assert not avro_says_compatible(reader, writer), fault


def test_every_fault_is_told_at_once() -> None:
    reader = a_record(a_field("a", "int"), a_field("b", "int"), a_field("c", "int"))

    found = faults(json.dumps(reader), json.dumps(a_record(a_field("b", "string"))))

    assert [fault.partition(":")[0] for fault in found] == ["Thing.a", "Thing.b", "Thing.c"]


def test_a_text_that_is_no_schema_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not an Avro schema"):
        faults('"string"', '{"type": "nothing"}')
