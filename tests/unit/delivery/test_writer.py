"""One partition's commits, and what becomes of those who wait for them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from inventory_domain.errors import OwnershipLost
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.writer import WRITES_MAX, PartitionWriter, Transactions
from inventory_streams.kafka.transactions import Write
from tests.support.delivery import SystemClock, a_target
from tests.support.delivery_bench import AtOnce, KeptTransactions, VirtualClock, a_bench


def a_write(name: str) -> Write:
    return Write("topic", 0, name.encode(), b"")


def a_writer(transactions: Transactions, clock: VirtualClock, failures: list[BaseException]) -> PartitionWriter:
    metrics = DeliveryMetrics(CollectorRegistry())
    return PartitionWriter(transactions, AtOnce(), clock, 0.004, metrics, failures.append)


async def test_what_comes_within_a_few_milliseconds_is_one_transaction() -> None:
    kept, clock = KeptTransactions(), VirtualClock()
    writer = a_writer(kept, clock, [])

    first, second = writer.add([a_write("a")]), writer.add([a_write("b"), a_write("c")])
    await clock.pass_s(0.01)
    third = writer.add([a_write("d")])
    await clock.pass_s(0.01)
    await writer.close()

    assert [[write.key for write in commit] for commit in kept.commits] == [[b"a", b"b", b"c"], [b"d"]]
    assert first.done() and second.done() and third.done()


async def test_the_time_that_is_told_is_from_before_the_commit() -> None:
    """The 5 s within which a request must leave count from there."""
    clock = VirtualClock()

    class Slow(KeptTransactions):
        def commit_all(self, writes: list[Write]) -> None:
            clock.jump_s(3.0)

    writer = a_writer(Slow(), clock, [])
    done = writer.add([a_write("a")])
    await clock.pass_s(0.01)
    await writer.close()

    assert done.result() == pytest.approx(0.004)


async def test_what_is_added_together_stays_together_at_the_limit_of_a_transaction() -> None:
    kept, clock = KeptTransactions(), VirtualClock()
    writer = a_writer(kept, clock, [])

    writer.add([a_write("a")] * (WRITES_MAX - 1))
    writer.add([a_write("b")] * 2)
    await clock.pass_s(0.1)
    await writer.close()

    assert [len(commit) for commit in kept.commits] == [WRITES_MAX - 1, 2]


async def test_a_refused_commit_is_told_once_and_nobody_is_told_that_it_is_durable() -> None:
    failures: list[BaseException] = []
    clock = VirtualClock()
    writer = a_writer(KeptTransactions(refuses=OwnershipLost("gone")), clock, failures)

    done = writer.add([a_write("a")])
    await clock.pass_s(1)

    assert [type(one) for one in failures] == [OwnershipLost]
    assert not done.done()
    await writer.close()


async def test_a_commit_under_way_is_waited_for_when_the_writer_is_closed() -> None:
    """Its thread cannot be called back; what it did must be over before the next owner reads."""
    loop = asyncio.get_running_loop()
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    class Slow:
        def commit_all(self, writes: list[Write]) -> None:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(10)
            ended.append(len(writes))

    with ThreadPoolExecutor(1) as threads:
        metrics = DeliveryMetrics(CollectorRegistry())
        writer = PartitionWriter(Slow(), threads, SystemClock(), 0.0, metrics, lambda error: None)
        first = writer.add([a_write("a")])
        await begun.wait()
        second = writer.add([a_write("b")])
        closing = asyncio.create_task(writer.close())
        await asyncio.sleep(0)
        still_open = not closing.done()
        may_end.set()
        await closing

    assert still_open
    assert ended == [1]
    assert first.cancelled() and second.cancelled()


async def test_lost_partitions_leave_no_request_slot_taken() -> None:
    """Else a worker that lost its partitions often enough would never send again."""
    async with a_bench(commit_linger_s=5.0) as bench:
        for version in range(1, 4):
            await bench.send(*(a_target(f"L{number}", version=version) for number in range(40)))
        await bench.worker.lost()
        await bench.clock.pass_s(60)
        free = [one._slots._value for one in bench.worker._dispatchers]

    assert bench.market.pushes == []
    assert bench.worker.accounting.pending() == 0
    assert free == [bench.settings.requests_in_flight_max - 1]  # one is held by who waits for work
