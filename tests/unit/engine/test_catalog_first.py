"""Changes that come before the catalog has their products, at a first load: they wait in their topic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.changes import SkuChange, StockAdjusted, StockCounted
from inventory_domain.identifiers import Sku
from inventory_streams.engine.catalog_first import CatalogFirst
from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.records import FetchedBatch, InputRecord
from inventory_streams.engine.settings import INPUT_STILL_S
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_bench import CHANGES, GENERATION, PRODUCTS, Bench, a_bench, selling
from tests.support.engine_work import PARTITION, PARTITIONS
from tests.support.stock import NOW_MS, SKU, a_change, a_listing, a_product

FREELY_MAX = 3
SKUS = [sku for sku in (Sku(f"N-{n}") for n in range(1_000)) if partition_of(sku, PARTITIONS) == PARTITION][:8]


def change(bench: Bench, sku: Sku, kind: SkuChange, sequence: int = 1) -> InputRecord:
    return bench.wire.change(replace(a_change(kind, sequence=sequence), sku=sku), key=sku)


def counts(bench: Bench, count: int = len(SKUS)) -> list[InputRecord]:
    return [change(bench, sku, StockCounted(5)) for sku in SKUS[:count]]


def products(bench: Bench, count: int = len(SKUS)) -> list[InputRecord]:
    return [bench.wire.product(replace(a_product(a_listing(own_id=sku)), sku=sku), key=sku) for sku in SKUS[:count]]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few changes may wait in memory."""
    limited = CatalogFirst(CHANGES, PRODUCTS, FREELY_MAX)
    monkeypatch.setattr("inventory_streams.engine.agent.CatalogFirst", lambda changes, catalog: limited)


def catalog_ends_at(bench: Bench, end: int) -> None:
    bench.inputs.fetched = {PRODUCTS: FetchState(end, NOW_MS)}


async def put_off(bench: Bench) -> list[InputRecord]:
    """Counts of eight SKUs that nobody knows yet came, and the catalog has their products."""
    catalog_ends_at(bench, len(SKUS))
    sent = counts(bench)
    bench.feed(CHANGES, *sent)
    await bench.until(lambda: bench.inputs.held_back, "they wait in their topic")
    return sent


@pytest.mark.usefixtures("few")
async def test_changes_wait_in_their_topic_until_the_catalog_is_read() -> None:
    async with a_bench() as bench:
        sent = await put_off(bench)
        assert bench.inputs.held_back == {PARTITION}
        half = len(SKUS) // 2
        catalog = products(bench)
        bench.feed(PRODUCTS, *catalog[:half])
        await bench.until(lambda: bench.inputs.positions.get(PRODUCTS) == half, "half of the catalog is read")
        assert bench.inputs.refetched == []

        bench.feed(PRODUCTS, *catalog[half:])
        await bench.until(lambda: bench.inputs.refetched, "they are asked for again")
        assert bench.inputs.refetched == [(CHANGES, PARTITION, 0)]
        assert bench.inputs.held_back == frozenset()
        assert not bench.told()
        assert bench.partition.held.records == 0

        bench.feed(CHANGES, *sent, start=0)
        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == len(sent), "they are applied")
        assert {target.sku: target.quantity for target in bench.told()} == dict.fromkeys(SKUS, 5)


@pytest.mark.usefixtures("few")
async def test_what_was_on_its_way_when_the_wait_ends_is_dropped_without_being_a_gap() -> None:
    """Several gaps in a row would end the process."""
    async with a_bench() as bench:
        sent = await put_off(bench)
        bench.feed(PRODUCTS, *products(bench))
        await bench.until(lambda: bench.inputs.refetched, "they are asked for again")
        for number in range(5):
            bench.feed(CHANGES, change(bench, SKUS[0], StockAdjusted(-1), 2 + number))
        bench.feed(CHANGES, *sent, start=0)

        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == len(sent), "they are applied")

        assert bench.inputs.refetched == [(CHANGES, PARTITION, 0)]
        assert bench.partition.gaps == {}


@pytest.mark.usefixtures("few")
async def test_changes_of_known_skus_wait_for_no_catalog() -> None:
    """A catalog that is sent anew, whole, would hold up every fall for minutes."""
    async with a_bench() as bench:
        await selling(bench)
        catalog_ends_at(bench, 1_000)

        falls = [change(bench, SKU, StockAdjusted(-1), 2 + number) for number in range(FREELY_MAX + 2)]
        bench.feed(CHANGES, *falls)

        await bench.until(lambda: bench.inputs.positions[CHANGES] == 1 + len(falls), "they are applied")
        assert bench.told()[-1].quantity == 10 - len(falls)
        assert bench.partition.catalog_wait is None


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(("count", "end"), [(FREELY_MAX, 8), (len(SKUS), 0)], ids=["few", "catalog-read"])
async def test_few_changes_and_those_the_catalog_has_no_product_for_are_kept(count: int, end: int) -> None:
    async with a_bench() as bench:
        catalog_ends_at(bench, end)

        bench.feed(CHANGES, *counts(bench, count))

        await bench.until(lambda: bench.partition.held.records == count, "they are kept")
        assert not bench.inputs.held_back


@pytest.mark.usefixtures("few")
async def test_more_may_be_kept_where_more_skus_are_known() -> None:
    async with a_bench() as bench:
        bench.feed(PRODUCTS, *products(bench, 5))
        await bench.until(lambda: bench.inputs.positions.get(PRODUCTS) == 5, "five are known")
        catalog_ends_at(bench, 1_000)
        unknown = [change(bench, SKUS[5], StockAdjusted(-1), number) for number in range(6)]

        bench.feed(CHANGES, *unknown[:5])
        await bench.until(lambda: bench.partition.held.records == 5, "as many are kept as SKUs are known")
        bench.feed(CHANGES, unknown[5])

        await bench.until(lambda: bench.inputs.held_back, "the next waits in its topic")
        assert bench.partition.held.records == 5


@pytest.mark.usefixtures("few")
async def test_an_end_that_was_there_at_the_assignment_counts_before_the_first_fetch() -> None:
    async with a_bench(ends={PRODUCTS: 8}) as bench:
        bench.feed(CHANGES, *counts(bench))

        await bench.until(lambda: bench.inputs.held_back, "they wait in their topic")


@pytest.mark.usefixtures("few")
async def test_changes_that_wait_do_not_stand_still() -> None:
    async with a_bench() as bench:
        sent = await put_off(bench)
        bench.inputs.fetched[CHANGES] = FetchState(len(sent), NOW_MS)
        until_s = bench.clock.at_s + 2 * INPUT_STILL_S

        await bench.until(lambda: bench.clock.at_s > until_s, "time passes", step_s=1.0)

        assert CHANGES not in [topic for topic, *_ in bench.inputs.refetched]


@pytest.mark.usefixtures("few")
async def test_markers_alone_end_a_wait_too() -> None:
    """A catalog whose last transaction was aborted ends in what nobody reads."""
    async with a_bench() as bench:
        await put_off(bench)
        bench.feed(PRODUCTS, *products(bench, 4))
        await bench.until(lambda: bench.inputs.positions.get(PRODUCTS) == 4, "half of the catalog is read")

        bench.hand(FetchedBatch(PRODUCTS, PARTITION, 4, 8, (), GENERATION))

        await bench.until(lambda: bench.inputs.refetched, "they are asked for again")


async def asked_again(bench: Bench, catalog: list[InputRecord]) -> None:
    """The catalog is read to where it ended, and has one record more by then."""
    bench.feed(PRODUCTS, *catalog)
    await bench.until(lambda: bench.inputs.refetched, "they are asked for again")
    bench.inputs.refetched.clear()
    catalog_ends_at(bench, catalog[-1].offset + 2)


@pytest.mark.usefixtures("few")
async def test_a_catalog_that_is_written_all_the_time_holds_changes_up_once_and_not_for_good() -> None:
    """Prices and texts of known products come all night; stock that falls meanwhile must be told."""
    async with a_bench() as bench:
        bench.feed(PRODUCTS, bench.wire.product(a_product()))
        await bench.until(lambda: bench.inputs.positions.get(PRODUCTS) == 1, "one is known")
        catalog_ends_at(bench, 5)
        sent = counts(bench)
        bench.feed(CHANGES, *sent)
        await bench.until(lambda: bench.inputs.held_back, "they wait in their topic")

        await asked_again(bench, [bench.wire.product(a_product()) for _ in range(4)])
        bench.feed(CHANGES, *sent, start=0)

        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == len(sent), "they are done")
        assert bench.partition.held.records == len(sent)


@pytest.mark.usefixtures("few")
async def test_changes_wait_on_while_the_catalog_is_being_loaded() -> None:
    """Its products come in any order: those of these changes are not among the first."""
    async with a_bench() as bench:
        catalog_ends_at(bench, 2)
        catalog = list(reversed(products(bench)))
        catalog = [replace(record, offset=number) for number, record in enumerate(catalog)]
        sent = counts(bench, 5)
        bench.feed(CHANGES, *sent)
        await bench.until(lambda: bench.inputs.held_back, "they wait in their topic")

        await asked_again(bench, catalog[:2])
        bench.feed(CHANGES, *sent, start=0)

        await bench.until(lambda: bench.inputs.held_back, "they wait once more")
        assert bench.partition.held.records == 0
