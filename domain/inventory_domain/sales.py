"""What was sold when, counted in windows of event time, and the demand that follows from it (see `velocity`)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from inventory_domain.changes import InventoryChange, OrderShipped, StockReserved, UnitsSold
from inventory_domain.identifiers import ChannelId, OrderId, Sku
from inventory_domain.values import made_often
from inventory_domain.velocity import DAY_MS, ChannelDemand, Demand, dispersion_percent, milli_per_day

HOUR_MS: Final = 3_600_000

UNATTRIBUTED: Final = ChannelId("unattributed")
"""Where orders are counted of which only the source told, so that nobody knows which channel sold them."""

RATE_HOURS: Final = 24
BUSY_HOURS: Final = 3  # the rate of late of what sells so well that three hours say more than a day
BUSY_UNITS: Final = 10  # fewer units than these within the busy hours may be chance: then the day is asked
BASELINE_DAYS: Final = 28
HISTORY_DAYS_MIN: Final = 7  # with less history there is no usual rate to compare with

_OF_ORDERS: Final = (UnitsSold, StockReserved, OrderShipped)

Windows = Mapping[int, int]
"""Units by the beginning of their window, milliseconds since 1970 UTC."""


@made_often
@dataclass(frozen=True, slots=True)
class Sale:
    """Units of a SKU sold on a channel, at the time at which they were sold."""

    sku: Sku
    channel: ChannelId
    units: int
    occurred_at_ms: int


class Orders(Protocol):
    """Which orders of a SKU were told of: a stock, or the draft of one."""

    @property
    def sales(self) -> Container[OrderId]:
        """Those that a channel told of and the source has not."""
        ...

    @property
    def known_orders(self) -> Container[OrderId]:
        """Those that the source told of."""
        ...


def sale_of(stock: Orders, change: InventoryChange) -> Sale | None:
    """The sale that this change tells of, given the stock before it; each order counts once, whoever tells first.

    What a channel reports is its own sale. An order of which the source tells first belongs to no channel that we know.
    """
    kind = change.kind
    if not isinstance(kind, _OF_ORDERS) or change.sku is None:
        return None
    if kind.order_id is None or _told(stock, kind.order_id):
        return None
    channel = kind.channel if isinstance(kind, UnitsSold) else UNATTRIBUTED
    return Sale(change.sku, channel, kind.units, change.occurred_at_ms)


def _told(stock: Orders, order: OrderId) -> bool:
    return order in stock.sales or order in stock.known_orders


def window_start(at_ms: int, size_ms: int) -> int:
    """When the window of that size began that this time is in."""
    return at_ms - at_ms % size_ms


def demand_of(hours: Mapping[ChannelId, Windows], days: Mapping[ChannelId, Windows], now_ms: int) -> Demand | None:
    """The demand for a SKU by its sales in windows of an hour and of a day; None where nothing was sold."""
    today = window_start(now_ms, DAY_MS)
    began = min((start for windows in days.values() for start in windows), default=None)
    if began is None:
        return None
    history = min(BASELINE_DAYS, (today - began) // DAY_MS)
    known = history >= HISTORY_DAYS_MIN
    first = today - history * DAY_MS
    channels: dict[ChannelId, ChannelDemand] = {}
    for channel, windows in days.items():
        usual = None
        if known:
            usual = milli_per_day(_between(windows, first, today), history * DAY_MS)
        channels[channel] = ChannelDemand(_rate_of_late(hours.get(channel, {}), now_ms), usual)
    by_day = [sum(windows.get(first + day * DAY_MS, 0) for windows in days.values()) for day in range(history)]
    return Demand(channels, dispersion_percent(by_day) if known else None)


def _rate_of_late(hours: Windows, now_ms: int) -> int:
    busy_since = window_start(now_ms, HOUR_MS) - (BUSY_HOURS - 1) * HOUR_MS
    busy = _between(hours, busy_since, now_ms + 1)
    if busy >= BUSY_UNITS:
        return milli_per_day(busy, max(HOUR_MS, now_ms - busy_since))
    since = window_start(now_ms, HOUR_MS) - (RATE_HOURS - 1) * HOUR_MS
    return milli_per_day(_between(hours, since, now_ms + 1), RATE_HOURS * HOUR_MS)


def _between(windows: Windows, first_ms: int, end_ms: int) -> int:
    return sum(units for start, units in windows.items() if first_ms <= start < end_ms)
