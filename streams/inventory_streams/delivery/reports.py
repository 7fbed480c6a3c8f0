"""What this worker saw of each channel, told to the one who folds it into the channel's health."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import KafkaError, Producer

from inventory_domain.clock import STEP_MS, Clock, at_ms
from inventory_domain.errors import InventorySyncError
from inventory_domain.health import FAILURES_IN_A_ROW, UNAUTHORIZED, ChannelReport
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import Outcome, counts_against_channel, kind_of, proves_path
from inventory_schemas.codec import Serde
from inventory_streams.kafka.settings import KafkaSettings

SEND_S_MAX = 120.0
TAKEN_S_MAX = 5.0


@dataclass(slots=True)
class _Tally:
    successes: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failures_since_success: int = 0
    last_success_ms: int | None = None
    last_success_s: float = 0.0
    rounds: int = 0
    probes_failed: int = 0
    reads_answered: int = 0
    flooded: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a worker holds of a channel: listings that wait to be sent, all that it writes, and those not settled."""

    waiting: int
    listings: int
    unsettled: int
    epoch: int


class Tallies:
    """Counts outcomes per channel between reports. `urgent` is set when its owner should hear of something at once."""

    def __init__(self, channels: Iterable[ChannelId], clock: Clock) -> None:
        self._clock = clock
        self._tallies = {channel: _Tally() for channel in channels}
        self._watched: set[ChannelId] = set()
        self.urgent = asyncio.Event()

    def watch(self, channel: ChannelId, closely: bool) -> None:
        """Whether the next success of the channel is news: somebody waits for it."""
        (self._watched.add if closely else self._watched.discard)(channel)

    def note(self, channel: ChannelId, outcome: Outcome, failures: int = 1, *, probe: bool = False) -> None:
        """An attempt on the channel ended so. `failures`: how often its listing has failed in a row now."""
        if proves_path(outcome):
            self.passed(channel)
        elif counts_against_channel(outcome):
            self.failed(channel, kind_of(outcome), failures, probe=probe)

    def passed(self, channel: ChannelId) -> None:
        """The way to the marketplace works."""
        tally = self._tallies[channel]
        tally.successes += 1
        tally.failures_since_success = tally.rounds = tally.probes_failed = 0
        tally.last_success_ms, tally.last_success_s = self._clock.now_ms(), self._clock.monotonic_s()
        if channel in self._watched and tally.successes == 1:
            self.urgent.set()

    def failed(self, channel: ChannelId, kind: str, failures: int, *, probe: bool) -> None:
        """It does not, as far as this attempt can tell."""
        tally = self._tallies[channel]
        tally.failures[kind] += 1
        tally.failures_since_success += 1
        tally.rounds = max(tally.rounds, failures)
        tally.probes_failed += int(probe)
        if probe or kind == UNAUTHORIZED or tally.failures_since_success == FAILURES_IN_A_ROW:
            self.urgent.set()

    def answered(self, channel: ChannelId) -> None:
        """A probe by a read was answered."""
        self._tallies[channel].reads_answered += 1
        self.urgent.set()

    def flooded(self, channel: ChannelId) -> None:
        """More of the channel's attempts became dead letters than bad data can be."""
        self._tallies[channel].flooded = True

    def reports(
        self,
        worker: str,
        backlog: Callable[[ChannelId], Backlog],
        quota: Callable[[ChannelId], dict[str, int]],
        revised: Callable[[ChannelId], dict[str, int]],
    ) -> list[ChannelReport]:
        """One report per channel of what was seen since the last call."""
        reports = []
        for channel, tally in self._tallies.items():
            held = backlog(channel)
            reports.append(
                ChannelReport(
                    channel=channel,
                    worker=worker,
                    at_ms=self._clock.now_ms(),
                    successes=tally.successes,
                    failures=dict(tally.failures),
                    failures_since_success=tally.failures_since_success,
                    last_success_ms=self._last_success_ms(tally),
                    backlog=held.waiting,
                    quota_used=quota(channel),
                    rounds=tally.rounds,
                    probes_failed=tally.probes_failed,
                    reads_answered=tally.reads_answered,
                    epoch=held.epoch,
                    listings=held.listings,
                    unsettled=held.unsettled,
                    flooded=tally.flooded,
                    revised=revised(channel),
                )
            )
            tally.successes = tally.probes_failed = tally.reads_answered = 0
            tally.failures = Counter()
            tally.flooded = False
        return reports

    def _last_success_ms(self, tally: _Tally) -> int | None:
        """By the clock as it is now: it may have been set since."""
        if tally.last_success_ms is not None:
            now_told_ms = at_ms(self._clock, tally.last_success_s)
            if abs(now_told_ms - tally.last_success_ms) > STEP_MS:
                tally.last_success_ms = now_told_ms
        return tally.last_success_ms


class ReportTopic(Protocol):
    """Where reports go."""

    def send(self, reports: Sequence[ChannelReport]) -> None:
        """Write them and wait until they are durable. Blocks.

        Raises:
            ReportsRefused: they could not be written in time.
        """
        ...


class ReportsRefused(InventorySyncError):
    """Reports could not be written: nobody would notice a channel that fails."""


class KafkaReports:
    """`channel.reports` of one marketplace. Reports need no transaction: each is folded once, by its offset."""

    def __init__(self, kafka: KafkaSettings, topic: str, codec: Serde[ChannelReport]) -> None:
        self._topic = topic
        self._codec = codec
        self._producer = Producer(
            {
                **kafka.producer(),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "delivery.timeout.ms": int(SEND_S_MAX * 1000),
            }
        )

    def send(self, reports: Sequence[ChannelReport]) -> None:
        """As `ReportTopic` says; waits at most two minutes, so that a broker that restarts is waited for."""
        refused: list[str] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                refused.append(error.str())

        for report in reports:
            value = self._codec.encode(report)
            self._producer.produce(
                self._topic, key=report.channel.encode(), value=value, partition=0, on_delivery=delivered
            )
        if self._producer.flush(SEND_S_MAX + 5) or refused:
            raise ReportsRefused(f"{self._topic}: {refused[0] if refused else 'not written in time'}")


def takes_writes(kafka: KafkaSettings, topic: str, limit_s: float = TAKEN_S_MAX) -> bool:
    """Whether Kafka makes durable within the limit what is written to this topic of reports. Blocks.

    That a broker answers is not enough: where too few of them are left it takes nothing. What is written has no value,
    so it is no report.
    """
    taken: list[bool] = []
    limit_ms = round(limit_s * 1000)
    producer = Producer(
        {**kafka.admin(), "log_level": 0, "acks": "all", "linger.ms": 0, "delivery.timeout.ms": limit_ms}
    )
    producer.produce(topic, value=None, partition=0, on_delivery=lambda error, _: taken.append(error is None))
    producer.flush(limit_s + 1.0)
    return taken == [True]
