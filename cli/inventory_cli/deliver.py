"""`inventory-sync deliver MARKETPLACE`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli.options import ConfigFile
from inventory_domain.identifiers import ChannelId, Marketplace

if TYPE_CHECKING:
    from inventory_cli.settings import Settings

app = typer.Typer()


@app.command()
def deliver(
    marketplace: Annotated[str, typer.Argument(metavar="MARKETPLACE", help=f"One of {', '.join(MARKETPLACES)}.")],
    config: ConfigFile,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent and what the marketplace says to it, and end.")
    ] = False,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="CHANNEL", help="With --dry-run: only this channel.")
    ] = None,
    sku: Annotated[
        list[str] | None,
        typer.Option("--sku", help="With --dry-run: only this SKU, due or not; may be given again."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="With --dry-run: so many listings of each channel.")
    ] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: one JSON object a listing.")] = False,
) -> None:
    """Tell one marketplace what its listings should show, as fast as its limits allow, until Ctrl-C or SIGTERM.

    Run several for the same marketplace to survive the loss of one: they share the listings. Serves /metrics, /livez
    and /readyz.

        inventory-sync deliver amazon --config sync.yaml

    With --dry-run nothing is written: what is due is shown, and at Amazon each write is made as a preview that Amazon
    checks (VALIDATION_PREVIEW). It may run beside `deliver`. Ends with 1 when a write would be refused, with 2 when it
    could not be asked.

        inventory-sync deliver amazon --dry-run --channel amazon-us --sku A-1 --config sync.yaml
    """
    if marketplace not in MARKETPLACES:
        raise typer.BadParameter(f"{marketplace!r} is not one of {', '.join(MARKETPLACES)}", param_hint="MARKETPLACE")
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.process_names import process_of
    from inventory_cli.settings import load
    from inventory_cli.tracing import traced
    from inventory_streams.delivery.run import run

    name = Marketplace(marketplace)
    settings = load(config, secrets_at=(name,))
    if dry_run:
        raise typer.Exit(_dry_run(settings, name, channel, sku or [], limit, as_json=as_json))
    if channel is not None or sku or as_json:
        raise typer.BadParameter("--channel, --sku and --json are of --dry-run", param_hint="--dry-run")
    metrics = wiring.metrics()
    settings = wiring.observed(settings, metrics)
    processes = settings.processes
    configure(process_of(name), level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    clock = SystemClock()
    with traced(settings, process_of(name)) as settings:
        delivery = wiring.delivery_settings(settings, name)
        adapters = wiring.adapters(settings, name, clock)
        status = run(
            delivery,
            adapters,
            wiring.accounts_of(settings, name),
            wiring.registry(settings),
            metrics,
            clock,
            statuses=wiring.statuses(settings, adapters),
            sink=wiring.alert_sink(settings, metrics),
        )
    raise typer.Exit(status)


def _dry_run(
    settings: Settings, marketplace: Marketplace, channel: str | None, skus: list[str], limit: int, *, as_json: bool
) -> int:
    from inventory_cli import wiring
    from inventory_cli.dry_run import dry_run
    from inventory_cli.logging import configure

    configure("dry-run", level="ERROR", secrets=wiring.secrets(settings))
    known = sorted(wiring.accounts_of(settings, marketplace))
    if channel is not None and channel not in known:
        raise typer.BadParameter(f"{channel!r} is not one of {', '.join(known)}", param_hint="--channel")
    channels = known if channel is None else [ChannelId(channel)]
    return dry_run(settings, marketplace, channels, skus, limit, as_json=as_json)
