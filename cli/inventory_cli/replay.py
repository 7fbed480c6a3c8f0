"""`inventory-sync replay`: is the running state what its input says?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inventory_cli.options import ConfigFile

app = typer.Typer()


@app.command()
def replay(
    config: ConfigFile,
    snapshot: Annotated[
        Path | None, typer.Option(help="Begin from this file of `inventory-sync snapshot`, not from the first records.")
    ] = None,
) -> None:
    """Compute the engine's state once more from the topics, beside the running engine, and compare the two.

    Nothing is written and nobody is disturbed. Needs all input since the beginning within the topics' retention, or
    since a snapshot; says which it was. Ends with 1 when a SKU's stock, product or override differs.

        inventory-sync replay --config sync.yaml --snapshot monday.gz
    """
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.settings import load

    settings = load(config, secrets_at=())
    from inventory_streams.engine import rebuilding
    from inventory_streams.engine.snapshots import read_snapshot

    engine = wiring.engine_settings(settings)
    kept = read_snapshot(snapshot, engine) if snapshot is not None else None
    result = rebuilding.replay(
        engine,
        settings.policy,
        wiring.registry(settings),
        SystemClock().now_ms(),
        kept,
        lambda text: typer.echo(text, err=True),
    )
    typer.echo(f"rebuilt {result.began}")
    for one in result.differences[: rebuilding.DIFFERENCES_TOLD_MAX]:
        typer.echo(f"{one.sku}: {one.what}")
    if len(result.differences) > rebuilding.DIFFERENCES_TOLD_MAX:
        typer.echo(f"and {len(result.differences) - rebuilding.DIFFERENCES_TOLD_MAX} more SKUs")
    typer.echo(f"{result.skus} SKUs from {result.records} records: {len(result.differences)} differ")
    raise typer.Exit(1 if result.differences else 0)
