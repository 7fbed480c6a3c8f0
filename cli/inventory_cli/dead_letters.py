"""`inventory-sync dead-letters`: what was given up, why, and what to do about it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import BootstrapServers, By, OptionalConfigFile, SchemaRegistry, Why

if TYPE_CHECKING:
    from inventory_cli.letter_desk import Desk, Shown

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "List, show, replay or discard dead letters: targets that a marketplace will never take, and input that the "
        "engine could not use.\n\n"
        "A replay never sends a number of the past: of a target that is still the newest, the engine says it once more "
        "and delivery pushes it; of any other it is refused, and why is told. Input is sent again to where it came "
        "from, unless it would undo what came after it; the engine's guards drop what is superseded.\n\n"
        "    inventory-sync dead-letters list --channel amazon-us --reason listing-invalid\n\n"
        '    inventory-sync dead-letters replay --channel amazon-us --dry-run --why "listings were repaired"'
    ),
)

LETTERS_SHOWN_MAX = 200

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Letters by their id, such as amazon/3/120.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TOPIC", help="Only a marketplace's letters (amazon, ...), or `inventory`."),
]
ChannelName = Annotated[str | None, typer.Option("--channel", help="Only letters of this channel.")]
ListingName = Annotated[str | None, typer.Option("--listing", help="Only letters of this listing, or of this SKU.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Only letters with this reason.")]
Hours = Annotated[float | None, typer.Option("--hours", min=0.0, help="Only letters of the last so many hours.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@app.command("list")
def list_command(
    source: From = None,
    channel: ChannelName = None,
    listing: ListingName = None,
    reason: Reason = None,
    hours: Hours = None,
    all_letters: Annotated[bool, typer.Option("--all", help="Those too that were replayed or discarded.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, without a limit.")] = False,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Show dead letters, the newest last, and how many there are by reason. Ends with 1 when there are any.

    inventory-sync dead-letters list --from walmart --hours 24
    """
    with _desk(config, bootstrap_servers, schema_registry) as desk:
        found = desk.find(source, channel, listing, reason, hours, with_resolved=all_letters)
    if as_json:
        for one in found:
            typer.echo(json.dumps(one.facts(), ensure_ascii=False))
    else:
        _table(found)
    if found:
        raise typer.Exit(1)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="The letter's id, such as amazon/3/120.")],
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Show everything about one letter: reason, the marketplace's words, attempts, origin, content, decision.

    inventory-sync dead-letters show amazon/3/120
    """
    with _desk(config, bootstrap_servers, schema_registry) as desk:
        (found,) = desk.by_ids([letter])
        words = desk.judge([found])[0].words
    for name, value in {**found.facts(), "content": found.content(), "replay": words}.items():
        typer.echo(f"{name:16} {value}")


@app.command()
def replay(
    why: Why,
    ids: Ids = None,
    source: From = None,
    channel: ChannelName = None,
    listing: ListingName = None,
    reason: Reason = None,
    hours: Hours = None,
    dry_run: DryRun = False,
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Have the current target of each letter's listing sent again. Ends with 1 when one of them was refused.

    inventory-sync dead-letters replay amazon/3/120 --why "the listing was repaired"
    """
    with _desk(config, bootstrap_servers, schema_registry) as desk:
        judged = desk.judge(_chosen(desk, ids, source, channel, listing, reason, hours))
        for one in judged:
            typer.echo(f"{one.letter.id}  {one.letter.name}  {one.words}")
            if one.goes and not dry_run:
                desk.replay(one, by or getpass.getuser(), why)
    going = sum(1 for one in judged if one.goes)
    word = "would be replayed" if dry_run else "replayed"
    typer.echo(f"{going} {word}, {len(judged) - going} refused")
    if going < len(judged):
        raise typer.Exit(1)


@app.command()
def discard(
    why: Why,
    ids: Ids = None,
    source: From = None,
    channel: ChannelName = None,
    listing: ListingName = None,
    reason: Reason = None,
    hours: Hours = None,
    dry_run: DryRun = False,
    by: By = None,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Note that nothing is to be done about these letters; they are listed no more, and kept.

    inventory-sync dead-letters discard --reason unknown-sku --hours 24 --why "test data"
    """
    with _desk(config, bootstrap_servers, schema_registry) as desk:
        chosen = _chosen(desk, ids, source, channel, listing, reason, hours)
        for one in chosen:
            typer.echo(f"{one.id}  {one.name}  {one.letter.reason}")
            if not dry_run:
                desk.discard(one, by or getpass.getuser(), why)
    typer.echo(f"{len(chosen)} {'would be discarded' if dry_run else 'discarded'}")


@contextmanager
def _desk(config: Path | None, bootstrap_servers: str | None, schema_registry: str | None) -> Iterator[Desk]:
    from inventory_cli.clock import SystemClock
    from inventory_cli.connecting import connection
    from inventory_cli.letter_desk import Desk
    from inventory_cli.logging import configure
    from inventory_cli.reaching import told_of_silence

    configure("dead-letters", level="ERROR")  # what a client says while it waits is not this command's output
    found = connection(config, bootstrap_servers, schema_registry)
    with told_of_silence(found.kafka.bootstrap_servers), closing(Desk(found, now_ms=SystemClock().now_ms)) as desk:
        yield desk


def _chosen(
    desk: Desk,
    ids: Sequence[str] | None,
    source: str | None,
    channel: str | None,
    listing: str | None,
    reason: str | None,
    hours: float | None,
) -> list[Shown]:
    if ids:
        return desk.by_ids(ids)
    if (source, channel, listing, reason, hours) == (None,) * 5:
        raise typer.BadParameter("name letters by their ids, or choose some with --from, --channel, --reason, ...")
    return desk.find(source, channel, listing, reason, hours, with_resolved=False)


def _table(found: Sequence[Shown]) -> None:
    from collections import Counter

    from rich.table import Table

    from inventory_cli.tables import as_it_is, show

    if not found:
        typer.echo("no dead letters")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("id", "at", "of", "reason", "error", "attempts", "decided"):
        table.add_column(name, overflow="fold")
    for one in found[-LETTERS_SHOWN_MAX:]:
        facts = one.facts()
        table.add_row(*as_it_is(facts[name] for name in ("id", "at", "of", "reason", "error", "attempts", "decided")))
    show(table)
    reasons = Counter(one.letter.reason for one in found)
    typer.echo(f"{len(found)} dead letters: " + ", ".join(f"{count} {name}" for name, count in reasons.most_common()))
    if len(found) > LETTERS_SHOWN_MAX:
        typer.echo(f"the newest {LETTERS_SHOWN_MAX} are shown; --json shows all")
