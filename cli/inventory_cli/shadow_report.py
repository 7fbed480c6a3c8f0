"""`inventory-sync shadow-report`: what a channel in shadow or canary mode would be changed to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_domain.shadow import ShadowChange

app = typer.Typer()
SHOWN_MAX = 50


@app.command()
def shadow_report(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel of the settings file.")],
    config: ConfigFile,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a listing, all of them.")] = False,
) -> None:
    """Compare what each listing that is not written shows with what it would be set to; the largest change first.

    A channel with `mode: shadow` is computed and read, and nothing of it is written; with `mode: canary` only
    `canary_percent` of its SKUs is, always the same ones. Delivery has to run for listings to be seen.

        inventory-sync shadow-report amazon-us --config sync.yaml
    """
    from inventory_cli.settings import load
    from inventory_cli.stored_listings import stored_listings
    from inventory_domain.identifiers import ChannelId
    from inventory_domain.modes import LIVE, Mode
    from inventory_domain.shadow import shadow_changes

    settings = load(config, look_up_secrets=False)
    name = ChannelId(channel)
    if name not in settings.policy.channels:
        known = ", ".join(sorted(settings.policy.channels))
        raise typer.BadParameter(f"{channel!r} is not one of {known}", param_hint="CHANNEL")
    mode = settings.modes.get(name, LIVE)
    if mode.mode is Mode.LIVE:
        typer.echo(f"{channel} is live: everything of it is written", err=True)
        raise typer.Exit(1)
    targets, exposures = stored_listings(settings, settings.policy.channels[name].marketplace, name)
    changes = shadow_changes(targets.values(), exposures, mode)
    if as_json:
        for one in changes:
            facts = {"listing": one.listing_id, "sku": one.sku, "shown": one.shown, "would_show": one.would_show}
            typer.echo(json.dumps({**facts, "kind": one.kind}, ensure_ascii=False))
        return
    _print(changes, f"{channel} ({mode.mode.value})", len(targets))


def _print(changes: Sequence[ShadowChange], title: str, listings: int) -> None:
    from rich.table import Table

    from inventory_cli.tables import as_it_is, show

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("listing", "SKU"):
        table.add_column(name, overflow="fold")
    for name in ("shows", "would show", "change"):
        table.add_column(name, justify="right")
    for one in changes[:SHOWN_MAX]:
        if one.kind != "stays":
            shown = "?" if one.shown is None else str(one.shown)
            change = f"{one.units:+d}" if one.units else ""
            table.add_row(*as_it_is((one.listing_id, one.sku, shown, one.would_show, change)))
    show(table)
    kinds = Counter(one.kind for one in changes)
    counts = ", ".join(f"{kinds[kind]} {kind}" for kind in ("falls", "rises", "stays", "unknown"))
    typer.echo(f"{title}: {len(changes)} of {listings} listings are not written: {counts}")
    if len(changes) > SHOWN_MAX:
        typer.echo(f"the {SHOWN_MAX} largest changes are shown; --json shows all")
