"""Exposure against stock: what single listings, and all of a SKU together, may show beyond what there is."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.identifiers import ListingId, SourceId
from inventory_domain.overshown import NOTHING_OVERSHOWN, Overshown, overshown, promise_of
from inventory_domain.policies import Strategy
from inventory_domain.sku_state import SeenExposure, SkuState
from tests.support.stock import NOW_MS, SKU, a_channel, a_listing, a_policy, a_product, a_stock

ONE, TWO = ListingId("market-us/1"), ListingId("shop/2")
POLICY = a_policy(a_channel(), a_channel("shop"))
PRODUCT = a_product(a_listing(), a_listing("shop", "2"))


def shown(one: int | None, two: int | None, on_hand: int = 10) -> SkuState:
    exposures = {ONE: SeenExposure(one, one, 1), TWO: SeenExposure(two, two, 1)}
    return SkuState(SKU, a_stock(dallas=on_hand), PRODUCT, exposures=exposures)


def test_listings_within_the_stock_overshow_nothing() -> None:
    assert overshown(shown(4, 6), POLICY, NOW_MS) == NOTHING_OVERSHOWN


def test_a_shared_pool_shows_the_same_units_twice() -> None:
    assert overshown(shown(9, 8), POLICY, NOW_MS) == Overshown(0, 7)


def test_a_listing_above_all_there_is_is_counted_by_itself() -> None:
    assert overshown(shown(13, 2), POLICY, NOW_MS) == Overshown(3, 5)


def test_what_a_silent_source_told_of_is_not_there() -> None:
    assert overshown(shown(4, 0), POLICY, NOW_MS, frozenset({SourceId("erp")})) == Overshown(4, 4)


def test_unknown_exposure_is_not_taken_for_a_number() -> None:
    assert overshown(shown(None, 4), POLICY, NOW_MS) == NOTHING_OVERSHOWN


def test_a_listing_that_left_the_catalog_shows_what_nobody_has() -> None:
    state = replace(shown(3, 0), product=a_product(a_listing("shop", "2")))

    assert overshown(state, POLICY, NOW_MS) == Overshown(3, 0)


def test_a_product_that_is_gone_shows_what_nobody_has() -> None:
    assert overshown(replace(shown(3, 2), product=None), POLICY, NOW_MS) == Overshown(5, 5)


def test_the_promise_follows_from_the_strategy() -> None:
    divided = replace(POLICY, strategy=Strategy.FIXED_PERCENTAGE)

    assert (promise_of(shown(0, 0), POLICY), promise_of(shown(0, 0), divided)) == ("shared-pool", "divided")
