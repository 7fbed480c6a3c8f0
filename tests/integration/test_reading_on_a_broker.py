"""Where records of a time begin, asked of a broker that has only just heard of the topic."""

from __future__ import annotations

import pytest
from confluent_kafka import OFFSET_END, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from inventory_streams.kafka import reading
from inventory_streams.kafka.reading import ReadStalled, positions_at
from inventory_streams.kafka.settings import KafkaSettings


def test_a_topic_that_the_broker_does_not_know_yet_is_asked_for_again(
    kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconciliation ended with "unknown topic or partition" on a busy broker, a moment after `topics apply`."""
    topic = f"{topic_prefix}late"
    asked = reading._asked

    def created_after_the_first_answer(consumer: Consumer, places: list[TopicPartition]) -> object:
        answer = asked(consumer, places)
        if not isinstance(answer, list):
            admin = AdminClient({"bootstrap.servers": kafka})
            made = admin.create_topics([NewTopic(topic, 2)], operation_timeout=30)  # a second time changes nothing
            made[topic].exception(30)
        return answer

    monkeypatch.setattr(reading, "_asked", created_after_the_first_answer)
    found = positions_at(KafkaSettings(kafka), [(topic, 0), (topic, 1)], 0)

    assert found == {(topic, 0): OFFSET_END, (topic, 1): OFFSET_END}


def test_a_topic_that_stays_unknown_is_named(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}missing"

    with pytest.raises(ReadStalled, match=rf"{topic}.*: .*[Uu]nknown"):
        positions_at(KafkaSettings(kafka), [(topic, 0)], 0, unsettled_s_max=0.5)
