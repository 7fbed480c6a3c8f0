"""The examples are run as a user runs them, and what they send is what the pipeline reads."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from inventory_cli.schemas import register_schemas
from inventory_cli.topics import apply_topics
from inventory_domain.catalog import Product
from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    SourceHeartbeat,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.identifiers import Marketplace
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, PRODUCT
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

EXAMPLES = Path(__file__).parents[2] / "examples"
PARTITIONS = 3
LIMIT_S = 120


@pytest.fixture
def topics(kafka: str, registry_url: str, topic_prefix: str) -> Topics:
    """Topics and schemas of this test alone."""
    found = Topics((Marketplace("amazon"),), topic_prefix)
    apply_topics(KafkaSettings(kafka), found, PARTITIONS)
    register_schemas(registry_url, found)
    return found


def records(kafka: str, topic: str) -> Iterator[tuple[int, bytes | None, bytes | None]]:
    """Every record that is in the topic now: partition, key, value."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "test", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
    ended = 0
    try:
        while ended < PARTITIONS:
            message = consumer.poll(LIMIT_S)
            assert message is not None, f"{topic} was not read within {LIMIT_S} s"
            if message.error():
                ended += 1
            else:
                partition = message.partition()
                assert partition is not None
                yield partition, message.key(), message.value()
    finally:
        consumer.close()


def changes_in(kafka: str, registry_url: str, topics: Topics) -> list[InventoryChange]:
    """The changes in the topic; each must lie where everything about its SKU lies."""
    registry = ConfluentRegistry(registry_url)
    serde = Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", registry)
    found = []
    for partition, key, value in records(kafka, topics.inventory_changes):
        change = serde.decode(value)
        if change.sku is not None:
            assert key == change.sku.encode()
            assert partition == partition_of(change.sku, PARTITIONS)
        found.append(change)
    registry.close()
    return found


def products_in(kafka: str, registry_url: str, topics: Topics) -> list[Product]:
    registry = ConfluentRegistry(registry_url)
    serde = Serde(PRODUCT, f"{topics.catalog_products}-value", registry)
    found = [serde.decode(value) for _, _, value in records(kafka, topics.catalog_products)]
    registry.close()
    return found


def run(*arguments: str) -> str:
    """The output of a program that must end well."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_producer_of_somebodys_own(kafka: str, registry_url: str, topics: Topics) -> None:
    run(sys.executable, str(EXAMPLES / "01_produce_python.py"), kafka, registry_url, topics.prefix)

    kinds = [change.kind for change in changes_in(kafka, registry_url, topics)]
    (product,) = products_in(kafka, registry_url, topics)
    assert [type(kind) for kind in kinds] == [StockCounted, UnitsSold]
    assert product.listings[0].listing_id == "amazon-us/TSHIRT-RED-M"


def test_the_typed_producer(kafka: str, registry_url: str, topics: Topics) -> None:
    run(sys.executable, str(EXAMPLES / "02_typed_producer.py"), kafka, registry_url, topics.prefix)

    changes = changes_in(kafka, registry_url, topics)
    of_sku = [type(change.kind) for change in changes if change.sku is not None]
    assert of_sku == [StockCounted, UnitsSold, StockReserved, OrderShipped]
    assert sum(isinstance(change.kind, SourceHeartbeat) for change in changes) == PARTITIONS
    assert len(products_in(kafka, registry_url, topics)) == 1


def test_events_from_a_file(kafka: str, registry_url: str, topics: Topics, tmp_path: Path) -> None:
    settings = tmp_path / "sync.yaml"
    settings.write_text(
        f"kafka: {{bootstrap_servers: '{kafka}'}}\n"
        f"schema_registry: {{url: '{registry_url}'}}\n"
        f"topics: {{prefix: {topics.prefix}, partitions: {PARTITIONS}}}\n"
    )

    said = run(
        sys.executable, "-m", "inventory_cli", "produce", str(EXAMPLES / "03_events.jsonl"), "--config", str(settings)
    )

    changes = changes_in(kafka, registry_url, topics)
    assert said.startswith("6 sent")
    assert [change.sequence for change in changes if change.sku is not None] == [1, None, 2, 3]
    assert sum(isinstance(change.kind, SourceHeartbeat) for change in changes) == PARTITIONS
    assert [product.sku for product in products_in(kafka, registry_url, topics)] == ["SKU-00002"]
