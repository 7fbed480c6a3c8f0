"""An operator's command on one SKU says when the catalog has no such SKU, and is sent all the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from confluent_kafka import Message, Producer
from typer.testing import CliRunner, Result

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli import catalog_lookup
from inventory_cli.schemas import register_schemas
from inventory_cli.sku import app
from inventory_cli.topics import apply_topics
from inventory_domain.identifiers import Sku
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.reading import ReadStalled, read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

PARTITIONS = 3
SKUS = [f"A-{number}" for number in range(6)]


@dataclass
class System:
    """Topics on a broker, and the settings that name them."""

    kafka: KafkaSettings
    topics: Topics
    config: Path

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--why", "recall", "--by", "ann", "--config", str(self.config)])

    def product(self, sku: str, value: bytes | None) -> None:
        producer = Producer(self.kafka.producer())
        topic = self.topics.catalog_products
        producer.produce(topic, key=sku.encode(), value=value, partition=partition_of(sku, PARTITIONS))
        assert producer.flush(30) == 0

    def sent(self) -> list[str]:
        found: list[Message] = []
        places = [(self.topics.sku_commands, number) for number in range(PARTITIONS)]
        read_to_end(self.kafka, places, found.extend)
        return sorted((one.key() or b"").decode() for one in found)


@pytest.fixture
def system(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[System]:
    config = tmp_path / "sync.yaml"
    config.write_text(
        f"kafka: {{bootstrap_servers: '{kafka}'}}\nschema_registry: {{url: '{registry_url}'}}\n"
        f"topics: {{prefix: '{topic_prefix}', partitions: {PARTITIONS}, replication: 1}}\n"
    )
    settings, topics = KafkaSettings(kafka), Topics(tuple(MARKETPLACES), topic_prefix)
    apply_topics(settings, topics, PARTITIONS, 1)
    register_schemas(registry_url, topics)
    return System(settings, topics, config)


def test_a_sku_that_no_product_has_is_warned_of(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    for sku in SKUS:
        system.product(sku, b"a product")
    system.product("GONE", b"a product")
    system.product("GONE", None)

    known = [system.run("zero", sku) for sku in SKUS]
    typing_error = system.run("zero", "A-l")
    gone = system.run("cap", "GONE", "--units", "5")
    settled = system.run("settle", "A-l", "--order", "113-5021")

    assert [(one.exit_code, one.stderr) for one in known] == [(0, "")] * len(SKUS)
    for warned, sku in ((typing_error, "A-l"), (gone, "GONE"), (settled, "A-l")):
        assert warned.exit_code == 0, warned.output
        assert f"no product in {system.topics.catalog_products} has the SKU {sku}" in warned.stderr
    assert typing_error.stdout == "A-l: zero until released, by ann: recall\n"
    assert system.sent() == sorted([*SKUS, "A-l", "A-l", "GONE"])
    _a_catalog_that_is_not_read_in_time(system, monkeypatch)


def _a_catalog_that_is_not_read_in_time(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no end within the limit: the answer is that nobody knows, not that all is well."""
    times = itertools.count(0.0, 10.0)
    with monkeypatch.context() as patch:
        patch.setattr(catalog_lookup, "time", SimpleNamespace(monotonic=lambda: next(times)))
        with pytest.raises(ReadStalled, match="not read within 5 s"):
            catalog_lookup.in_catalog(system.kafka, system.topics.catalog_products, Sku(SKUS[0]))

    def refused(*_: object) -> bool:
        raise ReadStalled("catalog.products[0]: not authorized")

    monkeypatch.setattr(catalog_lookup, "in_catalog", refused)
    unread = system.run("zero", SKUS[0])

    assert (unread.exit_code, "it is not known whether" in unread.stderr) == (0, True)
