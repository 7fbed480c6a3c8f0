"""Accepting inputs as they are now, after a topic was created anew or lost records (rule 3)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from confluent_kafka import Message

from inventory_domain.errors import BadRecord
from inventory_domain.sku_state import InputPosition, PartitionProgress
from inventory_schemas.registry import Registry
from inventory_streams.engine.inputs import InputFacts, admin_client, input_facts
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes, engine_serdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.transactions import TransactionalWriter, Write

log = logging.getLogger(__name__)


def adopt(settings: EngineSettings, registry: Registry) -> list[str]:
    """Accept every input that is not the one that was applied: it is read from its first record at the next start.

    Blocks. Returns a sentence for each input partition that was adopted; none when all is as it was. Stop all engines
    first: taking their partitions over ends them. States stay, so sequences and event ids still guard what is read
    again; changes without a sequence that are older than the event ids kept count once more.

    Raises:
        ConfigError, RegistryUnavailable: as `run` says.
        TransactionFailed: the broker did not take it; adopting again goes on.
    """
    serdes = engine_serdes(settings.topics, registry)
    numbers = range(settings.partitions)
    facts = input_facts(admin_client(settings.kafka), settings.topics.engine_inputs(), numbers, settings.partitions)
    return [sentence for number in numbers for sentence in _adopt(settings, serdes, number, facts[number])]


def _adopt(settings: EngineSettings, serdes: EngineSerdes, number: int, facts: dict[str, InputFacts]) -> list[str]:
    writer = TransactionalWriter(settings.kafka, f"{settings.application}-{number}")
    writer.take_over()
    known = _progress(settings, serdes, number)
    positions, adopted = dict(known.positions), []
    for topic, fact in facts.items():
        applied = positions.get(topic)
        if applied is None or (applied.topic_id == fact.topic_id and applied.position <= fact.end):
            continue
        positions[topic] = InputPosition(fact.topic_id, fact.first)
        adopted.append(f"{topic}[{number}]: read from offset {fact.first} (was applied up to {applied.position})")
    if adopted:
        progress = replace(known, positions=positions)
        writer.commit_all([Write(settings.topics.sku_state, number, PROGRESS_KEY, serdes.state.encode(progress))])
        log.info("inputs adopted", extra={"partition": number, "inputs": adopted})
    return adopted


def _progress(settings: EngineSettings, serdes: EngineSerdes, number: int) -> PartitionProgress:
    found: list[bytes | None] = []

    def keep(messages: Sequence[Message]) -> None:
        found.extend(message.value() for message in messages if message.key() == PROGRESS_KEY)

    read_to_end(settings.kafka, [(settings.topics.sku_state, number)], keep)
    newest = found[-1] if found else None
    if newest is None:
        return PartitionProgress()
    try:
        return serdes.decode_progress(newest)
    except BadRecord as bad:
        log.warning("progress that cannot be read is replaced", extra={"partition": number, "error": str(bad)})
        return PartitionProgress()
