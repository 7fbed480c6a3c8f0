"""A source that falls silent on a partition: its stock counts as 0 after the grace, and again with its next word."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from inventory_domain.changes import InventoryChange, SourceHeartbeat
from inventory_domain.identifiers import EventId, SourceId
from inventory_domain.silence import SilencePolicy
from inventory_streams.engine.catching_up import FetchState
from tests.support.engine_bench import CHANGES, Bench, a_bench, selling
from tests.support.engine_work import TOPICS
from tests.support.stock import NOW_MS

ERP = SourceId("erp")
POLICY = SilencePolicy(limit_ms=200_000, grace_ms=100_000)


def heartbeat(bench: Bench) -> None:
    """The source says that it is alive."""
    change = InventoryChange(EventId("beat"), ERP, None, bench.clock.now_ms(), None, None, SourceHeartbeat())
    record = bench.wire.change(change, key=None)
    bench.feed(CHANGES, replace(record, timestamp_ms=bench.clock.now_ms()))


def all_read(bench: Bench) -> None:
    """Every input is read to its end, as of now."""
    bench.inputs.fetched = {topic: FetchState(0, bench.clock.now_ms()) for topic in TOPICS.engine_inputs()}


async def turned(bench: Bench, seconds: float) -> None:
    """Time passes, and nothing comes."""
    before = bench.agent.looped_s
    for _ in range(round(seconds * 4)):
        bench.clock.at_s += 0.25
        all_read(bench)
        await asyncio.sleep(0)
    for _ in range(2):  # two turns: one judges, the next decides
        before = bench.agent.looped_s
        await bench.until(lambda: bench.agent.looped_s > before, "the loop turns")  # noqa: B023
        all_read(bench)


async def test_stock_of_a_source_that_fell_silent_is_not_shown_until_it_speaks() -> None:
    async with a_bench(silence=POLICY) as bench:
        await selling(bench)
        heartbeat(bench)
        await turned(bench, 150)
        assert not bench.partition.standing.overdue
        await turned(bench, 80)
        assert bench.partition.standing.overdue == {ERP}
        assert [one.quantity for one in bench.told()] == [10]

        await turned(bench, 150)
        await bench.until(lambda: len(bench.told()) == 2, "the SKU is decided anew")

        assert [(one.quantity, one.cause) for one in bench.told()] == [(10, "stock-counted"), (0, "source-silent")]
        assert bench.partition.progress.silent == {ERP}
        heartbeat(bench)
        await bench.until(lambda: len(bench.told()) == 3, "the SKU is decided anew")
        assert [(one.quantity, one.cause) for one in bench.told()][2:] == [(10, "source-heard")]
        assert not bench.partition.progress.silent


async def test_a_source_without_heartbeats_may_be_silent() -> None:
    """Nobody can tell its silence from a quiet day."""
    async with a_bench(silence=POLICY) as bench:
        await selling(bench)

        await turned(bench, 900)

        assert [one.quantity for one in bench.told()] == [10]


async def test_a_source_is_not_blamed_for_what_was_not_read_yet() -> None:
    async with a_bench(silence=POLICY) as bench:
        await selling(bench)
        heartbeat(bench)
        await turned(bench, 2)
        behind = FetchState(10_000, NOW_MS + 10**6)
        bench.inputs.fetched[CHANGES] = behind
        bench.clock.at_s += 900

        await bench.until(lambda: bench.agent.looped_s > 900, "the loop turns")

        assert not bench.partition.standing.overdue
        assert [one.quantity for one in bench.told()] == [10]


async def test_a_new_owner_goes_on_holding_a_silent_source_s_stock_back() -> None:
    async with a_bench(silence=POLICY) as bench:
        await selling(bench)
        heartbeat(bench)
        await turned(bench, 900)
        await bench.until(lambda: len(bench.told()) == 2, "the SKU is decided anew")
        states, progress = bench.partition.states, bench.partition.progress
    async with a_bench(silence=POLICY) as bench:
        bench.clock.at_s = 1_000
        bench.partition.states = states
        bench.partition.progress = progress

        await turned(bench, 5)

        assert bench.told() == []
        assert bench.partition.progress.silent == {ERP}


async def test_what_was_cut_short_by_a_crash_is_swept_for_again() -> None:
    """The source was noted as silent, and the worker died before it had looked at every SKU."""
    async with a_bench(silence=POLICY) as bench:
        await selling(bench)
        heartbeat(bench)
        await turned(bench, 1)
        states, progress = bench.partition.states, bench.partition.progress
    async with a_bench(silence=POLICY) as bench:
        bench.partition.states = states
        bench.partition.progress = replace(progress, silent=frozenset({ERP}))

        await bench.until(bench.told, "the SKU is decided anew")

        assert [one.quantity for one in bench.told()] == [0]
