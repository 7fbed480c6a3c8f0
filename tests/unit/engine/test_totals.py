"""Sums that are kept as states change are what adding all states up anew would give."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain.identifiers import ChannelId, ListingId, Marketplace, Sku
from inventory_domain.sku_state import EmittedTarget, SeenExposure, SkuState
from inventory_streams.engine.totals import Totals

LISTINGS = tuple(ListingId(name) for name in ("amazon-us/a", "amazon-us/b", "ebay-us/a"))


def a_target(channel: str, quantity: int) -> EmittedTarget:
    return EmittedTarget(1, quantity, {}, ChannelId(channel), Marketplace(channel.partition("-")[0]), {})


targets = st.dictionaries(
    st.sampled_from(LISTINGS), st.builds(a_target, st.sampled_from(["amazon-us", "ebay-us"]), st.integers(0, 2))
)
exposures = st.dictionaries(
    st.sampled_from(LISTINGS), st.builds(SeenExposure, st.none() | st.integers(0, 2), st.none(), st.none()), max_size=1
)
states = st.builds(
    lambda sku, said, seen: SkuState(Sku(sku), targets=said, exposures=seen),
    st.sampled_from(["one", "two"]),
    targets,
    exposures,
)


@given(changes=st.lists(states, max_size=8))
@settings(max_examples=200)
def test_what_is_shown_is_counted_whatever_changed_into_what(changes: list[SkuState]) -> None:
    kept, newest = Totals((), lambda state: "shared-pool"), dict[Sku, SkuState]()
    for state in changes:
        kept.changed(newest.get(state.sku), state)
        newest[state.sku] = state

    anew = Totals((), lambda state: "shared-pool")
    for state in newest.values():
        anew.changed(None, state)

    assert +kept.showing == +anew.showing
    assert kept.unknown_listings == anew.unknown_listings


def test_totals_that_are_whole_keep_nothing_of_the_skus_they_looked_at() -> None:
    """An emptied set keeps its table: 50 bytes for each SKU that there was, of the 1,200 that one may cost."""
    states = [SkuState(Sku(f"SKU-{number}")) for number in range(1_000)]
    totals = Totals([state.sku for state in states], lambda state: "shared-pool")

    for state in states:
        totals.look_at(state)

    assert totals.whole
    assert sys.getsizeof(totals._unseen) == sys.getsizeof(set())
