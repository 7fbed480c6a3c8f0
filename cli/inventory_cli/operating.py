"""An operator's commands on Kafka, as several commands send them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from inventory_cli.addresses import NoAddress
from inventory_cli.clock import SystemClock
from inventory_cli.connecting import connection, registry_of
from inventory_cli.logging import configure
from inventory_cli.reaching import told_of_silence
from inventory_streams.letters import LettersNotRead, partitions_of
from inventory_streams.producer.channels import ChannelOperator

ANSWER_S_MAX: Final = 8.0
WHERE: Final = "--bootstrap-servers, or kafka.bootstrap_servers in the file of --config, says which Kafka is meant"


@contextmanager
def channel_operator(
    command: str, config: Path | None, bootstrap_servers: str | None, schema_registry: str | None
) -> Iterator[ChannelOperator]:
    """Whoever sends for `command`, with the connections that the settings file or the addresses name.

    Raises:
        NoAddress: there is none, or what is there does not answer within `ANSWER_S_MAX`, or is not ours.
    """
    configure(command, level="ERROR")  # what a client says while it waits for Kafka is not the command's output
    found = connection(config, bootstrap_servers, schema_registry)
    with told_of_silence(found.kafka.bootstrap_servers), closing(registry_of(found)) as registry:
        try:
            partitions_of(found.kafka, found.topics.channel_health, ANSWER_S_MAX)
        except LettersNotRead as error:
            raise NoAddress(f"{error}; {WHERE}") from error
        yield ChannelOperator(found.kafka, found.topics, registry, now_ms=SystemClock().now_ms)
