"""An operator's commands on Kafka, as several commands send them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from inventory_cli.clock import SystemClock
from inventory_cli.connecting import connection, registry_of
from inventory_cli.logging import configure
from inventory_cli.reaching import told_of_silence
from inventory_streams.producer.channels import ChannelOperator


@contextmanager
def channel_operator(
    command: str, config: Path | None, bootstrap_servers: str | None, schema_registry: str | None
) -> Iterator[ChannelOperator]:
    """Whoever sends for `command`, with the connections that the settings file or the addresses name."""
    configure(command, level="ERROR")  # what a client says while it waits for Kafka is not the command's output
    found = connection(config, bootstrap_servers, schema_registry)
    with told_of_silence(found.kafka.bootstrap_servers), closing(registry_of(found)) as registry:
        yield ChannelOperator(found.kafka, found.topics, registry, now_ms=SystemClock().now_ms)
