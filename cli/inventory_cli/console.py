"""`inventory-sync console`."""

from __future__ import annotations

import typer

from inventory_cli.options import ConfigFile

app = typer.Typer()


@app.command()
def console(config: ConfigFile) -> None:
    """Serve the operations page until Ctrl-C or SIGTERM: channels, a SKU's whole story, drift, reports, controls.

    Asks the ledger, so `inventory-sync ledger` must run, and writes operators' commands to their topic and what they
    decide on dead letters beside those. Only those whom the settings name as operators may use it. Serves /metrics,
    /livez and /readyz on its probe port.

        inventory-sync console --config sync.yaml
    """
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.console_letters import DeskLetters
    from inventory_cli.letter_desk import Desk
    from inventory_cli.logging import configure
    from inventory_cli.process_names import CONSOLE
    from inventory_cli.settings import load
    from inventory_console.run import run

    metrics = wiring.metrics()
    settings = wiring.observed(load(config, secrets_at=("ledger", "console")), metrics)
    processes, connection = settings.processes, settings.connection
    configure(CONSOLE, level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    clock = SystemClock()
    desk = Desk(connection, now_ms=clock.now_ms)
    try:
        status = run(
            wiring.console_settings(settings),
            settings.ledger.url,
            connection.kafka,
            connection.topics.operator_commands,
            DeskLetters(desk, connection.topics),
            wiring.registry(settings),
            metrics,
            clock,
        )
    finally:
        desk.close()
    raise typer.Exit(status)
