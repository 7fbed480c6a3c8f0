"""A transaction of many SKUs is made in parts: the loop turns between them, and nothing dropped half way is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from inventory_domain.changes import StockCounted
from inventory_domain.identifiers import Sku
from inventory_streams.engine import changing, computing
from inventory_streams.engine.preparing import SKUS_IN_PART
from inventory_streams.engine.records import InputRecord
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_bench import CHANGES, PRODUCTS, Bench, a_bench
from tests.support.engine_work import GRACE_MS, PARTITION, PARTITIONS, TOPICS
from tests.support.stock import a_change, a_product

MANY = 3 * SKUS_IN_PART
TURNS_MAX = 1_000_000


def skus(count: int) -> list[Sku]:
    """So many SKUs of the partition."""
    found: list[Sku] = []
    number = 0
    while len(found) < count:
        if partition_of(sku := Sku(f"S-{number}"), PARTITIONS) == PARTITION:
            found.append(sku)
        number += 1
    return found


def products(bench: Bench, names: list[Sku]) -> list[InputRecord]:
    found = []
    for sku in names:
        product = a_product()
        listings = tuple([replace(one, listing_id=f"{one.listing_id}-{sku}") for one in product.listings])
        found.append(bench.wire.product(replace(product, sku=sku, listings=listings), key=sku))
    return found


def counts(bench: Bench, names: list[Sku]) -> list[InputRecord]:
    return [bench.wire.change(replace(a_change(StockCounted(10), sequence=1), sku=sku), key=sku) for sku in names]


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[Sku]:
    """The SKUs in the order in which they are decided."""
    order: list[Sku] = []
    real = computing.decide

    def noting(state: Any, *given: Any, **more: Any) -> Any:
        order.append(state.sku)
        return real(state, *given, **more)

    monkeypatch.setattr(computing, "decide", noting)
    return order


async def most_in_a_turn(bench: Bench, noted: Sequence[object]) -> int:
    """How much was noted in one turn of the loop at most, until all changes are committed."""
    most, before = 0, 0
    for _ in range(TURNS_MAX):
        if bench.inputs.positions.get(CHANGES) == MANY:
            break
        await asyncio.sleep(0)
        most, before = max(most, len(noted) - before), len(noted)
    return most


async def test_the_loop_turns_while_thousands_of_skus_are_decided(decided: list[Sku]) -> None:
    """Commits of other partitions become visible meanwhile."""
    async with a_bench() as bench:
        names = skus(MANY)
        bench.feed(PRODUCTS, *products(bench, names))
        await bench.until(lambda: bench.inputs.positions.get(PRODUCTS) == MANY, "the catalog is known")
        decided.clear()
        bench.feed(CHANGES, *counts(bench, names))
        most = await most_in_a_turn(bench, decided)

    assert sorted(decided) == sorted(names)
    assert most <= SKUS_IN_PART
    assert sorted(target.sku for target in bench.told()) == sorted(names)


async def test_the_loop_turns_while_the_changes_of_a_batch_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait until all are there, and a batch may have 80,000 of them."""
    done: list[InputRecord] = []
    real = changing.StockChanges._do

    def noting(self: changing.StockChanges, draft: changing._Draft, records: list[InputRecord]) -> None:
        done.extend(records)
        real(self, draft, records)

    monkeypatch.setattr(changing.StockChanges, "_do", noting)
    monkeypatch.setattr(changing, "RECORDS_IN_PART", 10)
    async with a_bench() as bench:
        names = skus(MANY)
        bench.feed(PRODUCTS, *products(bench, names))
        await bench.until(lambda: bench.inputs.positions.get(PRODUCTS) == MANY, "the catalog is known")
        bench.feed(CHANGES, *counts(bench, names))
        most = await most_in_a_turn(bench, done)

    assert len(done) == MANY
    assert most <= 10


async def test_what_was_due_is_done_after_a_rebalance_cut_its_computation_off(decided: list[Sku]) -> None:
    """The records come again. What was due by itself comes only if it is remembered: its timer was taken off."""
    async with a_bench() as bench:
        names = skus(MANY)
        unknown = Sku(skus(MANY + 1)[-1])
        bench.feed(PRODUCTS, *products(bench, names))
        bench.feed(CHANGES, *counts(bench, [unknown]))
        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == 1, "a change waits for its product")
        decided.clear()
        bench.clock.at_s += GRACE_MS / 1000
        bench.feed(CHANGES, *counts(bench, names))

        for _ in range(TURNS_MAX):
            if decided:
                break
            await asyncio.sleep(0)
        bench.inputs.open = False  # a rebalance, and the partition stays
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert len(decided) < MANY
        assert bench.inputs.positions.get(CHANGES) == 1
        bench.inputs.open = True

        def letters() -> list[bytes | None]:
            writes = [write for writes in bench.writer.transactions for write in writes]
            return [write.key for write in writes if write.topic == TOPICS.inventory_dead_letters]

        await bench.until(letters, "the change that waited in vain is a dead letter")
        assert letters() == [unknown.encode()]
