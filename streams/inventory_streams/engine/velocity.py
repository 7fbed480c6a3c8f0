"""How fast each SKU sells: sales are gathered, written into windows within a budget, and read back as demand.

Nothing here is needed for a number to be right (rule 8): sales that wait to be written are lost with the process, and
a SKU of which nothing is known is decided without a demand.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable
from typing import Final

import faust

from inventory_domain.identifiers import ChannelId, Sku
from inventory_domain.sales import BASELINE_DAYS, HOUR_MS, RATE_HOURS, Sale, demand_of, window_start
from inventory_domain.velocity import DAY_MS, Demand
from inventory_streams.engine.budget import Budget
from inventory_streams.engine.settings import (
    VELOCITY_LOOKS_MAX,
    VELOCITY_PENDING_MAX,
    VELOCITY_STEADY_MS,
)
from inventory_streams.engine.waking import Timers
from inventory_streams.engine.windows import SalesTable, WindowRecord, records_of

HOURS: Final = "hours"
DAYS: Final = "days"
_SPREAD_MS: Final = HOUR_MS // 4  # rates are looked at again in the first quarter of an hour, not all at once


class _Partition:
    """What is known of the sales of one partition's SKUs."""

    def __init__(self) -> None:
        self.pending: dict[tuple[ChannelId, Sku, int], int] = {}
        self.channels: dict[Sku, set[ChannelId]] = {}
        self.demands: dict[Sku, Demand] = {}
        self.looked_ms: dict[Sku, int] = {}
        self.looks = Timers()
        self.event_ms = 0  # how far event time has come


class SalesVelocity:
    """The windows and demands of all partitions that this worker owns. All calls belong to the event loop."""

    def __init__(self, app: faust.App, writes_per_s: int) -> None:
        """The app lends its windowed tables; it need not run."""
        self._hours = SalesTable(app, HOURS, HOUR_MS, RATE_HOURS * HOUR_MS)
        self._days = SalesTable(app, DAYS, DAY_MS, BASELINE_DAYS * DAY_MS)
        self._budget = Budget(writes_per_s)
        self._partitions: dict[int, _Partition] = {}
        self._lost_units = 0
        self._loading = threading.Lock()  # a recovery that was overtaken goes on in its thread

    def demand(self, partition: int, sku: Sku) -> Demand | None:
        """How fast the SKU sells, as far as it is known."""
        known = self._partitions.get(partition)
        return known.demands.get(sku) if known is not None else None

    def note(self, partition: int, sales: Iterable[Sale], now_ms: int) -> None:
        """Gather sales that were applied. Those said to be of the future are of now."""
        known = self._partitions.setdefault(partition, _Partition())
        for sale in sales:
            at_ms = min(sale.occurred_at_ms, now_ms)
            known.event_ms = max(known.event_ms, at_ms)
            key = (sale.channel, sale.sku, window_start(at_ms, HOUR_MS))
            too_many = key not in known.pending and len(known.pending) >= VELOCITY_PENDING_MAX
            if too_many or not self._days.is_kept(at_ms, known.event_ms):
                self._lost_units += sale.units
                continue
            known.pending[key] = known.pending.get(key, 0) + sale.units

    def flush(self, partition: int, now_ms: int, now_s: float) -> list[WindowRecord]:
        """Count what waits, as far as the budget goes, and return the records that keep it."""
        known = self._partitions.get(partition)
        if known is None or not known.pending:
            return []
        for key in list(known.pending)[: self._budget.take(len(known.pending), now_s)]:
            channel, sku, hour_ms = key
            units = known.pending.pop(key)
            if self._hours.is_kept(hour_ms, known.event_ms):
                self._hours.add(channel, sku, hour_ms, units)
            self._days.add(channel, sku, hour_ms, units)
            known.channels.setdefault(sku, set()).add(channel)
            known.looks.sooner(sku, max(now_ms, known.looked_ms.get(sku, 0) + VELOCITY_STEADY_MS))
        return records_of((self._hours, self._days))

    def changed(self, partition: int, now_ms: int) -> list[Sku]:
        """SKUs whose demand is another one than when it was last looked at: they were sold, or were not for a while."""
        known = self._partitions.get(partition)
        if known is None:
            return []
        return [sku for sku in known.looks.due(now_ms, VELOCITY_LOOKS_MAX) if self._look_at(known, sku, now_ms)]

    def _look_at(self, known: _Partition, sku: Sku, now_ms: int) -> bool:
        for channel in list(known.channels.get(sku, ())):
            self._hours.expire(channel, sku, known.event_ms)
            self._days.expire(channel, sku, known.event_ms)
            if not self._days.units(channel, sku):
                known.channels[sku].discard(channel)
        channels = known.channels.get(sku, set())
        hours = {channel: self._hours.units(channel, sku) for channel in sorted(channels)}
        days = {channel: self._days.units(channel, sku) for channel in sorted(channels)}
        before, demand = known.demands.pop(sku, None), demand_of(hours, days, now_ms)
        if demand is None:
            known.channels.pop(sku, None)
            known.looked_ms.pop(sku, None)
        else:
            known.demands[sku] = demand
            known.looked_ms[sku] = now_ms
            known.looks.sooner(sku, _next_look_ms(sku, now_ms, falling=any(hours.values())))
        return demand != before

    def load(self, partition: int, records: Iterable[WindowRecord], now_ms: int) -> None:
        """Begin a partition with what was kept of it; demands are known at once, without waking anyone. May block."""
        with self._loading:
            self._forget(partition)
            known = _Partition()
            self._load(known, records, now_ms)
            self._partitions[partition] = known

    def _load(self, known: _Partition, records: Iterable[WindowRecord], now_ms: int) -> None:
        tables = {HOURS: self._hours, DAYS: self._days}
        kept = [one for one in records if one.table in tables]
        known.event_ms = min(now_ms, max((one.start_ms for one in kept), default=0))
        for record in kept:
            tables[record.table].load(record)
            known.channels.setdefault(record.sku, set()).add(record.channel)
        for sku in list(known.channels):
            self._look_at(known, sku, now_ms)

    def forget(self, partition: int) -> None:
        """The partition is another worker's now."""
        with self._loading:
            self._forget(partition)

    def _forget(self, partition: int) -> None:
        known = self._partitions.pop(partition, None)
        for sku, channels in (known.channels if known is not None else {}).items():
            for channel in channels:
                self._hours.forget(channel, sku)
                self._days.forget(channel, sku)

    def take_lost(self) -> int:
        """Units sold that no window counts, since this was last asked: too old, or too many waited."""
        lost, self._lost_units = self._lost_units, 0
        return lost

    def waiting(self) -> int:
        """Windows with sales that are not written yet."""
        return sum(len(one.pending) for one in self._partitions.values())

    def windows(self) -> int:
        """Windows that are kept."""
        return len(self._hours) + len(self._days)


def _next_look_ms(sku: Sku, now_ms: int, *, falling: bool) -> int:
    """When the demand changes though nothing is sold: rates fall by the hour, and what is usual by the day."""
    size = HOUR_MS if falling else DAY_MS
    return window_start(now_ms, size) + size + zlib.crc32(sku.encode()) % _SPREAD_MS
