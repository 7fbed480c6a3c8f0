"""`inventory-sync snapshot`: the engine's state in a file, for a replay after its input is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inventory_cli.options import ConfigFile

app = typer.Typer()


@app.command()
def snapshot(
    file: Annotated[Path, typer.Argument(help="Where to write it; replaced whole when it is there.")],
    config: ConfigFile,
) -> None:
    """Keep the engine's state as it is now in a file, from which `inventory-sync replay` can begin.

    The running engine is not disturbed. Take one more often than the retention of `inventory.changes` (7 days).

        inventory-sync snapshot monday.gz --config sync.yaml
    """
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.settings import load

    settings = load(config, secrets_at=())
    from inventory_streams.engine.snapshots import read_state, write_snapshot

    engine = wiring.engine_settings(settings)
    state = read_state(engine, SystemClock().now_ms())
    write_snapshot(file, state, engine)
    typer.echo(f"{state.records} records of {engine.topics.sku_state} are in {file}")
