"""What a marketplace was asked to tell, looked at again and again while signals are taken."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from inventory_adapters.messages import NOWHERE
from inventory_domain.bulk import BulkTraits, CallFailed
from inventory_domain.signals import NOT_SET, Subscription, Subscriptions, SubscriptionState
from inventory_streams.signals.run import _unwatched
from inventory_streams.signals.subscriptions import AGAIN_FIRST_S, LOOK_INTERVAL_S, SubscriptionWatch
from tests.support.signals import Bench, a_bench

FAILED = CallFailed(kind="unauthorized", api="list", reason="scope-missing")


@dataclass
class FakeKeeper:
    """Subscriptions in these states; a state that is a failure fails the look, and one that hangs never answers."""

    states: dict[str, SubscriptionState] = field(default_factory=lambda: {"orders": "on", "levels": "on"})
    fails: CallFailed | None = None
    hangs: bool = False
    looks: int = 0
    subscription_traits = BulkTraits("list", 0)

    async def subscriptions(self) -> Subscriptions | CallFailed:
        self.looks += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            return self.fails
        every = tuple(Subscription(topic=topic, state=state) for topic, state in self.states.items())
        return Subscriptions(subscriptions=every, api="list")

    async def subscribe(self, topic: str) -> Subscription | CallFailed:
        raise AssertionError(f"{topic} was subscribed, which nobody asked for")

    async def unsubscribe(self, topic: str) -> Subscription | CallFailed:
        raise AssertionError(f"{topic} was given up")


def a_watch(bench: Bench, keeper: FakeKeeper) -> SubscriptionWatch:
    return SubscriptionWatch(bench.account, keeper, bench.metrics, bench.clock)


def shown(bench: Bench, name: str) -> float | None:
    return bench.registry.get_sample_value(f"inventory_sync_signals_subscriptions_{name}", {"account": "acc"})


async def test_one_that_goes_away_and_comes_back_is_told_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench, keeper = a_bench(), FakeKeeper()
    watch = a_watch(bench, keeper)

    numbers, told = [], []
    for state in ("on", "missing", "missing", "off", "on", "on"):
        keeper.states["orders"] = state
        caplog.clear()
        assert await watch.look() == LOOK_INTERVAL_S
        numbers.append(shown(bench, "missing"))
        told.append([(one.levelname, getattr(one, "topic", ""), getattr(one, "state", "")) for one in caplog.records])

    assert numbers == [0, 1, 1, 1, 0, 0]
    gone, off, back = ("WARNING", "orders", "missing"), ("WARNING", "orders", "off"), ("INFO", "orders", "")
    assert told == [[], [gone], [], [off], [back], []]


async def test_what_mends_it_is_told_with_it(caplog: pytest.LogCaptureFixture) -> None:
    bench = a_bench()

    with caplog.at_level("INFO"):
        await a_watch(bench, FakeKeeper({"orders": "elsewhere"})).look()

    assert caplog.records[0].__dict__["mend"] == "inventory-sync signals subscribe market-us"


async def test_a_look_that_fails_is_repeated_later_and_later_and_hides_nothing() -> None:
    bench, keeper = a_bench(), FakeKeeper({"orders": "missing"})
    watch = a_watch(bench, keeper)
    await watch.look()
    keeper.fails = FAILED

    waits = [await watch.look() for _ in range(8)]
    while_failing = shown(bench, "missing")
    keeper.fails, keeper.states["orders"] = None, "on"

    assert waits[:3] == [AGAIN_FIRST_S, AGAIN_FIRST_S * 2, AGAIN_FIRST_S * 4] and waits[-1] == LOOK_INTERVAL_S
    assert while_failing == 1
    assert await watch.look() == LOOK_INTERVAL_S and shown(bench, "missing") == 0
    keeper.fails = FAILED
    assert await watch.look() == AGAIN_FIRST_S


async def test_how_long_nothing_was_seen_grows_while_looks_fail_and_is_over_with_one_that_does_not() -> None:
    bench, keeper = a_bench(), FakeKeeper(fails=FAILED)
    watch = a_watch(bench, keeper)
    keeper.hangs = True
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    keeper.hangs = False
    bench.clock.move(7_200)

    unseen = [shown(bench, "unseen_seconds")]
    await watch.look()
    unseen.append(shown(bench, "unseen_seconds"))
    keeper.fails = None
    await watch.look()
    unseen.append(shown(bench, "unseen_seconds"))
    running.cancel()
    await asyncio.wait([running])

    assert unseen == [7_200, 7_200, 0] and shown(bench, "missing") == 0


async def test_an_account_that_is_to_be_told_nothing_is_looked_at_no_more_and_shows_nothing() -> None:
    bench, keeper = a_bench(), FakeKeeper(fails=NOWHERE.call_failed("subscriptions"))

    await a_watch(bench, keeper).run()

    assert keeper.looks == 1 and NOWHERE.reason == NOT_SET
    assert shown(bench, "missing") is None and shown(bench, "unseen_seconds") is None


async def test_a_look_under_way_is_given_up_at_once_when_the_process_ends() -> None:
    bench, keeper = a_bench(), FakeKeeper({"orders": "missing"})
    watch = a_watch(bench, keeper)
    await watch.look()
    keeper.hangs = True

    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    running.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([running])

    assert keeper.looks == 2 and running.cancelled() and shown(bench, "missing") == 1


async def test_a_bug_in_a_look_is_told_and_messages_are_taken_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """A process that ended for it, again and again, is what marketplaces end subscriptions for."""

    class Broken(FakeKeeper):
        async def subscriptions(self) -> Subscriptions | CallFailed:
            raise KeyError("nobody foresaw this")

    bench = a_bench()
    task = asyncio.create_task(a_watch(bench, Broken()).run(), name="subscriptions-acc")
    task.add_done_callback(_unwatched)
    await asyncio.wait([task])
    await asyncio.sleep(0)
    bench.clock.move(10)

    assert [one.getMessage() for one in caplog.records] == ["subscriptions are looked at no more"]
    assert shown(bench, "unseen_seconds") == 10
