"""What a worker does that is cut off from Kafka for longer than its numbers can be vouched for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import AccountId, ChannelId, Sku
from inventory_domain.outcomes import PushOutcome, Transient
from inventory_domain.ports import OperationLimit, Push
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.gaps import was_unattended
from inventory_streams.delivery.last_resort import CutOff
from inventory_streams.kafka.transactions import TransactionFailed
from tests.support.delivery import ACCOUNT, CHANNEL, FakeMarketplace, a_target, accepted, traits
from tests.support.delivery_bench import Bench, VirtualClock, a_bench
from tests.support.outages import KeptAlerts

LIMIT_S = 900.0


@dataclass
class KeptRequests:
    """Keeps for which channels a reconciliation was asked."""

    channels: list[ChannelId] = field(default_factory=list)

    def ask(self, channels: Iterable[ChannelId], why: str) -> None:
        self.channels.extend(channels)


def a_watch(
    clock: VirtualClock, answers: Callable[[], bool], market: FakeMarketplace | None = None, **more: object
) -> AbstractAsyncContextManager[Bench]:
    """A bench that looks every second whether Kafka answers, which it does while `answers` says so."""
    changes = {"complete_until_ms": clock.now_ms(), "tick_s": 1.0, "engine_silent_s": LIMIT_S, **more}
    return a_bench(market, clock=clock, answers=answers, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("age_s", "gap"), [(None, False), (LIMIT_S - 1, False), (LIMIT_S + 1, True)])
def test_nobody_was_there_when_the_last_record_is_older_than_the_limit(age_s: float | None, gap: bool) -> None:
    """Before the first record there was nobody whose numbers could be wrong."""
    now_ms = 1_700_000_000_000
    written_ms = None if age_s is None else now_ms - int(age_s * 1000)

    assert was_unattended(written_ms, now_ms, LIMIT_S) is gap


async def cut_off(bench: Bench) -> None:
    """The session with the group has ended, and nothing answers."""
    await bench.worker.lost()
    await bench.clock.pass_s(1)


async def test_listings_are_set_to_zero_once_when_kafka_is_gone_beyond_the_limit() -> None:
    clock, alerts = VirtualClock(), KeptAlerts()
    there = True
    async with a_watch(clock, lambda: there, sink=alerts) as bench:
        await bench.send(a_target("A", 5, version=1), a_target("B", 3, version=1))
        there = False
        await cut_off(bench)
        await clock.pass_s(LIMIT_S - 60)
        before = bench.market.quantities("A")
        await clock.pass_s(120)
        after = (bench.market.quantities("A"), bench.market.quantities("B"))
        await clock.pass_s(3_600)

    assert before == [5]
    assert after == ([5, 0], [3, 0])
    assert (bench.market.quantities("A"), bench.market.quantities("B")) == after, "once per listing"
    assert alerts.names == ["kafka-gone"]


async def test_a_word_of_the_engine_that_is_lost_keeps_no_zero_back() -> None:
    """All that is known of the engine is the target that it computed."""
    clock, there = VirtualClock(), True
    exposure = Exposure(a_target("A").listing_id, Sku("A"), Confirmed(5, 0, clock.now_ms(), Proof.READ))
    async with a_watch(clock, lambda: there, complete_until_ms=None, exposures=[exposure]) as bench:
        await bench.send(a_target("A", 5, version=1))
        there = False
        await cut_off(bench)
        await clock.pass_s(LIMIT_S + 60)

    assert bench.market.quantities("A") == [0]


@pytest.mark.parametrize("session_over", [False, True], ids=["its session lasts", "its session is over"])
async def test_a_push_whose_commit_failed_keeps_no_zero_waiting(session_over: bool) -> None:
    """It never leaves, so nothing is kept for it; else no zero goes where one call may be saved up."""
    clock, there = VirtualClock(), True
    limits = (OperationLimit("write", 1.0, 1.0), OperationLimit("read", 1.0, 1.0))
    async with a_watch(clock, lambda: there, FakeMarketplace(traits(limits=limits))) as bench:
        await bench.send(a_target("A", 5, version=1), a_target("B", 3, version=1))
        await clock.pass_s(10)
        there, bench.transactions.refuses = False, TransactionFailed("no broker")
        await bench.send(a_target("A", 6, version=2))
        await clock.pass_s(1)
        (failed,) = bench.failures
        bench.failures.clear()
        bench.worker.cut_off(failed)
        if session_over:
            await cut_off(bench)
        await clock.pass_s(LIMIT_S + 60)

    assert (bench.market.quantities("A"), bench.market.quantities("B")) == ([5, 0], [3, 0])


async def test_a_zero_that_fails_is_tried_again() -> None:
    clock, works, there = VirtualClock(), True, True

    def answer(push: Push) -> PushOutcome:
        return accepted(push) if works else Transient(listing_id=push.listing_id, api="write", reason="busy")

    async with a_watch(clock, lambda: there, FakeMarketplace(answer=answer)) as bench:
        await bench.send(a_target("A", 5, version=1))
        works = there = False
        await cut_off(bench)
        await clock.pass_s(LIMIT_S + 60)
        works = True
        await clock.pass_s(400)

    assert bench.market.quantities("A")[1:] == [0] * (len(bench.market.pushes) - 1)
    assert bench.market.shown[a_target("A").listing_id] == 0
    assert len(bench.market.pushes) >= 4


@pytest.mark.parametrize("taken_over", [False, True], ids=["nothing came between", "partitions came back before"])
async def test_the_process_ends_when_kafka_answers_again_after_zeros_were_sent(taken_over: bool) -> None:
    """A successor takes over in good order and reads what is shown; this one's knowledge is old.

    The group may give partitions back sooner than the next look; nobody knows what was written all the same.
    """
    clock, there, asked = VirtualClock(), True, KeptRequests()
    async with a_watch(clock, lambda: there, reconciliation=asked) as bench:
        await bench.send(a_target("A", 5, version=1))
        there = False
        await cut_off(bench)
        await clock.pass_s(LIMIT_S + 60)
        before = list(asked.channels)
        if taken_over:
            bench.worker._last_resort.forget()
        there = True
        await clock.pass_s(10)
        ended = list(bench.failures)
        bench.failures.clear()

    assert [type(one) for one in ended] == [CutOff]
    assert (before, asked.channels) == ([], [CHANNEL]), "nobody knows what is shown, so all of it is looked at"


@pytest.mark.parametrize("per_day", [None, 3], ids=["many are left", "the day's quota is spent"])
async def test_the_process_ends_also_in_the_middle_of_a_round_of_zeros(per_day: int | None) -> None:
    """A round takes as long as the limits say, to the next day where nothing is left of this one; a successor waits."""
    clock, there = VirtualClock(), True
    limits = (OperationLimit("write", 0.1, 1.0, per_day=per_day), OperationLimit("read", 1.0, 1.0))
    async with a_watch(clock, lambda: there, FakeMarketplace(traits(limits=limits))) as bench:
        await bench.send(*(a_target(f"L{number}", 5, version=1) for number in range(40)))
        await clock.pass_s(600)
        there = False
        await cut_off(bench)
        await clock.pass_s(LIMIT_S - 600 + 60)
        there, sent = True, len(bench.market.pushes)
        await clock.pass_s(10)
        ended = list(bench.failures)
        bench.failures.clear()
        await clock.pass_s(600)

    assert [type(one) for one in ended] == [CutOff]
    assert len(bench.market.pushes) <= sent + 1


async def test_an_account_that_has_no_call_left_keeps_no_other_from_its_zeros() -> None:
    clock, there = VirtualClock(), True
    async with a_watch(clock, lambda: there) as bench:
        other = ChannelId("harbor-ca")
        market = FakeMarketplace(
            traits(limits=(OperationLimit("write", 1.0, 1.0, per_day=0), bench.account.traits.limits[1]))
        )
        spent = Account(AccountId("harbor-2"), market, bench.settings, clock, bench.worker._metrics)
        both = Accounts({spent.account_id: spent, ACCOUNT: bench.account}, {other: spent.account_id, CHANNEL: ACCOUNT})
        both.share(1.0)
        bench.worker._last_resort._accounts = both
        await bench.send(a_target("A", 5, version=1))
        tracked = TrackedListing(0, a_target("B", channel=other).listing_id, a_target("B", 5, channel=other))
        there = False
        bench.worker._last_resort.keep([tracked], CutOff("gone"))
        await cut_off(bench)
        await clock.pass_s(LIMIT_S + 60)

    assert (market.pushes, bench.market.quantities("A")) == ([], [5, 0])


async def test_nothing_is_set_to_zero_any_more_once_partitions_were_taken_over() -> None:
    """The owner writes them from then on, by versions that a round of zeros knows nothing of."""
    clock = VirtualClock()
    limits = (OperationLimit("write", 1 / 60, 1.0), OperationLimit("read", 1.0, 1.0))
    async with a_watch(clock, lambda: False, FakeMarketplace(traits(limits=limits))) as bench:
        await bench.send(*(a_target(name, 5, version=1) for name in "ABCD"))
        await clock.pass_s(300)
        sent = len(bench.market.pushes)
        await cut_off(bench)
        await clock.pass_s(LIMIT_S - 300 + 90)
        begun = len(bench.market.pushes)
        bench.worker._last_resort.forget()
        await clock.pass_s(600)

    assert sent < begun < 2 * sent, "a round was under way"
    assert len(bench.market.pushes) == begun


async def test_a_process_that_could_not_make_something_durable_ends_also_where_partitions_came_back_first() -> None:
    clock, there = VirtualClock(), False
    async with a_watch(clock, lambda: there) as bench:
        bench.worker.cut_off(TransactionFailed("no broker"))
        await clock.pass_s(1)
        bench.worker._last_resort.forget()
        there = True
        await clock.pass_s(10)
        ended = list(bench.failures)
        bench.failures.clear()

    assert [type(one) for one in ended] == [CutOff]


async def test_a_short_absence_of_kafka_changes_nothing() -> None:
    clock, there = VirtualClock(), True
    async with a_watch(clock, lambda: there) as bench:
        await bench.send(a_target("A", 5, version=1))
        there = False
        await cut_off(bench)
        await clock.pass_s(300)
        there = True
        await clock.pass_s(3_600)

    assert bench.market.quantities("A") == [5]


async def test_nothing_more_is_begun_once_a_commit_has_failed_with_kafka_gone() -> None:
    clock = VirtualClock()
    async with a_watch(clock, lambda: False) as bench:
        await bench.send(a_target("A", 5, version=1))
        bench.worker.cut_off(TransactionFailed("no broker"))
        await bench.send(a_target("A", 4, version=2))
        await clock.pass_s(60)
        before = bench.market.quantities("A")
        await clock.pass_s(LIMIT_S)

    assert (before, bench.market.quantities("A")) == ([5], [5, 0])


async def test_a_process_that_could_not_make_something_durable_ends_as_soon_as_kafka_is_back() -> None:
    clock, there = VirtualClock(), False
    async with a_watch(clock, lambda: there) as bench:
        bench.worker.cut_off(TransactionFailed("no broker"))
        await clock.pass_s(60)
        before = list(bench.failures)
        there = True
        await clock.pass_s(10)
        ended = list(bench.failures)
        bench.failures.clear()

    assert (before, [type(one) for one in ended]) == ([], [CutOff])


async def test_a_process_makes_way_where_kafka_takes_what_the_engine_writes_and_nothing_of_ours() -> None:
    """Nothing is silent, so there would be neither pushes nor zeros here, for as long as that lasts."""
    clock = VirtualClock()
    async with a_watch(clock, lambda: False) as bench:
        await bench.send(a_target("A", 5, version=1))
        bench.worker.cut_off(TransactionFailed("too few replicas"))
        await bench.engine_says(clock.now_ms())  # it was on its way
        await clock.pass_s(60)
        before = list(bench.failures)
        await bench.engine_says(clock.now_ms())
        await clock.pass_s(10)
        ended = list(bench.failures)
        bench.failures.clear()

    assert (before, [type(one) for one in ended]) == ([], [CutOff])
    assert bench.market.quantities("A") == [5]
