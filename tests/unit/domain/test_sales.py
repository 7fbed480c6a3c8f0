"""Which changes are sales, and the demand that follows from windows of them."""

from __future__ import annotations

import pytest

from inventory_domain.changes import OrderShipped, ReservationReleased, SkuChange, StockReserved, UnitsSold
from inventory_domain.identifiers import ChannelId, OrderId, ReservationId
from inventory_domain.sales import HOUR_MS, UNATTRIBUTED, Sale, demand_of, sale_of
from inventory_domain.stock import Stock
from inventory_domain.velocity import DAY_MS, ChannelDemand
from tests.support.stock import NOW_MS, SKU, a_change, a_stock, after

MARKET = ChannelId("market-us")
SHOP = ChannelId("shop")
ORDER = OrderId("o1")
TODAY = NOW_MS - NOW_MS % DAY_MS
NOON = TODAY + 12 * HOUR_MS


def test_what_a_channel_reports_is_its_own_sale() -> None:
    assert sale_of(Stock(), a_change(UnitsSold(MARKET, ORDER, 3))) == Sale(SKU, MARKET, 3, NOW_MS)


def test_an_order_of_which_the_source_tells_first_is_nobody_s() -> None:
    change = a_change(StockReserved(ReservationId("r1"), 2, ORDER))

    assert sale_of(Stock(), change) == Sale(SKU, UNATTRIBUTED, 2, NOW_MS)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (UnitsSold(MARKET, ORDER, 2), StockReserved(ReservationId("r1"), 2, ORDER)),
        (UnitsSold(MARKET, ORDER, 2), OrderShipped(2, None, ORDER)),
        (StockReserved(ReservationId("r1"), 2, ORDER), OrderShipped(2, ReservationId("r1"), ORDER)),
        (StockReserved(ReservationId("r1"), 2, ORDER), UnitsSold(MARKET, ORDER, 2)),
    ],
)
def test_each_order_counts_once_whoever_tells_of_it(first: SkuChange, second: SkuChange) -> None:
    stock = after(a_stock(dallas=10), first)

    assert sale_of(a_stock(dallas=10), a_change(first)) is not None
    assert sale_of(stock, a_change(second)) is None


def test_what_names_no_order_is_no_sale() -> None:
    """A transfer to another warehouse is shipped too."""
    assert sale_of(Stock(), a_change(OrderShipped(5))) is None
    assert sale_of(Stock(), a_change(ReservationReleased(ReservationId("r1")))) is None


def test_without_sales_nothing_is_known() -> None:
    assert demand_of({}, {}, NOW_MS) is None


def test_a_slow_seller_s_rate_is_that_of_a_day() -> None:
    """One unit an hour ago is no rush: measured over three hours it would be eight a day."""
    demand = demand_of({MARKET: {NOON - HOUR_MS: 1}}, {MARKET: {TODAY: 1}}, NOON)

    assert demand is not None
    assert demand.channels[MARKET] == ChannelDemand(1_000, None)


def test_a_rush_shows_within_hours() -> None:
    hours = {NOON - 2 * HOUR_MS: 6, NOON - HOUR_MS: 6, NOON: 0}

    demand = demand_of({MARKET: hours}, {MARKET: {TODAY: 12}}, NOON)

    assert demand is not None
    assert demand.channels[MARKET].milli_per_day == 144_000  # 12 in the two hours that have passed of the three


def test_the_usual_rate_is_that_of_whole_days_and_wants_a_week() -> None:
    days = {TODAY - number * DAY_MS: 4 for number in range(1, 8)}

    known = demand_of({}, {MARKET: {**days, TODAY: 50}}, NOON)
    too_young = demand_of({}, {MARKET: {TODAY - DAY_MS: 4, TODAY: 50}}, NOON)

    assert known is not None and too_young is not None
    assert known.channels[MARKET].baseline_milli_per_day == 4_000
    assert known.dispersion_percent == 0
    assert too_young.channels[MARKET].baseline_milli_per_day is None
    assert too_young.dispersion_percent is None


def test_what_was_sold_before_the_four_weeks_does_not_count() -> None:
    days = {TODAY - 29 * DAY_MS: 1_000, TODAY - DAY_MS: 28}

    demand = demand_of({}, {MARKET: days}, NOON)

    assert demand is not None
    assert demand.channels[MARKET].baseline_milli_per_day == 1_000


def test_history_of_one_channel_is_history_of_the_sku() -> None:
    """A channel on which a SKU never sold for weeks usually sells nothing; that is not unknown."""
    old = {TODAY - 14 * DAY_MS: 14}

    demand = demand_of({SHOP: {NOON: 2}}, {MARKET: old, SHOP: {TODAY: 2}}, NOON)

    assert demand is not None
    assert demand.channels[SHOP].baseline_milli_per_day == 0
    assert demand.channels[MARKET].baseline_milli_per_day == 1_000
