"""`inventory-sync reconcile run`, and `inventory-sync reconcile CHANNEL`."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_cli.settings import Settings
    from inventory_streams.reconcile.on_demand import Answer

app = typer.Typer()

RUN: Final = "run"
SHOWN_MAX: Final = 50


@app.command()
def reconcile(
    channel: Annotated[
        str, typer.Argument(metavar="CHANNEL", help="A channel of the settings file; `run` starts the process.")
    ],
    config: ConfigFile,
    sku: Annotated[
        list[str] | None, typer.Option("--sku", help="Only this SKU, read by itself; may be given again.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and say; write nothing, correct nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Compare what a channel shows with what it may show by now, and have the engine correct what differs.

    A listing that shows too much is corrected at once, one that shows too little when it still does after the time
    that your source takes to report an order. Ends with 1 when something differs, with 2 when it could not be said.

        inventory-sync reconcile amazon-us --config sync.yaml --dry-run

        inventory-sync reconcile amazon-us --sku A-1 --sku A-2 --config sync.yaml

    As a process, for all channels every four hours, until Ctrl-C or SIGTERM; run several, and they share the
    marketplaces. Serves /metrics, /livez and /readyz:

        inventory-sync reconcile run --config sync.yaml
    """
    from inventory_adapters.catalog import MARKETPLACES
    from inventory_cli.settings import load

    settings = load(config, secrets_at=MARKETPLACES)
    if channel == RUN:
        raise typer.Exit(_run(settings))
    if channel not in settings.policy.channels:
        known = ", ".join(sorted(settings.policy.channels))
        raise typer.BadParameter(f"{channel!r} is not one of {known}, or run", param_hint="CHANNEL")
    answer = _asked(settings, channel, sku or [], dry_run=dry_run)
    _tell(answer, dry_run=dry_run, as_json=as_json)


def _run(settings: Settings) -> int:
    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.process_names import RECONCILE
    from inventory_streams.reconcile.run import run

    metrics = wiring.metrics()
    settings = wiring.observed(settings, metrics)
    processes = settings.processes
    configure(RECONCILE, level=processes.log_level, form=processes.log_format, secrets=wiring.secrets(settings))
    clock = SystemClock()
    return run(
        wiring.reconcile_settings(settings),
        wiring.accounts_to_reconcile(settings, clock),
        wiring.registry(settings),
        metrics,
        clock,
    )


def _asked(settings: Settings, channel: str, skus: list[str], *, dry_run: bool) -> Answer:
    import asyncio

    from rich.console import Console

    from inventory_cli import wiring
    from inventory_cli.clock import SystemClock
    from inventory_cli.logging import configure
    from inventory_cli.reaching import told_of_silence
    from inventory_cli.reconcile_progress import told
    from inventory_domain.identifiers import ChannelId, Sku
    from inventory_streams.reconcile.on_demand import OnDemand
    from inventory_streams.reconcile.run import reconciled

    configure("reconcile", level="CRITICAL", secrets=wiring.secrets(settings))
    clock, name = SystemClock(), ChannelId(channel)
    chosen = wiring.reconcile_settings(settings)
    ours = next(one for one in wiring.accounts_to_reconcile(settings, clock) if name in one.channels)
    account = reconciled([ours], chosen, clock)[ours.marketplace][0]
    silence = told_of_silence(settings.connection.kafka.bootstrap_servers)
    with silence, told(channel, Console(stderr=True)) as (progress, waits):

        async def look() -> Answer:
            on_demand = OnDemand(chosen, ours.marketplace, account, wiring.registry(settings), clock, progress, waits)
            try:
                return await on_demand.look(name, [Sku(one) for one in skus], dry_run=dry_run, by=getpass.getuser())
            finally:
                await ours.adapter.aclose()

        return asyncio.run(look())


def _tell(answer: Answer, *, dry_run: bool, as_json: bool) -> None:
    import json
    from dataclasses import asdict

    from inventory_domain.reconciliation import Action, CyclePhase

    ended = (Action.VERIFIED.value, Action.CLEARED.value)
    differ = [one for one in answer.found if one.action not in ended]
    cycle = answer.cycle
    if as_json:
        told = None if cycle is None else {**asdict(cycle), "phase": cycle.phase.value}
        typer.echo(json.dumps({"cycle": told, "read": dict(answer.read), "found": [asdict(o) for o in answer.found]}))
    else:
        for listing_id, said in answer.read:
            typer.echo(f"{listing_id}: shows {said}")
        for one in answer.found[:SHOWN_MAX]:
            expected = f"{one.expected_low} to {one.expected_high}"
            typer.echo(f"{one.listing_id}: shows {one.observed}, expected {expected}: {one.action} ({one.cause})")
            typer.echo(f"    {one.evidence}")
        if len(answer.found) > SHOWN_MAX:
            typer.echo(f"... and {len(answer.found) - SHOWN_MAX} more; --json prints all")
        if cycle is not None:
            typer.echo(
                f"{cycle.channel}: {cycle.phase.value}; {cycle.found} listings seen, {cycle.judged} of the catalog's "
                f"{cycle.listings} compared, {cycle.discrepancies} differ, {cycle.missing} missing, "
                f"{cycle.ghosts} on sale and not in the catalog"
            )
        if dry_run:
            typer.echo("dry run: nothing was written and nothing corrected")
    if cycle is not None and cycle.phase is not CyclePhase.COMPLETE:
        typer.secho(cycle.reason, err=True, fg=typer.colors.RED)
        raise typer.Exit(2)
    if differ:
        raise typer.Exit(1)
