"""One reconciliation of one channel: pulled whole, then judged, then told. An incomplete pull changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace

from inventory_domain.bulk import Found, PullsListings
from inventory_domain.clock import Clock
from inventory_domain.identifiers import AccountId, ChannelId, ListingId
from inventory_domain.ports import ListingRef, MarketplaceAdapter, NotListed, Shown
from inventory_domain.pull_leases import LEAD_S
from inventory_domain.reconciliation import (
    CyclePhase,
    Discrepancy,
    Observation,
    ObservedBy,
    ReconciliationCycle,
    announcement,
)
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.kafka.transactions import Write
from inventory_streams.reconcile.announcing import Announcing
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.collected import Asked, Collected, ghost_observation
from inventory_streams.reconcile.judging import Judgements, Judging
from inventory_streams.reconcile.knowledge import Knowledge
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.pulling import PullEnd, Sink, in_background, pull
from inventory_streams.reconcile.records import Records
from inventory_streams.reconcile.settings import ReconcileSettings

BATCH = 500  # listings judged and committed at once
PROGRESS_S = 5.0
DAY_S = 86_400.0

log = logging.getLogger(__name__)

Commit = Callable[[list[Write]], Awaitable[None]]
"""Makes records durable, all or none; where a look changes nothing it does nothing."""
Waits = Callable[[str], None]
"""Told what is waited for, to be read after the word "waiting"."""


def the_lead_of(channel: ChannelId) -> str:
    """What is waited for where pulls are announced."""
    return f"{LEAD_S:.0f} s, until delivery leaves {channel} the pulls' part of the rate"


@dataclass(frozen=True, slots=True)
class ReconciledAccount:
    """An account with its adapter, its channels, and what its pulls may use.

    `announcing`: where delivery borrows the pulls' part of the rate, it is told before they begin.
    """

    account_id: AccountId
    adapter: MarketplaceAdapter
    channels: tuple[ChannelId, ...]
    budget: PullBudget
    announcing: Announcing | None = None


@dataclass(frozen=True, slots=True)
class CycleEnd:
    """How a reconciliation ended, and what it found."""

    cycle: ReconciliationCycle
    found: tuple[Discrepancy, ...]


class Cycles:
    """Makes reconciliations of one marketplace's channels, one at a time per account."""

    def __init__(
        self,
        settings: ReconcileSettings,
        catalog: CatalogCopy,
        knowledge: Knowledge,
        judging: Judging,
        records: Records,
        metrics: ReconcileMetrics,
        clock: Clock,
        commit: Commit,
        progress: Callable[[ReconciliationCycle], None] = lambda _: None,
        announce: Commit | None = None,
        waits: Waits = lambda _: None,
    ) -> None:
        """`announce`: what makes announcements durable, where it is not `commit`."""
        self._settings = settings
        self._catalog = catalog
        self._knowledge = knowledge
        self._judging = judging
        self._records = records
        self._metrics = metrics
        self._clock = clock
        self._commit = commit
        self._announce = announce or commit
        self._progress = progress
        self._waits = waits

    async def reconcile(self, account: ReconciledAccount, channel: ChannelId, reason: str) -> CycleEnd:
        """Pull the channel and act on what it shows."""
        listings = self._catalog.listings_on(channel)
        started_ms = self._clock.now_ms()
        cycle = ReconciliationCycle(
            channel, CyclePhase.PULLING, started_ms, started_ms, listings, 0, 0, 0, 0, 0, 0, reason
        )
        await self._tell(cycle)
        async with self._announced(account, channel, reason):
            self._progress(cycle)
            end, collected = await self._pulled(account, cycle)
        if end.complete and listings and not len(collected):
            end = replace(end, complete=False, reason="the pull named none of the channel's listings")
        if not end.complete:
            cycle = replace(
                cycle,
                phase=CyclePhase.INCOMPLETE,
                at_ms=self._clock.now_ms(),
                found=collected.found,
                reason=f"{reason}: {end.reason}",
            )
            log.warning("reconciliation incomplete", extra={"channel": channel, "why": end.reason})
            await self._ended(cycle)
            return CycleEnd(cycle, ())
        return await self._judged(cycle, collected, end)

    async def look_at(
        self, account: ReconciledAccount, channel: ChannelId, listings: Sequence[ListingId]
    ) -> tuple[list[tuple[ListingId, str]], tuple[Discrepancy, ...]]:
        """Read these listings one by one and act on what they show; what each of them said, and what was found."""
        async with self._announced(account, channel, "single listings"):
            return await self._looked_at(account, channel, listings)

    def _announced(self, account: ReconciledAccount, channel: ChannelId, why: str) -> AbstractAsyncContextManager[None]:
        if account.announcing is None:
            return nullcontext()

        async def announce() -> None:
            await self._announce([self._records.cycle(announcement(channel, self._clock.now_ms(), why))])

        self._waits(the_lead_of(channel))
        return account.announcing.around(announce)

    async def _looked_at(
        self, account: ReconciledAccount, channel: ChannelId, listings: Sequence[ListingId]
    ) -> tuple[list[tuple[ListingId, str]], tuple[Discrepancy, ...]]:
        said: list[tuple[ListingId, str]] = []
        traits = account.adapter.traits
        judgements = Judgements(0)
        for listing_id in listings:
            known = self._catalog.get(listing_id)
            if known is None:
                said.append((listing_id, "not in the catalog"))
                continue
            await account.budget.of(traits.read_operation).acquire(traits.read_cost)
            asked_ms = self._clock.now_ms()
            ref = ListingRef(listing_id, channel, known.marketplace_ids, known.nodes)
            answer = await account.adapter.read(ref)
            if not isinstance(answer, Shown):
                said.append(
                    (listing_id, answer.reason if isinstance(answer, NotListed) else f"failed: {answer.reason}")
                )
                continue
            said.append((listing_id, str(answer.quantity)))
            reading = Observation(
                listing_id,
                known.sku,
                channel,
                answer.quantity,
                answer.nodes,
                ObservedBy.READ,
                asked_ms - round(traits.read_age_s_max * 1_000),
                self._clock.now_ms(),
                answer.request_id or "",
            )
            writes = self._judging.judge([reading], self._clock.now_ms(), judgements)
            await self._commit([self._records.observation(reading), *writes])
        return said, tuple(judgements.found)

    async def _pulled(self, account: ReconciledAccount, cycle: ReconciliationCycle) -> tuple[PullEnd, Collected]:
        channel, adapter = cycle.channel, account.adapter
        of_account = isinstance(adapter, PullsListings) and adapter.pull_traits.of_account
        others = [one for one in account.channels if one != channel] if of_account else []
        collected = [Collected(self._catalog, channel, others)]

        def begin() -> None:
            collected[0] = Collected(self._catalog, channel, others)

        def add(found: Found, asked: Asked) -> None:
            collected[0].add(found, asked)

        async def tell_now_and_then() -> None:
            while True:
                await self._clock.sleep(PROGRESS_S)
                await self._tell(replace(cycle, found=collected[0].found, at_ms=self._clock.now_ms()))

        telling = asyncio.create_task(tell_now_and_then())
        try:
            end = await self._pull(account, cycle, Sink(begin, add))
        finally:
            telling.cancel()
            await asyncio.wait({telling})
        if not telling.cancelled() and (error := telling.exception()) is not None:
            raise error
        return end, collected[0]

    async def _pull(self, account: ReconciledAccount, cycle: ReconciliationCycle, sink: Sink) -> PullEnd:
        return await pull(
            account.adapter,
            account.budget,
            cycle.channel,
            sink,
            self._clock,
            background=in_background(account.adapter, cycle.listings, self._settings.background_from),
            limit_s=self._settings.pull_s_max,
        )

    async def _judged(self, cycle: ReconciliationCycle, collected: Collected, end: PullEnd) -> CycleEnd:
        channel, so_far = cycle.channel, Judgements(self._settings.rechecks_max)
        for readings in collected.batches(BATCH):
            writes = [self._records.observation(one) for one in readings]
            writes += self._judging.judge(readings, self._clock.now_ms(), so_far)
            await self._commit(writes)
        seen = [ghost_observation(channel, one, end.started_at_ms) for one in collected.ghosts]
        ending = {one.listing_id for one in seen if self._knowledge.ends_at_zero(one.listing_id, one.as_of_ms)}
        every = len(seen) == collected.ghost_count
        unsold = [one for one in seen if one.listing_id not in ending]
        ghosts = self._ghosts(channel, unsold, end.started_at_ms, every=every)
        await self._commit([self._records.discrepancy(one) for one in ghosts])
        missing = sum(one not in collected for one in self._knowledge.written_on(channel))
        cycle = replace(
            cycle,
            phase=CyclePhase.COMPLETE,
            at_ms=self._clock.now_ms(),
            found=collected.found,
            judged=so_far.judged,
            missing=missing,
            ghosts=collected.ghost_count - len(ending),
            discrepancies=so_far.discrepancies,
            corrections=so_far.corrections,
        )
        await self._ended(cycle)
        return CycleEnd(cycle, (*so_far.found, *ghosts))

    def _ghosts(
        self, channel: ChannelId, readings: Sequence[Observation], asked_at_ms: int, *, every: bool
    ) -> list[Discrepancy]:
        """Ghosts that the pull before did not find with this number, and those that it found and that are gone.

        `every`: these are all that there are.
        """
        new = []
        if every:
            gone = self._knowledge.ghosts_are(channel, {one.listing_id for one in readings})
            new = [self._judging.ghost_gone(channel, one, asked_at_ms) for one in gone]
        for reading in readings:
            if self._knowledge.ghosts.get(reading.listing_id) != reading.quantity:
                self._knowledge.ghosts[reading.listing_id] = reading.quantity or 0
                new.append(self._judging.ghost(reading))
        return new

    async def _ended(self, cycle: ReconciliationCycle) -> None:
        channel = cycle.channel
        self._metrics.cycles.labels(channel, cycle.phase.value).inc()
        self._metrics.cycle_duration.labels(channel).set((cycle.at_ms - cycle.started_at_ms) / 1_000)
        self._metrics.listings.labels(channel).set(cycle.listings)
        if cycle.phase is CyclePhase.COMPLETE:
            self._metrics.last_complete.labels(channel).set(cycle.started_at_ms / 1_000)
            self._metrics.missing.labels(channel).set(cycle.missing)
            self._metrics.ghosts.labels(channel).set(cycle.ghosts)
            facts = {name: getattr(cycle, name) for name in ("channel", "listings", "judged", "discrepancies")}
            log.info("reconciliation complete", extra=facts)
        self._judging.measure(channel)
        await self._tell(cycle)

    async def _tell(self, cycle: ReconciliationCycle) -> None:
        self._measure_progress(cycle)
        await self._commit([self._records.cycle(cycle)])

    def _measure_progress(self, cycle: ReconciliationCycle) -> None:
        done = cycle.found / cycle.listings if cycle.listings else 1.0
        self._metrics.progress.labels(cycle.channel).set(min(1.0, done))
        self._progress(cycle)


@dataclass(frozen=True, slots=True)
class DailyCalls:
    """What a schedule of pulls costs an account with a daily quota: `needed` calls a day, of `allowed` for pulls."""

    operation: str
    listings: int
    page_max: int
    pages: int
    cost: float
    pulls: float
    allowed: float

    @property
    def needed(self) -> float:
        """Calls a day."""
        return self.pages * self.cost * self.pulls


def daily_calls(
    account: ReconciledAccount, listings: Mapping[ChannelId, int], settings: ReconcileSettings
) -> DailyCalls | None:
    """The arithmetic; None where no daily quota limits the pulls: a rate alone makes them slow, within `pull_s_max`."""
    if not isinstance(account.adapter, PullsListings):
        return None
    traits = account.adapter.pull_traits
    quota = account.budget.of(traits.operation).per_day
    if quota is None:
        return None
    paged = [
        count for count in listings.values() if not in_background(account.adapter, count, settings.background_from)
    ]
    pages = sum(-(-count // traits.page_max) for count in paged)
    pulls = DAY_S / settings.interval_s
    return DailyCalls(traits.operation, sum(paged), traits.page_max, pages, traits.cost, pulls, quota)


def unaffordable(
    account: ReconciledAccount, listings: Mapping[ChannelId, int], settings: ReconcileSettings
) -> list[str]:
    """Why the account's channels cannot be pulled so often within a day's calls, with the arithmetic; or nothing."""
    calls = daily_calls(account, listings, settings)
    if calls is None or calls.needed <= calls.allowed:
        return []
    hours = calls.pages * calls.cost * 24 / calls.allowed
    return [
        f"account {account.account_id}: {calls.listings:,} listings are {calls.pages:,} pages of {calls.page_max}; "
        f"{calls.pulls:g} pulls a day are {calls.needed:,.0f} calls of {calls.operation}, and {calls.allowed:,.0f} a "
        "day are left for pulls (per_day x reconcile.pull_share): "
        f"pull every {hours:.1f} h or more, or give pulls a larger share"
    ]
