"""A transaction that is not committed ends the process, before anything of it is seen or the input moves (rule 12)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
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
from tests.support.stock import SKU, a_change, a_product


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


@dataclass
class SlowWriter:
    """Commits when it is told to, and counts how many do so at once."""

    plain: Callable[[list[Write]], None]
    go: threading.Event = field(default_factory=threading.Event)
    at_once: int = 0
    at_once_max: int = 0

    def commit_all(self, writes: list[Write]) -> None:
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        assert self.go.wait(10)
        self.plain(writes)
        self.at_once -= 1


async def test_what_is_due_waits_for_the_transaction_of_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second would be computed without what the first one changes (rule 13)."""
    async with a_bench() as bench:
        await selling(bench)
        bench.inputs.fetched = {topic: FetchState(0, bench.clock.now_ms()) for topic in TOPICS.engine_inputs()}
        slow = SlowWriter(bench.writer.commit_all)
        monkeypatch.setattr(bench.writer, "commit_all", slow.commit_all)
        try:
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=2)))
            await bench.until(lambda: slow.at_once, "it is being committed", step_s=0.0)
            bench.clock.at_s += PROGRESS_INTERVAL_S
            for _ in range(2):  # what the first turn would begin has begun by the second
                due_s = bench.clock.at_s
                await bench.until(lambda: bench.agent._turned_s > due_s, "the loop turns")  # noqa: B023
        finally:
            slow.go.set()

        await bench.until(lambda: bench.told()[-1].quantity == 9, "it is done")
        assert slow.at_once_max == 1


async def test_the_next_batch_waits_for_the_transaction_of_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is not put aside."""
    async with a_bench(micro_batches=False) as bench:
        await selling(bench)
        slow = SlowWriter(bench.writer.commit_all)
        monkeypatch.setattr(bench.writer, "commit_all", slow.commit_all)
        try:
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=2)))
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-2), sequence=3)))
            await bench.until(lambda: slow.at_once, "the first is being committed")
            for _ in range(20):
                await asyncio.sleep(0)  # the loop takes the second one meanwhile
        finally:
            slow.go.set()

        await bench.until(lambda: bench.told()[-1].quantity == 7, "both are done")
        assert slow.at_once_max == 1
