"""Where the tests' broker comes from, and that the given one is a usable one."""

import re
from urllib.parse import urlsplit

import pytest

from tests.support.broker import (
    Broker,
    kafka_environment,
    kafka_image,
    registry_image,
    running_broker,
    wait_for_kafka,
    wait_for_registry,
)


def test_given_addresses_are_used_and_nothing_is_started() -> None:
    given = {
        "INVENTORY_SYNC_TEST_BOOTSTRAP_SERVERS": "kafka.example:9092",
        "INVENTORY_SYNC_TEST_SCHEMA_REGISTRY": "http://registry.example",
        "INVENTORY_SYNC_TEST_BROKER": "docker",
    }

    with running_broker(given) as broker:
        assert broker == Broker("kafka.example:9092", "http://registry.example")


def test_half_an_address_is_refused() -> None:
    half = {"INVENTORY_SYNC_TEST_BOOTSTRAP_SERVERS": "kafka.example:9092"}

    with pytest.raises(ValueError, match="give both"), running_broker(half):
        pytest.fail("started")


def test_an_unknown_kind_of_broker_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="'podman'; it may be"),
        running_broker({"INVENTORY_SYNC_TEST_BROKER": "podman"}),
    ):
        pytest.fail("started")


def test_containers_get_the_local_stacks_settings_and_versions() -> None:
    """One suite, two ways to start: a difference between them would be found on the other host only."""
    environment = kafka_environment("localhost", 40123)

    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert environment["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == "1"
    assert environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://localhost:40123"
    assert re.fullmatch(r"apache/kafka:4\.\d+\.\d+", kafka_image())
    assert re.fullmatch(r"apicurio/apicurio-registry:3\.\d+\.\d+", registry_image())


def test_the_broker_of_this_session_answers(kafka: str, registry_url: str) -> None:
    registry = urlsplit(registry_url)
    assert registry.hostname is not None
    assert registry.port is not None

    wait_for_kafka(kafka)
    wait_for_registry(registry.hostname, registry.port)
