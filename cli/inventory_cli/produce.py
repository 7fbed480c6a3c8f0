"""`inventory-sync produce`: send somebody's own events from a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inventory_cli.options import BootstrapServers, OptionalConfigFile, SchemaRegistry

if TYPE_CHECKING:
    from inventory_cli.events import Event, Line
    from inventory_streams.producer import InventoryProducer

app = typer.Typer()
FAULTS_SHOWN_MAX = 100


class Topic(StrEnum):
    """What a file holds when it holds one thing only."""

    CHANGES = "changes"
    PRODUCTS = "products"


@app.command()
def produce(
    file: Annotated[Path, typer.Argument(help="JSON lines; - reads standard input.", allow_dash=True)],
    topic: Annotated[
        Topic | None,
        typer.Option(help="Take only changes, or only products (which then need no kind). Default: by each line."),
    ] = None,
    source: Annotated[str, typer.Option(help="The source of changes that name none.")] = "produce",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line and send nothing.")] = False,
    config: OptionalConfigFile = None,
    bootstrap_servers: BootstrapServers = None,
    schema_registry: SchemaRegistry = None,
) -> None:
    """Send stock changes and products from JSON lines, checked, as Avro, to the right partition.

    A line with a fault is named with its field and value and is not sent; all others are, and the exit status is 1.
    A change without an event_id gets one from its content, so sending a file twice counts once. A count without a
    sequence or a time of its own stands for the newest whenever it is sent, also with the same number as before.

        inventory-sync produce events.jsonl

        echo '{"kind": "StockCounted", "sku": "A-1", "location": "main", "on_hand": 12}' | inventory-sync produce -
    """
    from inventory_cli.clock import SystemClock
    from inventory_cli.events import read_lines

    try:
        with _opened(file) as text:
            lines = read_lines(text, source=source, now_ms=SystemClock().now_ms, products=topic is Topic.PRODUCTS)
            if dry_run:
                sent, wrong = _checked(lines, topic)
            else:
                with _producer(config, bootstrap_servers, schema_registry, source) as producer:
                    sent, wrong = _sent(lines, topic, producer)
    except (OSError, UnicodeDecodeError) as error:
        typer.secho(f"{file} cannot be read: {error}", err=True, fg=typer.colors.RED)
        raise typer.Exit(2) from error
    typer.echo(f"{sent} {'would be sent' if dry_run else 'sent'}, {wrong} with faults")
    if wrong:
        raise typer.Exit(1)


@contextmanager
def _opened(file: Path) -> Iterator[Iterable[str]]:
    if str(file) == "-":
        yield sys.stdin
    else:
        with file.open(encoding="utf-8") as opened:
            yield opened


@contextmanager
def _producer(
    config: Path | None, bootstrap_servers: str | None, schema_registry: str | None, source: str
) -> Iterator[InventoryProducer]:
    from inventory_cli.clock import SystemClock
    from inventory_cli.connecting import application_of, connection, registry_of
    from inventory_cli.defaults import APPLICATION_DEFAULT
    from inventory_cli.logging import configure
    from inventory_cli.reaching import told_of_silence
    from inventory_cli.tracing import traced_kafka
    from inventory_domain.identifiers import SourceId
    from inventory_streams.producer import InventoryProducer

    configure("produce", level="ERROR")  # what a client says while it waits for Kafka is not this command's output
    found = connection(config, bootstrap_servers, schema_registry)
    registry = registry_of(found)
    application = APPLICATION_DEFAULT if config is None else application_of(config)
    with (
        told_of_silence(found.kafka.bootstrap_servers),
        traced_kafka(found.kafka, "produce", application) as kafka,
        InventoryProducer(kafka, found.topics, registry, SourceId(source), now_ms=SystemClock().now_ms) as producer,
    ):
        yield producer


def _checked(lines: Iterable[Line], topic: Topic | None) -> tuple[int, int]:
    wrong = total = 0
    for line in lines:
        total += 1
        wrong += _refused(line, topic, wrong)
    return total - wrong, wrong


def _sent(lines: Iterable[Line], topic: Topic | None, producer: InventoryProducer) -> tuple[int, int]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    sent = wrong = 0
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} sent"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("events", total=None)
        for line in lines:
            if _refused(line, topic, wrong):
                wrong += 1
                continue
            assert line.event is not None
            _send(line.event, producer)
            sent += 1
            bar.advance(task)
        producer.flush()
    return sent, wrong


def _refused(line: Line, topic: Topic | None, so_far: int) -> bool:
    from inventory_cli.event_fields import EventFault
    from inventory_cli.events import ProductRemoved
    from inventory_domain.catalog import Product

    faults = line.faults
    if not faults and topic is not None:
        is_product = isinstance(line.event, Product | ProductRemoved)
        if is_product is not (topic is Topic.PRODUCTS):
            faults = (EventFault("kind", f"is not one of {topic.value}, which --topic asks for"),)
    if so_far < FAULTS_SHOWN_MAX:
        for fault in faults:
            typer.secho(f"line {line.number}: {fault}", err=True, fg=typer.colors.RED)
    return bool(faults)


def _send(event: Event, producer: InventoryProducer) -> None:
    from inventory_cli.events import Heartbeat, ProductRemoved
    from inventory_domain.catalog import Product

    if isinstance(event, Product):
        producer.product(event)
    elif isinstance(event, ProductRemoved):
        producer.remove_product(event.sku)
    elif isinstance(event, Heartbeat):
        producer.heartbeat(event.source)
    else:
        producer.change(event)
