"""An operator asks what delivery would send, and what the marketplace says to it, before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.asking import local
from tests.support.own_system import EXAMPLES, Started, a_system, ended, run, wait_for


def quantities(facts: dict[str, str], marketplace: str) -> dict[str, int]:
    """What the marketplace shows of each of its listings."""
    listings = local().get(f"{facts['control_url']}/listings", params={"marketplace": marketplace}).json()["listings"]
    return {one["key"]: one["live_quantity"] for one in listings}


@pytest.mark.timeout(480)
def test_a_dry_run_tells_what_amazon_says_and_writes_nothing(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    before = {name: quantities(facts, name) for name in ("amazon", "ebay")}
    started.start("engine", "engine", "--config", "sync.yaml")
    run("produce", str(EXAMPLES / "03_events.jsonl"), "--config", "sync.yaml", cwd=tmp_path)
    dry = ("deliver", "amazon", "--dry-run", "--channel", "amazon-us", "--json", "--config", "sync.yaml")
    wait_for(lambda: len(ended(*dry, cwd=tmp_path).stdout.splitlines()) == 1)

    taken = ended(*dry, cwd=tmp_path)
    fault = {"marketplace": "amazon", "mode": "partial_failure", "match": "SKU-00002"}
    local().post(f"{facts['control_url']}/faults", json=fault).raise_for_status()
    refused = ended("deliver", "amazon", "--dry-run", "--sku", "SKU-00002", "--config", "sync.yaml", cwd=tmp_path)
    other = ended("deliver", "ebay", "--dry-run", "--config", "sync.yaml", cwd=tmp_path)
    unknown = ended("deliver", "amazon", "--dry-run", "--channel", "amazon-br", "--config", "sync.yaml", cwd=tmp_path)
    after = {name: quantities(facts, name) for name in ("amazon", "ebay")}

    told = [json.loads(line) for line in taken.stdout.splitlines()]
    assert (taken.returncode, {one["kind"] for one in told}) == (0, {"would be taken"}), taken.stderr
    assert refused.returncode == 1 and "would be refused" in refused.stdout
    assert other.returncode == 0 and "not checked: ebay has no preview of a write" in other.stdout
    assert unknown.returncode == 2 and "amazon-us" in unknown.stderr
    assert after == before, "nothing was written"
    statuses = started.end()
    assert {name: status for name, status in statuses.items() if status != 0} == {}
