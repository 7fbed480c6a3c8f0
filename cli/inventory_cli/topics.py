"""`inventory-sync topics`: the topics of the pipeline, from their declarations to a broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_adapters.catalog import MARKETPLACES
from inventory_cli.defaults import APPLICATION_DEFAULT, PARTITIONS_DEFAULT, PARTITIONS_MAX, REPLICATION_MAX
from inventory_cli.options import BootstrapServers, OptionalConfigFile
from inventory_cli.reaching import told_of_silence
from inventory_domain.identifiers import Marketplace

if TYPE_CHECKING:  # Kafka's client is loaded by the commands that ask it
    from inventory_cli.connecting import Connection
    from inventory_streams.access import Grant
    from inventory_streams.kafka.admin import TopicFinding
    from inventory_streams.kafka.settings import KafkaSettings
    from inventory_streams.topics import Topics

WRITERS_WIDTH = 140  # columns from which on it is told who writes a topic

app = typer.Typer(
    no_args_is_help=True,
    help="Create the pipeline's topics on a broker, and keep their settings as they are declared.\n\n"
    "Applying is safe to repeat: what is there and right is left alone.",
)

TopicPrefix = Annotated[
    str | None,
    typer.Option(
        help="Begins the name of every topic, for several systems on one broker; each has an application_id of its own "
        "besides. Default: none."
    ),
]
Marketplaces = Annotated[
    list[str] | None,
    typer.Option("--marketplace", help="Only these marketplaces' topics; may be repeated. Default: all four."),
]
Partitions = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=PARTITIONS_MAX,
        help=f"Partitions of every topic that is keyed by SKU or listing. Default: {PARTITIONS_DEFAULT}. "
        "It cannot be changed later.",
    ),
]
Replication = Annotated[
    int | None,
    typer.Option(
        min=1, max=REPLICATION_MAX, help="Copies of each topic. Default: 3, or as many as there are brokers when fewer."
    ),
]

COLORS = {"new": "green", "altered": "yellow", "kept": "dim"}


@app.command("apply")
def apply_command(
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    partitions: Partitions = None,
    replication: Replication = None,
    topic_prefix: TopicPrefix = None,
    marketplace: Marketplaces = None,
) -> None:
    """Create missing topics and alter settings that differ from their declaration.

    A topic with another number of partitions is refused and nothing is changed: the records of a SKU would move to
    another partition. Ends with 2 then, or when the broker cannot be asked.
    """
    from inventory_streams.kafka.admin import TopicChange

    found = _connection(config, bootstrap_servers, topic_prefix, marketplace)
    copies = _replication(found, config, replication)
    with told_of_silence(found.kafka.bootstrap_servers):
        findings = apply_topics(found.kafka, found.topics, partitions or found.partitions, copies)
    _print(findings, found.topics, "done")
    done = [one for one in findings if one.change is not TopicChange.KEPT]
    typer.echo(f"{len(findings)} topics: {len(done)} created or altered, {len(findings) - len(done)} kept")


@app.command("list")
def list_command(
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    partitions: Partitions = None,
    replication: Replication = None,
    topic_prefix: TopicPrefix = None,
    marketplace: Marketplaces = None,
) -> None:
    """Show every declared topic and what `apply` would do to it; changes nothing.

    Ends with 0 when all are as declared, 1 when `apply` has something to do, 2 when the broker cannot be asked or a
    topic has another number of partitions.
    """
    from inventory_streams.kafka.admin import TopicChange, plan

    found = _connection(config, bootstrap_servers, topic_prefix, marketplace)
    copies = _replication(found, config, replication)
    with told_of_silence(found.kafka.bootstrap_servers):
        findings = plan(found.kafka, found.topics.declarations(), partitions or found.partitions, copies)
    _print(findings, found.topics, "to do")
    if any(one.change is not TopicChange.KEPT for one in findings):
        raise typer.Exit(1)


@app.command("acls")
def acls_command(
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    topic_prefix: TopicPrefix = None,
    marketplace: Marketplaces = None,
    application_id: Annotated[
        str | None, typer.Option(help="Begins the names of users and groups. Default: the settings file's.")
    ] = None,
    bring: Annotated[
        bool, typer.Option("--apply", help="Add what the broker lacks; entries of others are left alone.")
    ] = False,
) -> None:
    """Show what each role may do on Kafka, one user per role, or bring it to the broker.

    Everything follows from the declaration of the topics. What is not listed must be refused: let the broker deny by
    default. The users themselves, with their passwords, are made with the broker's own tools.

        inventory-sync topics acls --config sync.yaml --apply
    """
    from inventory_cli.connecting import application_of
    from inventory_streams.access import grants, principals

    if not bring:
        bootstrap_servers = bootstrap_servers or "not asked"
    found = _connection(config, bootstrap_servers, topic_prefix, marketplace)
    application = application_id or (application_of(config) if config else APPLICATION_DEFAULT)
    by_user = {one.user(application): grants(found.topics, application, one) for one in principals(found.topics)}
    _print_grants(by_user)
    if bring:
        from inventory_streams.kafka.acls import apply_grants

        with told_of_silence(found.kafka.bootstrap_servers):
            added = apply_grants(found.kafka, by_user)
        typer.echo(f"{sum(len(one.operations) for each in by_user.values() for one in each)} entries: {added} added")


def apply_topics(
    kafka: KafkaSettings, topics: Topics, partitions: int = PARTITIONS_DEFAULT, replication: int | None = None
) -> list[TopicFinding]:
    """Bring every topic to the broker; see `inventory_streams.kafka.admin.apply` for what it raises."""
    from inventory_streams.kafka.admin import apply

    return apply(kafka, topics.declarations(), partitions, replication)


def chosen_topics(topics: Topics, prefix: str | None, marketplaces: Sequence[str] | None) -> Topics:
    """These topics, with another prefix or for these marketplaces only, where one is given.

    Raises:
        typer.BadParameter: there is no such marketplace.
    """
    unknown = [name for name in marketplaces or () if name not in MARKETPLACES]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(MARKETPLACES)}")
    if marketplaces:
        topics = replace(topics, marketplaces=tuple(Marketplace(name) for name in dict.fromkeys(marketplaces)))
    return topics if prefix is None else replace(topics, prefix=prefix)


def _connection(
    config: Path | None, bootstrap_servers: str | None, prefix: str | None, marketplaces: Sequence[str] | None
) -> Connection:
    from inventory_cli.connecting import connection

    found = connection(config, bootstrap_servers, "not asked")
    return replace(found, topics=chosen_topics(found.topics, prefix, marketplaces))


def _replication(found: Connection, config: Path | None, given: int | None) -> int | None:
    """As given, else as the settings file says, else (None) as many copies as the brokers suggest."""
    return given or (found.replication if config else None)


def _print(findings: Sequence[TopicFinding], topics: Topics, outcome: str) -> None:
    from rich.table import Table

    from inventory_cli.tables import show, width

    declarations = {one.name: one for one in topics.declarations()}
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("topic", no_wrap=True, overflow="fold")
    table.add_column("cleanup", no_wrap=True)
    writers = width() >= WRITERS_WIDTH
    if writers:
        table.add_column("written by", overflow="fold")
    table.add_column("partitions", justify="right", no_wrap=True)
    table.add_column("copies", justify="right", no_wrap=True)
    table.add_column(outcome, overflow="fold")
    for found in findings:
        declared = declarations[found.name]
        color = COLORS[found.change.value]
        table.add_row(
            found.name,
            declared.cleanup.value,
            *([", ".join(declared.written_by)] if writers else []),
            str(found.partitions),
            str(found.replication),
            "\n".join([f"[{color}]{found.change.value}[/]", *found.altered]),
        )
    show(table)


def _print_grants(by_user: Mapping[str, Sequence[Grant]]) -> None:
    """Plain text, one line for each, to be searched and compared."""
    lines = [
        (user, grant.resource.value, f"{grant.name}*" if grant.prefixed else grant.name, ", ".join(grant.operations))
        for user, each in by_user.items()
        for grant in each
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for user, resource, name, operations in lines:
        typer.echo(f"{user:<{widths[0]}}  {resource:<{widths[1]}}  {name:<{widths[2]}}  {operations}")
