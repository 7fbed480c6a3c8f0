"""Partitions that are given up, lost and taken again."""

from __future__ import annotations

import asyncio

import pytest

from inventory_domain.exposure import FEED, SINGLE, AttemptState, Exposure, Result, begin, submitted
from inventory_domain.health import ChannelState, Stop
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import LimitSeen
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.arrivals import HealthArrival
from inventory_streams.delivery.assignment import LoadedPartition
from tests.support.channels import a_channel
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target
from tests.support.delivery_bench import Bench, a_bench
from tests.support.delivery_feeds import FeedMarketplace


async def revoked(bench: Bench, seconds: float) -> asyncio.Task[object]:
    """Ask the worker to give up its partitions, and let so much time pass."""
    asked = asyncio.create_task(bench.worker.revoked())
    await bench.clock.pass_s(seconds)
    return asked


async def test_a_request_under_way_ends_before_its_partition_is_given_up() -> None:
    market = FakeMarketplace(open=asyncio.Event())
    async with a_bench(market) as bench:
        await bench.send(a_target("A", 5, version=1), a_target("B", 5, version=1))
        asked = await revoked(bench, 3.0)
        waited = not asked.done()
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(1)
        done = asked.done()
        exposure = bench.exposure("A")

    assert waited and done
    assert [one.outcome for one in bench.outcomes()] == ["accepted", "accepted"]
    assert exposure is not None
    assert [one.state for one in exposure.open] == [AttemptState.ACCEPTED]


async def test_a_request_that_does_not_end_is_left_to_the_next_owner() -> None:
    """What its answer says comes too late: somebody else writes there."""
    market = FakeMarketplace(open=asyncio.Event())
    async with a_bench(market, drain_s_max=5.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        asked = await revoked(bench, 5.5)
        done, commits = asked.done(), len(bench.transactions.commits)
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(5)
        exposure = bench.exposure("A")

    assert done
    assert len(bench.transactions.commits) == commits
    assert exposure is not None and exposure.last is not None
    assert exposure.last.result is Result.OPEN


async def test_what_waits_when_partitions_are_given_up_is_not_sent_and_stays_for_the_next_owner() -> None:
    async with a_bench() as bench:
        bench.account.throttles.push.refused(LimitSeen(operation="write", wait_s=5.0))
        await bench.send(a_target("A", 5, version=1))
        asked = await revoked(bench, 1.0)
        await bench.clock.pass_s(30)

    assert asked.done()
    assert bench.market.pushes == []
    assert (bench.worker.accounting.handed_over, bench.worker.accounting.pending()) == (1, 0)


async def test_an_attempt_that_is_committed_while_its_partition_is_given_up_is_withdrawn() -> None:
    """Its successor need not wait for a request that was never sent."""
    async with a_bench(commit_linger_s=1.0) as bench:
        await bench.send(a_target("A", 5, version=1))
        asked = await revoked(bench, 10.0)
        exposure = bench.exposure("A")

    assert asked.done()
    assert bench.market.pushes == []
    assert exposure is not None and exposure.last is not None
    assert (exposure.open, exposure.last.result, exposure.last.failures) == ((), Result.FAILED, 0)


def with_open(version: int, path: str, quantity: int, exposure: Exposure | None = None) -> Exposure:
    """A listing of which a former owner had this under way."""
    after, _ = begin(
        exposure or Exposure(ListingId(f"{CHANNEL}/A"), Sku("A")),
        version=version,
        quantity=quantity,
        nodes={},
        mask=None,
        path=path,
        now_ms=1_700_000_000_000,
        settles_by_ms=1_700_000_600_000,
        feed_row=int(path == FEED),
        feed_size=int(path == FEED),
    )
    return after


async def test_a_single_call_that_overtook_a_feed_is_waited_out_though_all_is_known_of_the_feed() -> None:
    """It may arrive after what the successor sends, and is older."""
    handed_in = submitted(with_open(1, FEED, 9), 1, "feed-1", 1_700_000_600_000)
    overtaken = with_open(2, SINGLE, 4, handed_in)
    async with a_bench(FeedMarketplace(), targets=[a_target("A", 3, version=3)], exposures=[overtaken]) as bench:
        await bench.clock.pass_s(19)
        before = bench.market.versions("A")
        await bench.clock.pass_s(5)

    assert (before, bench.market.versions("A")) == ([], [3])


@pytest.mark.timeout(30)
async def test_a_target_that_comes_just_after_a_former_owners_request_must_be_over_waits_for_the_look_at_it() -> None:
    """Sent before that, the listing would be held for ever, and the loop would look at it for ever."""
    former = {"targets": [a_target("A", 5, version=1)], "exposures": [with_open(1, SINGLE, 5)]}
    async with a_bench(tick_s=2.0, handover_wait_s=21.0, **former) as bench:  # type: ignore[arg-type]
        await bench.clock.pass_s(21.2)  # the wait is over, and what waits is looked at again at 22 s
        await bench.send(a_target("A", 4, version=2))
        before = bench.market.versions("A")
        await bench.clock.pass_s(5)
        tracked = bench.worker.book.listing((0, ListingId(f"{CHANNEL}/A")))

    assert (before, bench.market.versions("A")) == ([], [2])
    assert tracked is not None and tracked.held_until_s is None


async def test_what_is_lost_between_its_picking_and_its_attempt_is_not_sent() -> None:
    """The group's session may end in just that turn of the loop, which is no bug of ours."""
    async with a_bench() as bench:
        bench.account.throttles.push.refused(LimitSeen(operation="write", wait_s=60.0))
        await bench.send(a_target("A", 5, version=1))
        dispatcher = bench.worker._dispatchers[0]
        tracked = bench.worker.book.listing((0, a_target("A").listing_id))
        assert tracked is not None and dispatcher._picking.claim(tracked) is tracked
        await bench.worker.lost()
        answers = await dispatcher._send([tracked], lambda: None)

    assert (answers, bench.market.pushes) == ([], [])


async def test_what_is_withdrawn_between_its_picking_and_its_attempt_is_not_sent() -> None:
    """A tombstone may come in that turn; the listing is forgotten when the request that never was is over."""
    async with a_bench() as bench:
        bench.account.throttles.push.refused(LimitSeen(operation="write", wait_s=60.0))
        await bench.send(a_target("A", 5, version=1))
        dispatcher = bench.worker._dispatchers[0]
        tracked = bench.worker.book.listing((0, a_target("A").listing_id))
        assert tracked is not None and dispatcher._picking.claim(tracked) is tracked
        await bench.withdraw("A")
        answers = await dispatcher._send([tracked], lambda: None)
        await bench.clock.pass_s(1.0)
        left = bench.worker.book.listing(tracked.key)

    assert (answers, bench.market.pushes, left) == ([], [], None)


async def test_a_partition_that_comes_back_is_sent_nothing_under_a_stop_declared_meanwhile() -> None:
    """Rule 21: what held when it was ours the last time is not what holds now."""
    stopped = a_channel(state=ChannelState.STOPPED, stop=Stop("ann", "recall", 1, held=True), epoch=2)
    async with a_bench() as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.worker.lost()
        bench.worker.masks.follow_health(HealthArrival(0, HealthRecord(stopped)))
        part = LoadedPartition(0, bench.transactions)
        part.targets = {a_target("A").listing_id: bench.arrival(a_target("A", 7, version=2))}
        await bench.worker.own(part, 0)
        bench.worker._accounts.share(1.0)
        await bench.clock.pass_s(30.0)

    assert bench.market.quantities("A") == [5, 0]


async def test_a_request_that_ends_after_its_partition_came_back_does_not_end_the_wait_of_its_successor() -> None:
    """Both have one key. Without its wait the listing would be held, unread and unsent, until its next target."""
    market = FakeMarketplace(open=asyncio.Event())
    async with a_bench(market) as bench:
        await bench.send(a_target("A", 5, version=1))
        exposure = bench.exposure("A")
        await bench.worker.lost()
        part = LoadedPartition(0, bench.transactions)
        part.targets = {a_target("A").listing_id: bench.arrival(a_target("A", 5, version=1))}
        assert exposure is not None
        part.exposures = {exposure.listing_id: exposure}
        await bench.worker.own(part, 0)
        bench.worker._accounts.share(1.0)
        await bench.clock.pass_s(3.0)
        assert market.open is not None
        market.open.set()
        await bench.clock.pass_s(60.0)
        after = bench.exposure("A")

    assert after is not None and after.last is not None
    assert (after.last.number, after.last.result) == (2, Result.ACCEPTED)
