from __future__ import annotations

import asyncio
from collections.abc import Sequence

from inventory_streams.delivery.arrivals import Arrival, Arrivals, CommandArrival
from inventory_streams.delivery.codecs import codecs_of
from inventory_streams.delivery.following import Following
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.delivery import MARKETPLACE, FixedRegistry


async def test_what_was_read_before_a_takeover_and_comes_after_it_is_left_to_be_read_again() -> None:
    """The new owner of health would take its offset for where it is, and pass over the commands before it."""
    taken: list[Arrival] = []

    async def take(arrivals: Sequence[Arrival]) -> None:
        taken.extend(arrivals)

    topics = Topics((MARKETPLACE,))
    arrivals = Arrivals(codecs_of(topics, MARKETPLACE, FixedRegistry()), topics, MARKETPLACE)
    failures: list[BaseException] = []
    following = Following(KafkaSettings("nowhere:1"), arrivals, take, asyncio.get_running_loop(), failures.append)
    before, late = CommandArrival(5, None), CommandArrival(10, None)

    await following.hand_on([before])
    following.follow({(arrivals.commands, 0): 6})
    await following.hand_on([late])

    assert taken == [before]
    assert not failures
