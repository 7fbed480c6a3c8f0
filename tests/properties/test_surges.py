"""Wider buffers: never more than there is, never narrower than usual, and none that flaps with a trembling rate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.buffers import BufferPolicy, Widening, buffer_units, may_show_all
from inventory_domain.identifiers import ChannelId
from inventory_domain.risk import RiskPolicy
from inventory_domain.surges import HighVelocity, Peak, is_high, names_now, next_change_ms, widest
from inventory_domain.velocity import ChannelDemand, Demand

US = ChannelId("market-us")
RULE = HighVelocity(begins_percent=300, ends_percent=200, least_milli_per_day=0)
UNITS = st.integers(0, 1_000)
RULES = st.none() | st.just(RiskPolicy(1_000, 60_000))
BUFFERS = st.builds(BufferPolicy, st.integers(0, 50), st.integers(0, 100), RULES)
RISKS = st.none() | st.integers(0, 2_000)
PEAKS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 30), st.integers(100, 1_000)).map(
        lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2])
    ),
    max_size=5,
).map(lambda drawn: tuple(Peak(f"p{index}", *one) for index, one in enumerate(drawn)))


def rate(milli: int, usual: int = 10_000) -> Demand:
    """So many thousandths of a unit a day, usually ten units."""
    return Demand({US: ChannelDemand(milli, usual)})


@given(allocation=UNITS, policy=BUFFERS, percent=st.integers(100, 1_000), risk=RISKS)
def test_a_wider_buffer_withholds_no_less_and_never_more_than_there_is(
    allocation: int, policy: BufferPolicy, percent: int, risk: int | None
) -> None:
    usual = buffer_units(allocation, policy, risk_units=risk)

    wider = buffer_units(allocation, policy, Widening(percent, "peak"), risk)

    assert 0 <= usual <= wider <= allocation


@given(allocation=st.integers(1, 1_000), policy=BUFFERS, risk=RISKS)
def test_a_buffer_that_is_allowed_never_shows_all(allocation: int, policy: BufferPolicy, risk: int | None) -> None:
    """Whatever the risk rule says, and whether it says anything."""
    if not may_show_all(policy):
        assert buffer_units(allocation, policy, risk_units=risk if policy.risk is not None else None) >= 1


@given(before=st.booleans(), rates=st.lists(st.integers(20_000, 29_999), max_size=20))
def test_between_the_two_thresholds_nothing_ever_changes(before: bool, rates: list[int]) -> None:
    high = before
    for milli in rates:
        high = is_high(high, rate(milli), RULE)

    assert high is before


@given(rates=st.lists(st.none() | st.integers(0, 60_000), max_size=30))
def test_each_change_needs_a_way_through_both_thresholds(rates: list[int | None]) -> None:
    """So the number of changes is bounded by real swings, not by how often the rate is looked at."""
    high, changes, swings, side = False, 0, 0, "low"
    for milli in rates:
        now_high = is_high(high, None if milli is None else rate(milli), RULE)
        changes += now_high is not high
        high = now_high
        new_side = side if milli is None or 20_000 <= milli < 30_000 else ("high" if milli >= 30_000 else "low")
        swings += new_side != side
        side = new_side

    assert changes == swings


@given(peaks=PEAKS, now=st.integers(0, 100))
def test_until_the_next_change_the_schedule_says_the_same(peaks: tuple[Peak, ...], now: int) -> None:
    """Nothing looks at the schedule in between, so nothing may change in between."""
    edge = next_change_ms(peaks, now)

    until = 100 if edge is None else edge
    for at in range(now, until):
        assert names_now(peaks, at) == names_now(peaks, now)
        assert widest(peaks, US, at) == widest(peaks, US, now)
    if edge is not None:
        assert names_now(peaks, edge) != names_now(peaks, now)
