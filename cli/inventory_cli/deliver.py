"""`inventory-sync deliver MARKETPLACE`."""

from __future__ import annotations

from typing import Annotated

import typer

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli.options import ConfigFile
from inventory_domain.identifiers import Marketplace

app = typer.Typer()


@app.command()
def deliver(
    marketplace: Annotated[str, typer.Argument(metavar="MARKETPLACE", help=f"One of {', '.join(MARKETPLACES)}.")],
    config: ConfigFile,
) -> None:
    """Tell one marketplace what its listings should show, as fast as its limits allow, until Ctrl-C or SIGTERM.

    Run several for the same marketplace to survive the loss of one: they share the listings. Serves /metrics, /livez
    and /readyz.

        inventory-sync deliver amazon --config sync.yaml
    """
    if marketplace not in MARKETPLACES:
        raise typer.BadParameter(f"{marketplace!r} is not one of {', '.join(MARKETPLACES)}", param_hint="MARKETPLACE")
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.process_names import process_of
    from inventory_cli.settings import load
    from inventory_streams.delivery.run import run

    name = Marketplace(marketplace)
    settings = load(config, secrets_at=(name,))
    metrics = wiring.metrics()
    settings = wiring.observed(settings, metrics)
    processes = settings.processes
    configure(process_of(name), level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    clock = SystemClock()
    delivery = wiring.delivery_settings(settings, name)
    adapters, metrics = wiring.adapters(settings, name, clock), wiring.metrics()
    raise typer.Exit(
        run(
            delivery,
            adapters,
            wiring.accounts_of(settings, name),
            wiring.registry(settings),
            metrics,
            clock,
            statuses=wiring.statuses(settings, adapters),
            sink=wiring.alert_sink(settings, metrics),
        )
    )
