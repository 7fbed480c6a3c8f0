"""`inventory-sync doctor`: is everything there that the pipeline needs, here and at the marketplaces?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_adapters.accounts import AccountSettings
    from inventory_cli.settings import Settings
    from inventory_domain.bulk import CallFailed
    from inventory_domain.identifiers import AccountId
    from inventory_domain.ports import MarketplaceAdapter

app = typer.Typer()

PACE_S: Final = 1.1  # the slowest of the operations behind these checks is allowed once a second


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: whether it is well, and what to do where it is not. `well` None: worth knowing."""

    about: str
    well: bool | None
    text: str


@app.command()
def doctor(
    config: ConfigFile,
    fix: Annotated[
        bool, typer.Option("--fix", help="Subscribe what is missing, turn out-of-stock control on, and look again.")
    ] = False,
) -> None:
    """Look at everything the pipeline needs: Kafka, topics, schemas, credentials, subscriptions, account settings.

    One line for each; ends with 1 when something is wrong, and says what mends it.

        inventory-sync doctor --config sync.yaml --fix
    """
    from inventory_cli import wiring
    from inventory_cli.logging import configure
    from inventory_cli.settings import load

    settings = load(config)
    configure("doctor", level="ERROR", secrets=wiring.secrets(settings))
    wrong = 0
    for finding in _pipeline(settings):
        wrong += _tell(finding)
    wrong += asyncio.run(_accounts(settings, fix=fix))
    if wrong:
        typer.secho(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong", err=True, fg=typer.colors.RED)
        raise typer.Exit(1)
    typer.echo("all is well")


def _tell(finding: Finding) -> int:
    mark, color = {
        True: ("ok", typer.colors.GREEN),
        False: ("WRONG", typer.colors.RED),
        None: ("note", typer.colors.YELLOW),
    }[finding.well]
    typer.echo(f"{typer.style(f'{mark:<6}', fg=color)}{finding.about}: {finding.text}")
    return finding.well is False


def _pipeline(settings: Settings) -> Iterator[Finding]:
    """Kafka with its topics, and the registry with its schemas."""
    from inventory_cli.reaching import told_of_silence
    from inventory_domain.errors import ConfigError, InventorySyncError
    from inventory_schemas.registration import SchemaChange, check
    from inventory_schemas.registry import client
    from inventory_streams.kafka.admin import TopicChange, plan

    connection = settings.connection
    declarations = connection.topics.declarations()
    try:
        with told_of_silence(connection.kafka.bootstrap_servers):
            found = plan(connection.kafka, declarations, connection.partitions, connection.replication)
        late = [one.name for one in found if one.change is not TopicChange.KEPT]
        text = f"{len(found)} are there as declared" if not late else f"{_some(late)}: inventory-sync topics apply"
        yield Finding("topics", not late, text)
    except ConfigError as error:
        yield Finding("topics", False, "; ".join(str(fault) for fault in error.faults[:3]))
    except InventorySyncError as error:
        yield Finding("Kafka", False, str(error))
    subjects = {one.subject: one.schema for one in declarations if one.schema is not None}
    url = connection.schema_registry_url
    try:
        schemas = check(client(url, connection.registry_security), url, subjects)
        late = [one.subject for one in schemas if one.change is not SchemaChange.KEPT]
        text = f"{len(schemas)} are registered" if not late else f"{_some(late)}: inventory-sync schemas register"
        yield Finding("schemas", not late, text)
    except InventorySyncError as error:
        yield Finding("schema registry", False, str(error))


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''} missing or not as declared"


async def _accounts(settings: Settings, *, fix: bool) -> int:
    from inventory_adapters.catalog import MARKETPLACES
    from inventory_cli.clock import SystemClock

    wrong = 0
    for name, account in settings.accounts.items():
        adapter = MARKETPLACES[account.marketplace].build(account, SystemClock())
        try:
            async for finding in _account(name, account, adapter, fix=fix):
                wrong += _tell(finding)
        finally:
            await adapter.aclose()
    return wrong


async def _account(
    name: AccountId, account: AccountSettings, adapter: MarketplaceAdapter, *, fix: bool
) -> AsyncIterator[Finding]:
    """Credentials first: where they are refused nothing else can be said."""
    refused = await _credentials(account, adapter)
    if refused is not None:
        yield Finding(f"{name} credentials", False, _why(refused))
        return
    yield Finding(f"{name} credentials", True, "the marketplace answers")
    for part in (_out_of_stock, _subscriptions):
        await asyncio.sleep(PACE_S)
        async for finding in part(name, adapter, fix=fix):
            yield finding
    for further in (_quotas, _locations):
        async for finding in further(name, adapter):
            yield finding


async def _credentials(account: AccountSettings, adapter: MarketplaceAdapter) -> CallFailed | None:
    """Whether a call that needs them is answered; the first page of a pull is the cheapest that all have."""
    from inventory_domain.bulk import TOO_MANY_LISTINGS, CallFailed, PullsListings

    if not isinstance(adapter, PullsListings):
        return None
    answer = await adapter.pull(account.channel_ids[0], None)
    # A catalog too large to page through is refused for its size, which the credentials were good enough to learn.
    return answer if isinstance(answer, CallFailed) and answer.reason != TOO_MANY_LISTINGS else None


async def _out_of_stock(name: AccountId, adapter: MarketplaceAdapter, *, fix: bool) -> AsyncIterator[Finding]:
    from inventory_domain.account_calls import ControlsOutOfStock
    from inventory_domain.bulk import CallFailed

    if not isinstance(adapter, ControlsOutOfStock):
        return
    about, state = f"{name} out-of-stock control", await adapter.out_of_stock_control()
    if not isinstance(state, CallFailed) and not state.on and fix:
        set_to = await adapter.set_out_of_stock_control(True)
        state = set_to if isinstance(set_to, CallFailed) else await adapter.out_of_stock_control()
        about += " (turned on)"
    if isinstance(state, CallFailed):
        yield Finding(about, False, _why(state))
    elif state.on:
        yield Finding(about, True, "on: a listing at zero stays")
    else:
        yield Finding(about, False, "off: a listing that reaches zero ends; inventory-sync doctor --fix turns it on")


async def _subscriptions(name: AccountId, adapter: MarketplaceAdapter, *, fix: bool) -> AsyncIterator[Finding]:
    from inventory_domain.bulk import CallFailed
    from inventory_domain.signals import NOT_SET, KeepsSubscriptions

    if not isinstance(adapter, KeepsSubscriptions):
        return
    answer = await adapter.subscriptions()
    if isinstance(answer, CallFailed):
        unset = answer.reason == NOT_SET
        text = f"accounts.{name}.signals is not set: changes are found by the schedule alone" if unset else _why(answer)
        yield Finding(f"{name} subscriptions", None if unset else False, text)
        return
    for one in answer.subscriptions:
        state: str = one.state
        if state != "on" and fix:
            await asyncio.sleep(PACE_S)
            made = await adapter.subscribe(one.topic)
            state = _why(made) if isinstance(made, CallFailed) else made.state
        text = "told to us" if state == "on" else f"{state}; inventory-sync doctor --fix subscribes it"
        yield Finding(f"{name} subscription {one.topic}", state == "on", text)


async def _quotas(name: AccountId, adapter: MarketplaceAdapter) -> AsyncIterator[Finding]:
    from inventory_domain.account_calls import ReportsQuotas
    from inventory_domain.bulk import CallFailed

    if not isinstance(adapter, ReportsQuotas):
        return
    answer = await adapter.daily_quotas()
    if isinstance(answer, CallFailed):
        yield Finding(f"{name} quotas", None, _why(answer))
        return
    for one in answer.quotas:
        text = f"{one.remaining:,} of {one.calls:,} calls are left"
        yield Finding(f"{name} quota {one.operation}", one.remaining > 0, text)


async def _locations(name: AccountId, adapter: MarketplaceAdapter) -> AsyncIterator[Finding]:
    from inventory_domain.account_calls import ReportsLocations
    from inventory_domain.bulk import CallFailed

    if not isinstance(adapter, ReportsLocations):
        return
    answer = await adapter.locations(None)
    if isinstance(answer, CallFailed):
        yield Finding(f"{name} locations", None, _why(answer))
        return
    for one in answer.locations:
        if one.left_out is not None:
            yield Finding(f"{name} location {one.name}", None, f"{one.node} takes no quantity: {one.left_out}")


def _why(failed: CallFailed) -> str:
    said = f"{failed.api}: {failed.kind}, {failed.reason}"
    return f"{said}: {failed.error}" if failed.error else said
