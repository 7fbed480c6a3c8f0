"""`inventory-sync engine`."""

from __future__ import annotations

import typer

from inventory_cli.options import ConfigFile

app = typer.Typer()


@app.command()
def engine(config: ConfigFile) -> None:
    """Compute what each listing should show, from stock changes and the catalog, until Ctrl-C or SIGTERM.

    Run several for more throughput: they share the partitions. Serves /metrics, /livez and /readyz.

        inventory-sync engine --config sync.yaml
    """
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.settings import load

    settings = load(config)  # before the engine is loaded: a fault of the file is told at once
    from inventory_streams.engine.run import run

    processes = settings.processes
    configure("engine", level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    raise typer.Exit(
        run(
            wiring.engine_settings(settings),
            settings.policy,
            wiring.registry(settings),
            wiring.metrics(),
            SystemClock(),
        )
    )
