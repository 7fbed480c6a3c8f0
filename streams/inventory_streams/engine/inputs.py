"""What the broker says of the inputs when a partition is assigned: their identity, where they begin and end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # re-exported silently

from inventory_domain.errors import ConfigError, ConfigFault, InventorySyncError
from inventory_domain.sku_state import InputPosition, PartitionProgress
from inventory_streams.kafka.settings import KafkaSettings

ASK_LIMIT_S = 30.0
LEADER_PAUSE_S = 0.2
_LEADER_UNSETTLED = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
ANSWER_MARGIN_S = 5.0  # the client's own limit comes first, and says more

T = TypeVar("T")


class InputReplaced(InventorySyncError):
    """An input is not the topic whose records were applied: going on would skip or repeat input (rule 3)."""


class BrokerUnavailable(InventorySyncError):
    """The broker did not answer, or refuses to. Trying again later may work."""


class LeaderUnsettled(BrokerUnavailable):
    """A partition has no leader at the moment, or another one than the client knew of."""


@dataclass(frozen=True, slots=True)
class InputFacts:
    """One partition of an input: the topic's id, its first offset, and its end for committed reads."""

    topic_id: str
    first: int
    end: int


def admin_client(settings: KafkaSettings) -> AdminClient:
    """A client for asking the broker; it connects when it is first asked."""
    return AdminClient(settings.admin())


def topic_ids(admin: AdminClient, topics: Iterable[str], partitions: int) -> dict[str, str]:
    """The id of each topic; blocks.

    Raises:
        ConfigError: topics are missing, or have another number of partitions than they must.
        BrokerUnavailable: there was no answer.
    """
    ids, faults = {}, []
    found = admin.describe_topics(TopicCollection(list(topics)), request_timeout=ASK_LIMIT_S)
    for name, future in found.items():
        described = _answer(future, name)
        if described is None:
            faults.append(ConfigFault(name, "is not on the broker; run `inventory-sync topics apply`"))
            continue
        if len(described.partitions) != partitions:
            faults.append(ConfigFault(name, f"has {len(described.partitions)} partitions and must have {partitions}"))
        ids[name] = str(described.topic_id)
    if faults:
        raise ConfigError(faults)
    return ids


def input_facts(
    admin: AdminClient, topics: Iterable[str], numbers: Iterable[int], partitions: int
) -> dict[int, dict[str, InputFacts]]:
    """Per partition number the facts of every input; blocks."""
    numbers = list(numbers)
    ids = topic_ids(admin, topics, partitions)
    places = [TopicPartition(topic, number) for topic in ids for number in numbers]
    firsts = patiently(lambda: _offsets(admin, places, OffsetSpec.earliest()))  # type: ignore[no-untyped-call]
    ends = patiently(lambda: _offsets(admin, places, OffsetSpec.latest()))  # type: ignore[no-untyped-call]
    return {
        number: {topic: InputFacts(ids[topic], firsts[topic, number], ends[topic, number]) for topic in ids}
        for number in numbers
    }


def patiently(ask: Callable[[], T], limit_s: float = ASK_LIMIT_S, pause_s: float = LEADER_PAUSE_S) -> T:
    """The answer, asked for again while a partition has no settled leader: just created, or its broker restarts.

    Raises:
        BrokerUnavailable: that lasted longer than the limit.
    """
    end = time.monotonic() + limit_s
    while True:
        try:
            return ask()
        except LeaderUnsettled:
            if time.monotonic() >= end:
                raise
            time.sleep(pause_s)


def _offsets(admin: AdminClient, places: list[TopicPartition], spec: OffsetSpec) -> dict[tuple[str, int], int]:
    asked = admin.list_offsets(
        dict.fromkeys(places, spec), isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ASK_LIMIT_S
    )
    found = {}
    for place, future in asked.items():
        answer = _answer(future, place.topic)
        if answer is None:
            raise BrokerUnavailable(f"{place.topic}[{place.partition}] is not there any more")
        found[place.topic, place.partition] = answer.offset
    return found


def _answer(future: Future[T], topic: str) -> T | None:
    """The broker's answer; None when it does not know the topic."""
    try:
        return future.result(ASK_LIMIT_S + ANSWER_MARGIN_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        kind = LeaderUnsettled if error.args[0].code() in _LEADER_UNSETTLED else BrokerUnavailable
        raise kind(f"Kafka tells nothing of {topic}: {error.args[0].str()}") from error


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where to go on in the inputs. `lost` names inputs whose records were deleted before they were read."""

    progress: PartitionProgress
    lost: tuple[str, ...]


def begin_at(known: PartitionProgress, facts: dict[str, InputFacts], partition: int, application: str) -> Beginning:
    """The positions to read on from: those applied, and the first record of inputs that are new.

    Raises:
        InputReplaced: an input was deleted and created again, or cut back behind what was applied.
    """
    positions, lost = {}, []
    for topic, fact in facts.items():
        applied = known.positions.get(topic)
        if applied is None:
            positions[topic] = InputPosition(fact.topic_id, fact.first)
            continue
        if applied.topic_id != fact.topic_id:
            why = f"has the id {fact.topic_id}, and what was applied came from {applied.topic_id}"
        elif fact.end < applied.position:
            why = f"ends at offset {fact.end}, and was applied up to {applied.position}"
        else:
            why = ""
        if why:
            raise InputReplaced(
                f"{topic}[{partition}] {why}: the topic was created anew or lost records. If it is right as it is now,"
                f" stop all engines of {application} and run `inventory-sync engine adopt`, which accepts it and reads"
                " it from its beginning; otherwise bring the former topic back"
            )
        if applied.position < fact.first:
            lost.append(topic)
        positions[topic] = InputPosition(fact.topic_id, max(applied.position, fact.first))
    return Beginning(replace(known, positions=positions), tuple(lost))
