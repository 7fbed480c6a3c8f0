"""`inventory-sync demo`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli.demo.options import OUTAGE_DAY_S, Chaos, DemoOptions
from inventory_cli.options import BootstrapServers, SchemaRegistry

app = typer.Typer()


def default_data_dir() -> Path:
    """Where runs keep their settings file and logs unless told otherwise."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "inventory-sync" / "demo"


@app.command()
def demo(
    skus: Annotated[int, typer.Option(min=10, max=50_000, help="Products in the catalog.")] = 500,
    seconds: Annotated[float, typer.Option(min=1, max=86_400, help="How long the ERP and the buyers are busy.")] = 60,
    report: Annotated[Path | None, typer.Option(help="Write the figures here as JSON.", dir_okay=False)] = None,
    chaos: Annotated[
        list[Chaos] | None, typer.Option(help="Kill -9 this in the middle and start it again; may be repeated.")
    ] = None,
    outage: Annotated[
        str | None,
        typer.Option(
            metavar="MARKETPLACE",
            help="Take this marketplace down for a while, with the failure protocol 150 times faster: failing, alert, "
            "countdown, zero, recovery, restore.",
        ),
    ] = None,
    pace: Annotated[
        float | None,
        typer.Option(min=1, max=5_000, help="Events a second.", show_default="a tenth of the SKUs, 8 to 500"),
    ] = None,
    seed: Annotated[int, typer.Option(help="All chance comes from it: catalog, events, buyers, delays.")] = 7,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Settings file, secrets and logs of the runs.", show_default="~/.local/share/inventory-sync/demo"
        ),
    ] = None,
    partitions: Annotated[int, typer.Option(min=1, max=100, help="Partitions of the topics keyed by SKU.")] = 6,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
    factor: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Time of the marketplaces: 1 has their real delays and limits.")
    ] = 1 / 60,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running and the topics as they are.")] = False,
) -> None:
    """Run the whole pipeline here and prove it: a real Kafka, stand-ins for the marketplaces, engine and delivery.

    An ERP with three locations is played, and buyers at the marketplaces. At the end every listing's live quantity is
    compared with a calculation from the events that shares no code with the pipeline. Exit status 0: no difference.

        inventory-sync demo

        inventory-sync demo --skus 200 --seconds 30 --report report.json --chaos engine --chaos delivery

        inventory-sync demo --outage amazon
    """
    from inventory_cli.demo.runner import run

    if (bootstrap_servers is None) != (schema_registry is None):
        raise typer.BadParameter("give --bootstrap-servers and --schema-registry together, or neither")
    if outage is not None and outage not in MARKETPLACES:
        raise typer.BadParameter(f"{outage!r} is not one of {', '.join(MARKETPLACES)}", param_hint="--outage")
    raise typer.Exit(
        run(
            DemoOptions(
                skus=skus,
                seconds=seconds if outage is None else max(seconds, OUTAGE_DAY_S),
                seed=seed,
                report=report,
                chaos=tuple(chaos or ()),
                data_dir=data_dir or default_data_dir(),
                partitions=partitions,
                bootstrap_servers=bootstrap_servers,
                schema_registry=schema_registry,
                factor=factor,
                keep=keep,
                outage=outage,
                pace=pace,
            )
        )
    )
