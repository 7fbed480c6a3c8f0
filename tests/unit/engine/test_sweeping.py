"""A sweep over all SKUs: paced, with its progress in logs and metrics, and whole in the end."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from inventory_domain.changes import StockCounted, StockReserved, UnitsSold
from inventory_domain.identifiers import ChannelId, OrderId, ReservationId, Sku, SourceId
from inventory_domain.sku_state import HeldRecord, SkuState
from inventory_domain.surges import Peak
from inventory_streams.engine.due import Due, DueWork
from inventory_streams.engine.settings import SWEEP_LOG_S, WAKE_CHUNK, EngineSettings
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.waking import NO_MARK, InForce
from inventory_streams.kafka.settings import KafkaSettings
from tests.support.engine_bench import Clock, a_bench
from tests.support.engine_work import PARTITIONS, TOPICS, Memory, a_velocity
from tests.support.stock import NOW_MS, SKU, a_change, a_product

PER_S = 10


async def test_a_sweep_decides_no_more_skus_a_second_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    """A change of settings must not hold up the input of a million SKUs."""
    caplog.set_level(logging.INFO, "inventory_streams.engine.due")
    async with a_bench() as bench:
        memory = Memory()
        memory.batch(memory.wire.product(a_product()), memory.wire.change(a_change(StockCounted(5))))
        state = memory.states[SKU]
        states = SkuStates(lambda data: state, 10)
        for number in range(35):
            states.load(Sku(f"S{number}"), b"state")
        partition, clock = bench.partition, Clock()
        partition.states = states
        settings = EngineSettings(KafkaSettings("127.0.0.1:1"), TOPICS, PARTITIONS, "app", sweep_skus_per_s=PER_S)
        due = DueWork(settings, a_velocity(), clock, InForce("another policy", ()))
        left = []
        applied = None
        for _ in range(4):
            applied = due.add(partition, Memory().work(), lambda: None).applied
            assert partition.sweep is not None
            left.append(partition.sweep.left)
            clock.at_s += SWEEP_LOG_S

    assert left == [25, 15, 5, 0]
    assert applied == "another policy"
    told = [(record.message, record.__dict__.get("left")) for record in caplog.records]
    assert told == [
        ("deciding SKUs anew", 25),
        ("deciding SKUs anew", 15),
        ("deciding SKUs anew", 5),
        ("all SKUs decided anew", None),
    ]


async def test_what_a_new_owner_must_know_beside_the_states_is_found_by_its_first_sweep() -> None:
    """Until then it would miss an expiry, an order that nobody reports, a mass change and the room that is taken."""
    memory = Memory()
    wire = memory.wire
    memory.batch(
        wire.product(a_product()),
        wire.change(a_change(StockCounted(5))),
        wire.change(a_change(StockReserved(ReservationId("r"), 1, expires_at_ms=NOW_MS + 60_000))),
        wire.change(a_change(UnitsSold(ChannelId("market-us"), OrderId("o"), 1), location=None)),
    )
    sold = memory.states[SKU]
    (listing, said) = next(iter(sold.targets.items()))
    stamped = replace(said, guard=f"market-us.0.{NOW_MS}", version=NOW_MS)
    found = {
        b"sold": replace(sold, targets={listing: stamped}),
        b"held": SkuState(Sku("B"), held=(HeldRecord("t", 0, 1, NOW_MS, b"B", b"v"),), unknown_since_ms=NOW_MS),
    }
    async with a_bench() as bench:
        partition = bench.partition
        partition.states = SkuStates(lambda data: found[data], 10)
        for data, state in found.items():
            partition.states.load(state.sku, data)
        in_force = InForce(partition.progress.policy, ())
        partition.recovered(partition.progress.policy)

        applied = DueWork(bench.settings, a_velocity(), Clock(), in_force).add(partition, memory.work(), lambda: None)

        assert applied.applied == partition.progress.policy
        assert len(partition.timers) == 2, "one expires, and one is given up in the end"
        assert partition.unreported.overdue(NOW_MS + 1) == 1
        assert partition.mass.guarded() == 1
        assert partition.held.records == 1
        assert partition.totals.whole
        assert partition.totals.showing == {"market-us": 1}


async def test_a_rollback_sweeps_what_an_unfinished_sweep_has_decided() -> None:
    """Half of the SKUs by a policy that promises too much, and the process that would have done the rest is stopped."""
    async with a_bench() as bench:
        partition, memory, clock = bench.partition, Memory(), Clock()
        known = partition.progress.policy
        memory.batch(memory.wire.product(a_product()), memory.wire.change(a_change(StockCounted(5))))
        state = memory.states[SKU]
        partition.states = SkuStates(lambda data: state, 10)
        for number in range(15):
            partition.states.load(Sku(f"S{number}"), b"state")
        settings = EngineSettings(KafkaSettings("127.0.0.1:1"), TOPICS, PARTITIONS, "app", sweep_skus_per_s=PER_S)
        mistaken, as_before = (
            DueWork(settings, a_velocity(), clock, InForce(policy, ())) for policy in ("another policy", known)
        )

        def add(due: DueWork) -> Due:
            done = due.add(partition, memory.work(), lambda: None)
            clock.at_s += 1.0
            if done.applied is not None:
                partition.progress = replace(partition.progress, policy=done.applied)
            if done.ends:
                partition.sweep = None
            return done

        begun = add(mistaken)
        assert (begun.ends, partition.progress.policy) == (False, NO_MARK)
        partition.recovered(known)  # the next process, or this one after its settings are as they were

        assert not add(as_before).ends
        assert partition.sweep is not None and partition.sweep.cause == "policy"
        assert add(as_before).ends
        assert partition.progress.policy == known


async def test_a_mark_that_does_not_last_for_a_whole_sweep_is_not_that_of_all_skus() -> None:
    """A source that is silent for a moment: what was decided in that moment is decided anew."""
    async with a_bench() as bench:
        partition, memory = bench.partition, Memory()
        known = partition.progress.policy
        partition.states = SkuStates(lambda data: SkuState(SKU), 500)
        for number in range(2 * WAKE_CHUNK):
            partition.states.load(Sku(f"S{number}"), b"state")
        partition.recovered(known)
        due = DueWork(bench.settings, a_velocity(), Clock(), InForce(known, ()))
        before = partition.progress

        partition.progress = replace(before, silent=frozenset([SourceId("erp")]))
        first = due.add(partition, memory.work(), lambda: None)
        partition.progress = before
        last = due.add(partition, memory.work(), lambda: None)

        assert (first.applied, first.ends) == (NO_MARK, False)
        assert (last.applied, last.ends) == (NO_MARK, True)


async def test_a_sku_that_is_forgotten_while_a_sweep_goes_on_ends_nothing() -> None:
    """The sweep has its name still. The sums are whole without it, or no mass change would be seen any more."""
    async with a_bench() as bench:
        partition = bench.partition
        partition.states = SkuStates(lambda data: SkuState(SKU), 10)
        partition.states.load(SKU, b"state")
        partition.recovered("another policy")
        due = DueWork(bench.settings, a_velocity(), Clock(), InForce("another policy", ()))
        partition.states.load(SKU, None)

        added = due.add(partition, Memory().work(), lambda: None)

        assert added.applied == "another policy"
        assert partition.totals.whole


async def test_what_comes_due_while_a_batch_is_computed_waits_for_the_next_one() -> None:
    """The batch decides by the time at which it began: an expiry, or the edge of a peak, would be missed for good."""
    async with a_bench() as bench:
        partition, memory, clock = bench.partition, Memory(), Clock()
        memory.batch(
            memory.wire.product(a_product()),
            memory.wire.change(a_change(StockCounted(5))),
            memory.wire.change(a_change(StockReserved(ReservationId("r"), 1, expires_at_ms=NOW_MS + 500))),
        )
        partition.timers.set(SKU, NOW_MS + 500)
        peak = Peak("black-friday", NOW_MS + 500, NOW_MS + 60_000, 200)
        due = DueWork(bench.settings, a_velocity(), clock, InForce(partition.progress.policy, (peak,)))
        early = memory.work()
        clock.at_s = 1.0

        due.add(partition, early, lambda: None)

        assert not early.woken
        assert partition.sweep is None
        memory.now_ms += 1_000
        late = memory.work()
        due.add(partition, late, lambda: None)
        assert late.woken == {SKU: "reservation-expired"}
        assert [target.quantity for target in late.finish().targets] == [5]
        assert partition.sweep is not None
