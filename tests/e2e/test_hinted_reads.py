"""Somebody edits numbers at the shop, which tells of it: read, told with its cause, set right once, and verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from inventory_domain.commands import Restate
from inventory_domain.identifiers import Marketplace
from inventory_domain.reconciliation import Discrepancy
from inventory_schemas.records import DISCREPANCY, SKU_COMMAND
from inventory_streams.topics import Topics
from tests.support.asking import local
from tests.support.own_system import EXAMPLES, Started, a_system, ended, run, said_on, shown, the_shop_tells, wait_for

RAISED, LOWERED = "SKU-00002", "SKU-00004"
KEYS = {RAISED: "50000000002", LOWERED: "50000000004"}
RIGHT = {f"shopify/{key}": 38 for key in KEYS.values()}
TOLD = {
    # Delivery sends again by itself what is shown above the target; what is shown below it waits for a second read.
    RAISED: [("write-due", "manual-change", 90), ("verified", "unknown", 38)],
    LOWERED: [("wait", "order-not-in-source", 11), ("restate", "manual-change", 11), ("verified", "unknown", 38)],
}
FIRST = {sku: told[:1] for sku, told in TOLD.items()}


def two_products(folder: Path) -> None:
    """The events of the example, and the same of another SKU."""
    events = (EXAMPLES / "03_events.jsonl").read_text()
    other = events.replace("00002", "00004").replace("12-34567", "12-34568")
    (folder / "events.jsonl").write_text(events + other)
    run("produce", "events.jsonl", "--config", "sync.yaml", cwd=folder)


def orders_are_told_soon(folder: Path) -> None:
    """The source tells of an order within a second, so that two equal reads that far apart are no sale."""
    settings = folder / "sync.yaml"
    told = yaml.safe_load(settings.read_text())
    told["reconcile"]["order_delay_s"] = 1.0
    settings.write_text(yaml.safe_dump(told))


@pytest.mark.timeout(480)
def test_edits_that_the_shop_tells_of_are_read_told_and_set_right_once(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    the_shop_tells(tmp_path)
    orders_are_told_soon(tmp_path)
    topics = Topics((Marketplace("shopify"),), topic_prefix)
    for name, arguments in {
        "engine": ("engine",),
        "deliver": ("deliver", "shopify"),
        "ledger": ("ledger",),
    }.items():
        started.start(name, *arguments, "--config", "sync.yaml")
    two_products(tmp_path)
    assert shown(facts["control_url"], until=RIGHT) == RIGHT
    for name, arguments in {"reconcile": ("reconcile", "run"), "signals": ("signals", "serve")}.items():
        started.start(name, *arguments, "--config", "sync.yaml")
    log = {name: tmp_path / f"{name}.log" for name in ("reconcile", "signals")}
    wait_for(lambda: "signals taken" in log["signals"].read_text())
    wait_for(lambda: any("complete" in line and '"shop"' in line for line in log["reconcile"].read_text().splitlines()))
    run("signals", "subscribe", "shop", "--config", "sync.yaml", cwd=tmp_path)

    def told() -> dict[str, list[Discrepancy]]:
        records = said_on(kafka, registry_url, topics.inventory_discrepancies, DISCREPANCY)
        return {sku: [one for one in records if one.sku == sku] for sku in TOLD}

    def so_far() -> dict[str, list[tuple[str, str, int]]]:
        return {sku: [(one.action, one.cause, one.observed) for one in found] for sku, found in told().items()}

    def look(sku: str, steps: int) -> None:
        """Have the listing looked at until so much is told of it."""
        wait_for(lambda: bool(_looked(tmp_path, sku)) and len(so_far()[sku]) >= steps)

    # 1. Somebody sets both on the shop's own pages. Nobody pulls: the shop's word alone leads to a read.
    for key, quantity in ((KEYS[RAISED], 90), (KEYS[LOWERED], 11)):
        edit = {"marketplace": "shopify", "key": key, "quantity": quantity}
        local().post(f"{facts['control_url']}/edits", json=edit).raise_for_status()
    wait_for(lambda: all(so_far().values()))
    first = so_far()
    # 2. What is shown too much is right again without anybody's doing; the other when it was read once more.
    high = {f"shopify/{KEYS[RAISED]}": 38}
    assert shown(facts["control_url"], until=high) == high
    look(LOWERED, 2)
    assert shown(facts["control_url"], until=RIGHT) == RIGHT
    # 3. The next look proves both.
    look(RAISED, 2)
    look(LOWERED, 3)
    wait_for(lambda: all(_in_ledger(tmp_path, sku) == [one[:2] for one in TOLD[sku]] for sku in TOLD))

    assert first == FIRST
    assert so_far() == TOLD
    why = {sku: [one.evidence for one in found] for sku, found in told().items()}
    assert "a signal of" in why[RAISED][0] and "said 90" in why[RAISED][0]
    assert "a signal of" in why[LOWERED][1] and "said 11" in why[LOWERED][1]
    restated = [
        one.sku
        for one in said_on(kafka, registry_url, topics.sku_commands, SKU_COMMAND)
        if isinstance(one.kind, Restate)
    ]
    assert restated == [LOWERED]
    statuses = started.end()
    assert {name: status for name, status in statuses.items() if status != 0} == {}


def _looked(folder: Path, sku: str) -> str:
    """What a look at one listing said."""
    done = ended("reconcile", "shop", "--sku", sku, "--json", "--config", "sync.yaml", cwd=folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def _in_ledger(folder: Path, sku: str) -> list[tuple[str, str]]:
    """What the ledger tells of the shop's listing, oldest first."""
    done = ended("explain", sku, "--channel", "shop", "--json", "--config", "sync.yaml", cwd=folder)
    if done.returncode != 0:
        return []
    (listing,) = json.loads(done.stdout)["listings"]
    found = sorted(listing["discrepancies"], key=lambda one: one["observed_at_ms"])
    return [(one["action"], one["cause"]) for one in found]
