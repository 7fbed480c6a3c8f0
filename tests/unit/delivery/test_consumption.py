"""What is read around a rebalance, and what is committed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition

from inventory_domain.errors import InvariantBroken
from inventory_streams.delivery.arrivals import Arrivals
from inventory_streams.delivery.codecs import codecs_of
from inventory_streams.delivery.consumption import BATCH_MAX, Committable, Poller
from inventory_streams.delivery.following import Following
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.delivery import MARKETPLACE, FixedRegistry


class AMessage:
    """A record without content."""

    def __init__(self, name: str) -> None:
        self.name = name

    def error(self) -> None:
        return None


class AConsumer:
    """Gives what it was given: messages, nothing (None), or something that happens before the next message."""

    def __init__(self, *script: AMessage | Callable[[], None] | None) -> None:
        self._script = list(script)
        self.commits: list[list[TopicPartition]] = []

    def poll(self, timeout: float) -> AMessage | None:
        while self._script:
            step = self._script.pop(0)
            if step is None or isinstance(step, AMessage):
                return step
            step()
        return None

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self.commits.append(offsets)


def a_poller() -> Poller:
    topics = Topics((MARKETPLACE,))
    settings = DeliverySettings("app", MARKETPLACE, KafkaSettings("nowhere:1"), topics)
    arrivals = Arrivals(codecs_of(topics, MARKETPLACE, FixedRegistry()), topics, MARKETPLACE)
    return Poller(settings, arrivals, None, None, lambda error: None)  # type: ignore[arg-type]  # not asked here


def names(messages: list[object]) -> list[str]:
    return [message.name for message in messages if isinstance(message, AMessage)]


def test_what_was_read_before_a_rebalance_is_dropped_and_what_comes_after_it_kept() -> None:
    poller = a_poller()

    def rebalance() -> None:
        poller._generation += 1

    consumer = AConsumer(AMessage("old"), AMessage("old"), rebalance, AMessage("new"), None)

    batch = poller._batch(consumer)  # type: ignore[arg-type]

    assert names(list(batch)) == ["new"]


def test_a_batch_is_bounded() -> None:
    consumer = AConsumer(*(AMessage(str(number)) for number in range(BATCH_MAX + 10)))

    batch = a_poller()._batch(consumer)  # type: ignore[arg-type]

    assert len(batch) == BATCH_MAX


def test_only_offsets_that_moved_are_committed() -> None:
    poller, consumer = a_poller(), AConsumer()

    for targets in ({0: 5, 1: 7}, {0: 5, 1: 7}, {0: 6, 1: 7}):
        poller._commit(consumer, Committable(targets, {0: 3}, None))  # type: ignore[arg-type]

    told = [[(one.topic, one.partition, one.offset) for one in commit] for commit in consumer.commits]
    assert told == [
        [("listing.targets.harbor", 0, 5), ("listing.targets.harbor", 1, 7), ("listing.retries.harbor", 0, 3)],
        [("listing.targets.harbor", 0, 6)],
    ]


class ARecord:
    """A record of the channels' health, at an offset."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def topic(self) -> str:
        return "channel.health"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset


def test_a_followed_topic_that_is_created_anew_ends_the_process() -> None:
    """A stop that is in it would be older than what is known."""
    following = Following(KafkaSettings("nowhere:1"), None, None, None, lambda error: None)  # type: ignore[arg-type]
    for offset in (4, 6):
        following._goes_on(ARecord(offset))  # type: ignore[arg-type]

    with pytest.raises(InvariantBroken, match=r"channel\.health\[0\] went back to offset 0"):
        following._goes_on(ARecord(0))  # type: ignore[arg-type]
