"""Rates in whole numbers, and what is known of a SKU's sales on its channels."""

from __future__ import annotations

from inventory_domain.identifiers import ChannelId
from inventory_domain.velocity import DAY_MS, ChannelDemand, Demand, dispersion_percent, milli_per_day

HOUR_MS = 3_600_000
US, SHOP = ChannelId("market-us"), ChannelId("shop")


def test_a_rate_is_units_in_a_window_brought_to_a_day() -> None:
    assert milli_per_day(3, DAY_MS) == 3_000
    assert milli_per_day(1, 6 * HOUR_MS) == 4_000


def test_a_rate_is_rounded_up_so_that_a_sale_is_never_no_sale() -> None:
    assert milli_per_day(1, 4_000 * DAY_MS) == 1


def test_nothing_sold_and_an_empty_window_are_a_rate_of_zero() -> None:
    assert milli_per_day(0, DAY_MS) == milli_per_day(5, 0) == milli_per_day(-2, DAY_MS) == 0


def test_a_channel_that_is_stopped_keeps_the_weight_of_what_it_usually_sells() -> None:
    assert ChannelDemand(0, 8_000).weight == 8_000
    assert ChannelDemand(9_000, 8_000).weight == 9_000
    assert ChannelDemand(9_000).weight == 9_000


def test_sales_elsewhere_are_those_of_all_other_channels() -> None:
    demand = Demand({US: ChannelDemand(5_000), SHOP: ChannelDemand(2_000)})

    assert demand.elsewhere_milli_per_day(US) == 2_000
    assert demand.elsewhere_milli_per_day(ChannelId("quiet")) == demand.milli_per_day == 7_000


def test_no_usual_rate_is_known_before_a_channel_has_one() -> None:
    assert Demand({US: ChannelDemand(5_000)}).baseline_milli_per_day is None
    assert Demand({US: ChannelDemand(5_000), SHOP: ChannelDemand(1, 3_000)}).baseline_milli_per_day == 3_000


def test_dispersion_is_variance_over_mean_in_percent() -> None:
    """2, 4 and 6 a day: mean 4, sample variance 4."""
    assert dispersion_percent([2, 4, 6]) == 100
    assert dispersion_percent([0, 0, 9]) == 900
    assert dispersion_percent([5, 5, 5]) == 0


def test_dispersion_of_one_day_or_of_no_sale_is_not_known() -> None:
    assert dispersion_percent([7]) is None
    assert dispersion_percent([0, 0]) is None
