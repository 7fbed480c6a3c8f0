"""Pools that a marketplace holds for us: pulled on a schedule, and entered as counts of a location of their own."""

from __future__ import annotations

import asyncio
import logging

from inventory_domain.bulk import CallFailed, HeldPage, HeldStock, ReadsHeldStock
from inventory_domain.changes import InventoryChange, StockCounted
from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId, EventId, LocationId, Sku, SourceId
from inventory_streams.catalog_copy import CatalogCopy, CatalogListing
from inventory_streams.reconcile.cycle import Commit, ReconciledAccount
from inventory_streams.reconcile.knowledge import HELD
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.records import Records
from inventory_streams.reconcile.settings import ReconcileSettings

CALL_S_MAX = 20.0
FAILURES_MAX = 5
PAUSE_FIRST_S = 2.0
BATCH = 500
PAGES_MAX = 100_000

log = logging.getLogger(__name__)


_Rows = dict[str, tuple[int, CatalogListing]]
"""The rows of a pool that are of one SKU, by the seller's own id of each: its units, and its listing as the catalog has
it. A product may be listed more than once."""


class HeldPools:
    """Pulls the held pools of one marketplace. They are never written and never compared with what ships from us."""

    def __init__(
        self,
        settings: ReconcileSettings,
        catalog: CatalogCopy,
        records: Records,
        metrics: ReconcileMetrics,
        clock: Clock,
        commit: Commit,
        sequences: dict[ChannelId, int],
    ) -> None:
        """`sequences`: that of each pool's newest count, whoever has told it."""
        self._settings = settings
        self._catalog = catalog
        self._records = records
        self._metrics = metrics
        self._clock = clock
        self._commit = commit
        self._sequences = sequences
        self._published: dict[tuple[ChannelId, Sku], _Rows] = {}

    def pools_of(self, account: ReconciledAccount) -> dict[ChannelId, LocationId]:
        """The account's channels that have a pool, with its location."""
        if not isinstance(account.adapter, ReadsHeldStock):
            return {}
        pools = self._settings.pools
        return {channel: pools[channel] for channel in account.channels if channel in pools}

    async def pull(self, account: ReconciledAccount, channel: ChannelId, location: LocationId) -> bool:
        """Pull one pool whole and publish the counts that changed; False, and nothing published, when it failed.

        A SKU that the pool does not name is not counted as zero: silence says nothing (rule 32).
        """
        started_ms = self._clock.now_ms()
        # By a clock that was ahead, or was set back since, the engine would take them for older ones.
        sequence = max(started_ms, self._sequences.get(channel, -1) + 1)
        held = await self._held(account, channel)
        if held is None:
            self._metrics.held_failures.labels(channel).inc()
            return False
        counts: dict[Sku, _Rows] = {}
        for one in held:
            if (listing := self._listing(channel, one)) is not None:
                rows = counts.setdefault(listing.sku, self._kept(channel, listing.sku))
                rows[next(iter(one.marketplace_ids.values()))] = (one.available, listing)
        changed = [(sku, one) for sku, one in counts.items() if not self._is_told((channel, sku), one)]
        if changed:
            self._sequences[channel] = sequence
        for start in range(0, len(changed), BATCH):
            batch = changed[start : start + BATCH]
            changes = [_counted(channel, location, sku, rows, sequence, started_ms) for sku, rows in batch]
            await self._commit([self._records.change(change) for change in changes])
            self._metrics.held_units.labels(channel).inc(len(batch))
            self._published.update({(channel, sku): one for sku, one in batch})
        log.info("held pool pulled", extra={"channel": channel, "skus": len(counts), "changed": len(changed)})
        return True

    def _kept(self, channel: ChannelId, sku: Sku) -> _Rows:
        """What was published of the SKU's listings that are what they were: one that is not named keeps its units."""
        rows = self._published.get((channel, sku), {}).items()
        return {own_id: row for own_id, row in rows if self._catalog.get(row[1].listing_id) is row[1]}

    def _is_told(self, where: tuple[ChannelId, Sku], rows: _Rows) -> bool:
        """Whether this was published, and the product's record is the same since: one that left the catalog and came
        back has to be counted again."""
        before = self._published.get(where, {})
        if before.keys() != rows.keys():
            return False
        return all(units == before[own_id][0] and one is before[own_id][1] for own_id, (units, one) in rows.items())

    def _listing(self, channel: ChannelId, one: HeldStock) -> CatalogListing | None:
        """The listing that a row of the pool is of: one of the channel with that id, held ones first."""
        ids = dict(one.marketplace_ids)
        named = self._catalog.named(channel, ids)
        if not named and len(ids) > 1:
            name = next(iter(ids))  # the id that the marketplace has put first is the seller's own
            named = self._catalog.named(channel, {name: ids[name]})
        held = [listing for listing in named if listing.is_held] or list(named)
        return min(held, key=lambda listing: listing.sku, default=None)

    async def _held(self, account: ReconciledAccount, channel: ChannelId) -> list[HeldStock] | None:
        adapter = account.adapter
        assert isinstance(adapter, ReadsHeldStock)
        traits, cursor, failures = adapter.held_stock_traits, None, 0
        found: list[HeldStock] = []
        for _ in range(PAGES_MAX):
            await account.budget.of(traits.operation).acquire(traits.cost)
            answer = await self._page(adapter, channel, cursor)
            refused = isinstance(answer, CallFailed) and answer.kind == "throttled"
            account.budget.of(traits.operation).answered(answer.seen, refused=refused)
            if isinstance(answer, CallFailed):
                failures += answer.kind != "throttled"
                if answer.kind in ("rejected", "unauthorized") or failures >= FAILURES_MAX:
                    facts = {"channel": channel, "api": answer.api, "why": answer.reason}
                    log.warning("held pool not pulled", extra=facts)
                    return None
                await self._clock.sleep(PAUSE_FIRST_S * 2.0 ** max(0, failures - 1))
                continue
            failures = 0
            found.extend(answer.held)
            if answer.next_cursor is None:
                return found
            cursor = answer.next_cursor
        return None

    async def _page(self, adapter: ReadsHeldStock, channel: ChannelId, cursor: str | None) -> HeldPage | CallFailed:
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await adapter.held_stock(channel, cursor)
        except TimeoutError:
            return CallFailed(kind="transient", api=adapter.held_stock_traits.operation, reason="too-slow")


def _counted(
    channel: ChannelId, location: LocationId, sku: Sku, rows: _Rows, sequence: int, at_ms: int
) -> InventoryChange:
    return InventoryChange(
        event_id=EventId(f"held:{channel}:{sequence}:{sku}"[:200]),
        source=SourceId(f"{HELD}{channel}"),
        sequence=sequence,
        occurred_at_ms=at_ms,
        sku=sku,
        location=location,
        kind=StockCounted(sum(units for units, _ in rows.values())),
    )
