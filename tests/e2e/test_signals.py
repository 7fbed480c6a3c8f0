"""A shop is asked to tell of changes, somebody edits a number there, and delivery is told to read that listing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from inventory_domain.identifiers import Marketplace
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_sandbox.marketplaces import SandboxSettings
from inventory_schemas.codec import Serde
from inventory_schemas.records import LISTING_OBSERVATION
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


@pytest.mark.timeout(480)
def test_an_edit_at_the_shop_becomes_a_hint(
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

    assert missing.returncode == 1 and "INVENTORY_LEVELS_UPDATE: not subscribed" in missing.stdout
    assert "INVENTORY_LEVELS_UPDATE: on" in subscribed
    assert {(one.listing_id, one.observed_by, one.quantity) for one in hints} == {
        ("shop/SKU-00002", ObservedBy.SIGNAL, 90)
    }
    statuses = started.end()
    assert {name: status for name, status in statuses.items() if status != 0} == {}
