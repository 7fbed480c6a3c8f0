"""Schemas brought to a real registry: registered once, evolved, refused, and found again by those who read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from typer.testing import CliRunner

from inventory_cli.schemas import app, register_schemas
from inventory_domain.errors import ConfigError, UndecodableRecord
from inventory_domain.identifiers import Marketplace
from inventory_schemas.avsc import schema_text
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, PRODUCT, SKU_STATE
from inventory_schemas.registration import IncompatibleSchemas, SchemaChange, check, register
from inventory_schemas.registry import ConfluentRegistry, client
from inventory_streams.topics import Topics
from tests.support.stock import a_product
from tests.support.wire import KINDS

SUBJECT = "catalog.products-value"


@pytest.fixture
def registry(registry_url: str) -> Iterator[SchemaRegistryClient]:
    registry = client(registry_url)
    yield registry
    registry.close()


@pytest.fixture
def lookup(registry_url: str) -> Iterator[ConfluentRegistry]:
    registry = ConfluentRegistry(registry_url)
    yield registry
    registry.close()


def earlier(name: str, /, **field: Any) -> Schema:
    """A version of the schema from before some field was there, or with one more."""
    schema = json.loads(schema_text(name))
    if field:
        schema["fields"].append(field)
    else:
        schema["fields"] = schema["fields"][:-1]
    return Schema(json.dumps(schema), "AVRO")


def test_every_schema_is_registered_once_with_backward_compatibility(
    registry: SchemaRegistryClient, registry_url: str, topic_prefix: str
) -> None:
    topics = Topics((Marketplace("amazon"), Marketplace("ebay")), topic_prefix)

    first = register_schemas(registry_url, topics)
    second = register_schemas(registry_url, topics)

    assert {one.change for one in first} == {SchemaChange.NEW}
    assert {one.change for one in second} == {SchemaChange.KEPT}
    assert [one.schema_id for one in first] == [one.schema_id for one in second]
    assert {one.schema for one in first} == set(KINDS)
    assert {registry.get_compatibility(one.subject) for one in first} == {"BACKWARD"}
    assert all(len(registry.get_versions(one.subject)) == 1 for one in first)


def test_a_value_travels_from_one_process_to_another(
    registry: SchemaRegistryClient, registry_url: str, lookup: ConfluentRegistry, topic_prefix: str
) -> None:
    subject = f"{topic_prefix}{SUBJECT}"
    register(registry, registry_url, {subject: "product"})
    data = Serde(PRODUCT, subject, lookup).encode(a_product())
    elsewhere = ConfluentRegistry(registry_url)

    read = Serde(PRODUCT, subject, elsewhere).decode(data)
    elsewhere.close()

    assert read == a_product()


def test_records_of_the_former_version_are_read_after_the_schema_evolved(
    registry: SchemaRegistryClient, registry_url: str, lookup: ConfluentRegistry, topic_prefix: str
) -> None:
    subject = f"{topic_prefix}{SUBJECT}"
    former_id = registry.register_schema(subject, earlier("product"))

    findings = register(registry, registry_url, {subject: "product"})

    assert [one.change for one in findings] == [SchemaChange.EVOLVED]
    assert findings[0].schema_id != former_id
    former = lookup.schema_of(former_id)
    newest = [field["name"] for field in json.loads(schema_text("product"))["fields"]]
    assert isinstance(former, dict) and [field["name"] for field in former["fields"]] == newest[:-1]


def test_an_incompatible_change_is_refused_with_its_field_and_nothing_is_registered(
    registry: SchemaRegistryClient, registry_url: str, topic_prefix: str
) -> None:
    """All or nothing: a half of the subjects on a new version would be a system that cannot start either way."""
    refused, other = f"{topic_prefix}{SUBJECT}", f"{topic_prefix}sku.state-value"
    schema = json.loads(schema_text("product"))
    schema["fields"][0]["type"] = "long"  # what is registered says that a SKU is a number
    registry.register_schema(refused, Schema(json.dumps(schema), "AVRO"))

    with pytest.raises(IncompatibleSchemas, match=r"Product\.sku: is string now and long in older records"):
        register(registry, registry_url, {refused: "product", other: "sku_state"})

    assert other not in registry.get_subjects()
    assert len(registry.get_versions(refused)) == 1


def test_the_registry_refuses_by_itself_what_we_would_refuse(
    registry: SchemaRegistryClient, registry_url: str, topic_prefix: str
) -> None:
    """The rule is set on the subject, so that nobody else's version can break our readers either."""
    subject = f"{topic_prefix}{SUBJECT}"
    register(registry, registry_url, {subject: "product"})
    breaking = earlier("product", name="brand", type="string", doc="New, without default.")

    with pytest.raises(SchemaRegistryError, match="brand"):
        registry.register_schema(subject, breaking)

    assert len(registry.get_versions(subject)) == 1


def test_a_version_that_the_newest_one_hides_is_still_compared(
    registry: SchemaRegistryClient, registry_url: str, topic_prefix: str
) -> None:
    """BACKWARD asks for the newest version only, and compacted topics hold records of all of them."""
    subject = f"{topic_prefix}{SUBJECT}"
    oldest = json.loads(schema_text("product"))
    oldest["fields"] = [field for field in oldest["fields"] if field["name"] != "status"]
    newest = json.loads(schema_text("product"))
    newest["fields"].append({"name": "x", "type": "int", "doc": "Dropped again.", "default": 0})
    registry.set_compatibility(subject, "NONE")
    for schema in (oldest, newest):
        registry.register_schema(subject, Schema(json.dumps(schema), "AVRO"))

    found = check(registry, registry_url, {subject: "product"})

    assert found[0].change is SchemaChange.INCOMPATIBLE
    assert found[0].faults == ("Product.status: has no default, and older records do not have it (version 1)",)


def test_a_schema_that_is_not_registered_stops_the_writer_with_its_subject(
    lookup: ConfluentRegistry, topic_prefix: str
) -> None:
    serde = Serde(SKU_STATE, f"{topic_prefix}sku.state-value", lookup)

    with pytest.raises(ConfigError, match=rf"{topic_prefix}sku\.state-value: .*schemas register"):
        serde.prepare()


def test_an_id_that_nobody_has_is_the_records_fault(lookup: ConfluentRegistry) -> None:
    with pytest.raises(UndecodableRecord) as caught:
        Serde(INVENTORY_CHANGE, "x-value", lookup).decode(b"\x00\x7f\xff\xff\xff\x02")

    assert caught.value.reason == "unknown-schema-id"


def test_the_command_says_what_is_to_do_and_does_it(registry_url: str, topic_prefix: str) -> None:
    arguments = ["--schema-registry", registry_url, "--topic-prefix", topic_prefix, "--marketplace", "ebay"]
    run = CliRunner().invoke

    before = run(app, ["check", *arguments])
    done = run(app, ["register", *arguments])
    after = run(app, ["check", *arguments])

    assert (before.exit_code, done.exit_code, after.exit_code) == (1, 0, 0)
    topics = Topics((Marketplace("ebay"),), topic_prefix)
    count = sum(topic.schema is not None for topic in topics.declarations())
    assert f"{count} subjects: {count} registered, 0 kept" in done.output
    assert f"{topic_prefix}listing.targets.ebay-value" in after.output


def test_the_command_names_the_field_of_an_incompatible_change(
    registry: SchemaRegistryClient, registry_url: str, topic_prefix: str
) -> None:
    schema = json.loads(schema_text("product"))
    schema["fields"][0]["type"] = "long"
    registry.register_schema(f"{topic_prefix}{SUBJECT}", Schema(json.dumps(schema), "AVRO"))
    arguments = ["--schema-registry", registry_url, "--topic-prefix", topic_prefix]

    refused = CliRunner().invoke(app, ["register", *arguments])

    assert refused.exit_code == 1
    assert f"{topic_prefix}{SUBJECT}: Product.sku: is string now and long in older records" in refused.output


def test_the_command_refuses_a_marketplace_that_there_is_not(registry_url: str) -> None:
    refused = CliRunner().invoke(app, ["check", "--schema-registry", registry_url, "--marketplace", "bazaar"])

    assert refused.exit_code == 2
    assert "bazaar" in refused.output
