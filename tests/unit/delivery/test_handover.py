"""Partitions that are given up, lost and taken again."""

from __future__ import annotations

import asyncio

from inventory_domain.exposure import AttemptState, Result
from inventory_domain.outcomes import LimitSeen
from tests.support.delivery import FakeMarketplace, a_target
from tests.support.delivery_bench import Bench, a_bench


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
