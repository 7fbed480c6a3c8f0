"""What Kafka's client library says of itself, as metrics: librdkafka hands a document over every few seconds."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

KEPT_CLIENTS_MAX: Final = 1_000
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


class ClientStatistics(Collector):
    """The newest document of each kind of client of this process, summed by kind (consumer, producer)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, Mapping[str, Any]] = {}

    def take(self, document: str) -> None:
        """For `stats_cb`. May come from any thread."""
        said = json.loads(document)
        with self._lock:
            self._newest.pop(said["name"], None)
            self._newest[said["name"]] = said
            while len(self._newest) > KEPT_CLIENTS_MAX:
                del self._newest[next(iter(self._newest))]

    def describe(self) -> Iterable[Metric]:
        """The names, so that the registry refuses a second of the same."""
        return self._families([])

    def collect(self) -> Iterable[Metric]:
        """What is known now."""
        with self._lock:
            newest = list(self._newest.values())
        return self._families(newest)

    def _families(self, newest: list[Mapping[str, Any]]) -> Iterator[Metric]:
        kinds = sorted({str(one["type"]) for one in newest})
        for name, (field, text) in _TOTALS.items():
            total = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=["kind"])
            for kind in kinds:
                total.add_metric([kind], sum(one[field] for one in newest if one["type"] == kind))
            yield total
        for name, (field, text) in _NOW.items():
            now = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["kind"])
            for kind in kinds:
                now.add_metric([kind], sum(one[field] for one in newest if one["type"] == kind))
            yield now
        yield self._lag(newest)
        yield self._round_trip(newest)

    def _lag(self, newest: list[Mapping[str, Any]]) -> Metric:
        family = GaugeMetricFamily(
            f"{PREFIX}_lag_records", "Records between what is stored or read and the end, by topic.", labels=["topic"]
        )
        lags: dict[str, int] = {}
        for one in newest:
            for topic, facts in one.get("topics", {}).items():
                for number, partition in facts.get("partitions", {}).items():
                    behind = _behind(partition)
                    if number != "-1" and one["type"] == "consumer" and behind is not None:
                        lags[topic] = lags.get(topic, 0) + behind
        for topic, lag in sorted(lags.items()):
            family.add_metric([topic], lag)
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


def _behind(partition: Mapping[str, Any]) -> int | None:
    """How far the application is behind the last stable offset; None where the client does not know yet."""
    end, read = int(partition.get("ls_offset", -1)), int(partition.get("app_offset", -1))
    return None if end < 0 or read < 0 or partition.get("fetch_state") != "active" else max(0, end - read)
