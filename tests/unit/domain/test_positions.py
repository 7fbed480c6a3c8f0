"""How changes become stock, each exactly once, in whatever order and however often they arrive (rules 1 to 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.changes import (
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SkuChange,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, ReservationId
from inventory_domain.positions import KEPT_MOVES_MAX, Effect, apply
from inventory_domain.stock import Stock
from tests.support.stock import NOW_MS, a_change, a_stock, after

DALLAS = LocationId("dallas")
R1, R2, O1, SHOP = ReservationId("r1"), ReservationId("r2"), OrderId("o1"), ChannelId("shop")


def on_hand(stock: Stock) -> int | None:
    """Units at Dallas."""
    return stock.positions[DALLAS].on_hand


def reserved(stock: Stock) -> int:
    """Units promised at Dallas."""
    return stock.positions[DALLAS].reserved(NOW_MS)


def in_order(*changes: tuple[int, SkuChange]) -> Stock:
    """Stock after changes of one source with these sequences, in the order given."""
    stock = Stock()
    for sequence, kind in changes:
        stock, _ = apply(stock, a_change(kind, sequence=sequence))
    return stock


def test_a_repeated_change_does_not_move_stock() -> None:
    """Kafka delivers at least once, so the second copy must be harmless."""
    change = a_change(StockAdjusted(-3), event_id="e1")
    once, _ = apply(a_stock(dallas=10), change)

    twice, effect = apply(once, change)

    assert twice == once
    assert effect is Effect.DUPLICATE


def test_an_older_count_never_overwrites_a_newer_one() -> None:
    stock = in_order((5, StockCounted(20)))

    same, effect = apply(stock, a_change(StockCounted(99), sequence=4))

    assert on_hand(same) == 20
    assert effect is Effect.SUPERSEDED


def test_an_adjustment_that_the_count_already_has_is_dropped() -> None:
    stock = in_order((5, StockCounted(20)))

    same, effect = apply(stock, a_change(StockAdjusted(-3), sequence=5))

    assert on_hand(same) == 20
    assert effect is Effect.SUPERSEDED


def test_a_late_count_gets_the_newer_adjustments_again() -> None:
    """The count was taken before the adjustment and arrives after it."""
    stock = in_order((1, StockCounted(10)), (7, StockAdjusted(-2)), (5, StockCounted(30)))

    assert on_hand(stock) == 28


def test_adjustments_before_the_first_count_wait_for_it() -> None:
    """Unknown is not zero: nothing is on hand until somebody counted."""
    waiting = in_order((7, StockAdjusted(-2)))
    counted, _ = apply(waiting, a_change(StockCounted(30), sequence=5))

    assert on_hand(waiting) is None
    assert on_hand(counted) == 28


def test_an_adjustment_out_of_order_still_counts_once() -> None:
    assert on_hand(in_order((1, StockCounted(10)), (4, StockAdjusted(5)), (3, StockAdjusted(-1)))) == 14


def test_a_repeated_sequence_under_another_event_id_is_a_duplicate() -> None:
    stock = in_order((1, StockCounted(10)), (2, StockAdjusted(-1)))

    same, effect = apply(stock, a_change(StockAdjusted(-1), sequence=2))

    assert on_hand(same) == 9
    assert effect is Effect.DUPLICATE


@pytest.mark.parametrize("second", [(1, StockCounted(11)), (2, StockAdjusted(-2))])
def test_one_sequence_cannot_say_two_things(second: tuple[int, SkuChange]) -> None:
    """One of them is wrong, and nobody can know which: it is for a person."""
    stock = in_order((1, StockCounted(10)), (2, StockAdjusted(-1)))

    with pytest.raises(InvalidRecord, match="sequence"):
        apply(stock, a_change(second[1], sequence=second[0]))


def test_a_source_with_sequences_cannot_leave_one_out() -> None:
    stock = in_order((1, StockCounted(10)))

    with pytest.raises(InvalidRecord, match="has none"):
        apply(stock, a_change(StockAdjusted(1)))


def test_sources_have_sequences_of_their_own() -> None:
    stock = in_order((9, StockCounted(10)))

    moved, effect = apply(stock, a_change(StockAdjusted(2), sequence=1, source="wms"))

    assert on_hand(moved) == 12
    assert effect is Effect.APPLIED


def test_at_the_limit_of_kept_adjustments_the_sum_stays_and_an_old_count_is_refused() -> None:
    """What is no longer kept one by one cannot be applied again to a count from before it."""
    moves = [(10 + index, StockAdjusted(1)) for index in range(KEPT_MOVES_MAX + 1)]
    stock = in_order((1, StockCounted(0)), *moves)

    late, effect = apply(stock, a_change(StockCounted(500), sequence=5))

    assert on_hand(late) == KEPT_MOVES_MAX + 1
    assert effect is Effect.SUPERSEDED


def test_a_reservation_keeps_its_units_on_hand() -> None:
    stock = after(a_stock(dallas=10), StockReserved(R1, 4))

    assert (on_hand(stock), reserved(stock)) == (10, 4)


def test_a_count_includes_the_reserved_units() -> None:
    """They are still on the shelf, so the count does not end the reservation."""
    stock = after(a_stock(dallas=10), StockReserved(R1, 4), StockCounted(12))

    assert (on_hand(stock), reserved(stock)) == (12, 4)


def test_a_shipment_lowers_on_hand_and_ends_its_reservation() -> None:
    stock = after(a_stock(dallas=10), StockReserved(R1, 4, O1), OrderShipped(4, R1))

    assert (on_hand(stock), reserved(stock)) == (6, 0)


def test_a_partial_shipment_leaves_the_rest_reserved() -> None:
    stock = after(a_stock(dallas=10), StockReserved(R1, 4, O1), OrderShipped(1, R1))

    assert (on_hand(stock), reserved(stock)) == (9, 3)


def test_a_shipment_finds_its_reservation_by_the_order() -> None:
    stock = after(a_stock(dallas=10), StockReserved(R1, 4, O1), OrderShipped(4, order_id=O1))

    assert reserved(stock) == 0


def test_a_shipment_that_the_count_already_has_only_ends_its_reservation() -> None:
    stock = in_order((1, StockCounted(10)), (2, StockReserved(R1, 4, O1)), (9, StockCounted(6)))

    shipped, _ = apply(stock, a_change(OrderShipped(4, R1), sequence=5))

    assert (on_hand(shipped), reserved(shipped)) == (6, 0)


def test_a_released_reservation_is_gone() -> None:
    stock = after(a_stock(dallas=10), StockReserved(R1, 4), ReservationReleased(R1))

    assert reserved(stock) == 0


def test_a_sale_is_netted_until_the_source_reports_its_order() -> None:
    sold = after(a_stock(dallas=10), UnitsSold(SHOP, O1, 3), location=None)
    known = after(sold, StockReserved(R1, 3, O1))

    assert sold.units_sold_unreported() == {SHOP: 3}
    assert known.units_sold_unreported() == {}


def test_a_sale_reported_after_the_source_knows_it_is_not_netted_again() -> None:
    known = after(a_stock(dallas=10), StockReserved(R1, 3, O1))

    late = after(known, UnitsSold(SHOP, O1, 3), location=None)

    assert late.units_sold_unreported() == {}


def test_a_cancelled_sale_is_no_longer_netted() -> None:
    sold = after(a_stock(dallas=10), UnitsSold(SHOP, O1, 3), location=None)

    part = after(sold, SaleCancelled(SHOP, O1, 1, "changed-mind"), location=None)
    whole = after(part, SaleCancelled(SHOP, O1, 2, "changed-mind"), location=None)

    assert part.units_sold_unreported() == {SHOP: 2}
    assert whole.units_sold_unreported() == {}


def test_a_count_that_includes_orders_ends_their_netting() -> None:
    sold = after(a_stock(dallas=10), UnitsSold(SHOP, O1, 3), location=None)

    silent = after(sold, StockCounted(7))
    telling = after(sold, StockCounted(7, includes_orders_until_ms=NOW_MS))

    assert silent.units_sold_unreported() == {SHOP: 3}
    assert telling.units_sold_unreported() == {}


@pytest.mark.parametrize(
    "kind",
    [
        StockCounted(-1),
        StockCounted(10**9 + 1),
        StockReserved(R1, 0),
        OrderShipped(-1),
        UnitsSold(SHOP, O1, 0),
    ],
)
def test_a_quantity_that_cannot_be_is_refused_and_changes_nothing(kind: SkuChange) -> None:
    with pytest.raises(InvalidRecord, match=r"units|on_hand"):
        apply(a_stock(dallas=10), a_change(kind))


def test_a_change_of_stock_without_location_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="location"):
        apply(Stock(), replace(a_change(StockCounted(1)), location=None))


def free(stock: Stock) -> int | None:
    """Units at Dallas that may be promised."""
    units = on_hand(stock)
    return None if units is None else units - reserved(stock)


def test_a_count_of_what_is_free_does_not_lose_what_was_reserved_before_it_twice() -> None:
    stock = in_order((1, StockReserved(R1, 3)), (2, StockCounted(7, excludes_reserved=True)))

    assert (on_hand(stock), reserved(stock), free(stock)) == (10, 3, 7)


def test_what_is_reserved_after_a_count_of_what_is_free_is_subtracted_from_it() -> None:
    stock = in_order((1, StockCounted(7, excludes_reserved=True)), (2, StockReserved(R1, 3)))

    assert free(stock) == 4


def test_a_shipment_after_a_count_of_what_is_free_leaves_as_much_free() -> None:
    stock = in_order((1, StockReserved(R1, 3)), (2, StockCounted(7, excludes_reserved=True)), (3, OrderShipped(3, R1)))

    assert (on_hand(stock), free(stock)) == (7, 7)


def test_a_release_after_a_count_of_what_is_free_gives_the_units_back() -> None:
    stock = in_order(
        (1, StockReserved(R1, 3)), (2, StockCounted(7, excludes_reserved=True)), (3, ReservationReleased(R1))
    )

    assert free(stock) == 10


@pytest.mark.parametrize(
    "late",
    [
        ((1, StockReserved(R1, 3)),),
        ((1, StockReserved(R1, 3)), (2, ReservationReleased(R1))),
        ((1, StockReserved(R1, 3)), (2, OrderShipped(3, R1))),
        ((1, StockReserved(R1, 3)), (2, OrderShipped(1, R1))),
    ],
    ids=["reserved", "released", "shipped", "shipped in part"],
)
def test_what_a_count_of_what_is_free_already_knew_changes_nothing_when_it_arrives_late(
    late: tuple[tuple[int, SkuChange], ...],
) -> None:
    stock = in_order((5, StockCounted(7, excludes_reserved=True)), *late)

    assert free(stock) == 7


def test_a_count_of_what_is_free_knows_how_a_reservation_before_it_ended() -> None:
    stock = in_order(
        (1, StockReserved(R1, 3)), (5, StockCounted(7, excludes_reserved=True)), (2, ReservationReleased(R1))
    )

    assert (on_hand(stock), free(stock)) == (7, 7)


def test_without_sequences_what_arrived_before_a_count_of_what_is_free_is_in_it() -> None:
    stock = after(Stock(), StockReserved(R1, 3), StockCounted(7, excludes_reserved=True), StockReserved(R2, 2))

    assert free(stock) == 5


def test_a_count_of_the_shelf_after_one_of_what_is_free_is_taken_as_it_is() -> None:
    stock = in_order((1, StockReserved(R1, 3)), (2, StockCounted(7, excludes_reserved=True)), (3, StockCounted(12)))

    assert free(stock) == 9


def test_one_sequence_cannot_count_what_is_free_and_what_stands_there() -> None:
    stock = in_order((1, StockCounted(7, excludes_reserved=True)))

    with pytest.raises(InvalidRecord, match="sequence 1 counted 7"):
        apply(stock, a_change(StockCounted(7), sequence=1))
