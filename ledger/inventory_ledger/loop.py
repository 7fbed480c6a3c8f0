"""The ledger's own loop: take a batch, make rows of it, have them written; and take the next meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from inventory_ledger.batch import Batch
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.patience import patiently
from inventory_ledger.projection import Projection
from inventory_ledger.reading import LedgerReader, arrival_of
from inventory_ledger.settings import LedgerSettings
from inventory_ledger.store import Store
from inventory_schemas.registry import Registry

SHOW_LAG_EVERY_S: Final = 5.0

T = TypeVar("T")
log = logging.getLogger(__name__)


class LedgerLoop:
    """Reads and writes until it is told to stop. `turned_s` is the monotonic time of its last turn.

    `complete_until_ms`: up to which time everything is in the tables; None where all that there was is.

    One batch is written on a thread of its own while the next one is read and made rows of: the database and this
    process work at the same time. No more than one is under way, so they are written in the order of their reading,
    and where the next one begins is known only if this one is written: else its positions refuse it.
    """

    def __init__(self, settings: LedgerSettings, store: Store, registry: Registry, metrics: LedgerMetrics) -> None:
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._projection = Projection(settings.topics, registry)
        self._stop = threading.Event()
        self._reader: LedgerReader | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger-write")
        self._under_way: tuple[Batch, Future[float]] | None = None
        self._taken_until_ms: int | None = 0
        self.complete_until_ms: int | None = 0
        self.turned_s = time.monotonic()
        self.written = 0

    @property
    def reading(self) -> bool:
        """Whether partitions are read here."""
        return self._reader is not None and self._reader.partitions > 0

    @property
    def caught_up(self) -> bool:
        """Whether every partition was read to its end."""
        return self._reader is not None and self._reader.caught_up

    def stop(self) -> None:
        """End after the batch that is under way; from any thread or a signal handler."""
        self._stop.set()

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Work until stopped, or until `until` says so after a turn. Blocks.

        Raises:
            OwnershipLost: another ledger writes to the same tables.
            DatabaseAway: the database stayed away.
            TopicsDiffer: the topics are not those that the tables were built from.
        """
        reader = self._reader = LedgerReader(
            self._settings,
            self._projection.topics,
            lambda: self._patiently(self._store.positions),
            self._settle,
            self._metrics,
        )
        shown_s = 0.0
        try:
            while not self._stop.is_set():
                self._turn(reader)
                self.turned_s = time.monotonic()
                if self.turned_s - shown_s > SHOW_LAG_EVERY_S:
                    reader.show_lag()
                    shown_s = self.turned_s
                if until():
                    break
            self._settle()
        finally:
            self._writer.shutdown(wait=True)
            reader.close()

    def _turn(self, reader: LedgerReader) -> None:
        messages = reader.take()
        if not messages:
            # What is still being written is not waited for here: the group is answered meanwhile.
            if self._under_way is not None and self._under_way[1].done():
                self._settle()
            if self._under_way is None:
                self.complete_until_ms = reader.read_until_ms
            return
        marketplace_of = self._projection.marketplace_of
        arrivals = [arrival_of(message, marketplace_of(str(message.topic()))) for message in messages]
        batch = self._patiently(lambda: self._projection.batch_of(arrivals, reader.begins))
        # 1. Only when the one before is in the tables, or has ended this loop, does the next one go there.
        self._settle()
        self.complete_until_ms, self._taken_until_ms = self._taken_until_ms, reader.read_until_ms
        self._under_way = batch, self._writer.submit(self._write, batch)
        # 2. What is read from now on begins behind it.
        reader.handed_over({place: end for place, (_, end) in batch.moves.items()})

    def _write(self, batch: Batch) -> float:
        began_s = time.monotonic()
        self._patiently(lambda: self._store.write(batch))
        return time.monotonic() - began_s

    def _settle(self) -> None:
        """Wait for the batch that is under way; raises what its writing raised."""
        if self._under_way is None:
            return
        batch, written = self._under_way
        self._under_way = None
        self._count(batch, written.result())
        if self._reader is not None:
            self._reader.written({place: end for place, (_, end) in batch.moves.items()})

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(act, self._settings.database_wait_s, self._stop, self._failed)

    def _failed(self) -> None:
        self._metrics.database_failures.inc()
        self.turned_s = time.monotonic()

    def _count(self, batch: Batch, took_s: float) -> None:
        self.written += batch.records
        self._metrics.write_seconds.observe(took_s)
        self._metrics.batch_records.observe(batch.records)
        self._metrics.written_at.set_to_current_time()
        for name, count in batch.rows().items():
            self._metrics.rows.labels(name).inc(count)
        for topic, count in batch.read.items():
            self._metrics.records.labels(topic).inc(count)
        for topic, count in batch.unreadable.items():
            self._metrics.unreadable.labels(topic).inc(count)
            log.warning("records that cannot be read", extra={"topic": topic, "records": count})
