"""How to reach Kafka, for every client that we make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Addresses (`host:port,host:port`) and librdkafka's security settings, which may be secrets: not shown."""

    bootstrap_servers: str
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def client(self) -> dict[str, str | int | float | bool]:
        """What every librdkafka client is configured with."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": "inventory-sync",
            "partitioner": "murmur2_random",  # Java's default, so that a SKU has one partition whoever produces it
            **self.security,
        }
