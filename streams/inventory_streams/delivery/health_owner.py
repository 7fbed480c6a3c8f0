"""The one writer of a marketplace's channel health: it folds reports and operators' commands in their order.

Steps of every change: decide by the domain's machine, log and alert, write with the offsets that are in it. A crash
between any two leaves a record from which a successor folds the rest again, to the same end (rule 33).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from confluent_kafka import OFFSET_BEGINNING, Message

from inventory_domain.bulk import Condition
from inventory_domain.clock import Clock
from inventory_domain.errors import BadRecord, InvariantBroken
from inventory_domain.health import ChannelHealth, ChannelReport, ChannelState, new_channel
from inventory_domain.health_alerts import Alert, alerts
from inventory_domain.health_machine import commanded, not_ready, passed, ready, reported, taken_over, told, whole
from inventory_domain.identifiers import ChannelId
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.announcing import AlertSink
from inventory_streams.delivery.arrivals import CommandArrival, ReportArrival
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.writer import PartitionWriter, Transactions
from inventory_streams.kafka.reading import ends_of, read_to_end
from inventory_streams.kafka.transactions import TransactionalWriter, Write

WRITE_EVERY_S = 15.0  # what changes without a change of state is written this often, so that a successor folds little
REPORTS_MISSED = 3  # a worker that has not reported for so many intervals is gone

log = logging.getLogger(__name__)


def take_health_over(settings: DeliverySettings, codecs: Codecs, abandoned: Callable[[], bool]) -> TakenHealth | None:
    """Take over from whoever wrote it before, and read. Blocks; None when `abandoned` says that nobody wants it."""
    writer = TransactionalWriter(settings.kafka, settings.health_transactional_id)
    writer.take_over()
    records: dict[ChannelId, HealthRecord] = {}
    written_ms: dict[ChannelId, int] = {}

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
            written_ms[record.health.channel] = message.timestamp()[1]

    topics = settings.topics
    if read_to_end(settings.kafka, [(topics.channel_health, 0)], take, abandoned=abandoned) is None:
        return None
    places = ((topics.reports(settings.marketplace), 0), (topics.operator_commands, 0))
    ends = {topic: end for (topic, _), end in ends_of(settings.kafka, places).items()}
    known = [replace(one, folded=_there(ends, one)) for one in records.values()]
    return TakenHealth(writer, known, written_ms)


def _there(ends: Mapping[str, int], record: HealthRecord) -> Mapping[str, int]:
    """What was folded of the topics as they are now: of one that was created anew since, nothing."""
    there = {topic: offset for topic, offset in record.folded.items() if offset <= ends.get(topic, offset)}
    for topic in record.folded.keys() - there.keys():
        facts = {"channel": record.health.channel, "topic": topic, "folded": record.folded[topic], "end": ends[topic]}
        log.warning("topic was created anew, folded from its beginning", extra=facts)
    return there


@dataclass(frozen=True, slots=True)
class TakenHealth:
    """The right to write the health of a marketplace's channels, what was written last, and when, by channel."""

    writer: TransactionalWriter
    known: list[HealthRecord]
    written_ms: Mapping[ChannelId, int]


@dataclass(slots=True)
class _Heard:
    """The newest report of a worker on a channel, and when it came."""

    at_s: float
    report: ChannelReport


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
        *,
        worker: str = "",
        sink: AlertSink | None = None,
    ) -> None:
        self._settings = settings
        self._rules = settings.health
        self._codecs = codecs
        self._clock = clock
        self._metrics = metrics
        self._worker = worker
        self._sink = sink
        self._reports = settings.topics.reports(settings.marketplace)
        self._commands = settings.topics.operator_commands
        self._topic = settings.topics.channel_health
        ours = dict.fromkeys(channels)
        self._records = {record.health.channel: record for record in known if record.health.channel in ours}
        self._unfolded = ours.keys() - self._records.keys()
        now_ms = clock.now_ms()
        for channel in ours:
            fresh = HealthRecord(new_channel(channel, now_ms))
            record = self._records.get(channel, fresh)
            self._records[channel] = replace(record, health=taken_over(record.health, now_ms, self._rules))
        self._heard: dict[tuple[ChannelId, str], _Heard] = {}
        self._position = 0
        self._durable: int | None = None
        self._dirty: set[ChannelId] = set(self._unfolded)
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
    def commands_start(self) -> int:
        """The offset of the operators' commands to go on from."""
        return min((record.folded.get(self._commands, 0) for record in self._records.values()), default=0)

    @property
    def committable(self) -> int | None:
        """The offset below which every report is in a durable record; None while none is."""
        return self._durable

    def health(self, channel: ChannelId) -> ChannelHealth:
        """The channel's health as folded up to now."""
        return self._records[channel].health

    def take(self, arrival: ReportArrival) -> None:
        """Fold one report. A state that changes is written at once, all else now and then."""
        if arrival.offset < self._position:
            raise InvariantBroken(f"{self._reports} went back to offset {arrival.offset}: it was created anew")
        self._position = arrival.offset + 1
        report = arrival.report
        if report is None or report.channel not in self._records:
            return
        record = self._records[report.channel]
        if arrival.offset < record.folded.get(self._reports, 0):
            return
        self._heard[report.channel, report.worker] = _Heard(self._clock.monotonic_s(), report)
        health = reported(record.health, report, self._rules)
        probed = bool(report.probes_failed or report.reads_answered)
        self._become(health, {**record.folded, self._reports: arrival.offset + 1}, report.at_ms, now=probed)

    def take_command(self, arrival: CommandArrival) -> None:
        """Fold one command of an operator. It is written at once, so that whoever gave it sees that it was taken."""
        command = arrival.command
        if command is None or command.channel not in self._records:
            return
        record = self._records[command.channel]
        if arrival.offset < record.folded.get(self._commands, 0):
            return
        facts = {"channel": command.channel, "action": command.action.value, "by": command.by, "why": command.why}
        log.info("operator's command", extra=facts)
        health = commanded(record.health, command, self._rules)
        self._become(health, {**record.folded, self._commands: arrival.offset + 1}, self._clock.now_ms(), now=True)

    def tell(self, channel: ChannelId, condition: Condition) -> None:
        """What the platform says of itself."""
        record, now_ms = self._records[channel], self._clock.now_ms()
        self._become(told(record.health, condition, now_ms, self._rules), record.folded, now_ms)

    def tell_ready(self, channel: ChannelId) -> None:
        """The channel's account is set as our writes need it."""
        record, now_ms = self._records[channel], self._clock.now_ms()
        self._become(ready(record.health, now_ms, self._rules), record.folded, now_ms)

    def tell_not_ready(self, channel: ChannelId, why: str) -> None:
        """It is not, and could not be set so."""
        record, now_ms = self._records[channel], self._clock.now_ms()
        self._become(not_ready(record.health, why, now_ms, self._rules), record.folded, now_ms)

    def tick(self) -> None:
        """Time has passed: countdowns end, channels become whole, and who probes is somebody who is there."""
        now_ms = self._clock.now_ms()
        for channel, record in list(self._records.items()):
            live = self._live(channel)
            sells = any(one.listings for one in live) or not live
            health = passed(record.health, now_ms, self._rules, anything_to_sell=sells)
            if health.state is ChannelState.RESTORING and live and all(_is_whole(one, health) for one in live):
                health = whole(health, now_ms, self._rules)
            self._become(self._with_prober(health, live), record.folded, now_ms)
            self._show(self._records[channel].health)
        if self._dirty and self._clock.monotonic_s() - self._written_s >= WRITE_EVERY_S:
            self._write()

    def _live(self, channel: ChannelId) -> list[ChannelReport]:
        """The newest report of each worker that is still there."""
        limit_s = REPORTS_MISSED * self._settings.report_interval_s
        now_s = self._clock.monotonic_s()
        heard = [(key, one) for key, one in self._heard.items() if key[0] == channel]
        for key, one in heard:
            if now_s - one.at_s > limit_s:
                del self._heard[key]
        return [one.report for key, one in heard if key in self._heard]

    def _with_prober(self, health: ChannelHealth, live: Sequence[ChannelReport]) -> ChannelHealth:
        """Probes are made by one worker that has listings of the channel: ours where it has, else the first by name."""
        able = sorted(one.worker for one in live if one.listings)
        if not able or health.probe_by in able:
            return health
        return replace(health, probe_by=self._worker if self._worker in able else able[0])

    async def flush(self) -> None:
        """Make durable what is folded."""
        self._write()
        await self._writer.flush()

    async def close(self) -> None:
        """Stop; what is not durable is left to whoever comes next, and so is what is shown of the channels."""
        await self._writer.close()
        for channel in self._records:
            self._show_no_more(channel)

    def _become(self, health: ChannelHealth, folded: Mapping[str, int], at_ms: int, *, now: bool = False) -> None:
        channel = health.channel
        record = self._records[channel]
        before = record.health
        if health == before and folded == record.folded:
            return
        self._records[channel] = HealthRecord(health, folded)
        self._dirty.add(channel)
        self._show(health)
        for alert in alerts(before, health, at_ms):
            self._alert(alert, health)
        if _visible(health) != _visible(before) or (
            health.probe_at_ms != before.probe_at_ms and health.state is not ChannelState.SELLING
        ):
            now = True
        if now or health.warned != before.warned or self._clock.monotonic_s() - self._written_s >= WRITE_EVERY_S:
            self._write()

    def _alert(self, alert: Alert, health: ChannelHealth) -> None:
        self._metrics.alerts.labels(alert.channel, alert.name, alert.severity.value).inc()
        stop_in_s = None if health.stop_at_ms is None else max(0, health.stop_at_ms - alert.at_ms) / 1000
        facts = {
            "channel": alert.channel,
            "alert": alert.name,
            "severity": alert.severity.value,
            "state": health.state.value,
            "why": alert.text,
            "by": alert.by,
            "epoch": alert.epoch,
            "stop_sale_in_s": stop_in_s,
        }
        log.warning("channel alert", extra=facts)
        if self._sink is not None:
            self._sink.post(alert)

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
        metrics, channel, now_ms = self._metrics, health.channel, self._clock.now_ms()
        for state in ChannelState:
            metrics.channel_state.labels(channel, state.value).set(state is health.state)
        metrics.channel_failing.labels(channel).set(health.is_failing(self._rules))
        metrics.failures_in_a_row.labels(channel).set(health.failures_in_a_row)
        metrics.credentials_lost.labels(channel).set(health.credentials_lost)
        metrics.flooded.labels(channel).set(health.flooded_ms is not None)
        metrics.without_success.labels(channel).set(max(0, now_ms - health.without_success_since_ms) / 1000)
        left_s = float("inf") if health.stop_at_ms is None else max(0, health.stop_at_ms - now_ms) / 1000
        metrics.stop_sale_in.labels(channel).set(0 if health.stop is not None else left_s)

    def _show_no_more(self, channel: ChannelId) -> None:
        """What we last knew would stand beside what the successor shows, and be alerted on for as long as we run."""
        metrics = self._metrics
        for state in ChannelState:
            metrics.channel_state.remove(channel, state.value)
        for gauge in (
            metrics.channel_failing,
            metrics.failures_in_a_row,
            metrics.credentials_lost,
            metrics.flooded,
            metrics.without_success,
            metrics.stop_sale_in,
        ):
            gauge.remove(channel)


def _visible(health: ChannelHealth) -> tuple[object, ...]:
    """What others act upon, so that a change of it is written at once."""
    lasting = (health.pause, health.stop, health.went_live_ms, health.not_ready)
    return (health.state, health.epoch, health.probe_by, health.half_open, *lasting)


def _is_whole(report: ChannelReport, health: ChannelHealth) -> bool:
    return report.epoch == health.epoch and report.at_ms > health.since_ms and report.unsettled == 0
