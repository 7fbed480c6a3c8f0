"""The loop between input, timers and progress, without Faust and without a broker."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from dataclasses import replace

import pytest

from inventory_domain.changes import StockAdjusted, StockCounted, UnitsSold
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, OrderId
from inventory_domain.surges import Peak
from inventory_streams.engine.agent import OVERDUE_INTERVAL_S
from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.changing import StockChanges
from inventory_streams.engine.computing import Work
from inventory_streams.engine.fingerprint import fingerprint
from inventory_streams.engine.partition import Prepared
from inventory_streams.engine.preparing import Preparation
from inventory_streams.engine.records import FetchedBatch
from inventory_streams.engine.settings import GAP_REFETCHES_MAX, INPUT_STILL_S, PROGRESS_INTERVAL_S
from inventory_streams.engine.values import Computed
from inventory_streams.kafka.transactions import Write
from tests.support.engine_bench import (
    CHANGES,
    GENERATION,
    PRODUCTS,
    a_bench,
    selling,
)
from tests.support.engine_work import GRACE_MS, PARTITION, PARTITIONS, TOPICS
from tests.support.stock import NOW_MS, SKU, a_change, a_channel, a_policy

OF_A_BATCH = (FetchedBatch, Work, StockChanges, Preparation, Prepared, Computed)


def _of_a_batch() -> Counter[str]:
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, OF_A_BATCH))


async def test_a_batch_is_committed_before_its_position_is_durable() -> None:
    async with a_bench() as bench:
        await selling(bench)

        assert [target.quantity for target in bench.told()] == [10]
        assert bench.inputs.positions == {PRODUCTS: 1, CHANGES: 1}
        assert bench.partition.position(CHANGES) == 1


async def test_nothing_of_a_batch_waits_for_the_collector() -> None:
    """It looks for cycles seldom (engine/memory.py), and under a backlog a computation is some 50 MB."""
    async with a_bench() as bench:
        await selling(bench)
        gc.collect()
        gc.disable()
        before = _of_a_batch()
        try:
            for number in range(2, 8):
                bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=number)))
                await bench.until(lambda at=number: bench.inputs.positions[CHANGES] == at, "it is applied")
            left = _of_a_batch() - before
        finally:
            gc.enable()

    assert max(left.values(), default=0) <= 1, left  # the loop may still name what it did last


async def test_a_gap_is_fetched_again_and_nothing_behind_it_is_applied() -> None:
    async with a_bench() as bench:
        await selling(bench)
        lost = bench.wire.change(a_change(StockAdjusted(-1), sequence=2))
        behind = bench.wire.change(a_change(StockAdjusted(-1), sequence=3))

        bench.feed(CHANGES, behind, start=2)

        await bench.until(lambda: bench.inputs.refetched, "it asks for the gap")
        assert bench.inputs.refetched == [(CHANGES, PARTITION, 1)]
        bench.feed(CHANGES, lost, behind, start=1)
        await bench.until(lambda: bench.inputs.positions[CHANGES] == 3, "both are applied")
        assert bench.told()[-1].quantity == 8


async def test_an_input_that_stands_still_though_there_is_more_is_fetched_again() -> None:
    """The end of a backlog was lost on its way and nothing comes behind it: no gap would ever show."""
    async with a_bench() as bench:
        await selling(bench)
        bench.inputs.fetched = {CHANGES: FetchState(2, NOW_MS), PRODUCTS: FetchState(1, NOW_MS)}
        began_s = bench.clock.at_s

        await bench.until(lambda: bench.inputs.refetched, "it asks for what is there", step_s=1.0)

        assert bench.inputs.refetched == [(CHANGES, PARTITION, 1)]
        assert bench.clock.at_s - began_s >= INPUT_STILL_S


async def test_an_input_that_waits_for_a_backlog_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that follows would be a gap and be fetched again too: a first load of a million SKUs did much of it twice."""
    async with a_bench() as bench:
        await selling(bench)
        bench.own((PARTITION + 1) % PARTITIONS)  # whose inputs are still to come
        bench.inputs.fetched = {CHANGES: FetchState(41, NOW_MS), PRODUCTS: FetchState(1, NOW_MS)}
        flows = bench.inputs.flows

        def slowly(generation: int | None) -> bool:
            bench.clock.at_s += 1.0  # it is asked while a batch is computed
            return flows(generation)

        monkeypatch.setattr(bench.inputs, "flows", slowly)
        began_s = bench.clock.at_s
        for number in range(2, 42):
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=number)))
        await bench.until(lambda: bench.inputs.positions[CHANGES] == 41, "all is applied", step_s=0.0)

        assert bench.clock.at_s - began_s > 2 * INPUT_STILL_S
        assert bench.inputs.refetched == []


async def test_the_lag_of_a_partition_of_which_nothing_is_known_counts_from_when_it_came() -> None:
    """Left out, a partition that never moved would not be seen in the metric at all."""
    async with a_bench() as bench:
        bench.partition.owned_since_ms = NOW_MS - 40_000
        bench.inputs.fetched = {CHANGES: FetchState(5, NOW_MS)}

        await bench.until(lambda: bench.metrics.lag_seconds._value.get() >= 40, "the lag is told")


async def test_a_gap_that_stays_ends_the_process() -> None:
    with pytest.raises(InvariantBroken, match="the same gap"):
        async with a_bench() as bench:
            await selling(bench)
            behind = bench.wire.change(a_change(StockAdjusted(-1), sequence=3))
            for _ in range(GAP_REFETCHES_MAX + 1):
                bench.feed(CHANGES, behind, start=2)
            await bench.until(lambda: len(bench.inputs.refetched) == GAP_REFETCHES_MAX, "it asks a few times")
            await asyncio.sleep(0.05)


async def test_a_batch_that_was_applied_already_changes_nothing() -> None:
    async with a_bench() as bench:
        await selling(bench)
        count = len(bench.told())

        again = replace(bench.wire.change(a_change(StockCounted(99), sequence=99)), offset=0)
        bench.feed(CHANGES, again, start=0)
        bench.feed(PRODUCTS)

        await bench.until(lambda: bench.inputs.positions[PRODUCTS] == 2, "a later batch is through")
        assert len(bench.told()) == count


async def test_a_batch_of_an_old_generation_is_dropped() -> None:
    async with a_bench() as bench:
        await selling(bench)

        bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=2)), generation=GENERATION - 1)
        bench.feed(PRODUCTS)

        await bench.until(lambda: bench.inputs.positions[PRODUCTS] == 2, "a later batch is through")
        assert bench.inputs.positions[CHANGES] == 1


async def test_a_batch_of_a_partition_that_went_to_another_worker_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """It waited here while the group was rebalanced: that is no reason to end the process."""
    caplog.set_level(logging.DEBUG, "inventory_streams.engine.agent")
    async with a_bench() as bench:
        del bench.ownership.partitions[PARTITION]

        bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1))), generation=GENERATION - 1)

        await bench.until(lambda: "batch dropped at a rebalance" in caplog.messages, "it is dropped")


async def test_event_ids_that_a_sku_has_no_room_for_are_counted_when_that_is_durable() -> None:
    """A repetition of what was forgotten is not known as one (rule 3): who wonders about a number can see it."""
    async with a_bench(event_ids_max=20) as bench:
        await selling(bench)
        sales = [UnitsSold(ChannelId("ebay-us"), OrderId(f"o-{number}"), 1) for number in range(23)]
        bench.feed(CHANGES, *[bench.wire.change(a_change(one, location=None)) for one in sales[:-1]])
        await bench.until(lambda: bench.inputs.positions[CHANGES] == len(sales), "all but one are applied")
        assert bench.metrics.event_ids_forgotten._value.get() == 2

        bench.feed(CHANGES, bench.wire.change(a_change(sales[-1], location=None)))

        await bench.until(lambda: bench.inputs.positions[CHANGES] == len(sales) + 1, "the last one is applied")
        assert bench.metrics.event_ids_forgotten._value.get() == 3


async def test_orders_that_the_source_should_have_by_now_are_counted() -> None:
    """All orders are looked through for them, so that is done seldom: twice a minute."""
    async with a_bench(unreported_sale_limit_s=60.0) as bench:
        await selling(bench)
        sold = UnitsSold(ChannelId("ebay-us"), OrderId("o-1"), 1)
        bench.feed(CHANGES, bench.wire.change(a_change(sold, location=None)))
        await bench.until(lambda: bench.clock.at_s > 59.0, "almost a minute is over", step_s=1.0)
        assert bench.metrics.overdue_sales._value.get() == 0

        await bench.until(lambda: bench.metrics.overdue_sales._value.get() == 1, "it is counted", step_s=1.0)

        assert bench.clock.at_s < 60.0 + 2 * OVERDUE_INTERVAL_S


async def test_markers_alone_move_the_position() -> None:
    async with a_bench() as bench:
        bench.feed(CHANGES)

        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == 1, "the position moves")
        assert bench.partition.position(CHANGES) == 1


async def test_rises_wait_until_all_input_is_read_and_then_follow_by_themselves() -> None:
    """What the input still holds may lower the number again."""
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 2}) as bench:
        await selling(bench)
        assert bench.told() == []

        bench.feed(CHANGES)

        await bench.until(bench.told, "the first target")
        assert [(target.quantity, target.cause) for target in bench.told()] == [(10, "caught-up")]


async def test_the_batch_that_reaches_the_end_raises_at_once() -> None:
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 1}) as bench:
        await selling(bench)

        assert [(target.quantity, target.cause) for target in bench.told()] == [(10, "stock-counted")]


async def test_progress_is_told_again_and_again_without_input() -> None:
    async with a_bench() as bench:
        bench.inputs.fetched = {topic: FetchState(0, NOW_MS + 5) for topic in TOPICS.engine_inputs()}

        def told() -> int:
            return sum(
                write.topic == TOPICS.engine_progress for writes in bench.writer.transactions for write in writes
            )

        await bench.until(lambda: told() >= 3, "three records of progress")
        assert bench.clock.at_s >= 2 * PROGRESS_INTERVAL_S


async def test_nothing_is_written_while_input_does_not_flow() -> None:
    """During a rebalance the partition may be somebody else's already."""
    async with a_bench() as bench:
        bench.inputs.fetched = {topic: FetchState(0, NOW_MS) for topic in TOPICS.engine_inputs()}
        bench.inputs.open = False
        count = len(bench.writer.transactions)
        bench.clock.at_s += 100

        await asyncio.sleep(1.2)

        assert len(bench.writer.transactions) == count


async def test_what_waited_too_long_for_its_product_becomes_a_dead_letter_by_itself() -> None:
    async with a_bench() as bench:
        bench.feed(CHANGES, bench.wire.change(a_change(StockCounted(5))))
        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == 1, "it is held durably")

        def dead() -> list[Write]:
            return [
                write
                for writes in bench.writer.transactions
                for write in writes
                if write.topic == TOPICS.inventory_dead_letters
            ]

        assert not dead()
        assert bench.partition.held.records == 1
        bench.clock.at_s += GRACE_MS / 1000

        await bench.until(dead, "the dead letter")
        assert dict(dead()[0].headers)["reason"] == b"unknown-sku"
        await bench.until(lambda: bench.partition.states.get(SKU) is None, "nothing is kept of it")


async def test_another_policy_is_applied_to_every_sku_in_a_sweep() -> None:
    async with a_bench() as bench:
        await selling(bench)
        states = bench.partition.states
        progress = bench.partition.progress
    async with a_bench(policy=a_policy(a_channel(units=4))) as bench:
        bench.partition.states = states
        bench.partition.progress = progress

        await bench.until(bench.told, "the SKU is computed anew")

        assert [(target.quantity, target.cause) for target in bench.told()] == [(6, "policy")]
        await bench.until(lambda: bench.partition.sweep is None, "the sweep ends")
        assert bench.partition.progress.policy == fingerprint(a_policy(a_channel(units=4)))


PEAK = Peak("black-friday", NOW_MS + 1_000, NOW_MS + 60_000, 200)


async def test_an_edge_of_the_schedule_sweeps_all_skus_without_any_input() -> None:
    """Nobody touches these SKUs on the morning of a peak day, and nobody when it is over."""
    policy = replace(a_policy(a_channel(units=2)), peaks=(PEAK,))
    async with a_bench(policy=policy) as bench:
        await selling(bench)

        await bench.until(lambda: len(bench.told()) == 2, "the peak begins")
        bench.clock.at_s += 60
        await bench.until(lambda: len(bench.told()) == 3, "the peak ends")

        told = [(target.quantity, target.cause) for target in bench.told()]
        assert told == [(8, "stock-counted"), (6, "schedule"), (8, "schedule")]


async def test_an_edge_that_passed_while_no_engine_ran_is_made_up_for() -> None:
    policy = replace(a_policy(a_channel(units=2)), peaks=(PEAK,))
    async with a_bench(policy=policy) as bench:
        await selling(bench)
        states, progress = bench.partition.states, bench.partition.progress
    async with a_bench(policy=policy) as bench:
        bench.clock.at_s = 30
        bench.partition.states, bench.partition.progress = states, progress

        await bench.until(bench.told, "the SKU is computed anew")

        assert [(target.quantity, target.cause) for target in bench.told()] == [(6, "schedule")]


async def test_after_a_recovery_timers_and_debts_are_found_again() -> None:
    """Both live in the changelog; nobody touches these SKUs by input."""
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 9}) as bench:
        await selling(bench)
        encoded = bench.partition.states
        progress = bench.partition.progress
        assert bench.partition.owing.first(5) == [SKU]
    async with a_bench() as bench:
        bench.partition.states = encoded
        bench.partition.progress = progress
        bench.partition.start_sweep(progress.policy)

        await bench.until(bench.told, "the debt is paid")

        assert [(target.quantity, target.cause) for target in bench.told()] == [(10, "caught-up")]


async def test_what_waits_for_its_product_is_counted_after_a_takeover_too() -> None:
    async with a_bench() as bench:
        bench.feed(CHANGES, bench.wire.change(a_change(StockCounted(5))))
        await bench.until(lambda: bench.partition.held.records == 1, "it is held")
        states, progress = bench.partition.states, bench.partition.progress
    async with a_bench() as bench:
        bench.partition.states, bench.partition.progress = states, progress
        bench.partition.start_sweep(progress.policy)

        await bench.until(lambda: bench.partition.held.records == 1, "the sweep has found it")
