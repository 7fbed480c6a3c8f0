"""What a probe is made with, where a zero may do harm."""

from __future__ import annotations

import pytest

from inventory_domain.exposure import Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.masks import FREE, Standing
from inventory_domain.probes import Candidate, ProbeBy, choice
from inventory_domain.readiness import ZERO_ENDS
from tests.support.delivery import a_target


def at_zero(standing: Standing, name: str = "A", at_ms: int = 0) -> Candidate:
    """A listing that was set to zero and is to stay there."""
    target = a_target(name, 0, version=1)
    last = LastAttempt(1, 1, 0, {}, None, at_ms, Result.ACCEPTED)
    return Candidate(target, Exposure(target.listing_id, target.sku, Confirmed(0, 1, 0, Proof.READ), last), standing)


@pytest.mark.parametrize(
    ("standing", "by"), [(FREE, ProbeBy.ZERO), (Standing(zeros_held=ZERO_ENDS), ProbeBy.READ)], ids=["kept", "ended"]
)
def test_zero_is_no_probe_where_zero_ends_a_listing(standing: Standing, by: ProbeBy) -> None:
    chosen = choice([at_zero(standing)], can_check=False, stopped=False)

    assert chosen is not None and chosen[0] is by


def test_probes_by_zero_go_to_the_listings_in_turn() -> None:
    """A channel that is idle all day is probed 288 times, and eBay lets one listing be written 250 times a day."""
    listings = [at_zero(FREE, "A", at_ms=30), at_zero(FREE, "B", at_ms=10), at_zero(FREE, "C", at_ms=20)]

    assert choice(listings, can_check=False, stopped=False) == (ProbeBy.ZERO, listings[1])
