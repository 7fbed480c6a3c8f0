"""A transaction that is not committed ends the process, before anything of it is seen or the input moves (rule 12)."""

from __future__ import annotations

import asyncio
import threading
from typing import NoReturn

import pytest

from inventory_domain.changes import StockAdjusted, StockCounted
from inventory_domain.errors import OwnershipLost
from inventory_streams.engine import committing
from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.settings import PROGRESS_INTERVAL_S
from inventory_streams.kafka.stopping import ExitCode
from inventory_streams.kafka.transactions import TransactionFailed, Write
from tests.support.engine_bench import CHANGES, PRODUCTS, Bench, a_bench, selling
from tests.support.engine_work import TOPICS
from tests.support.stock import NOW_MS, SKU, a_change, a_product


class Ended(BaseException):
    """In the place of the process's end."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OwnershipLost("fenced"), ExitCode.OWNERSHIP_LOST),
        (TransactionFailed("not within two minutes"), ExitCode.TRANSACTION_FAILED),
        (RuntimeError("whatever it is"), ExitCode.TRANSACTION_FAILED),
    ],
    ids=["another owner", "given up", "a bug"],
)
async def test_a_transaction_that_is_not_committed_ends_the_process_and_moves_nothing(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: ExitCode
) -> None:
    """Faust itself goes on: 500 of 500 refused writes of a table were never noticed, and their input was committed."""
    ended: list[ExitCode] = []

    def end_process(code: ExitCode, why: str) -> NoReturn:
        ended.append(code)
        raise Ended(why)

    def refuse(writes: list[Write]) -> None:
        raise error

    monkeypatch.setattr(committing, "end_process", end_process)
    async with a_bench() as bench:
        bench.feed(PRODUCTS, bench.wire.product(a_product()))
        await bench.until(lambda: bench.inputs.positions, "the product is applied")
        before = dict(bench.inputs.positions)
        monkeypatch.setattr(bench.writer, "commit_all", refuse)

        bench.feed(CHANGES, bench.wire.change(a_change(StockCounted(5))))
        await bench.until(lambda: ended, "the process ends")

        assert ended[0] is code
        assert bench.inputs.positions == before
        state = bench.partition.states.get(SKU)
        assert state is not None and not state.stock.positions
        running = bench.partition.running
        assert running is not None
        with pytest.raises(Ended):
            await asyncio.wait_for(running, 5)


async def test_what_was_read_is_under_way_until_it_is_accounted_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """P4. A difference that is zero only at rest would be an alert under load, or none at all."""
    go = threading.Event()
    async with a_bench() as bench:
        await selling(bench)
        assert accounted(bench) == (1, 1, 0)
        commit_all = bench.writer.commit_all

        def slowly(writes: list[Write]) -> None:
            assert go.wait(10)
            commit_all(writes)

        monkeypatch.setattr(bench.writer, "commit_all", slowly)
        moves = [bench.wire.change(a_change(StockAdjusted(-1), sequence=number)) for number in (2, 3, 4)]
        bad = bench.wire.change(a_change(StockAdjusted(-1)))
        bench.feed(CHANGES, *moves, bad)
        try:
            await bench.until(lambda: accounted(bench) != (1, 1, 0), "the batch is submitted", step_s=0.0)
            assert accounted(bench) == (5, 1, 4)
        finally:
            go.set()

        await bench.until(lambda: bench.inputs.positions[CHANGES] == 5, "it is durable")
        assert accounted(bench) == (5, 5, 0)


def accounted(bench: Bench) -> tuple[float, float, float]:
    """Of the changes: read, accounted for, under way."""
    found = {
        name: sum(
            sample.value
            for sample in next(iter(metric.collect())).samples
            if sample.labels.get("topic") == CHANGES and not sample.name.endswith("_created")
        )
        for name, metric in (
            ("read", bench.metrics.records_read),
            ("done", bench.metrics.records),
            ("under way", bench.metrics.records_under_way),
        )
    }
    return found["read"], found["done"], found["under way"]


@pytest.mark.parametrize("micro_batches", [True, False])
async def test_a_partition_has_one_transaction_at_a_time(monkeypatch: pytest.MonkeyPatch, micro_batches: bool) -> None:
    """Whatever comes or is due meanwhile: a second would be computed without what the first one changes."""
    async with a_bench(micro_batches=micro_batches) as bench:
        await selling(bench)
        bench.inputs.fetched = {topic: FetchState(0, bench.clock.now_ms()) for topic in TOPICS.engine_inputs()}
        plain, going, go, at_once = bench.writer.commit_all, threading.Event(), threading.Event(), [0, 0]

        def slowly(writes: list[Write]) -> None:
            at_once[0] += 1
            at_once[1] = max(at_once)
            going.set()
            assert go.wait(10)
            plain(writes)
            at_once[0] -= 1

        monkeypatch.setattr(bench.writer, "commit_all", slowly)
        bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=2)))
        await bench.until(going.is_set, "the first is being committed")
        bench.partition.timers.set(SKU, NOW_MS)
        bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-2), sequence=3)))
        turned_s = bench.clock.at_s + PROGRESS_INTERVAL_S
        await bench.until(lambda: bench.agent.looped_s > turned_s, "the loop turns, and progress is to be told")

        go.set()

        await bench.until(lambda: bench.told()[-1].quantity == 7, "both are done")
        assert at_once[1] == 1
