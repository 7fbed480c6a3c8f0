"""Very many listings: reconciled whole, in bounded memory, with progress on the way."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from inventory_domain.bulk import BackgroundPullTraits, BulkTraits, Found, Page, PullDone, PullStarted, PullTraits
from inventory_domain.exposure import Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.identifiers import AccountId, ChannelId, ListingId, Sku
from inventory_domain.ports import AdapterTraits
from inventory_domain.reconciliation import CyclePhase, ReconciliationCycle
from inventory_schemas.registry import LocalRegistry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import Write
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.cycle import BATCH, Cycles, ReconciledAccount
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.reconciler import parts_of
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.delivery_bench import VirtualClock
from tests.support.pulls import CHANNEL, LIMITS, MARKETPLACE, a_product

LISTINGS = int(os.environ.get("INVENTORY_SYNC_TEST_LISTINGS", "5000"))
"""A short form of 100,000, which the environment may ask for."""
PULL_BYTES_MAX = 600  # for each listing found: its number, and its place in a page
DRIFT = 40
PAGE = 100
PULL_SHARE = 0.2


class LargeMarket:
    """Gathers a document that is made while it is read, as the adapters' are."""

    @property
    def traits(self) -> AdapterTraits:
        return AdapterTraits(MARKETPLACE, LIMITS, "write", "read")

    @property
    def background_pull_traits(self) -> BackgroundPullTraits:
        return BackgroundPullTraits(BulkTraits("pull", 0), BulkTraits("pull", 0), age_s_max=0.0)

    async def start_pull(self, channel: ChannelId) -> PullStarted:
        return PullStarted(pull_id="1", ask_after_s=60.0, api="start")

    async def poll_pull(self, channel: ChannelId, pull_id: str) -> PullDone:
        return PullDone(found=self._every(), unreadable=0, api="download", request_id="r")

    def _every(self) -> Iterator[Found]:
        return (listing(number) for number in range(LISTINGS))


class PagedLargeMarket:
    """Tells page by page, by the operation that single reads need too, and notes when it was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.asked_s: list[float] = []

    @property
    def traits(self) -> AdapterTraits:
        return AdapterTraits(MARKETPLACE, LIMITS, "write", "read")

    @property
    def pull_traits(self) -> PullTraits:
        return PullTraits("read", PAGE)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page:
        self.asked_s.append(self._clock.monotonic_s())
        first = int(cursor or 0)
        then = first + PAGE
        found = tuple(listing(number) for number in range(first, min(then, LISTINGS)))
        return Page(found=found, next_cursor=str(then) if then < LISTINGS else None, api="pull")


def listing(number: int) -> Found:
    """Some of them show ninety in place of ten."""
    drifted = number % (LISTINGS // DRIFT) == 0
    return Found(marketplace_ids={"sku": f"S{number}"}, quantity=90 if drifted else 10)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["document", "pages"])
async def test_many_listings_are_reconciled_in_bounded_memory_within_the_limits(
    record_property: Callable[[str, object], None], way: str
) -> None:
    clock = VirtualClock()
    paged = PagedLargeMarket(clock)
    market = LargeMarket() if way == "document" else paged
    settings = ReconcileSettings("app", KafkaSettings("nowhere:1"), Topics((MARKETPLACE,)), 6)
    codecs = codecs_of(settings.topics, MARKETPLACE, LocalRegistry())
    budget = PullBudget(market.traits, PULL_SHARE, 0.5, clock)
    account = ReconciledAccount(AccountId("acc"), market, (CHANNEL,), budget)  # type: ignore[arg-type]
    metrics = ReconcileMetrics(CollectorRegistry())
    parts = parts_of(settings, MARKETPLACE, [account], codecs, metrics, clock.now_ms)
    at_ms = clock.now_ms() - 3_600_000
    for number in range(LISTINGS):
        sku, listing_id = Sku(f"S{number}"), ListingId(f"{CHANNEL}/S{number}")
        parts.catalog.apply(sku.encode(), codecs.products.encode(a_product(sku)))
        exposure = Exposure(
            listing_id,
            sku,
            Confirmed(10, 1, at_ms, Proof.READ),
            LastAttempt(1, 1, 10, {}, None, at_ms, Result.ACCEPTED),
        )
        parts.knowledge._of(listing_id, sku, CHANNEL).version = 1
        parts.knowledge.exposure(listing_id.encode(), codecs.exposure.encode(exposure), exposure)
    batches: list[int] = []
    commands = 0
    progress: list[ReconciliationCycle] = []

    async def commit(writes: list[Write]) -> None:
        nonlocal commands
        batches.append(len(writes))
        commands += sum(one.topic.endswith("sku.commands") for one in writes)

    cycles = Cycles(
        settings,
        parts.catalog,
        parts.knowledge,
        parts.judging,
        parts.records,
        metrics,
        clock,
        commit,
        progress.append,
    )
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    running = asyncio.ensure_future(cycles.reconcile(account, CHANNEL, "test"))
    await clock.settle()
    while not running.done():
        await clock.pass_s(1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    end = await running

    record_property("peak_bytes_per_listing", (peak - before) / LISTINGS)
    assert (end.cycle.phase, end.cycle.judged) == (CyclePhase.COMPLETE, LISTINGS)
    assert (end.cycle.discrepancies, commands) == (DRIFT, DRIFT)
    assert (peak - before) / LISTINGS < PULL_BYTES_MAX
    assert max(batches) <= 3 * BATCH  # an observation, a discrepancy and a command each, at most
    assert len(progress) > 5
    # What single reads need too is theirs but for the share of pulls: however many pages there are, none comes early.
    assert len(paged.asked_s) == (0 if way == "document" else -(-LISTINGS // PAGE))
    read = next(limit for limit in LIMITS if limit.operation == "read")
    apart_s = 1 / (read.rate_per_s * PULL_SHARE)
    assert all(later - earlier >= apart_s for earlier, later in pairwise(paged.asked_s))
