"""`inventory-sync mass-change`: an operator's word on changes that the guard against mass changes holds."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import BootstrapServers, By, ChannelName, OptionalConfigFile, SchemaRegistry, Why
from inventory_cli.times import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Release or hold a mass change: many listings of a channel that the input brings to zero within minutes.\n\n"
        "Such a change is held for ten minutes and then goes on by itself, unless you say otherwise. A stop-sale is"
        " never held.\n\n"
        '    inventory-sync mass-change release amazon-us --why "the season is over"\n\n'
        '    inventory-sync mass-change hold amazon-us --until 2h --why "the ERP sent an empty file"'
    ),
)


@app.command()
def release(
    channel: ChannelName,
    why: Why,
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Let what is held of the channel go now. What is stamped later is held anew.

    inventory-sync mass-change release amazon-us --why "the season is over"
    """
    who = by or getpass.getuser()
    _send(channel, "RELEASE_MASS_CHANGE", None, who, why, config, bootstrap_servers, schema_registry)
    typer.echo(f"{channel}: what was held goes now, by {who}: {why}")


@app.command()
def hold(
    channel: ChannelName,
    why: Why,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help=f"Until when: {EXAMPLES}.")],
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Hold what is held of the channel, and what the input zeroes from now on, until a time: somebody repairs it.

    inventory-sync mass-change hold amazon-us --until 2h --why "the ERP sent an empty file"
    """
    from inventory_cli.clock import SystemClock
    from inventory_cli.times import parse_time, show_time

    who = by or getpass.getuser()
    try:
        until_ms = parse_time(until, SystemClock().now_ms())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from error
    _send(channel, "HOLD_MASS_CHANGE", until_ms, who, why, config, bootstrap_servers, schema_registry)
    typer.echo(f"{channel}: held until {show_time(until_ms)}, by {who}: {why}")


def _send(
    channel: str,
    action: str,
    until_ms: int | None,
    who: str,
    why: str,
    config: Path | None,
    bootstrap_servers: str | None,
    schema_registry: str | None,
) -> None:
    from inventory_cli.operating import channel_operator, known_channel
    from inventory_domain.errors import InvalidRecord
    from inventory_domain.identifiers import ChannelId
    from inventory_domain.operations import OperatorAction

    with channel_operator("mass-change", config, bootstrap_servers, schema_registry) as operator:
        known_channel(channel, config, operator.healths().keys())
        try:
            operator.send(ChannelId(channel), OperatorAction[action], who, why, until_ms=until_ms)
        except InvalidRecord as error:
            raise typer.BadParameter(str(error)) from error
