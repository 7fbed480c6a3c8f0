"""How to reach Kafka, for every client that we make."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError

from inventory_streams.kafka.refusals import raise_refusal
from inventory_streams.kafka.tracing import Traces

SECURITY_SETTINGS: Final = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
    }
)
"""The settings of librdkafka that every client of ours takes; Faust's driver could not be told of others."""

STATISTICS_INTERVAL_MS: Final = 15_000
Setting = str | int | float | bool | logging.Logger | Callable[[KafkaError], None] | Callable[[str], None]

# What librdkafka says comes into our logs when a client is polled, and not as lines of its own on standard error.
_librdkafka = logging.getLogger("inventory_streams.kafka.librdkafka")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Addresses (`host:port,host:port`) and librdkafka's security settings, which may be secrets: not shown.

    `statistics` is told every few seconds what each client says of itself (see `ClientStatistics.take`). `traces`
    keeps the spans of what goes from record to record; None: nobody does, and no record is looked at for it.
    """

    bootstrap_servers: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)
    statistics: Callable[[str], None] | None = field(default=None, repr=False, compare=False)
    traces: Traces | None = field(default=None, repr=False, compare=False)

    def admin(self) -> dict[str, str | int | float | bool]:
        """What a client that only asks and administers is configured with."""
        return {"bootstrap.servers": self.bootstrap_servers, "client.id": "inventory-sync", **self.security}

    def consumer(self) -> dict[str, Setting]:
        """What a client that consumes is configured with; a refused login leaves its poll as `NotAuthenticated`."""
        told: dict[str, Setting] = {**self.admin(), "logger": _librdkafka, "error_cb": raise_refusal}
        if self.statistics is not None:
            told |= {"statistics.interval.ms": STATISTICS_INTERVAL_MS, "stats_cb": self.statistics}
        return told

    def producer(self) -> dict[str, Setting]:
        """What a client that produces is configured with; a refused login likewise."""
        return {
            **self.consumer(),
            "partitioner": "murmur2_random",  # Java's default, so that a SKU has one partition whoever produces it
        }
