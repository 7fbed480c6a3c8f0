"""Measured times to live are what the risk rule goes by, once there are enough of them."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.buffers import BufferPolicy
from inventory_domain.identifiers import ChannelId
from inventory_domain.live_times import SAMPLES_KEPT, SAMPLES_LEAST
from inventory_domain.policies import AllocationPolicy
from inventory_domain.risk import RiskPolicy
from inventory_domain.velocity import ChannelDemand, Demand
from inventory_streams.engine.live_times import LiveTimes
from tests.support.stock import a_channel, a_policy

US, SHOP = ChannelId("market-us"), ChannelId("shop")
DEMAND = Demand({SHOP: ChannelDemand(240_000)})


def a_risk_policy() -> AllocationPolicy:
    """One channel with a risk rule, one without."""
    buffer = BufferPolicy(1, 10, RiskPolicy(10_000, 3_600_000))
    return a_policy(replace(a_channel(US), buffer=buffer), a_channel(SHOP))


def test_a_demand_has_the_times_that_were_measured() -> None:
    live_times = LiveTimes(a_risk_policy())
    live_times.note([(US, 360_000)] * SAMPLES_LEAST)

    within = live_times.within(DEMAND)

    assert within == replace(DEMAND, live_ms={US: 360_000})
    assert live_times.known_ms() == {US: 360_000}


def test_a_few_times_change_nothing_and_neither_do_those_of_channels_without_the_rule() -> None:
    live_times = LiveTimes(a_risk_policy())
    live_times.note([(US, 360_000)] * (SAMPLES_LEAST - 1) + [(SHOP, 5)] * SAMPLES_LEAST)

    assert live_times.within(DEMAND) is DEMAND


def test_where_nothing_is_known_of_sales_a_time_to_live_makes_no_demand() -> None:
    live_times = LiveTimes(a_risk_policy())
    live_times.note([(US, 360_000)] * SAMPLES_LEAST)

    assert live_times.within(None) is None


def test_only_the_newest_times_count() -> None:
    """A marketplace that was slow for an hour is not slow for ever."""
    live_times = LiveTimes(a_risk_policy())
    live_times.note([(US, 600_000)] * SAMPLES_KEPT)
    live_times.note([(US, 2_000)] * SAMPLES_KEPT)

    assert live_times.known_ms() == {US: 2_000}
