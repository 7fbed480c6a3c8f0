"""Pulls are announced before they begin, and no call is made once they are not any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from inventory_domain.ports import OperationLimit
from inventory_domain.pull_leases import AGAIN_S, GOOD_S, LEAD_S
from inventory_streams.kafka.transactions import TransactionFailed
from inventory_streams.reconcile.announcing import Announcing
from inventory_streams.reconcile.budget import LOOK_S, PullThrottle
from inventory_streams.reconcile.cycle import the_lead_of
from tests.support.adapters_sandbox import _SEEDS
from tests.support.delivery_bench import VirtualClock
from tests.support.sandbox_day import a_day

LIMIT = OperationLimit("all", 10.0, 10.0)


class Broker:
    """Takes announcements, or hangs, or refuses."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.announced: list[float] = []
        self.hangs = False
        self.refuses: Exception | None = None

    async def announce(self) -> None:
        if self.refuses is not None:
            raise self.refuses
        if self.hangs:
            await asyncio.Event().wait()
        self.announced.append(self.clock.monotonic_s())


async def test_calls_wait_for_the_lead_and_are_announced_again_and_again() -> None:
    clock = VirtualClock()
    broker, announcing = Broker(clock), Announcing(clock)
    throttle, calls = PullThrottle(LIMIT, 0.2, 0.5, clock, announcing), list[float]()

    async def call() -> None:
        async with announcing.around(broker.announce):
            while True:
                await throttle.acquire(1.0)
                calls.append(clock.monotonic_s())

    calling = asyncio.ensure_future(call())
    await clock.pass_s(LEAD_S - 0.1)
    assert not calls and broker.announced == [0.0, AGAIN_S, 2 * AGAIN_S]
    await clock.pass_s(100.0)
    assert LEAD_S <= calls[0] <= LEAD_S + LOOK_S and calls[-1] > 129.0

    broker.hangs = True
    await clock.pass_s(200.0)
    assert broker.announced[-1] + GOOD_S - 1.0 < calls[-1] < broker.announced[-1] + GOOD_S
    calling.cancel()
    await asyncio.wait({calling})


async def test_whoever_calls_is_told_what_has_ended_the_announcing() -> None:
    clock = VirtualClock()
    broker, announcing = Broker(clock), Announcing(clock)
    throttle = PullThrottle(LIMIT, 0.2, 0.5, clock, announcing)

    async def call() -> None:
        async with announcing.around(broker.announce):
            broker.refuses = TransactionFailed("fenced")
            while True:
                await throttle.acquire(1.0)

    calling = asyncio.ensure_future(call())
    await clock.pass_s(LEAD_S + AGAIN_S + LOOK_S)
    with pytest.raises(TransactionFailed):
        await asyncio.wait_for(calling, 1.0)


@pytest.mark.parametrize("announces", [True, False])
async def test_who_asked_is_told_of_the_wait_before_it_begins(announces: bool) -> None:
    told: list[tuple[float, str]] = []
    day = a_day("ebay", _SEEDS["ebay"][:1], waits=lambda what: told.append((day.clock.monotonic_s(), what)))
    day.account = replace(day.account, announcing=Announcing(day.clock) if announces else None)
    began_s = day.clock.monotonic_s()

    await day.reconcile()

    assert told == ([(began_s, the_lead_of(day.channel))] if announces else [])
    assert (day.clock.monotonic_s() >= began_s + LEAD_S) is announces
