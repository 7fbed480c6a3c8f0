"""Delivery on a real broker with a marketplace in the same process."""

from __future__ import annotations

import pytest

from tests.support.delivery import Bus, FakeMarketplace, a_target, delivering, until


@pytest.fixture
def bus(kafka: str, topic_prefix: str) -> Bus:
    bus = Bus(kafka, topic_prefix)
    bus.create()
    return bus


async def test_a_target_reaches_the_marketplace_and_its_outcome_the_topic(bus: Bus, application_id: str) -> None:
    market = FakeMarketplace()
    bus.send(a_target("A", quantity=5, version=1))

    async with delivering(bus, market, application_id):
        await until(lambda: market.quantities("A") == [5], "the target is pushed")
        bus.send(a_target("A", quantity=3, version=2))
        await until(lambda: market.quantities("A") == [5, 3], "the newer target is pushed")

    assert len(bus.read(bus.topics.listing_outcomes)) == 2
