"""Somebody changes a number at the marketplace: it is found, told, set right by way of the engine, and verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.asking import local
from tests.support.own_system import EXAMPLES, Started, a_system, ended, run, shown, wait_for

KEY = "shopify/50000000002"


def reconcile(folder: Path, *options: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
    done = ended("reconcile", "shop", "--json", "--config", "sync.yaml", *options, cwd=folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def edit(facts: dict[str, str], key: str, quantity: int) -> None:
    """What a person does on the shop's own pages."""
    said = {"marketplace": "shopify", "key": key, "quantity": quantity}
    local().post(f"{facts['control_url']}/edits", json=said).raise_for_status()


def lines(file: Path) -> list[str]:
    """What a process has logged so far."""
    return file.read_text().splitlines()


@pytest.mark.timeout(480)
def test_a_number_set_by_hand_is_found_and_set_right(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    started.start("engine", "engine", "--config", "sync.yaml")
    started.start("deliver", "deliver", "shopify", "--config", "sync.yaml")
    run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)
    right = {KEY: 38}
    assert shown(facts["control_url"], until=right) == right

    # 1. Looked at before the process runs: nothing of ours differs, and what the catalog lacks is told.
    listings = local().get(f"{facts['control_url']}/listings", params={"marketplace": "shopify"}).json()["listings"]
    other = next(one for one in listings if one["sku"] != "SKU-00002" and len(one["parts"]) == 1)
    edit(facts, other["key"], 7)
    before_status, before = reconcile(tmp_path, "--dry-run")
    started.start("reconcile", "reconcile", "run", "--config", "sync.yaml")
    log = tmp_path / "reconcile.log"
    wait_for(lambda: any("reconciliation complete" in line and '"shop"' in line for line in lines(log)))
    # 2. Somebody sets it to 90 on the shop's own pages.
    edit(facts, "50000000002", 90)
    _, during = reconcile(tmp_path)
    after_shown = shown(facts["control_url"], until=right)
    # 3. The next look proves it, here of the one listing.
    _, after = reconcile(tmp_path, "--sku", "SKU-00002")

    ours = [one for one in before["found"] if one["cause"] != "ghost"]
    ghosts = [one for one in before["found"] if one["cause"] == "ghost"]
    assert (before_status, ours, [one["observed"] for one in ghosts]) == (1, [], [7])
    told = [(one["listing_id"], one["observed"], one["action"], one["cause"]) for one in during["found"]]
    assert told == [("shop/SKU-00002", 90, "restate", "manual-change")]
    assert after_shown == right
    assert [one["action"] for one in after["found"]] == ["verified"]
    statuses = started.end()
    assert {name: status for name, status in statuses.items() if status != 0} == {}
