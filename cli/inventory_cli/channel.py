"""`inventory-sync channel`: an operator's hand on a channel, and how each of them is."""

from __future__ import annotations

import getpass
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import BootstrapServers, By, ChannelName, OptionalConfigFile, SchemaRegistry, Why

if TYPE_CHECKING:
    from inventory_domain.identifiers import ChannelId
    from inventory_schemas.records import HealthRecord

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "See how each channel is, and pause, resume, stop or restore one.\n\n"
        "Who did it and why is recorded on the topics operator.commands and channel.health. What each state means and"
        " what leads to it: docs/failure-protocol.md.\n\n"
        "    inventory-sync channel status\n\n"
        '    inventory-sync channel stop-sale amazon-us --why "wrong prices in the feed"\n\n'
        '    inventory-sync channel restore amazon-us --why "prices are right again"'
    ),
)

Wait = Annotated[
    float,
    typer.Option(
        "--wait", min=0.0, max=600.0, metavar="SECONDS", help="Wait so long for delivery to take the command."
    ),
]


@app.command()
def status(
    channel: Annotated[str | None, typer.Argument(metavar="CHANNEL", help="Only this one. Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with every fact.")] = False,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Show each channel's state, since when and why, and how long until stop-sale while that is coming.

    Ends with 1 where a channel does not sell, or delivery says nothing of it any more, so that scripts may ask.

        inventory-sync channel status amazon-us --config sync.yaml
    """
    from inventory_cli.operating import channel_operator, known_channel
    from inventory_domain.health import ChannelState

    with channel_operator("channel", config, bootstrap_servers, schema_registry) as operator:
        found = operator.healths()
    if channel is not None:
        known_channel(channel, config, set(found))
    chosen = [record for name, record in found.items() if channel in (None, name)]
    if as_json:
        typer.echo(json.dumps([_facts(record) for record in chosen], indent=2))
    elif chosen:
        _table(chosen)
    else:
        typer.echo("nothing is known yet: no delivery process has run", err=True)
    silent = _silent(chosen, operator.said_ms)
    if not chosen or silent or any(record.health.state is not ChannelState.SELLING for record in chosen):
        raise typer.Exit(1)


@app.command()
def pause(
    channel: ChannelName,
    why: Why,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Hold falls too. Then stop-sale follows as after any half an hour without a success."
        ),
    ] = False,
    by: By = None,
    wait: Wait = 15.0,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Hold the channel's rises. Falls still go: units that are gone must not stay on sale.

    inventory-sync channel pause ebay-us --why "checking numbers after the import"
    """
    _command(channel, "PAUSE", why, by, wait, config, bootstrap_servers, schema_registry, falls_too=everything)


@app.command()
def resume(
    channel: ChannelName,
    why: Why,
    by: By = None,
    wait: Wait = 15.0,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """End a pause. It does not end a stop-sale: that is `restore`.

    inventory-sync channel resume ebay-us --why "numbers are right"
    """
    _command(channel, "RESUME", why, by, wait, config, bootstrap_servers, schema_registry)


@app.command(name="stop-sale")
def stop_sale(
    channel: ChannelName,
    why: Why,
    by: By = None,
    wait: Wait = 15.0,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Show zero on every listing of the channel that we write, ahead of everything, until `restore`.

    inventory-sync channel stop-sale amazon-us --why "wrong prices in the feed"
    """
    _command(channel, "STOP_SALE", why, by, wait, config, bootstrap_servers, schema_registry)


@app.command()
def restore(
    channel: ChannelName,
    why: Why,
    by: By = None,
    wait: Wait = 15.0,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """End a stop-sale: the newest numbers go out, falls first, as soon as one push has proven the way.

    inventory-sync channel restore amazon-us --why "prices are right again"
    """
    _command(channel, "RESTORE", why, by, wait, config, bootstrap_servers, schema_registry)


def _command(
    channel: str,
    action: str,
    why: str,
    by: str | None,
    wait: float,
    config: Path | None,
    bootstrap_servers: str | None,
    schema_registry: str | None,
    *,
    falls_too: bool = False,
) -> None:
    from rich.console import Console

    from inventory_cli.operating import channel_operator, known_channel
    from inventory_domain.errors import InvalidRecord
    from inventory_domain.identifiers import ChannelId
    from inventory_domain.operations import OperatorAction

    who = by or getpass.getuser()
    with channel_operator("channel", config, bootstrap_servers, schema_registry) as operator:
        known_channel(channel, config, set(operator.healths()))
        try:
            command, offset = operator.send(ChannelId(channel), OperatorAction[action], who, why, falls_too=falls_too)
        except InvalidRecord as error:
            raise typer.BadParameter(str(error)) from error
        typer.echo(f"{channel}: {command.action.value} is recorded, by {who}: {command.why}")
        if not wait:
            return
        with Console(stderr=True).status(f"waiting for the delivery of {channel} to take it"):
            record = operator.taken(ChannelId(channel), offset, wait)
    if record is None:
        typer.secho(
            f"not taken within {wait:g} s. It will be when the marketplace's `deliver` process runs.",
            err=True,
            fg=typer.colors.YELLOW,
        )
        raise typer.Exit(1)
    _table([record])


def _silent(records: Collection[HealthRecord], said_ms: Mapping[ChannelId, int]) -> bool:
    """Whether delivery says nothing of some of them any more; tells which, since what is known of them is of before."""
    from inventory_cli.clock import SystemClock
    from inventory_cli.times import show_time
    from inventory_domain.health import SILENT_MS

    now_ms = SystemClock().now_ms()
    silent = [one.health.channel for one in records if now_ms - said_ms[one.health.channel] > SILENT_MS]
    for name in silent:
        text = f"{name}: delivery has said nothing of it since {show_time(said_ms[name])}: how it is now is not known"
        typer.secho(text, err=True, fg=typer.colors.YELLOW)
    return bool(silent)


def _table(records: list[HealthRecord]) -> None:
    from rich.table import Table

    from inventory_cli.clock import SystemClock
    from inventory_cli.tables import as_it_is, show
    from inventory_cli.times import show_time

    now_ms = SystemClock().now_ms()
    table = Table(box=None, pad_edge=False)
    for title in ("channel", "state", "since", "last success", "stop-sale in", "by", "why"):
        table.add_column(title)
    for record in records:
        health = record.health
        last = "never" if health.last_success_ms is None else show_time(health.last_success_ms)
        stop_in = "" if health.stop_at_ms is None else f"{max(0, health.stop_at_ms - now_ms) // 1000} s"
        state = health.state.value
        why = health.not_ready or health.reason
        if health.pause is not None and state != "paused":
            state += ", paused"
        told = (health.channel, state, show_time(health.since_ms), last, stop_in, health.by, why)
        table.add_row(*as_it_is(told))
    show(table)


def _facts(record: HealthRecord) -> dict[str, object]:
    return {**asdict(record.health), "state": record.health.state.value, "folded": dict(record.folded)}
