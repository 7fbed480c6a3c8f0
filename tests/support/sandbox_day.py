"""A day of one channel on a sandbox marketplace and a clock that moves.

Reconciliation, adapter, marketplace and all rules are the real ones. Delivery and engine are played here: a target is
pushed and its exposure kept by the rules of the domain, a `Restate` is answered with the next version.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from inventory_adapters.catalog import MARKETPLACES
from inventory_domain.catalog import Listing, ListingNode, Product, ProductStatus
from inventory_domain.changes import InventoryChange, UnitsSold
from inventory_domain.commands import Restate
from inventory_domain.exposure import Exposure, Result, begin, conclude, observe, settle
from inventory_domain.identifiers import (
    AccountId,
    ChannelId,
    EventId,
    ListingId,
    LocationId,
    Marketplace,
    NodeId,
    OrderId,
    Sku,
    SourceId,
)
from inventory_domain.outcomes import Accepted
from inventory_domain.ports import ListingRef, MarketplaceAdapter, Push, Shown
from inventory_domain.reconciliation import Discrepancy, ObservedBy
from inventory_sandbox.marketplaces import ListingSeed, SandboxSettings, build_marketplaces
from inventory_schemas.registry import LocalRegistry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import Write
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.cycle import CycleEnd, Cycles, ReconciledAccount, Waits
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.reconciler import parts_of
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.adapters_sandbox import SandboxTransport, _account, channel, ids
from tests.support.delivery_bench import VirtualClock

STEP_S = 90.0
LOCATION = LocationId("main")
Answer = TypeVar("Answer")


class DayClock(VirtualClock):
    """The same time for the marketplace and for us."""

    def now(self) -> float:
        return self.now_ms() / 1_000


@dataclass
class Day:
    """One channel with its listings.

    `lost` names listings whose next push is accepted and has no effect; with those of `stuck` no push ever has one.
    """

    clock: DayClock
    sandbox: Any
    adapter: MarketplaceAdapter
    account: ReconciledAccount
    cycles: Cycles
    parts: Any
    seeds: dict[str, ListingSeed]
    commits: list[list[Write]] = field(default_factory=list)
    exposures: dict[str, Exposure] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    quantities: dict[str, int] = field(default_factory=dict)
    told: list[Discrepancy] = field(default_factory=list)
    restated: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    rivals: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)

    @property
    def channel(self) -> ChannelId:
        return self.account.channels[0]

    def live(self, sku: str) -> int:
        """What buyers see."""
        return int(self.sandbox.world.stock.get(self.seeds[sku].marketplace, self.seeds[sku].key).live)

    def edit(self, sku: str, quantity: int) -> None:
        """Somebody sets a number on the marketplace's own pages."""
        stock, seed = self.sandbox.world.stock, self.seeds[sku]
        listing = stock.get(seed.marketplace, seed.key)
        for part in listing.parts.values():
            stock.edit(part, quantity, request_id="seller-pages", api="seller_pages")

    def sell(self, sku: str, units: int) -> None:
        """Buyers buy."""
        stock, seed = self.sandbox.world.stock, self.seeds[sku]
        assert stock.sell(stock.get(seed.marketplace, seed.key), units)

    def report(self, sku: str, units: int, at_ms: int) -> None:
        """The source tells of a sale that was made at that time."""
        change = InventoryChange(
            EventId(f"e-{sku}-{at_ms}"),
            SourceId("erp"),
            None,
            at_ms,
            Sku(sku),
            None,
            UnitsSold(self.channel, OrderId(f"O-{sku}-{at_ms}"), units),
        )
        self.parts.knowledge.change(change, self.clock.now_ms())

    async def write(self, sku: str, quantity: int) -> None:
        """A new target, pushed at once."""
        self.versions[sku] += 1
        self.quantities[sku] = quantity
        listing_id, version = ListingId(f"{self.channel}/{sku}"), self.versions[sku]
        self.parts.knowledge._of(listing_id, Sku(sku), self.channel).version = version
        await self._send(sku)

    async def _send(self, sku: str) -> None:
        """The newest target, pushed now."""
        listing_id, version, quantity = ListingId(f"{self.channel}/{sku}"), self.versions[sku], self.quantities[sku]
        now_ms = self.clock.now_ms()
        settles = now_ms + round(self.adapter.traits.settling_s_max * 1_000)
        nodes = dict.fromkeys(self._nodes(sku), quantity)
        before = self.exposures.get(sku, Exposure(listing_id, Sku(sku)))
        exposure, attempt = begin(
            before,
            version=version,
            quantity=quantity,
            nodes=nodes,
            mask=None,
            path="single",
            now_ms=now_ms,
            settles_by_ms=settles,
        )
        push = Push(listing_id, self.channel, quantity, nodes, ids(self.seeds[sku]), version, f"{sku}-{version}")
        if sku in self.lost or sku in self.stuck:
            self.lost.discard(sku)
            outcome = Accepted(listing_id=listing_id, api="write", reason="ok")
        else:
            answered = (await self._driven(self.adapter.push([push])))[0]
            assert not answered.effect_unknown and type(answered).__name__ in ("Accepted", "Applied"), answered
            outcome = answered  # type: ignore[assignment]
        self._keep(sku, conclude(exposure, attempt.number, outcome, self.clock.now_ms(), settles))

    async def pass_h(self, hours: float) -> None:
        """Time passes; delivery reads falls back when they are due, and rivals write after us."""
        end_s = self.clock.monotonic_s() + hours * 3_600
        while self.clock.monotonic_s() < end_s:
            await self.clock.pass_s(min(STEP_S, end_s - self.clock.monotonic_s()))
            await self._deliver()

    async def reconcile(self) -> CycleEnd:
        """One whole cycle, and the engine's answers to what it asks for."""
        end = await self._driven(self.cycles.reconcile(self.account, self.channel, "test"))
        for sku in self._answers():
            await self.write(sku, self.quantities[sku])
        return end

    async def _driven(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        """What the call answers; time passes meanwhile, since both sides wait for it."""
        running = asyncio.ensure_future(call)
        await self.clock.settle()
        while not running.done():
            await self.clock.pass_s(0.25)
        return running.result()

    async def commit(self, writes: list[Write]) -> None:
        self.commits.append(writes)

    def _answers(self) -> list[str]:
        codecs, found = self.parts.knowledge.codecs, []
        for write in (one for commit in self.commits for one in commit):
            if write.topic.endswith("inventory.discrepancies"):
                self.told.append(codecs.discrepancies.decode(write.value))
            elif write.topic.endswith("sku.commands"):
                command = codecs.sku_commands.decode(write.value)
                assert isinstance(command.kind, Restate)
                if command.kind.judged_version == self.versions[command.sku]:
                    found.append(str(command.sku))
                    self.restated.append(str(command.sku))
            elif "observations" in write.topic:
                observation = codecs.observations.decode(write.value)
                if observation.observed_by is ObservedBy.SIGNAL:
                    self.hints.append(str(observation.sku))
        self.commits.clear()
        return found

    async def _deliver(self) -> None:
        now_ms = self.clock.now_ms()
        for sku, exposure in list(self.exposures.items()):
            due = exposure.read_due_ms()
            if due is not None and due <= now_ms:
                ref = ListingRef(exposure.listing_id, self.channel, ids(self.seeds[sku]), tuple(self._nodes(sku)))
                answer = await self._driven(self.adapter.read(ref))
                if isinstance(answer, Shown):
                    exposure = observe(exposure, answer.quantity, now_ms)
            exposure = settle(exposure, now_ms)
            if exposure is not self.exposures[sku]:
                self._keep(sku, exposure)
                if exposure.last is not None and exposure.last.result is Result.OVER_SHOWN:
                    await self._send(sku)  # delivery sees to what is over-shown by itself
            if sku in self.rivals and not exposure.open and self.live(sku) != self.rivals[sku]:
                self.edit(sku, self.rivals[sku])

    def _keep(self, sku: str, exposure: Exposure) -> None:
        self.exposures[sku] = exposure
        raw = self.parts.knowledge.codecs.exposure.encode(exposure)
        self.parts.knowledge.exposure(exposure.listing_id.encode(), raw, exposure)

    def _nodes(self, sku: str) -> list[NodeId]:
        return [NodeId(one) for one in self.seeds[sku].location_ids]


def a_day(
    marketplace: str,
    seeds: Sequence[ListingSeed],
    ghosts: Sequence[ListingSeed] = (),
    waits: Waits = lambda _: None,
    **changes: Any,
) -> Day:
    """A day of the channel with these listings; the catalog does not have the ghosts."""
    clock, name = DayClock(), Marketplace(marketplace)
    sandbox = build_marketplaces(clock, SandboxSettings(skus=0, listings=(*seeds, *ghosts)))
    raw = _account(marketplace, sandbox)
    parsed = MARKETPLACES[name].parse(raw, "accounts.day")
    adapter = MARKETPLACES[name].build(parsed, clock, SandboxTransport(sandbox.apps()[marketplace]))
    base: dict[str, Any] = {
        "app": "app",
        "kafka": KafkaSettings("nowhere:1"),
        "topics": Topics((name,)),
        "partitions": 4,
    }
    settings = ReconcileSettings(**{**base, **changes})
    budget = PullBudget(adapter.traits, settings.pull_share, settings.reserve, clock)
    account = ReconciledAccount(AccountId("day"), adapter, (channel(seeds[0]),), budget)
    metrics = ReconcileMetrics(CollectorRegistry())
    codecs = codecs_of(settings.topics, name, LocalRegistry())
    parts = parts_of(settings, name, [account], codecs, metrics, clock.now_ms)
    for seed in seeds:
        nodes = tuple(ListingNode(NodeId(one), LOCATION) for one in seed.location_ids)
        listing = Listing(ListingId(f"{channel(seed)}/{seed.sku}"), channel(seed), ids(seed), nodes=nodes)
        product = Product(Sku(seed.sku), ProductStatus.ACTIVE, "things", (), (listing,))
        parts.catalog.apply(seed.sku.encode(), codecs.products.encode(product))
    day = Day(clock, sandbox, adapter, account, None, parts, {seed.sku: seed for seed in seeds})  # type: ignore[arg-type]
    day.cycles = Cycles(
        settings, parts.catalog, parts.knowledge, parts.judging, parts.records, metrics, clock, day.commit, waits=waits
    )
    return day


def a_listing_like(seed: ListingSeed, sku: str, number: int) -> ListingSeed:
    """Another listing at the same marketplace, under a SKU of its own."""
    return replace(
        seed,
        sku=sku,
        quantity=0,
        asin=f"B0000{number:05}" if seed.asin else seed.asin,
        offer_id=f"3601{number:08}" if seed.offer_id else seed.offer_id,
        listing_id=f"1101{number:08}" if seed.listing_id else seed.listing_id,
        item_id=f"51{number:08}" if seed.item_id else seed.item_id,
        inventory_item_id=f"gid://shopify/InventoryItem/7{number:010}" if seed.inventory_item_id else "",
        variant_id=f"gid://shopify/ProductVariant/6{number:010}" if seed.variant_id else seed.variant_id,
        product_id=f"gid://shopify/Product/9{number:09}" if seed.product_id else seed.product_id,
    )
