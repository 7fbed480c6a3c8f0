"""Pools that a marketplace holds for us."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from prometheus_client import CollectorRegistry

from inventory_domain.bulk import HeldPage, HeldStock
from inventory_domain.changes import InventoryChange, StockCounted
from inventory_domain.identifiers import AccountId, ChannelId, LocationId
from inventory_schemas.codec import Serde
from inventory_schemas.records import PRODUCT
from inventory_schemas.registry import LocalRegistry
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import Write
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.cycle import ReconciledAccount
from inventory_streams.reconcile.held import HeldPools
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.records import Records
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.delivery_bench import VirtualClock
from tests.support.pulls import CHANNEL, MARKETPLACE, HeldMarket, PagedMarket, a_catalog, a_page, a_product, failed

FBA = LocationId("fba-us")


class Bench:
    """A pool, and what is published of it."""

    def __init__(self, catalog: CatalogCopy, *pages: HeldPage | object) -> None:
        self.clock = VirtualClock()
        self.market = HeldMarket(list(pages))  # type: ignore[arg-type]
        settings = ReconcileSettings("app", KafkaSettings("nowhere:1"), Topics((MARKETPLACE,)), 4, pools={CHANNEL: FBA})
        self.codecs = codecs_of(settings.topics, MARKETPLACE, LocalRegistry())
        records = Records(settings, self.codecs, MARKETPLACE)
        budget = PullBudget(self.market.traits, 0.2, 0.5, self.clock)
        self.account = ReconciledAccount(AccountId("acc"), self.market, (CHANNEL,), budget)  # type: ignore[arg-type]
        self.writes: list[Write] = []
        metrics = ReconcileMetrics(CollectorRegistry())
        self.sequences: dict[ChannelId, int] = {}
        self.pools = HeldPools(settings, catalog, records, metrics, self.clock, self._commit, self.sequences)

    async def _commit(self, writes: list[Write]) -> None:
        self.writes.extend(writes)

    async def pull(self) -> bool:
        running = asyncio.ensure_future(self.pools.pull(self.account, CHANNEL, FBA))
        await self.clock.settle()
        while not running.done():
            await self.clock.pass_s(1)
        return await running

    def changes(self) -> list[InventoryChange]:
        return [self.codecs.changes.decode(write.value) for write in self.writes]


def held(sku: str, available: int, **more: str) -> HeldStock:
    return HeldStock(marketplace_ids={"sku": sku, **more}, available=available)


def a_held_page(*every: HeldStock, then: str | None = None) -> HeldPage:
    return HeldPage(held=every, next_cursor=then, api="held")


async def test_counts_enter_as_the_pools_own_location() -> None:
    catalog = a_catalog(("A", {"sku": "A"}), ("B", {"sku": "B"}), held=True)
    bench = Bench(catalog, a_held_page(held("A", 7), then="2"), a_held_page(held("B", 0, asin="B01"), held("X", 9)))

    assert await bench.pull()

    first, second = bench.changes()
    assert (first.sku, first.location, first.kind, first.source) == ("A", FBA, StockCounted(7), "held-market-us")
    assert (second.sku, second.kind) == ("B", StockCounted(0)) and first.sequence == second.sequence is not None


async def test_only_what_changed_is_told_again_and_silence_is_not_zero() -> None:
    catalog = a_catalog(("A", {"sku": "A"}), ("B", {"sku": "B"}), held=True)
    bench = Bench(catalog, a_held_page(held("A", 7), held("B", 3)), a_held_page(held("A", 6)))

    await bench.pull()
    bench.writes.clear()
    await bench.pull()

    assert [(change.sku, change.kind) for change in bench.changes()] == [("A", StockCounted(6))]


async def test_a_product_that_left_the_catalog_and_came_back_is_counted_again() -> None:
    """The engine has forgotten its positions, so the same number is news."""
    catalog = a_catalog(("A", {"sku": "A"}), held=True)
    bench = Bench(catalog, a_held_page(held("A", 7)))
    serde = Serde(PRODUCT, "product-value", LocalRegistry())

    await bench.pull()
    catalog.apply(b"A", None)
    catalog.apply(b"A", serde.encode(a_product("A", held=True)))
    await bench.pull()

    assert [(change.sku, change.kind) for change in bench.changes()] == [("A", StockCounted(7))] * 2


async def test_a_count_by_a_clock_that_is_behind_the_last_one_is_newer_all_the_same() -> None:
    """The engine would take it for an older one, and what was published is not told again."""
    bench = Bench(a_catalog(("A", {"sku": "A"}), held=True), a_held_page(held("A", 7)), a_held_page(held("A", 5)))
    ahead_ms = bench.clock.now_ms() + 3_600_000
    bench.sequences[CHANNEL] = ahead_ms  # told by whoever had the marketplace before

    await bench.pull()
    await bench.pull()

    assert [change.sequence for change in bench.changes()] == [ahead_ms + 1, ahead_ms + 2]


async def test_a_pull_that_does_not_reach_its_end_publishes_nothing() -> None:
    catalog = a_catalog(("A", {"sku": "A"}), held=True)
    bench = Bench(catalog, a_held_page(held("A", 7), then="2"), failed())

    assert not await bench.pull() and bench.writes == []


def test_a_channel_without_a_pool_is_not_pulled() -> None:
    bench = Bench(a_catalog(("A", {"sku": "A"})), failed())
    market = PagedMarket(a_page())
    other = ReconciledAccount(AccountId("b"), market, (CHANNEL,), bench.account.budget)  # type: ignore[arg-type]

    assert bench.pools.pools_of(bench.account) == {CHANNEL: FBA}
    assert bench.pools.pools_of(other) == {}


async def test_listings_of_one_product_are_added_up_and_one_that_is_not_named_keeps_its_units() -> None:
    """A product may be sent to the marketplace under two SKUs of the seller's; the last one named was taken for all."""
    twice = replace(
        a_product("A", held=True),
        listings=tuple(a_product(own, held=True).listings[0] for own in ("A-1", "A-2")),
    )
    serde = Serde(PRODUCT, "product-value", LocalRegistry())
    catalog = CatalogCopy(serde)
    catalog.apply(b"A", serde.encode(twice))
    bench = Bench(
        catalog,
        a_held_page(held("A-1", 7), then="2"),
        a_held_page(held("A-2", 0), held("A-1", 7)),  # a page may repeat what one before it had
        a_held_page(held("A-2", 4)),
        a_held_page(held("A-1", 7), held("A-2", 4)),
    )

    for _ in range(3):
        assert await bench.pull()

    assert [change.kind for change in bench.changes()] == [StockCounted(7), StockCounted(11)]
    assert {change.sku for change in bench.changes()} == {"A"}
