"""`inventory-sync doctor` against a real broker, a registry and the stand-ins: one fault of each kind, and none."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from inventory_cli import wiring
from inventory_cli.clock import SystemClock
from inventory_cli.settings import load
from inventory_domain.account_calls import ControlsOutOfStock
from inventory_domain.identifiers import Marketplace
from inventory_sandbox.marketplaces import SandboxSettings
from inventory_schemas.registry import client
from inventory_streams.topics import Topics
from tests.support.asking import local
from tests.support.commands import Started, run_command
from tests.support.own_system import a_system

PLACE = "gid://shopify/Location/81000009"
NOWHERE = {
    "INVENTORY_SYNC_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "INVENTORY_SYNC_SCHEMA_REGISTRY": "http://127.0.0.1:1",
}


def examined(folder: Path, *options: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit status, and what was said: by what it is about, its mark and the words."""
    done = run_command("doctor", "--config", "sync.yaml", *options, folder=folder, env=env)
    lines = [re.match(r"(ok|WRONG|note) +(.+?): (.*)", line) for line in done.stdout.splitlines()]
    return done.returncode, {found[2]: (found[1], found[3]) for found in lines if found is not None}


def shop_tells_us(folder: Path) -> None:
    """The shop's account is to tell of changes."""
    (folder / "api.secret").write_text(SandboxSettings().credentials.shopify_api_secret)
    told = yaml.safe_load((folder / "sync.yaml").read_text())
    shop = told["accounts"][told["channels"]["shop"]["account"]]
    shop["signals"] = {"endpoint": "http://127.0.0.1:9/shop", "api_secret": {"file": str(folder / "api.secret")}}
    (folder / "sync.yaml").write_text(yaml.safe_dump(told))


async def turn_out_of_stock_control_off(config: Path) -> None:
    """What a seller may do on eBay's own pages: from then on a listing at zero ends."""
    for adapter in wiring.adapters(load(config), Marketplace("ebay"), SystemClock()).values():
        assert isinstance(adapter, ControlsOutOfStock)
        await adapter.set_out_of_stock_control(False)
        await adapter.aclose()


def plant(kafka: str, registry_url: str, prefix: str, control_url: str, config: Path) -> None:
    """One fault of each kind."""
    topics = Topics((Marketplace("shopify"),), prefix)
    entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topics.listing_outcomes, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})  # kept until it has answered
    (altered,) = admin.incremental_alter_configs([resource]).values()
    altered.result(30)
    with closing(client(registry_url, None)) as registry:
        registry.delete_subject(f"{topics.channel_health}-value", permanent=False)
    for marketplace, mode in (("amazon", "invalid_grant"), ("walmart", "503")):
        fault = {"marketplace": marketplace, "mode": mode, "count": None}
        local().post(f"{control_url}/faults", json=fault).raise_for_status()
    place = {"id": PLACE, "name": "Fulfilled elsewhere", "fulfillment_service": True}
    local().post(f"{control_url}/locations", json=place).raise_for_status()
    asyncio.run(turn_out_of_stock_control_off(config))


@pytest.mark.timeout(600)
def test_each_kind_of_fault_is_told_with_what_mends_it_and_then_all_is_well(
    kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path, started: Started
) -> None:
    facts = a_system(started, tmp_path, kafka, registry_url, topic_prefix, application_id)
    shop_tells_us(tmp_path)
    names = {name: account["marketplace"] for name, account in _accounts(tmp_path).items()}
    of = {marketplace: name for name, marketplace in names.items()}
    plant(kafka, registry_url, topic_prefix, facts["control_url"], tmp_path / "sync.yaml")

    status, wrong = examined(tmp_path)
    nowhere_status, nowhere = examined(tmp_path, env=NOWHERE)
    local().delete(f"{facts['control_url']}/faults").raise_for_status()
    for command in (("topics", "apply"), ("schemas", "register")):
        assert run_command(*command, "--config", "sync.yaml", folder=tmp_path).returncode == 0
    mended_status, mended = examined(tmp_path, "--fix")

    about = {
        "topics": ("listing.outcomes", "inventory-sync topics apply"),
        "schemas": ("channel.health", "inventory-sync schemas register"),
        f"{of['amazon']} credentials": ("unauthorized",),
        f"{of['walmart']} credentials": ("outage",),
        f"{of['ebay']} out-of-stock control": ("doctor --fix turns it on",),
        f"{of['shopify']} subscription INVENTORY_LEVELS_UPDATE": ("doctor --fix subscribes it",),
    }
    for name, words in about.items():
        assert wrong[name][0] == "WRONG" and all(word in wrong[name][1] for word in words), (name, wrong)
    assert wrong[f"{of['shopify']} location Fulfilled elsewhere"][0] == "note"
    assert wrong[f"{of['shopify']} credentials"][0] == "ok"
    assert status == 1
    # Where nothing of ours answers, the marketplaces are looked at all the same.
    assert (nowhere_status, nowhere["Kafka"][0], nowhere["schema registry"][0]) == (1, "WRONG", "WRONG")
    assert nowhere[f"{of['shopify']} credentials"][0] == "ok"
    assert mended[f"{of['ebay']} out-of-stock control (turned on)"][0] == "ok"
    assert mended[f"{of['shopify']} subscription INVENTORY_LEVELS_UPDATE"] == ("ok", "told to us")
    assert ([name for name, (mark, _) in mended.items() if mark == "WRONG"], mended_status) == ([], 0)


def _accounts(folder: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load((folder / "sync.yaml").read_text())["accounts"]
    return found
