"""What a SKU's state tells of itself."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.changes import StockReserved
from inventory_domain.decisions import decide
from inventory_domain.identifiers import ListingId, ReservationId
from inventory_domain.sku_state import SeenExposure, SkuState
from inventory_domain.stock import without_expired
from tests.support.stock import NOW_MS, SKU, a_listing, a_policy, a_product, a_stock, after

LISTING = ListingId("market-us/1")
SEEN = SeenExposure(3, 3, 1)


def a_state(**changes: object) -> SkuState:
    base = SkuState(SKU, stock=a_stock(dallas=10), product=a_product())
    return replace(base, **changes)  # type: ignore[arg-type]


def decided(state: SkuState, **changes: object) -> SkuState:
    given: dict[str, object] = {"catching_up": False, "cause": "test", **changes}
    return decide(state, a_policy(), NOW_MS, **given).state  # type: ignore[arg-type]


def test_a_state_without_a_first_target_lacks_one() -> None:
    state = a_state()

    assert state.lacks_a_target
    assert not decided(state).lacks_a_target
    assert not a_state(product=None).lacks_a_target


def test_a_listing_is_the_skus_while_the_catalog_or_a_target_names_it() -> None:
    state = decided(a_state())

    assert state.knows(LISTING)
    assert replace(state, product=None).knows(LISTING)
    assert not replace(state, product=None, targets={}).knows(LISTING)


def test_exposure_of_a_listing_that_was_forgotten_is_dropped() -> None:
    """The listing may come back under another SKU, with an exposure of its own."""
    state = decided(a_state())
    withdrawn = decided(replace(state, product=a_product(a_listing(own_id="2"))))
    zero = withdrawn.targets[LISTING]
    confirmed = SeenExposure(0, 0, zero.version)

    after_zero = decided(replace(withdrawn, exposures={LISTING: confirmed}))

    assert LISTING not in after_zero.targets
    assert LISTING not in after_zero.exposures


def test_exposure_of_a_listing_without_a_target_yet_is_kept() -> None:
    state = a_state(stock=a_stock(), exposures={LISTING: SEEN})

    assert decided(state).exposures == {LISTING: SEEN}


def test_a_restatement_of_a_withdrawn_listing_repeats_its_zero() -> None:
    """Reconciliation saw it above zero: without this nothing could correct it."""
    state = decided(a_state())
    withdrawn = decided(replace(state, product=None))
    version = withdrawn.targets[LISTING].version

    decision = decide(withdrawn, a_policy(), NOW_MS, catching_up=False, cause="restate", restate=frozenset({LISTING}))

    assert [(target.quantity, target.withdrawn, target.cause) for target in decision.targets] == [(0, True, "restate")]
    assert decision.targets[0].version > version


def test_reservations_that_expired_are_dropped_and_others_kept() -> None:
    stock = after(
        a_stock(dallas=10),
        StockReserved(ReservationId("gone"), 1, expires_at_ms=NOW_MS),
        StockReserved(ReservationId("later"), 1, expires_at_ms=NOW_MS + 1),
        StockReserved(ReservationId("for ever"), 1),
    )

    positions = without_expired(stock, NOW_MS).positions

    assert [sorted(position.reservations) for position in positions.values()] == [["for ever", "later"]]


def test_without_anything_expired_the_stock_is_the_same_object() -> None:
    """A look at it must not look like a change."""
    stock = after(a_stock(dallas=10), StockReserved(ReservationId("later"), 1, expires_at_ms=NOW_MS + 1))

    assert without_expired(stock, NOW_MS) is stock
