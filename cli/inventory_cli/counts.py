"""`inventory-sync counts`: do the engine's positions agree with the source's own counts?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inventory_cli.options import ConfigFile

app = typer.Typer()

SHOWN_MAX = 50


@app.command()
def counts(
    config: ConfigFile,
    file: Annotated[
        Path | None, typer.Argument(help="A CSV with the columns sku, location, on_hand; left out: the topic.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what differs as JSON.")] = False,
) -> None:
    """Compare every position of the engine with what the source itself counted, and name what differs.

    Without a file the newest counts on inventory.changes are taken: has each been applied as it was sent? With a file
    of what is on hand, as a WMS exports it: is it what the engine reckons with? Ends with 1 when something differs.
    The process `reconcile run` does the same once a day.

        inventory-sync counts stock.csv --config sync.yaml
    """
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.settings import load
    from inventory_streams.reconcile.counting import compare

    settings = load(config)
    configure("counts", level="ERROR", secrets=wiring.secrets(settings))
    found = compare(wiring.reconcile_settings(settings), wiring.registry(settings), SystemClock().now_ms(), file)
    compared, differences = found or (0, [])
    if as_json:
        import json

        rows = [
            {
                "sku": one.count.sku,
                "location": one.count.location,
                "source": one.count.source,
                "counted": one.count.on_hand,
                "engine": one.engine,
                "fault": one.fault.value,
            }
            for one in differences
        ]
        typer.echo(json.dumps({"compared": compared, "differences": rows}))
    else:
        for one in differences[:SHOWN_MAX]:
            engine = "nothing" if one.engine is None else one.engine
            place = f"{one.count.sku} at {one.count.location}"
            said = f"{one.count.source} counted {one.count.on_hand}, the engine has {engine}"
            typer.echo(f"{place}: {said} ({one.fault.value})")
        if len(differences) > SHOWN_MAX:
            typer.echo(f"... and {len(differences) - SHOWN_MAX} more; --json prints all")
        typer.echo(f"{compared} counts compared, {len(differences)} differ")
    if differences:
        raise typer.Exit(1)
