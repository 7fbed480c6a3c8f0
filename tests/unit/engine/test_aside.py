"""Batches that wait for their partition's transaction do not hold up those of other partitions."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from inventory_domain.changes import StockAdjusted
from inventory_streams.engine.aside import ASIDE_RECORDS_MAX, Aside
from inventory_streams.engine.records import FetchedBatch, InputRecord
from inventory_streams.kafka.transactions import Write
from tests.support.engine_bench import CHANGES, GENERATION, PRODUCTS, a_bench, selling
from tests.support.engine_work import PARTITION, PARTITIONS
from tests.support.stock import a_change

OTHER = (PARTITION + 1) % PARTITIONS


def a_batch(start: int, records: int = 1, *, topic: str = CHANGES, partition: int = PARTITION) -> FetchedBatch:
    made = tuple(InputRecord(topic, partition, start + index, 0, b"k", b"v") for index in range(records))
    return FetchedBatch(topic, partition, start, start + records, made, GENERATION)


def test_what_follows_is_added_and_both_are_one_batch() -> None:
    aside = Aside()

    assert aside.put(a_batch(5)) and aside.put(a_batch(6, 2))

    assert aside.take(lambda number: True) == a_batch(5, 3)
    assert not aside.holds(PARTITION)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_batch(7), id="a gap is before it"),
        pytest.param(replace(a_batch(6), generation=GENERATION + 1), id="it is of another generation"),
        pytest.param(a_batch(6, ASIDE_RECORDS_MAX), id="it is large"),
    ],
)
def test_what_does_not_fit_is_done_in_its_turn(other: FetchedBatch) -> None:
    aside = Aside()
    aside.put(a_batch(5))

    assert not aside.put(other)
    assert aside.take(lambda number: True) == a_batch(5)


def test_the_first_comes_first_of_those_whose_partition_is_free() -> None:
    aside = Aside()
    batches = [a_batch(1, partition=OTHER), a_batch(1), a_batch(9, topic=PRODUCTS)]
    for batch in batches:
        assert aside.put(batch)

    assert aside.take(lambda number: number == PARTITION) == batches[1]
    assert aside.take(lambda number: number == PARTITION) == batches[2]
    assert aside.take(lambda number: number == PARTITION) is None
    assert aside.holds(OTHER)


async def test_another_partition_does_not_wait_for_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    async with a_bench() as bench:
        await selling(bench)
        bench.own(OTHER)
        commit_all = bench.writer.commit_all

        def slowly(writes: list[Write]) -> None:
            assert go.wait(10)
            commit_all(writes)

        monkeypatch.setattr(bench.writer, "commit_all", slowly)
        try:
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=2)))
            await bench.until(lambda: bench.partition.running is not None, "it is submitted", step_s=0.0)
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=3)))
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=4)))
            bench.hand(FetchedBatch(PRODUCTS, OTHER, 0, 1, (), GENERATION))

            await bench.until(lambda: bench.ownership.partitions[OTHER].position(PRODUCTS) == 1, "the other goes on")
            assert bench.partition.position(CHANGES) == 1
        finally:
            go.set()

        await bench.until(lambda: bench.partition.position(CHANGES) == 4, "all of the first is applied")
        assert [target.quantity for target in bench.told()] == [10, 9, 7], "the two that waited are one transaction"


async def test_of_single_records_none_is_put_to_another() -> None:
    """Without micro-batches (`engine.micro_batches`) every record stays a transaction of its own."""
    async with a_bench(micro_batches=False) as bench:
        await selling(bench)
        for number in (2, 3, 4):
            bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=number)))

        await bench.until(lambda: bench.partition.position(CHANGES) == 4, "all is applied")

        assert [target.quantity for target in bench.told()] == [10, 9, 8, 7]
