"""What Kafka's client library says of itself, as metrics: librdkafka hands a document over every few seconds."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

KEPT_CLIENTS_MAX: Final = 1_000
GONE_AFTER_S: Final = 60.0  # four documents that did not come: the client has ended, and holds nothing back any more
ENDS_KEPT_MAX: Final = 512  # of a partition; when there are more, every other one is forgotten
PREFIX: Final = "inventory_sync_kafka_client"

_TOTALS: Final = {
    "messages_sent": ("txmsgs", "Records sent."),
    "messages_received": ("rxmsgs", "Records received."),
    "sent_bytes": ("tx_bytes", "Bytes sent."),
    "received_bytes": ("rx_bytes", "Bytes received."),
}
_NOW: Final = {
    "queued_records": ("msg_cnt", "Records that wait in the client to be sent."),
    "queued_bytes": ("msg_size", "Their size."),
    "callbacks_waiting": ("replyq", "Events that wait for the client to be polled."),
}


Place = tuple[str, str, str]
"""A client, a topic and the number of a partition."""


class ClientStatistics(Collector):
    """The newest document of each client of this process, summed by kind (consumer, producer).

    Totals go on to hold what clients did that have ended; what is so now is told of those that live.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        """`now_s` is wall time, as the documents have it."""
        self._now_s = now_s
        self._lock = threading.Lock()
        self._newest: dict[str, Mapping[str, Any]] = {}
        self._ends: dict[Place, deque[tuple[float, int]]] = {}

    def take(self, document: str) -> None:
        """For `stats_cb`. May come from any thread."""
        said = json.loads(document)
        with self._lock:
            self._newest.pop(said["name"], None)
            self._newest[said["name"]] = said
            while len(self._newest) > KEPT_CLIENTS_MAX:
                del self._newest[next(iter(self._newest))]
            if said["type"] == "consumer":
                for topic, number, partition in _partitions(said):
                    self._note_end((said["name"], topic, number), said["time"], partition)
                self._ends = {place: ends for place, ends in self._ends.items() if place[0] in self._newest}

    def _note_end(self, place: Place, at_s: float, partition: Mapping[str, Any]) -> None:
        """Remember since when there is something behind what was read; what was read since is forgotten."""
        behind = _behind(partition)
        if behind is None:
            self._ends.pop(place, None)
            return
        ends = self._ends.setdefault(place, deque())
        read = int(partition["app_offset"])
        while ends and ends[0][1] <= read:
            ends.popleft()
        if behind and (not ends or ends[-1][1] < read + behind):
            ends.append((at_s, read + behind))
        if len(ends) > ENDS_KEPT_MAX:
            self._ends[place] = deque(list(ends)[::2])

    def describe(self) -> Iterable[Metric]:
        """The names, so that the registry refuses a second of the same."""
        return self._families([])

    def collect(self) -> Iterable[Metric]:
        """What is known now."""
        with self._lock:
            newest = list(self._newest.values())
            waits = {place: ends[0][0] if ends else None for place, ends in self._ends.items()}
        return self._families(newest, waits)

    def _families(
        self, newest: list[Mapping[str, Any]], waits: Mapping[Place, float | None] = MappingProxyType({})
    ) -> Iterator[Metric]:
        alive = [one for one in newest if self._now_s() - one["time"] <= GONE_AFTER_S]
        kinds = sorted({str(one["type"]) for one in newest})
        for name, (field, text) in _TOTALS.items():
            total = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=["kind"])
            for kind in kinds:
                total.add_metric([kind], sum(one[field] for one in newest if one["type"] == kind))
            yield total
        for name, (field, text) in _NOW.items():
            now = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["kind"])
            for kind in kinds:
                now.add_metric([kind], sum(one[field] for one in alive if one["type"] == kind))
            yield now
        yield self._lag(alive)
        yield self._lag_seconds({one["name"] for one in alive}, waits)
        yield self._round_trip(alive)

    def _lag(self, newest: list[Mapping[str, Any]]) -> Metric:
        family = GaugeMetricFamily(
            f"{PREFIX}_lag_records", "Records between what is stored or read and the end, by topic.", labels=["topic"]
        )
        lags: dict[str, int] = {}
        for one in newest:
            for topic, _, partition in _partitions(one) if one["type"] == "consumer" else ():
                behind = _behind(partition)
                if behind is not None:
                    lags[topic] = lags.get(topic, 0) + behind
        for topic, lag in sorted(lags.items()):
            family.add_metric([topic], lag)
        return family

    def _lag_seconds(self, alive: Collection[str], waits: Mapping[Place, float | None]) -> Metric:
        family = GaugeMetricFamily(
            f"{PREFIX}_lag_seconds",
            "How long the oldest record that was not read is known to wait, by topic; looked at every 15 s.",
            labels=["topic"],
        )
        longest: dict[str, float] = {}
        for (name, topic, _), since_s in waits.items():
            if name in alive:
                seconds = 0.0 if since_s is None else max(0.0, self._now_s() - since_s)
                longest[topic] = max(longest.get(topic, 0.0), seconds)
        for topic, seconds in sorted(longest.items()):
            family.add_metric([topic], seconds)
        return family

    def _round_trip(self, newest: list[Mapping[str, Any]]) -> Metric:
        family = GaugeMetricFamily(
            f"{PREFIX}_round_trip_seconds_max", "The longest mean round trip to a broker.", labels=["kind"]
        )
        longest: dict[str, float] = {}
        for one in newest:
            for broker in one.get("brokers", {}).values():
                seconds = broker.get("rtt", {}).get("avg", 0) / 1_000_000
                longest[one["type"]] = max(longest.get(one["type"], 0.0), seconds)
        for kind, seconds in sorted(longest.items()):
            family.add_metric([kind], seconds)
        return family


def _partitions(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for topic, facts in document.get("topics", {}).items():
        for number, partition in facts.get("partitions", {}).items():
            if number != "-1":  # which is where librdkafka keeps what has no partition yet
                yield topic, number, partition


def _behind(partition: Mapping[str, Any]) -> int | None:
    """How far the application is behind the last stable offset; None where the client does not know yet."""
    end, read = int(partition.get("ls_offset", -1)), int(partition.get("app_offset", -1))
    return None if end < 0 or read < 0 or partition.get("fetch_state") != "active" else max(0, end - read)
