"""`inventory-sync schemas`: the records' schemas, from their files to a registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from inventory_cli.options import OptionalConfigFile, SchemaRegistry
from inventory_cli.topics import Marketplaces, TopicPrefix, chosen_topics

if TYPE_CHECKING:  # the registry's client takes half a second to load, so only the commands that use it do
    from inventory_cli.connecting import Connection
    from inventory_schemas.registration import SchemaFinding
    from inventory_streams.topics import Topics

app = typer.Typer(
    no_args_is_help=True,
    help="Register the schemas of the records, each under <topic>-value, with backward compatibility as the rule.\n\n"
    "A process never registers a schema itself, so this comes before the first start of a new version.",
)

COLORS = {"new": "green", "evolved": "yellow", "kept": "dim", "incompatible": "red"}


@app.command("register")
def register_command(
    config: OptionalConfigFile = None,
    schema_registry: SchemaRegistry = None,
    topic_prefix: TopicPrefix = None,
    marketplace: Marketplaces = None,
) -> None:
    """Register what is missing or has evolved. Safe to repeat.

    Ends with 1, and registers nothing, when a schema could not read records written with a registered version; each
    field that is why is named. Ends with 2 when the registry cannot be asked.
    """
    from inventory_schemas.registration import IncompatibleSchemas, SchemaChange

    found = _wanted(config, schema_registry, topic_prefix, marketplace)
    try:
        findings = register_schemas(found.schema_registry_url, found.topics, found.registry_security)
    except IncompatibleSchemas as error:
        _refuse(error.findings)
        raise typer.Exit(1) from error
    _print(findings, "done")
    done = [one for one in findings if one.change is not SchemaChange.KEPT]
    typer.echo(f"{len(findings)} subjects: {len(done)} registered, {len(findings) - len(done)} kept")


@app.command("check")
def check_command(
    config: OptionalConfigFile = None,
    schema_registry: SchemaRegistry = None,
    topic_prefix: TopicPrefix = None,
    marketplace: Marketplaces = None,
) -> None:
    """Show what `register` would do; changes nothing.

    Ends with 0 when every schema is registered as it is, 1 when one is missing, has evolved or is incompatible, 2 when
    the registry cannot be asked.
    """
    from inventory_schemas.registration import SchemaChange, check
    from inventory_schemas.registry import client

    found = _wanted(config, schema_registry, topic_prefix, marketplace)
    registry = client(found.schema_registry_url, found.registry_security)
    try:
        findings = check(registry, found.schema_registry_url, subjects_of(found.topics))
    finally:
        registry.close()
    _print(findings, "to do")
    _refuse([one for one in findings if one.change is SchemaChange.INCOMPATIBLE])
    if any(one.change is not SchemaChange.KEPT for one in findings):
        raise typer.Exit(1)


def register_schemas(url: str, topics: Topics, security: Mapping[str, str] | None = None) -> list[SchemaFinding]:
    """Register the schema of every topic; see `inventory_schemas.registration.register` for what it raises."""
    from inventory_schemas.registration import register
    from inventory_schemas.registry import client

    registry = client(url, security)
    try:
        return register(registry, url, subjects_of(topics))
    finally:
        registry.close()


def subjects_of(topics: Topics) -> Mapping[str, str]:
    """The schema's name by subject, for every topic whose values have a schema."""
    return {one.subject: one.schema for one in topics.declarations() if one.schema is not None}


def _wanted(
    config: Path | None, schema_registry: str | None, prefix: str | None, marketplaces: list[str] | None
) -> Connection:
    from inventory_cli.connecting import connection

    found = connection(config, "not asked", schema_registry)
    return replace(found, topics=chosen_topics(found.topics, prefix, marketplaces))


def _print(findings: Sequence[SchemaFinding], outcome: str) -> None:
    from rich.table import Table

    from inventory_cli.tables import show

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("subject", "schema"):
        table.add_column(name, no_wrap=True, overflow="fold")
    table.add_column("id", justify="right")
    table.add_column(outcome)
    for found in findings:
        shown = "" if found.schema_id is None else str(found.schema_id)
        table.add_row(found.subject, found.schema, shown, f"[{COLORS[found.change.value]}]{found.change.value}[/]")
    show(table)


def _refuse(findings: Sequence[SchemaFinding]) -> None:
    for found in findings:
        for fault in found.faults:
            typer.secho(f"{found.subject}: {fault}", err=True, fg=typer.colors.RED)
