"""A shop is asked to tell of changes: somebody edits a number there, somebody buys, and both are told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory_domain.changes import InventoryChange, UnitsSold
from inventory_domain.identifiers import Marketplace
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_schemas.records import INVENTORY_CHANGE, LISTING_OBSERVATION
from inventory_streams.topics import Topics
from tests.support.asking import local
from tests.support.own_system import EXAMPLES, Started, a_system, ended, run, said_on, the_shop_tells, wait_for

SHOPIFY = Marketplace("shopify")


def edited(facts: dict[str, str]) -> None:
    """Somebody sets ninety on the shop's own pages."""
    edit = {"marketplace": "shopify", "key": "50000000002", "quantity": 90}
    local().post(f"{facts['control_url']}/edits", json=edit).raise_for_status()


@pytest.mark.timeout(480)
def test_an_edit_at_the_shop_becomes_a_hint_and_an_order_a_sale(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    the_shop_tells(tmp_path)
    run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)

    started.start("signals", "signals", "serve", "--config", "sync.yaml")
    log = tmp_path / "signals.log"
    wait_for(lambda: "signals taken" in log.read_text())
    wait_for(lambda: "the marketplace does not tell what it should" in log.read_text())
    missing = ended("signals", "status", "shop", "--config", "sync.yaml", cwd=tmp_path)
    subscribed = run("signals", "subscribe", "shop", "--config", "sync.yaml", cwd=tmp_path)
    edited(facts)
    topics = Topics((SHOPIFY,), topic_prefix)
    hints: list[Observation] = []

    def hinted() -> bool:
        hints[:] = said_on(kafka, registry_url, topics.observations(SHOPIFY), LISTING_OBSERVATION)
        return bool(hints)

    wait_for(hinted)
    bought = {"marketplace": "shopify", "key": "50000000002", "quantity": 3}
    local().post(f"{facts['control_url']}/sales", json=bought).raise_for_status()
    told_sales: list[InventoryChange] = []

    def sold() -> bool:
        found = said_on(kafka, registry_url, topics.inventory_changes, INVENTORY_CHANGE)
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
