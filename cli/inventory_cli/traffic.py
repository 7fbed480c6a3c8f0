"""`inventory-sync traffic`: an ERP and buyers, played against a running system whose marketplaces are the sandbox's."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inventory_cli.options import ConfigFile

if TYPE_CHECKING:
    from inventory_cli.connecting import Connection
    from inventory_cli.demo.catalog import DemoCatalog
    from inventory_cli.demo.traffic import Traffic

app = typer.Typer()

DAY_S: Final = 3_600.0  # then it begins anew, with a full count: what an ERP remembers of a day is not kept for ever
LOOK_S: Final = 0.5


@app.command()
def traffic(
    config: ConfigFile,
    control: Annotated[str, typer.Option(metavar="URL", help="The sandbox's control address.")],
    skus: Annotated[int, typer.Option(min=10, max=50_000, help="Products in the catalog.")] = 200,
    events_per_s: Annotated[float, typer.Option(min=0.1, max=1_000, help="How much happens.")] = 5.0,
    seed: Annotated[int, typer.Option(help="All chance comes from it.")] = 7,
) -> None:
    """Play an ERP with three locations and buyers at the sandbox's marketplaces until Ctrl-C or SIGTERM.

    For a system that runs already, such as the one of docker-compose.yml, so that there is something to see: sales,
    counts, kits, a changed catalog, and a few records an hour that are wrong. The sandbox's listings are put there.

        inventory-sync traffic --control http://127.0.0.1:8080 --config sync.yaml
    """
    from inventory_cli.connecting import connection
    from inventory_cli.demo.catalog import demo_catalog
    from inventory_cli.logging import configure

    configure("traffic")
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    found = connection(config, None, None)
    catalog = demo_catalog(skus, seed)
    _fill(control, catalog)
    days = 0
    while not asked_to_stop.is_set():
        _play(_day(found, catalog, control, events_per_s, seed + days), asked_to_stop.wait)
        days += 1


def _fill(control: str, catalog: DemoCatalog) -> None:
    """Put the catalog's listings into the sandbox, but those that are there since a start before this one."""
    from inventory_cli.demo.sandbox_control import SandboxControl

    sandbox = SandboxControl(control)
    try:
        known = sandbox.shown().keys()
        sandbox.fill([one for one in catalog.seeds if (one.marketplace, one.key) not in known])
    finally:
        sandbox.close()


def _day(found: Connection, catalog: DemoCatalog, control: str, events_per_s: float, seed: int) -> Traffic:
    import random

    from inventory_cli.clock import SystemClock
    from inventory_cli.demo.erp import SOURCE, Erp
    from inventory_cli.demo.journal import Journal
    from inventory_cli.demo.sandbox_control import SandboxControl
    from inventory_cli.demo.traffic import Pace, Spoiler, Traffic, buyable
    from inventory_schemas.registry import ConfluentRegistry
    from inventory_streams.producer import InventoryProducer

    registry = ConfluentRegistry(found.schema_registry_url, found.registry_security)
    now_ms = SystemClock().now_ms
    producer = InventoryProducer(found.kafka, found.topics, registry, SOURCE, now_ms=now_ms)
    erp = Erp(producer, Journal(), catalog, random.Random(seed + 1), now_ms)
    spoiler, pace = Spoiler(found.kafka, found.topics, registry), Pace(DAY_S, events_per_s)
    return Traffic(erp, producer, spoiler, SandboxControl(control), buyable(catalog), pace, random.Random(seed + 2))


def _play(day: Traffic, wait: Callable[[float], bool]) -> None:
    """Until the day is over or somebody asks for the end; what went wrong in it is raised here."""
    day.start()
    try:
        while not (day.is_over or wait(LOOK_S)):
            if (error := day.error) is not None:
                raise error
    finally:
        day.stop()
