"""`inventory-sync explain SKU`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_cli.settings import Settings

app = typer.Typer()

_ONLY_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
UNKNOWN = 1


@app.command()
def explain(
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    config: ConfigFile,
    channel: Annotated[str | None, typer.Option(help="Only this channel's listings, such as amazon-us.")] = None,
    at: Annotated[
        str | None, typer.Option(help="As it was then: 2026-11-25T14:30 (UTC unless it says), or a date: its end.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with every field that is kept.")] = False,
) -> None:
    """Say why each listing of a SKU shows what it shows: the whole chain, from the change to what was seen since.

    Asks the ledger, so `inventory-sync ledger` must have run. Exit status 1: the ledger knows no such SKU.

        inventory-sync explain A-1 --channel amazon-us --config sync.yaml
    """
    from inventory_cli.clock import SystemClock
    from inventory_cli.ledger_settings import read_alone
    from inventory_cli.settings import load
    from inventory_ledger.asking import asked
    from inventory_ledger.story import UnknownSku, story
    from inventory_ledger.telling import as_data, told

    at_ms = SystemClock().now_ms() if at is None else time_ms(at)
    settings = load(config, look_up_secrets=False)
    with asked(read_alone(config).url) as connection:
        try:
            found = story(connection, sku, at_ms, channel=channel, now=at is None)
        except UnknownSku as error:
            typer.secho(str(error), err=True, fg=typer.colors.RED)
            raise typer.Exit(UNKNOWN) from error
    if as_json:
        typer.echo(json.dumps(as_data(found), ensure_ascii=False, indent=2))
    else:
        unwritten = {one.channel: why for one in found.listings if (why := _unwritten(settings, one.channel, sku))}
        typer.echo(told(found, settings.connection.topics.inventory_changes, unwritten), nl=False)


def _unwritten(settings: Settings, channel: str, sku: str) -> str | None:
    """Why nothing of the SKU is written on this channel, as far as the settings say so."""
    from inventory_domain.identifiers import ChannelId, Sku
    from inventory_domain.modes import LIVE

    name = ChannelId(channel)
    if name not in settings.policy.channels:
        return "the settings have no such channel, so nothing of it is computed or written"
    mode = settings.modes.get(name, LIVE)
    return None if mode.writes(Sku(sku)) else f"nothing of this SKU is written there (mode: {mode.mode.value})"


def time_ms(text: str) -> int:
    """Milliseconds since 1970 of a time that somebody wrote; a date alone means its end.

    Raises:
        typer.BadParameter: it is no time.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time; write it like 2026-11-25T14:30 or 2026-11-25T14:30:05+01:00", param_hint="--at"
        ) from error
    if _ONLY_DATE.fullmatch(text):
        time = time.replace(hour=23, minute=59, second=59, microsecond=999_000)
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
