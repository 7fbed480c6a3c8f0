"""The one writer of a marketplace's channel health: it folds the reports of all workers in their order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from confluent_kafka import OFFSET_BEGINNING, Message

from inventory_domain.clock import Clock
from inventory_domain.errors import BadRecord
from inventory_domain.health import ChannelHealth, ChannelState, fold, new_channel
from inventory_domain.identifiers import ChannelId
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.arrivals import ReportArrival
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.writer import PartitionWriter, Transactions
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.transactions import TransactionalWriter, Write

WRITE_EVERY_S = 15.0  # what changes without a change of state is written this often, so that a successor folds little

log = logging.getLogger(__name__)


def take_health_over(
    settings: DeliverySettings, codecs: Codecs, abandoned: Callable[[], bool]
) -> tuple[TransactionalWriter, list[HealthRecord]] | None:
    """The right to write the health of this marketplace's channels, and what was written last. Blocks."""
    writer = TransactionalWriter(settings.kafka, settings.health_transactional_id)
    writer.take_over()
    records: dict[ChannelId, HealthRecord] = {}

    def take(messages: Sequence[Message]) -> None:
        for message in messages:
            if (value := message.value()) is None:
                continue
            try:
                record = codecs.health.decode(value)
            except BadRecord as fault:
                log.error("channel health cannot be read", extra={"offset": message.offset(), "error": str(fault)})
                continue
            records[record.health.channel] = record

    if read_to_end(settings.kafka, [(settings.topics.channel_health, 0)], take, abandoned=abandoned) is None:
        return None
    return writer, list(records.values())


class HealthOwner:
    """Folds and writes while this worker owns the partition of the reports. Belongs to the loop."""

    def __init__(
        self,
        settings: DeliverySettings,
        codecs: Codecs,
        clock: Clock,
        metrics: DeliveryMetrics,
        channels: Iterable[ChannelId],
        known: Iterable[HealthRecord],
        transactions: Transactions,
        threads: Executor,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._codecs = codecs
        self._clock = clock
        self._metrics = metrics
        self._reports = settings.topics.reports(settings.marketplace)
        self._topic = settings.topics.channel_health
        ours = set(channels)
        self._records = {record.health.channel: record for record in known if record.health.channel in ours}
        self._unfolded = ours - set(self._records)
        for channel in ours:
            self._records.setdefault(channel, HealthRecord(new_channel(channel, clock.now_ms())))
        self._position = 0
        self._durable: int | None = None
        self._dirty: set[ChannelId] = set()
        self._written_s = clock.monotonic_s()
        self._writer = PartitionWriter(transactions, threads, clock, settings.commit_linger_s, metrics, failed)
        for record in self._records.values():
            self._show(record.health)

    @property
    def start(self) -> int:
        """The offset of the reports to go on from: each channel folds from where its own record ends."""
        if self._unfolded or not self._records:
            return OFFSET_BEGINNING
        return min(record.folded.get(self._reports, 0) for record in self._records.values())

    @property
    def committable(self) -> int | None:
        """The offset below which every report is in a durable record; None while none is."""
        return self._durable

    def health(self, channel: ChannelId) -> ChannelHealth:
        """The channel's health as folded up to now."""
        return self._records[channel].health

    def take(self, arrival: ReportArrival) -> None:
        """Fold one report. A state that changes is written at once, all else now and then."""
        self._position = max(self._position, arrival.offset + 1)
        report = arrival.report
        if report is None or report.channel not in self._records:
            return
        record = self._records[report.channel]
        if arrival.offset < record.folded.get(self._reports, 0):
            return
        health = fold(record.health, report)
        if health.state is not record.health.state:
            health = replace(health, epoch=record.health.epoch + 1)
        self._records[report.channel] = HealthRecord(health, {**record.folded, self._reports: arrival.offset + 1})
        self._dirty.add(report.channel)
        self._show(health)
        if health.state is not record.health.state:
            facts = {"channel": health.channel, "state": health.state.value, "why": health.reason}
            log.warning("channel changed its state", extra=facts)
            self._write()
        elif self._clock.monotonic_s() - self._written_s >= WRITE_EVERY_S:
            self._write()

    async def flush(self) -> None:
        """Make durable what is folded."""
        self._write()
        await self._writer.flush()

    async def close(self) -> None:
        """Stop; what is not durable is left to whoever comes next."""
        await self._writer.close()

    def _write(self) -> None:
        self._written_s = self._clock.monotonic_s()
        writes = [
            Write(self._topic, 0, channel.encode(), self._codecs.health.encode(self._records[channel]))
            for channel in sorted(self._dirty)
        ]
        self._dirty.clear()
        position = self._position

        def durable(done: asyncio.Future[float]) -> None:
            if not done.cancelled():
                self._durable = max(self._durable or 0, position)

        self._writer.add(writes).add_done_callback(durable)

    def _show(self, health: ChannelHealth) -> None:
        self._metrics.channel_failing.labels(health.channel).set(health.state is ChannelState.FAILING)
        self._metrics.failures_in_a_row.labels(health.channel).set(health.failures_in_a_row)
