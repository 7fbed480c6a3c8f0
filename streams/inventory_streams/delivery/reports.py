"""What this worker saw of each channel, told to the one who folds it into the channel's health."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import KafkaError, Producer

from inventory_domain.clock import Clock
from inventory_domain.errors import InventorySyncError
from inventory_domain.health import FAILURES_IN_A_ROW, ChannelReport
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import PushOutcome, counts_against_channel, kind_of, proves_path
from inventory_schemas.codec import Serde
from inventory_streams.kafka.settings import KafkaSettings

SEND_S_MAX = 120.0


@dataclass(slots=True)
class _Tally:
    successes: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failures_since_success: int = 0
    last_success_ms: int | None = None


class Tallies:
    """Counts outcomes per channel between reports. `urgent` is set at the third failure in a row."""

    def __init__(self, channels: Iterable[ChannelId], clock: Clock) -> None:
        self._clock = clock
        self._tallies = {channel: _Tally() for channel in channels}
        self.urgent = asyncio.Event()

    def note(self, channel: ChannelId, outcome: PushOutcome) -> None:
        """An attempt on the channel ended so."""
        tally = self._tallies[channel]
        if proves_path(outcome):
            tally.successes += 1
            tally.failures_since_success = 0
            tally.last_success_ms = self._clock.now_ms()
        elif counts_against_channel(outcome):
            tally.failures[kind_of(outcome)] += 1
            tally.failures_since_success += 1
            if tally.failures_since_success == FAILURES_IN_A_ROW:
                self.urgent.set()

    def reports(
        self, worker: str, backlog: Callable[[ChannelId], int], quota: Callable[[ChannelId], dict[str, int]]
    ) -> list[ChannelReport]:
        """One report per channel of what was seen since the last call."""
        reports = []
        for channel, tally in self._tallies.items():
            reports.append(
                ChannelReport(
                    channel=channel,
                    worker=worker,
                    at_ms=self._clock.now_ms(),
                    successes=tally.successes,
                    failures=dict(tally.failures),
                    failures_since_success=tally.failures_since_success,
                    last_success_ms=tally.last_success_ms,
                    backlog=backlog(channel),
                    quota_used=quota(channel),
                )
            )
            tally.successes = 0
            tally.failures = Counter()
        return reports


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
