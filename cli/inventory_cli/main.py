"""The command `inventory-sync`: which commands there are, and how their errors are told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import typer

from inventory_domain.errors import ConfigError, InventorySyncError

HELP: Final = """Keep the stock that Amazon, eBay, Walmart and Shopify show equal to the stock there is.

Stock changes come from Kafka, each listing's number is computed, and delivered at the pace each marketplace allows.

See the whole of it run on this machine, with stand-ins for the marketplaces:   inventory-sync demo

Run it on your own: config init, config check, topics apply, schemas register; then one process per role:
engine, deliver amazon, deliver ebay, deliver walmart, deliver shopify, reconcile run, signals serve.
Send events with: produce FILE.jsonl
"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of them, and the module that has it as `app`; imported when it is asked for."""

    name: str
    module: str
    is_group: bool = False


COMMANDS: Final = (
    Command("demo", "inventory_cli.demo.command"),
    Command("stack", "inventory_cli.stack", is_group=True),
    Command("config", "inventory_cli.config", is_group=True),
    Command("topics", "inventory_cli.topics", is_group=True),
    Command("schemas", "inventory_cli.schemas", is_group=True),
    Command("engine", "inventory_cli.engine", is_group=True),
    Command("deliver", "inventory_cli.deliver"),
    Command("channel", "inventory_cli.channel", is_group=True),
    Command("mass-change", "inventory_cli.mass_change", is_group=True),
    Command("shadow-report", "inventory_cli.shadow_report"),
    Command("dead-letters", "inventory_cli.dead_letters", is_group=True),
    Command("ledger", "inventory_cli.ledger", is_group=True),
    Command("explain", "inventory_cli.explain"),
    Command("reconcile", "inventory_cli.reconcile"),
    Command("counts", "inventory_cli.counts"),
    Command("signals", "inventory_cli.signals", is_group=True),
    Command("doctor", "inventory_cli.doctor"),
    Command("report", "inventory_cli.report"),
    Command("console", "inventory_cli.console"),
    Command("produce", "inventory_cli.produce"),
    Command("sku", "inventory_cli.sku", is_group=True),
    Command("sandbox", "inventory_cli.sandbox"),
    Command("traffic", "inventory_cli.traffic"),
    Command("replay", "inventory_cli.replay"),
    Command("snapshot", "inventory_cli.snapshot"),
    Command("version", "inventory_cli.version"),
)


def build(asked: str | None) -> typer.Typer:
    """The command line with only the command that was asked for, or with all of them where none of that name is.

    A process of the pipeline starts half a second sooner when it does not load the others' libraries.
    """
    app = typer.Typer(
        name="inventory-sync",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for command in [one for one in COMMANDS if one.name == asked] or COMMANDS:
        inner: typer.Typer = import_module(command.module).app
        if command.is_group:
            app.add_typer(inner, name=command.name)
        else:
            app.registered_commands.append(_named(inner, command.name))
    return app


def _root() -> None:
    return None  # makes a group of the app, also when it has one command


def _named(inner: typer.Typer, name: str) -> typer.models.CommandInfo:
    info = inner.registered_commands[0]
    info.name = name
    return info


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. Ends with 0 when all is well, 1 when the answer is no, 2 when it could not be done."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build(given[0] if given else None)(args=given, prog_name="inventory-sync")
    except ConfigError as error:
        for fault in error.faults:
            typer.secho(str(fault), err=True, fg=typer.colors.RED)
        raise SystemExit(2) from error
    except InventorySyncError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise SystemExit(2) from error
