"""A ledger process, from start to exit code; and the same without end or schedule, for building the tables anew."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from inventory_domain.clock import Clock
from inventory_domain.errors import OwnershipLost
from inventory_ledger.asking import answering
from inventory_ledger.chores import Chores
from inventory_ledger.loop import LedgerLoop
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.migrating import migrate
from inventory_ledger.patience import DatabaseAway
from inventory_ledger.settings import LedgerSettings
from inventory_ledger.store import Store, opened
from inventory_schemas.registry import Registry
from inventory_streams.kafka.probes import Probe, ProbeServer
from inventory_streams.kafka.stopping import ExitCode

TURN_S_MAX = 120.0  # a loop that has not turned for so long hangs; a transaction of a large batch may take its time

log = logging.getLogger(__name__)


def run(settings: LedgerSettings, registry: Registry, metrics: CollectorRegistry, clock: Clock) -> int:
    """Keep the tables up to date until SIGTERM or SIGINT; the exit code. Call it in the main thread.

    Raises:
        ConfigError: the database's URL cannot be used.
        LedgerNotReady: the database does not answer.
        LedgerTooNew: the database belongs to a newer program.
        TopicsDiffer: the topics are not there, or not those that the tables were built from.
    """
    engine = opened(settings.url)
    shown = LedgerMetrics(metrics)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # at INFO it tells of each chore that it begins
    with answering(settings.url):
        before, now = migrate(engine)
    if before != now:
        log.info("tables brought to this version", extra={"before": before, "now": now})
    loop = LedgerLoop(settings, Store(engine), registry, shown)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    probes = ProbeServer(
        metrics,
        live=lambda: _live(loop),
        ready=lambda: _ready(loop),
        host=settings.probe_host,
        port=settings.probe_port,
    )
    probes.start()
    log.info("probes served", extra={"port": probes.port})
    chores = Chores(engine, settings, shown, clock, lambda: loop.complete_until_ms)
    chores.start()
    try:
        loop.run()
    except OwnershipLost as error:
        log.critical("process ends itself", extra={"why": str(error)})
        return int(ExitCode.OWNERSHIP_LOST)
    except DatabaseAway as error:
        log.critical("process ends itself", extra={"why": str(error)})
        return int(ExitCode.TRANSACTION_FAILED)
    finally:
        # The schedule first: what it makes is written to the same database.
        chores.stop()
        probes.close()
        engine.dispose()
    log.info("stopped", extra={"records": loop.written})
    return 0


def rebuild(
    settings: LedgerSettings, registry: Registry, metrics: CollectorRegistry, shown: Callable[[int], None]
) -> int:
    """Forget everything that came from the topics and read them again to their ends; how many records that were.

    `shown` is told the records so far. A ledger that runs meanwhile is refused at its next batch and ends.

    Raises:
        OwnershipLost: another ledger writes to the same tables again, and does the rest.
        LedgerNotReady: the database does not answer at the start.
        DatabaseAway: the database stayed away; running it again begins anew.
        TopicsDiffer: a topic is not there.
    """
    engine = opened(settings.url)
    with answering(settings.url):
        migrate(engine)
    store = Store(engine)
    store.clear()
    loop = LedgerLoop(settings, store, registry, LedgerMetrics(metrics))

    def done() -> bool:
        shown(loop.written)
        return loop.caught_up

    try:
        loop.run(done)
    finally:
        engine.dispose()
    return loop.written


def _live(loop: LedgerLoop) -> Probe:
    silent_s = time.monotonic() - loop.turned_s
    return Probe(silent_s < TURN_S_MAX, f"the loop turned {silent_s:.1f} s ago")


def _ready(loop: LedgerLoop) -> Probe:
    return Probe(loop.reading, "partitions are read" if loop.reading else "no partitions yet")
