"""`inventory-sync ledger`, `ledger migrate` and `ledger rebuild`."""

from __future__ import annotations

import typer

from inventory_cli.options import ENV_CONFIG, ConfigFile, EngineConfigFile

app = typer.Typer()


@app.callback(invoke_without_command=True)
def ledger(context: typer.Context, config: EngineConfigFile = None) -> None:
    """Keep what the topics say in SQL, for explain, reports and the console, until Ctrl-C or SIGTERM.

    Brings the database to this version's tables by itself, deletes what is older than the settings keep, and makes the
    daily and weekly reports. Several may run: they share the partitions. Serves /metrics, /livez and /readyz.

        inventory-sync ledger --config sync.yaml
    """
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise typer.BadParameter(f"is missing; {ENV_CONFIG} may name it too", param_hint="--config")
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.process_names import LEDGER
    from inventory_cli.settings import load
    from inventory_ledger.run import run

    metrics = wiring.metrics()
    settings = wiring.observed(load(config, secrets_at=("ledger",)), metrics)
    processes = settings.processes
    configure(LEDGER, level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    raise typer.Exit(run(wiring.ledger_settings(settings), wiring.registry(settings), metrics, SystemClock()))


@app.command()
def migrate(config: ConfigFile) -> None:
    """Bring the database to this version's tables, and say from which version. Repeating it changes nothing.

    The ledger does this by itself at its start; for those who give only an administrator the right to make tables.

        inventory-sync ledger migrate --config sync.yaml
    """
    from inventory_cli.ledger_settings import read_alone
    from inventory_ledger.asking import database
    from inventory_ledger.migrating import migrate as bring

    with database(read_alone(config).url) as engine:
        before, now = bring(engine)
    typer.echo(f"the tables have version {now}" + ("" if before == now else f"; before: {before or 'none'}"))


@app.command()
def rebuild(config: ConfigFile) -> None:
    """Delete every row that came from the topics, and read the topics again to their ends.

    Gives the same tables, as far back as the topics keep their records; reports that were made stay. For a ledger that
    was lost or whose topics were made anew. Stop the ledger first, or let its supervisor start it again afterwards.

        inventory-sync ledger rebuild --config sync.yaml
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from inventory_cli import wiring
    from inventory_cli.settings import load
    from inventory_ledger.run import rebuild as build

    settings = load(config, secrets_at=("ledger",))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading the topics")

        def shown(records: int) -> None:
            progress.update(task, description=f"{records:,} records")

        records = build(wiring.ledger_settings(settings), wiring.registry(settings), wiring.metrics(), shown)
    typer.echo(f"built anew from {records:,} records")
