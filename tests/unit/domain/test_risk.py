"""Units withheld so that an oversell stays as rare as wished, at numbers that tables of the distributions give."""

from __future__ import annotations

import pytest

from inventory_domain.identifiers import ChannelId
from inventory_domain.risk import MILLION, WITHHOLD_ALL, RiskPolicy, most_sold, risk_units
from inventory_domain.velocity import DAY_MS, ChannelDemand, Demand

WALMART, AMAZON = ChannelId("walmart-us"), ChannelId("amazon-us")
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("mean", "chance_ppm", "units"),
    [
        # Poisson: P(X > 3) = 0.019 and P(X > 4) = 0.0037 at a mean of 1; P(X > 18) = 0.0072 at 10.
        (1, 20_000, 3),
        (1, 10_000, 4),
        (10, 10_000, 18),
        (10, 7_000, 19),
        (0, 1, 0),
    ],
)
def test_the_quantile_is_that_of_the_poisson_tables(mean: int, chance_ppm: int, units: int) -> None:
    assert most_sold(mean * MILLION, 100, chance_ppm) == units


def test_sales_in_bursts_withhold_more_than_sales_that_come_singly() -> None:
    """Mean 10 and variance 20 is negative binomial of size 10 at one half: P(X > 22) = 0.01003, P(X > 23) = 0.0068."""
    assert most_sold(10 * MILLION, 200, 10_000) == 23
    assert most_sold(10 * MILLION, 100, 10_000) == 18


def test_nothing_sold_elsewhere_withholds_nothing() -> None:
    assert risk_units(RiskPolicy(10_000, HOUR_MS), WALMART, Demand({WALMART: ChannelDemand(50_000)})) == 0


def test_the_mean_is_the_rate_elsewhere_over_the_time_until_a_number_is_seen() -> None:
    """240 a day elsewhere are 10 in an hour."""
    demand = Demand({AMAZON: ChannelDemand(240_000)})

    assert risk_units(RiskPolicy(10_000, HOUR_MS), WALMART, demand) == 18
    assert risk_units(RiskPolicy(10_000, HOUR_MS // 10), WALMART, demand) == 4


def test_a_measured_time_to_live_replaces_the_declared_one() -> None:
    demand = Demand({AMAZON: ChannelDemand(240_000)}, live_ms={WALMART: HOUR_MS // 10})

    assert risk_units(RiskPolicy(10_000, HOUR_MS), WALMART, demand) == 4


def test_a_measured_dispersion_replaces_the_declared_one() -> None:
    policy = RiskPolicy(10_000, HOUR_MS, dispersion_percent=100)

    assert risk_units(policy, WALMART, Demand({AMAZON: ChannelDemand(240_000)}, dispersion_percent=200)) == 23
    assert risk_units(policy, WALMART, Demand({AMAZON: ChannelDemand(240_000)}, dispersion_percent=20)) == 18


def test_a_schedule_raises_the_rates_that_are_expected() -> None:
    demand = Demand({AMAZON: ChannelDemand(120_000)})

    assert risk_units(RiskPolicy(10_000, HOUR_MS), WALMART, demand, widened_percent=200) == 18


def test_a_rate_that_trembles_withholds_the_same() -> None:
    """Rates are rounded up to three digits first, or each sale would move every target."""
    found = {
        risk_units(RiskPolicy(10_000, HOUR_MS), WALMART, Demand({AMAZON: ChannelDemand(240_000 + one)}))
        for one in range(-400, 0)
    }

    assert found == {18}


def test_a_rate_is_never_taken_for_a_lower_one() -> None:
    """P(X > 18) is 0.00719 at a mean of 10 and 0.00740 at 10.03, where 18 would be exceeded more often than asked."""
    demand = Demand({AMAZON: ChannelDemand(240_720)})

    assert risk_units(RiskPolicy(7_300, HOUR_MS), WALMART, demand) == 19


def test_more_than_can_be_counted_withholds_everything() -> None:
    demand = Demand({AMAZON: ChannelDemand(10**15)})

    assert risk_units(RiskPolicy(10_000, DAY_MS), WALMART, demand) == WITHHOLD_ALL


def test_numbers_that_cannot_be_used_are_named() -> None:
    assert RiskPolicy(10_000, HOUR_MS).faults() == []
    assert RiskPolicy(0, 0, 50).faults() == [
        "chance is 0, 0.000001 to 0.5",
        "time_to_live_s is 0, above 0 and at most 604800",
        "dispersion is 0.5, 1 to 100",
    ]
