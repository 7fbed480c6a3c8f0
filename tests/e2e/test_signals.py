"""A shop is asked to tell of changes: somebody edits a number there, somebody buys, and both are told of."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from inventory_domain.changes import InventoryChange, UnitsSold
from inventory_domain.identifiers import Marketplace
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_sandbox.marketplaces import SandboxSettings
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, LISTING_OBSERVATION
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.own_system import EXAMPLES, Started, a_system, ended, run, wait_for

SHOPIFY = Marketplace("shopify")
PARTITIONS = 6


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    found = Started(tmp_path)
    yield found
    found.end()


def observations(kafka: str, registry_url: str, prefix: str) -> list[Observation]:
    """All that was observed at the shop so far."""
    topic = Topics((SHOPIFY,), prefix).observations(SHOPIFY)
    registry = ConfluentRegistry(registry_url)
    serde = Serde(LISTING_OBSERVATION, f"{topic}-value", registry)
    found: list[Observation] = []
    places = [(topic, number) for number in range(PARTITIONS)]
    read_to_end(
        KafkaSettings(kafka), places, lambda messages: found.extend(serde.decode(one.value()) for one in messages)
    )
    registry.close()
    return found


def sales(kafka: str, registry_url: str, prefix: str) -> list[InventoryChange]:
    """All that was told of orders so far by the process that takes signals."""
    topic = Topics((SHOPIFY,), prefix).inventory_changes
    registry = ConfluentRegistry(registry_url)
    serde = Serde(INVENTORY_CHANGE, f"{topic}-value", registry)
    found: list[InventoryChange] = []
    places = [(topic, number) for number in range(PARTITIONS)]
    read_to_end(
        KafkaSettings(kafka), places, lambda messages: found.extend(serde.decode(one.value()) for one in messages)
    )
    registry.close()
    return [one for one in found if one.source == "signals-shop"]


@pytest.mark.timeout(480)
def test_an_edit_at_the_shop_becomes_a_hint_and_an_order_a_sale(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "api.secret").write_text(SandboxSettings().credentials.shopify_api_secret)
    settings = tmp_path / "sync.yaml"
    told = yaml.safe_load(settings.read_text())
    shop = told["accounts"][told["channels"]["shop"]["account"]]
    secret = {"file": str(tmp_path / "api.secret")}
    shop["signals"] = {"endpoint": f"http://127.0.0.1:{port}/shop", "api_secret": secret}
    told["signals"]["port"] = port
    settings.write_text(yaml.safe_dump(told))
    run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)

    started.start("signals", "signals", "serve", "--config", "sync.yaml")
    log = tmp_path / "signals.log"
    wait_for(lambda: "signals taken" in log.read_text())
    missing = ended("signals", "status", "shop", "--config", "sync.yaml", cwd=tmp_path)
    subscribed = run("signals", "subscribe", "shop", "--config", "sync.yaml", cwd=tmp_path)
    edit = {"marketplace": "shopify", "key": "50000000002", "quantity": 90}
    httpx.post(f"{facts['control_url']}/edits", json=edit).raise_for_status()
    hints: list[Observation] = []

    def hinted() -> bool:
        hints[:] = observations(kafka, registry_url, topic_prefix)
        return bool(hints)

    wait_for(hinted)
    bought = {"marketplace": "shopify", "key": "50000000002", "quantity": 3}
    httpx.post(f"{facts['control_url']}/sales", json=bought).raise_for_status()
    told_sales: list[InventoryChange] = []

    def sold() -> bool:
        told_sales[:] = sales(kafka, registry_url, topic_prefix)
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
