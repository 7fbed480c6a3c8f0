"""How clients of Kafka are configured."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import Producer

from inventory_streams.kafka.settings import KafkaSettings

NOBODY = "127.0.0.1:1"


def test_what_the_client_library_says_comes_into_our_logs(caplog: pytest.LogCaptureFixture) -> None:
    """As lines of its own on standard error it would be no JSON, and nobody would find it."""
    producer = Producer(KafkaSettings(NOBODY).producer())

    with caplog.at_level(logging.DEBUG):
        for _ in range(100):
            producer.poll(0.05)
            if caplog.records:
                break

    assert NOBODY in caplog.text
    assert {record.name for record in caplog.records} == {"inventory_streams.kafka.librdkafka"}


def test_security_settings_are_not_shown() -> None:
    settings = KafkaSettings("broker:9092", {"sasl.password": "hunter2"})

    assert "hunter2" not in repr(settings)
    assert settings.producer()["sasl.password"] == "hunter2"
