"""`inventory-sync report daily|weekly`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_ledger.reports.making import Kept

app = typer.Typer()


class Kind(StrEnum):
    """Which report."""

    DAILY = "daily"
    WEEKLY = "weekly"


@app.command()
def report(
    kind: Annotated[Kind, typer.Argument(help="daily: what drifted in a day. weekly: every listing of every channel.")],
    config: ConfigFile,
    day: Annotated[
        str | None, typer.Option("--date", help="The day, or a day of the week, such as 2026-11-24. Default: the last.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for the files.", file_okay=False)] = Path(),
) -> None:
    """Make the daily review or the weekly audit from the ledger: a page with plots, CSV and JSON.

    The ledger makes them by itself on the schedule of the settings and keeps them; this makes one anew, keeps it in its
    place, and writes its files. One whose records are deleted by their age stays as it was made.

        inventory-sync report daily --date 2026-11-24 --out reports --config sync.yaml
    """
    from inventory_cli.clock import SystemClock
    from inventory_cli.ledger_settings import read_alone
    from inventory_ledger.asking import check, database, found
    from inventory_ledger.reports.making import kept as kept_in
    from inventory_ledger.reports.making import make
    from inventory_ledger.reports.model import DAY_MS, ReportKind, last_period, period_of

    now_ms = SystemClock().now_ms()
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    wanted = ReportKind(kind.value)
    period = last_period(wanted, today) if day is None else period_of(wanted, _day(day, today))
    ledger = read_alone(config)
    found(ledger.url)
    deleted = period.from_ms < now_ms - ledger.history_days * DAY_MS
    with database(ledger.url) as engine:
        check(engine)
        with engine.connect() as connection:
            kept = kept_in(connection, wanted, period.name) if deleted else None
        word = "the report that was made of it is kept as it is" if kept else "its figures are of what is left"
        if deleted:
            days = f"{ledger.history_days} days (ledger.history_days)"
            text = f"what {period.name} is made of is kept for {days}, and deleted since: {word}"
            typer.secho(text, err=True, fg=typer.colors.YELLOW)
        kept = kept or make(engine, period, now_ms, ledger.again)
    for file in write(kept, out):
        typer.echo(file)


def write(kept: Kept, folder: Path) -> list[Path]:
    """The three files of a report, each written whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for suffix, text in (("html", kept.page), ("csv", kept.rows), ("json", kept.figures)):
        file = folder / f"{kept.kind.value}-{kept.period}.{suffix}"
        draft = file.with_suffix(f".{suffix}.part")
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
        files.append(file)
    return files


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date; write it like 2026-11-24", param_hint="--date") from error
    if day > today:
        raise typer.BadParameter(f"{text} has not begun yet (it is {today} in UTC)", param_hint="--date")
    return day
