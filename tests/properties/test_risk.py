"""The risk rule's quantile, held against sums over exact fractions that are written apart from it."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.identifiers import ChannelId
from inventory_domain.risk import MILLION, RiskPolicy, most_sold, risk_units
from inventory_domain.velocity import ChannelDemand, Demand

HERE, THERE = ChannelId("here"), ChannelId("there")
MEANS = st.integers(1, 12 * MILLION)
DISPERSIONS = st.integers(100, 600)
CHANCES = st.integers(1, 500_000)
FEW_TAIL_TERMS = Fraction(1, 10**15)


def tail_beyond(units: int, mean_micro: int, dispersion_percent: int) -> tuple[Fraction, Fraction]:
    """Bounds of the chance that more than so many units are sold, by direct summation from nothing sold upward.

    Poisson: the weight of n is mean^n / n!. Negative binomial with size r = mean / (dispersion - 1): the weight of n is
    r (r+1) ... (r+n-1) / n! * (1 - 1/dispersion)^n. What lies beyond the last term summed is below a geometric series.
    """
    mean, dispersion = Fraction(mean_micro, MILLION), Fraction(dispersion_percent, 100)
    burst = 1 - 1 / dispersion
    weight, count = Fraction(1), 0
    body = rest = Fraction(0)
    while True:
        if count <= units:
            body += weight
        else:
            rest += weight
        if dispersion == 1:
            ratio = mean / (count + 1)
        else:
            ratio = (mean / (dispersion - 1) + count) / (count + 1) * burst
        weight = rounded(weight * ratio)
        count += 1
        limit = max(burst, (mean + count * (dispersion - 1)) / ((count + 1) * dispersion))
        if count > units and limit < 1 and weight / (1 - limit) < FEW_TAIL_TERMS * (body + rest):
            beyond = weight / (1 - limit)
            return rest / (body + rest + beyond), (rest + beyond) / (body + rest + beyond)


def rounded(number: Fraction) -> Fraction:
    """To some 60 digits, or exact fractions would take minutes."""
    scale = 10**60
    return Fraction(round(number * scale), scale)


@given(mean=MEANS, dispersion=DISPERSIONS, chance=CHANCES)
def test_more_is_sold_with_at_most_the_chance_asked_for(mean: int, dispersion: int, chance: int) -> None:
    units = most_sold(mean, dispersion, chance)

    low, _ = tail_beyond(units, mean, dispersion)
    assert low <= Fraction(chance, MILLION)


@given(mean=MEANS, dispersion=DISPERSIONS, chance=CHANCES)
def test_one_unit_less_would_be_too_few(mean: int, dispersion: int, chance: int) -> None:
    """Every unit withheld for nothing is a sale lost."""
    units = most_sold(mean, dispersion, chance)

    if units:
        _, high = tail_beyond(units - 1, mean, dispersion)
        assert high > Fraction(chance, MILLION)


@given(mean=st.integers(0, 5_000 * MILLION), more=st.integers(0, 100 * MILLION), chance=CHANCES)
def test_faster_sales_never_withhold_less(mean: int, more: int, chance: int) -> None:
    assert most_sold(mean, 100, chance) <= most_sold(mean + more, 100, chance)


@given(mean=st.integers(0, 5_000 * MILLION), dispersion=DISPERSIONS, chance=CHANCES, stricter=CHANCES)
def test_a_stricter_chance_never_withholds_less(mean: int, dispersion: int, chance: int, stricter: int) -> None:
    low, high = sorted((chance, stricter))

    assert most_sold(mean, dispersion, high) <= most_sold(mean, dispersion, low)


@given(rate=st.integers(0, 10_000_000), window_ms=st.integers(1, 86_400_000), chance=st.integers(1_000, 100_000))
def test_only_sales_elsewhere_count(rate: int, window_ms: int, chance: int) -> None:
    """What a channel sells itself lowers its own number at once; nobody can be promised that unit twice there."""
    policy = RiskPolicy(chance, window_ms)
    elsewhere = Demand({HERE: ChannelDemand(0), THERE: ChannelDemand(rate)})
    here_too = Demand({HERE: ChannelDemand(9_000_000), THERE: ChannelDemand(rate)})

    assert risk_units(policy, HERE, elsewhere) == risk_units(policy, HERE, here_too)
