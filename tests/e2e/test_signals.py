"""A shop is asked to tell of changes: somebody edits a number there, somebody buys, and both are told of."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
import yaml

from inventory_domain.changes import InventoryChange, UnitsSold
from inventory_domain.identifiers import Marketplace
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_sandbox.marketplaces import SandboxSettings
from inventory_schemas.codec import RecordKind, Serde
from inventory_schemas.records import INVENTORY_CHANGE, LISTING_OBSERVATION
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.own_system import EXAMPLES, Started, a_system, ended, run, wait_for

T = TypeVar("T")

SHOPIFY = Marketplace("shopify")
PARTITIONS = 6


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    found = Started(tmp_path)
    yield found
    found.end()


def read(kafka: str, registry_url: str, topic: str, kind: RecordKind[T]) -> list[T]:
    """Everything on the topic so far."""
    registry = ConfluentRegistry(registry_url)
    serde = Serde(kind, f"{topic}-value", registry)
    found: list[T] = []
    places = [(topic, number) for number in range(PARTITIONS)]
    read_to_end(
        KafkaSettings(kafka), places, lambda messages: found.extend(serde.decode(one.value()) for one in messages)
    )
    registry.close()
    return found


def shop_tells_us(folder: Path) -> None:
    """The shop's account is to tell of changes, to a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "api.secret").write_text(SandboxSettings().credentials.shopify_api_secret)
    settings = folder / "sync.yaml"
    told = yaml.safe_load(settings.read_text())
    shop = told["accounts"][told["channels"]["shop"]["account"]]
    secret = {"file": str(folder / "api.secret")}
    shop["signals"] = {"endpoint": f"http://127.0.0.1:{port}/shop", "api_secret": secret}
    told["signals"]["port"] = port
    settings.write_text(yaml.safe_dump(told))


def edited(facts: dict[str, str]) -> None:
    """Somebody sets ninety on the shop's own pages."""
    edit = {"marketplace": "shopify", "key": "50000000002", "quantity": 90}
    httpx.post(f"{facts['control_url']}/edits", json=edit).raise_for_status()


@pytest.mark.timeout(480)
def test_an_edit_at_the_shop_becomes_a_hint_and_an_order_a_sale(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    shop_tells_us(tmp_path)
    run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)

    started.start("signals", "signals", "serve", "--config", "sync.yaml")
    log = tmp_path / "signals.log"
    wait_for(lambda: "signals taken" in log.read_text())
    missing = ended("signals", "status", "shop", "--config", "sync.yaml", cwd=tmp_path)
    subscribed = run("signals", "subscribe", "shop", "--config", "sync.yaml", cwd=tmp_path)
    edited(facts)
    topics = Topics((SHOPIFY,), topic_prefix)
    hints: list[Observation] = []

    def hinted() -> bool:
        hints[:] = read(kafka, registry_url, topics.observations(SHOPIFY), LISTING_OBSERVATION)
        return bool(hints)

    wait_for(hinted)
    bought = {"marketplace": "shopify", "key": "50000000002", "quantity": 3}
    httpx.post(f"{facts['control_url']}/sales", json=bought).raise_for_status()
    told_sales: list[InventoryChange] = []

    def sold() -> bool:
        found = read(kafka, registry_url, topics.inventory_changes, INVENTORY_CHANGE)
        told_sales[:] = [one for one in found if one.source == "signals-shop"]
        return bool(told_sales)

    wait_for(sold)

    assert missing.returncode == 1 and "INVENTORY_LEVELS_UPDATE: not subscribed" in missing.stdout
    assert "INVENTORY_LEVELS_UPDATE: on" in subscribed and "ORDERS_CREATE: on" in subscribed
    (sale,) = told_sales
    assert isinstance(sale.kind, UnitsSold)
    assert (sale.sku, sale.kind.channel, sale.kind.units) == ("SKU-00002", "shop", 3)
    assert sale.event_id.startswith(f"sold:shop:{sale.kind.order_id}:")
    assert {(one.listing_id, one.observed_by, one.quantity) for one in hints} == {
        ("shop/SKU-00002", ObservedBy.SIGNAL, 90)
    }
    statuses = started.end()
    assert {name: status for name, status in statuses.items() if status != 0} == {}
