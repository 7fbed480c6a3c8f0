from __future__ import annotations

import pytest

from inventory_domain.retry import RetrySchedule
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.delivery import MARKETPLACE


def some_settings(**changes: object) -> DeliverySettings:
    base: dict[str, object] = {
        "app": "sync",
        "marketplace": MARKETPLACE,
        "kafka": KafkaSettings("localhost:9092"),
        "topics": Topics((MARKETPLACE,)),
    }
    return DeliverySettings(**{**base, **changes})  # type: ignore[arg-type]


def test_the_defaults_can_be_used() -> None:
    assert some_settings().faults("delivery") == []


def test_each_process_and_partition_has_its_own_name() -> None:
    settings = some_settings()

    assert settings.group == "sync-delivery-harbor"
    assert settings.transactional_id(3) == "sync-delivery-harbor-3"
    assert settings.health_transactional_id == "sync-health-harbor"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"handover_wait_s": 19.0}, "delivery.handover_wait_s"),
        ({"attempt_valid_s": 0.0}, "delivery.attempt_valid_s"),
        ({"read_share": 0.0}, "delivery.read_share"),
        ({"zero_reserve": 1.0}, "delivery.zero_reserve"),
        ({"requests_in_flight_max": 0}, "delivery.requests_in_flight_max"),
        ({"retry": RetrySchedule((0.0,))}, "delivery.retry"),
    ],
)
def test_what_cannot_be_is_named_with_its_path(changes: dict[str, object], path: str) -> None:
    (fault,) = some_settings(**changes).faults("delivery")

    assert fault.path == path
