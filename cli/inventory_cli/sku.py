"""`inventory-sync sku`: an operator's hand on one SKU, for a recall or while something is being looked into."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import BootstrapServers, By, OptionalConfigFile, SchemaRegistry, Why
from inventory_cli.times import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from inventory_cli.connecting import Connection
    from inventory_domain.commands import OperatorKind

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Hold, cap or zero one SKU on every channel, release it again, or settle an order of it.\n\n"
        "The engine applies it with its next batch and keeps it until its time, also over restarts; the newest command"
        " counts. What is done to a component bounds its kits too. Who did it and why is recorded.\n\n"
        '    inventory-sync sku zero A-1 --why "recall 2026-118"\n\n'
        '    inventory-sync sku cap A-1 --units 5 --until 2h --why "last pallet"\n\n'
        '    inventory-sync sku release A-1 --why "recall is over"'
    ),
)

SkuName = Annotated[str, typer.Argument(metavar="SKU", help="The SKU, as your catalog has it.")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help=f"When it ends by itself: {EXAMPLES}. Default: never.")
]


@app.command()
def hold(
    sku: SkuName,
    why: Why,
    until: Until = None,
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Let no listing of the SKU rise. Falls go on: units that are gone must not stay on sale.

    A listing without a number yet gets none while it lasts.

        inventory-sync sku hold A-1 --until 30m --why "count under way"
    """
    _override(sku, "HOLD", None, until, by, why, config, bootstrap_servers, schema_registry)


@app.command()
def cap(
    sku: SkuName,
    why: Why,
    units: Annotated[int, typer.Option("--units", min=0, help="The most that any listing of it shows.")],
    until: Until = None,
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Let no listing of the SKU show more than so many units.

    inventory-sync sku cap A-1 --units 5 --until 2026-12-01T18:00Z --why "last pallet"
    """
    _override(sku, "CAP", units, until, by, why, config, bootstrap_servers, schema_registry)


@app.command()
def zero(
    sku: SkuName,
    why: Why,
    until: Until = None,
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Show nothing of the SKU anywhere, also where it was never counted: for a recall.

    inventory-sync sku zero A-1 --why "recall 2026-118"
    """
    _override(sku, "ZERO", None, until, by, why, config, bootstrap_servers, schema_registry)


@app.command()
def release(
    sku: SkuName,
    why: Why,
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """End a hold, cap or zero before its time.

    inventory-sync sku release A-1 --why "recall is over"
    """
    _override(sku, "RELEASE", None, None, by, why, config, bootstrap_servers, schema_registry)


@app.command()
def settle(
    sku: SkuName,
    why: Why,
    order: Annotated[str, typer.Option("--order", metavar="ID", help="The channel's order, as it was reported.")],
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Stop subtracting an order that a channel reported and your source never did.

    Until its reservation or shipment arrives, such an order is subtracted from what every channel may promise. Settle
    it when you know that its units are in the source's figures already, or that the order was never real.

        inventory-sync sku settle A-1 --order 113-5021 --why "shipped by hand, counted since"
    """
    from inventory_domain.commands import SaleSettled
    from inventory_domain.identifiers import OrderId

    who = by or getpass.getuser()
    found = _send(sku, SaleSettled(OrderId(order), who, why), who, config, bootstrap_servers, schema_registry)
    typer.echo(f"{sku}: order {order} is settled, by {who}: {why}")
    _warn_of_unknown(sku, found)


def _override(
    sku: str,
    kind: str,
    units: int | None,
    until: str | None,
    by: str | None,
    why: str,
    config: Path | None,
    bootstrap_servers: str | None,
    schema_registry: str | None,
) -> None:
    from inventory_cli.clock import SystemClock
    from inventory_cli.times import parse_time, show_time
    from inventory_domain.commands import Override, OverrideKind

    who = by or getpass.getuser()
    try:
        until_ms = None if until is None else parse_time(until, SystemClock().now_ms())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from error
    override = Override(OverrideKind[kind], units, until_ms, who, why)
    found = _send(sku, override, who, config, bootstrap_servers, schema_registry)
    end = "" if kind == "RELEASE" else " until released" if until_ms is None else f" until {show_time(until_ms)}"
    number = f" {units}" if units is not None else ""
    typer.echo(f"{sku}: {kind.lower()}{number}{end}, by {who}: {why}")
    _warn_of_unknown(sku, found)


def _send(
    sku: str,
    kind: OperatorKind,
    who: str,
    config: Path | None,
    bootstrap_servers: str | None,
    schema_registry: str | None,
) -> Connection:
    from contextlib import closing

    from inventory_cli.clock import SystemClock
    from inventory_cli.connecting import connection, registry_of
    from inventory_cli.logging import configure
    from inventory_cli.reaching import told_of_silence
    from inventory_domain.identifiers import Sku
    from inventory_streams.producer import SkuCommander

    configure("sku", level="ERROR")  # what a client says while it waits for Kafka is not this command's output
    found = connection(config, bootstrap_servers, schema_registry)
    with told_of_silence(found.kafka.bootstrap_servers), closing(registry_of(found)) as registry:
        commander = SkuCommander(found.kafka, found.topics, registry, now_ms=SystemClock().now_ms)
        commander.send(Sku(sku), kind, who)
    return found


def _warn_of_unknown(sku: str, found: Connection) -> None:
    """Say so when no product has this SKU. It was sent all the same: the product may be on its way."""
    from inventory_cli.catalog_lookup import in_catalog
    from inventory_domain.errors import InventorySyncError
    from inventory_domain.identifiers import Sku

    topic = found.topics.catalog_products
    try:
        if in_catalog(found.kafka, topic, Sku(sku)):
            return
        text = (
            f"no product in {topic} has the SKU {sku}: nothing changes until one comes. Is it written like that there?"
        )
    except InventorySyncError as error:
        text = f"it is not known whether {topic} has the SKU {sku}: {error}"
    typer.secho(f"warning: {text}", err=True, fg=typer.colors.YELLOW)
