"""How long a channel takes until buyers see a new number, from what was confirmed there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import ChannelId, ListingId, Marketplace
from inventory_domain.live_times import LIVE_MS_MAX, SAMPLES_LEAST, live_sample_ms, time_to_live_ms
from inventory_domain.sku_state import EmittedTarget, SeenExposure
from tests.support.stock import NOW_MS, SKU

TARGET = EmittedTarget(NOW_MS, 5, {}, ChannelId("market-us"), Marketplace("market"), {})
BEFORE = SeenExposure(9, 9, NOW_MS - 500)


def seen(after_ms: int, *, version: int = NOW_MS, proof: Proof = Proof.READ) -> Exposure:
    """The number of that version was confirmed so long after the target was computed."""
    return Exposure(ListingId("market-us/1"), SKU, Confirmed(5, version, NOW_MS + after_ms, proof))


def test_the_time_is_from_the_computing_of_a_target_to_its_first_proof() -> None:
    assert live_sample_ms(seen(700), BEFORE, TARGET) == 700
    assert live_sample_ms(seen(700, proof=Proof.ANSWER), BEFORE, TARGET) == 700


@pytest.mark.parametrize(
    ("exposure", "before", "target"),
    [
        (seen(700, proof=Proof.ASSUMED), BEFORE, TARGET),  # nobody saw it
        (seen(700, version=NOW_MS - 1), BEFORE, TARGET),  # an older one, whose computing is not known any more
        (seen(700), replace(BEFORE, confirmed_version=NOW_MS), TARGET),  # seen before
        (seen(700), None, TARGET),  # the listing was taken over just now
        (seen(700), BEFORE, None),
        (seen(LIVE_MS_MAX + 1), BEFORE, TARGET),  # an outage
        (seen(-1), BEFORE, TARGET),  # clocks that differ
        (Exposure(ListingId("market-us/1"), SKU), BEFORE, TARGET),
    ],
)
def test_what_does_not_show_a_time_is_no_sample(
    exposure: Exposure, before: SeenExposure | None, target: EmittedTarget | None
) -> None:
    assert live_sample_ms(exposure, before, target) is None


def test_all_but_the_slowest_twentieth_are_waited_for() -> None:
    """One of 20 may take longer; the number is rounded up to two digits, so that it seldom moves."""
    assert time_to_live_ms([100] * 18 + [1_234, 60_000]) == 1_300
    assert time_to_live_ms(list(range(1, 201))) == 190


def test_a_few_samples_say_nothing() -> None:
    assert time_to_live_ms([100] * (SAMPLES_LEAST - 1)) is None
