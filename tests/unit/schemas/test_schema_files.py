"""The schema files themselves: complete, explained, and saying one thing in one way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from inventory_domain.identifiers import Marketplace
from inventory_schemas.avsc import NAMESPACE, parse, schema_names, schema_text
from inventory_streams.topics import Topics
from tests.support.wire import KINDS

EVERY_FILE = pytest.mark.parametrize("name", schema_names())


def definitions(node: Any) -> Iterator[dict[str, Any]]:
    """Every record and enum of a schema, the outermost first."""
    if isinstance(node, list):
        for one in node:
            yield from definitions(one)
    elif isinstance(node, dict):
        if node["type"] in ("record", "enum"):
            yield node
        for field in node.get("fields", ()):
            yield from definitions(field["type"])
        for part in ("items", "values"):
            if part in node:
                yield from definitions(node[part])


def test_every_topic_with_a_schema_has_its_file_and_every_file_a_kind_and_a_topic() -> None:
    declared = {one.schema for one in Topics((Marketplace("amazon"),)).declarations() if one.schema is not None}

    assert declared == set(schema_names()) == set(KINDS)


@EVERY_FILE
def test_every_record_field_and_enum_says_what_it_means(name: str) -> None:
    for definition in definitions(json.loads(schema_text(name))):
        assert len(definition["doc"]) >= 15 and definition["doc"].endswith("."), definition["name"]
        for field in definition.get("fields", ()):
            doc = field.get("doc", "")
            assert len(doc) >= 8 and doc.endswith("."), f"{definition['name']}.{field['name']}: {doc!r}"


@EVERY_FILE
def test_every_time_and_every_quantity_names_its_unit(name: str) -> None:
    for definition in definitions(json.loads(schema_text(name))):
        for field in definition.get("fields", ()):
            place = f"{definition['name']}.{field['name']}: {field['doc']}"
            if field["name"].endswith("_ms"):
                assert "milliseconds since 1970 UTC" in field["doc"], place
            if field["name"].endswith("_minor"):
                assert "minor unit" in field["doc"], place
            if field["name"] in ("quantity", "units", "on_hand", "safety_stock", "min_shown", "max_shown"):
                assert "nits" in field["doc"] or "cap" in field["doc"], place


@EVERY_FILE
def test_what_may_be_missing_has_a_default_and_so_does_every_enum(name: str) -> None:
    """A field with null, a map or a list says by itself what it is when nobody gave it; a writer may leave it out."""
    for definition in definitions(json.loads(schema_text(name))):
        if definition["type"] == "enum":
            assert definition["default"] in definition["symbols"], definition["name"]
        for field in definition.get("fields", ()):
            kind = field["type"]
            optional = isinstance(kind, list) and "null" in kind
            container = isinstance(kind, dict) and kind["type"] in ("map", "array")
            if optional:
                assert kind[0] == "null" and field["default"] is None, f"{definition['name']}.{field['name']}"
            if container:
                assert field["default"] in ({}, []), f"{definition['name']}.{field['name']}"


@EVERY_FILE
def test_a_file_is_complete_in_itself_and_in_our_namespace(name: str) -> None:
    schema = json.loads(schema_text(name))

    assert parse(schema_text(name))
    assert schema["namespace"] == NAMESPACE


def test_a_name_means_the_same_in_every_file() -> None:
    """A product inside a SKU's state is the product of the catalog; two meanings would be told apart by nobody."""
    seen: dict[str, dict[str, Any]] = {}
    for name in schema_names():
        for definition in definitions(json.loads(schema_text(name))):
            plain = {key: value for key, value in definition.items() if key != "namespace"}
            assert seen.setdefault(definition["name"], plain) == plain, f"{definition['name']} in {name}.avsc"


def test_a_schema_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_schema"):
        schema_text("no_such_schema")


@pytest.mark.parametrize("text", ['{"type": "record"}', '"nothing"', "{", '{"type": "array"}', "[1]"])
def test_what_is_no_avro_schema_is_refused_as_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)
