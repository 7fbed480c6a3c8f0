"""How processes are put together."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from inventory_cli import wiring
from inventory_cli.clock import SystemClock
from inventory_cli.documents import SecretSource, parse_document
from inventory_cli.settings import Settings, read
from inventory_cli.template import settings_text, starting_draft
from inventory_domain.identifiers import AccountId, Marketplace
from inventory_streams.delivery.account import Account
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.reconcile.run import reconciled


def the_settings() -> Settings:
    """Those of the template, its secrets not looked up."""
    text = settings_text(starting_draft("broker:9092", "http://registry:8081"))
    return read(parse_document(text), {}, SecretSource({}, Path(), look_up=False))


async def test_calls_of_a_day_and_of_a_second_are_split_between_delivery_and_pulls() -> None:
    """Both would otherwise believe to have all of them, and the day would end early for falls to zero."""
    settings, ebay, clock = the_settings(), Marketplace("ebay"), SystemClock()
    account = settings.accounts[AccountId("ebay")]
    limit = account.limit("sell.inventory")
    assert limit.per_day is not None

    adapter = wiring.adapters(settings, ebay, clock)[AccountId("ebay")]
    told = wiring.delivery_settings(settings, ebay)
    delivery = Account(AccountId("ebay"), adapter, told, clock, DeliveryMetrics(CollectorRegistry()))
    pulls = reconciled(wiring.accounts_to_reconcile(settings, clock), settings.processes.reconcile, clock)

    pushes, pulled = delivery.throttles.push, pulls[ebay][0].budget.of(limit.operation)
    assert pushes.day_limit is not None and pulled.per_day is not None
    assert pushes.day_limit + pulled.per_day <= limit.per_day
    assert pulled.per_day == limit.per_day * settings.processes.reconcile.pull_share
    assert pushes.rate_per_s + pulled.rate_per_s <= limit.rate_per_s
    assert delivery.throttles.of("tradingapi").rate_per_s == account.limit("tradingapi").rate_per_s, "no pull needs it"


async def test_what_the_marketplace_says_is_left_of_the_day_is_split_too() -> None:
    settings, ebay, clock = the_settings(), Marketplace("ebay"), SystemClock()
    adapter = wiring.adapters(settings, ebay, clock)[AccountId("ebay")]
    told = wiring.delivery_settings(settings, ebay)
    delivery = Account(AccountId("ebay"), adapter, told, clock, DeliveryMetrics(CollectorRegistry()))

    delivery.told_quota("sell.inventory", left=1_000_000, calls=2_000_000)

    assert delivery.throttles.push.day_limit == 1_600_000


def test_each_role_has_a_probe_port_of_its_own() -> None:
    ports = the_settings().processes.probes.ports

    assert len(set(ports.values())) == len(ports) and {"reconcile", "signals"} <= set(ports)
