"""An operator's commands on Kafka, as several commands send them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import typer

from inventory_cli.addresses import NoAddress
from inventory_cli.clock import SystemClock
from inventory_cli.connecting import connection, registry_of
from inventory_cli.documents import read_document
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


def known_channel(channel: str, config: Path | None, owned: Collection[str]) -> None:
    """Refuse a channel that is neither in the settings file nor on the topic, naming those that are.

    Raises:
        typer.BadParameter: it is unknown.
    """
    known = set(owned)
    if config is not None:
        channels = read_document(config).get("channels")
        known |= {str(name) for name in channels} if isinstance(channels, dict) else set()
    if channel not in known:
        names = ", ".join(sorted(known)) or "none yet: run a `deliver` process, or name the settings file with --config"
        raise typer.BadParameter(f"{channel!r} is not a channel that is known; known: {names}", param_hint="CHANNEL")
