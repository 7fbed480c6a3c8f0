"""How processes are put together."""

from __future__ import annotations

from pathlib import Path

from inventory_cli import wiring
from inventory_cli.clock import SystemClock
from inventory_cli.documents import SecretSource, parse_document
from inventory_cli.settings import Settings, read
from inventory_cli.template import settings_text, starting_draft
from inventory_domain.identifiers import AccountId, Marketplace
from inventory_streams.reconcile.run import reconciled


def the_settings() -> Settings:
    """Those of the template, its secrets not looked up."""
    text = settings_text(starting_draft("broker:9092", "http://registry:8081"))
    return read(parse_document(text), {}, SecretSource({}, Path(), look_up=False))


async def test_a_days_calls_are_split_between_delivery_and_pulls() -> None:
    """Both would otherwise believe to have all of them, and the day would end early for falls to zero."""
    settings, ebay = the_settings(), Marketplace("ebay")
    account = settings.accounts[AccountId("ebay")]
    daily = next(limit for limit in account.limits if limit.per_day is not None)
    assert daily.per_day is not None

    delivery = wiring.adapters(settings, ebay, SystemClock())[AccountId("ebay")]
    pulls = reconciled(
        wiring.accounts_to_reconcile(settings, SystemClock()), settings.processes.reconcile, SystemClock()
    )

    pushes_a_day = next(one.per_day for one in delivery.traits.limits if one.operation == daily.operation)
    pulls_a_day = pulls[ebay][0].budget.of(daily.operation).per_day
    assert pushes_a_day is not None and pulls_a_day is not None
    assert pushes_a_day + pulls_a_day <= daily.per_day
    assert pulls_a_day == daily.per_day * settings.processes.reconcile.pull_share


def test_each_role_has_a_probe_port_of_its_own() -> None:
    ports = the_settings().processes.probes.ports

    assert len(set(ports.values())) == len(ports) and {"reconcile", "signals"} <= set(ports)
