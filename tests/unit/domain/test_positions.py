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
from inventory_domain.commands import KitSold
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, ReservationId, Sku
from inventory_domain.netting import (
    CANCEL_KEPT_MS,
    CANCELS_MAX,
    KNOWN_ORDERS_MAX,
    SALES_MAX,
    beyond,
    kit_sold,
    order_known,
)
from inventory_domain.positions import BEYOND, KEPT_MOVES_MAX, RESERVATIONS_MAX, Effect, apply
from inventory_domain.stock import ChannelSale, Reservation, Stock, without_expired
from tests.support.stock import NOW_MS, a_change, a_stock, after

DALLAS = LocationId("dallas")
R1, R2, O1, SHOP, EBAY = (
    ReservationId("r1"),
    ReservationId("r2"),
    OrderId("o1"),
    ChannelId("shop"),
    ChannelId("ebay"),
)


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


def test_a_count_of_a_source_that_another_one_took_over_from_is_still_known_as_old() -> None:
    stock = Stock()
    taken_over = (
        a_change(StockCounted(10), sequence=5),
        a_change(StockCounted(4), sequence=1, source="wms"),
    )
    for change in taken_over:
        stock, _ = apply(stock, change)

    for late in (a_change(StockCounted(99), sequence=4), a_change(StockCounted(10), sequence=5)):
        assert apply(stock, late) == (stock, Effect.SUPERSEDED)
    back, effect = apply(stock, a_change(StockCounted(7), sequence=6))
    assert (effect, back.positions[LocationId("dallas")].on_hand) == (Effect.APPLIED, 7)


def test_nothing_is_kept_of_a_source_without_sequences_that_another_one_took_over_from() -> None:
    stock, _ = apply(a_stock(dallas=10), a_change(StockCounted(4), source="wms"))

    assert stock.positions[LocationId("dallas")].sources.keys() == {"wms"}


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


def test_a_shipment_of_an_order_ends_all_its_reservations_by_as_many_units() -> None:
    """An order of two lines is reserved twice and leaves in one parcel; what is left of it stays reserved."""
    held = after(a_stock(dallas=10), StockReserved(R1, 2, O1), StockReserved(R2, 4, O1))

    part, whole = after(held, OrderShipped(3, order_id=O1)), after(held, OrderShipped(6, order_id=O1))

    assert (on_hand(part), reserved(part)) == (7, 3)
    assert (on_hand(whole), reserved(whole)) == (4, 0)
    assert reserved(after(held, OrderShipped(6, R1, O1))) == 4, "where it names its reservation, it is that one"


def test_a_shipment_that_the_count_already_has_only_ends_its_reservation() -> None:
    stock = in_order((1, StockCounted(10)), (2, StockReserved(R1, 4, O1)), (9, StockCounted(6)))

    shipped, _ = apply(stock, a_change(OrderShipped(4, R1), sequence=5))

    assert (on_hand(shipped), reserved(shipped)) == (6, 0)


def test_a_shipment_that_the_count_already_has_ends_the_netting_of_its_order() -> None:
    """The count came first; that the units were those of this order is told by nothing else."""
    counted = in_order((1, StockCounted(10)), (9, StockCounted(6)))
    sold = after(counted, UnitsSold(SHOP, O1, 4), location=None)

    told, effect = apply(sold, a_change(OrderShipped(4, order_id=O1), sequence=5))
    again, repeated = apply(told, a_change(OrderShipped(4, order_id=O1), sequence=5))

    assert (on_hand(told), told.units_sold_unreported(), effect) == (6, {}, Effect.APPLIED)
    assert (again, repeated) == (told, Effect.SUPERSEDED)


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


def test_of_the_orders_that_the_source_told_of_the_newest_are_remembered() -> None:
    stock = a_stock(dallas=10)
    for number in range(KNOWN_ORDERS_MAX + 1):
        stock = order_known(stock, OrderId(f"o{number}"))

    assert len(stock.known_orders) == KNOWN_ORDERS_MAX
    assert stock.known_orders[0] == "o1"


def test_a_cancelled_sale_is_no_longer_netted() -> None:
    sold = after(a_stock(dallas=10), UnitsSold(SHOP, O1, 3), location=None)

    part = after(sold, SaleCancelled(SHOP, O1, 1, "changed-mind"), location=None)
    whole = after(part, SaleCancelled(SHOP, O1, 2, "changed-mind"), location=None)

    assert part.units_sold_unreported() == {SHOP: 2}
    assert whole.units_sold_unreported() == {}


@pytest.mark.parametrize("cancelled", [1, 3, 5])
@pytest.mark.parametrize("sold", [(3,), (1, 2)], ids=["at once", "line by line"])
def test_a_cancellation_that_comes_before_its_sale_is_netted_as_if_it_came_after(
    sold: tuple[int, ...], cancelled: int
) -> None:
    """Sale and cancellation come by different ways (a signal, a pull), and one overtakes the other."""
    sales = [UnitsSold(SHOP, O1, units) for units in sold]
    back = SaleCancelled(SHOP, O1, cancelled, "changed-mind")
    stock = a_stock(dallas=10)

    in_order_ = after(stock, *sales, back, location=None)
    others = [after(stock, *sales[:at], back, *sales[at:], location=None) for at in range(len(sales))]

    assert {tuple(one.units_sold_unreported().items()) for one in others} == {
        tuple(in_order_.units_sold_unreported().items())
    }


def test_a_cancellation_is_used_up_by_its_sale_and_never_by_another_order() -> None:
    stock = after(a_stock(dallas=10), SaleCancelled(SHOP, O1, 3, "no"), UnitsSold(SHOP, O1, 3), location=None)

    assert not stock.cancels
    assert after(stock, UnitsSold(SHOP, OrderId("o2"), 3), location=None).units_sold_unreported() == {SHOP: 3}


def test_a_cancellation_of_an_order_that_the_source_knows_is_the_sources_to_take_back() -> None:
    known = after(a_stock(dallas=10), StockReserved(R1, 3, O1))

    assert not after(known, SaleCancelled(SHOP, O1, 3, "no"), location=None).cancels
    waiting = after(a_stock(dallas=10), SaleCancelled(SHOP, O1, 3, "no"), location=None)
    assert not after(waiting, StockReserved(R1, 3, O1)).cancels


def test_cancellations_that_no_sale_follows_are_bounded_in_number_and_in_time() -> None:
    """Forgotten, a late sale is netted: one unit too few is a sale less, one too many a cancelled order."""
    stock = a_stock(dallas=10)
    for number in range(CANCELS_MAX + 1):
        stock = after(stock, SaleCancelled(SHOP, OrderId(f"o{number}"), 1, "no"), location=None)

    assert list(stock.cancels) == [f"o{number}" for number in range(1, CANCELS_MAX + 1)]
    late = a_change(UnitsSold(SHOP, O1, 1), location=None, occurred_at_ms=NOW_MS + CANCEL_KEPT_MS + 1)
    assert apply(stock, late)[0].units_sold_unreported() == {SHOP: 1}
    later = a_change(SaleCancelled(SHOP, O1, 1, "no"), location=None, occurred_at_ms=NOW_MS + CANCEL_KEPT_MS + 1)
    assert list(apply(stock, later)[0].cancels) == [O1]


def test_orders_beyond_the_limit_stay_netted() -> None:
    """A dead letter in their place would put units back on sale that are sold."""
    waiting = {OrderId(f"w{number}"): ChannelSale(SHOP, 1, NOW_MS) for number in range(SALES_MAX)}
    stock = replace(a_stock(dallas=10_000), sales=waiting)

    sold = after(stock, UnitsSold(SHOP, O1, 3), UnitsSold(SHOP, OrderId("w1"), 1), location=None)
    sold = after(sold, UnitsSold(SHOP, OrderId("o2"), 2), UnitsSold(EBAY, OrderId("o3"), 4), location=None)

    assert sold.units_sold_unreported() == {SHOP: SALES_MAX + 1 + 3 + 2, EBAY: 4}
    assert len(sold.sales) == SALES_MAX + 2
    told = after(sold, StockReserved(R1, 3, O1))
    assert told.sales[beyond(SHOP)].units == 5, "too little is promised then, never too much"
    settled = order_known(told, beyond(SHOP))
    assert beyond(SHOP) not in settled.sales
    assert beyond(SHOP) not in settled.known_orders, "later ones are netted again"
    included = after(told, StockCounted(9, includes_orders_until_ms=NOW_MS))
    assert included.units_sold_unreported() == {}


def test_kits_orders_beyond_the_limit_stay_netted_at_the_component() -> None:
    waiting = {OrderId(f"w{number}"): ChannelSale(SHOP, 1, NOW_MS) for number in range(SALES_MAX)}
    stock = replace(a_stock(dallas=10_000), sales=waiting)
    for number in (1, 2):
        stock = kit_sold(stock, KitSold(Sku("KIT"), OrderId(f"o{number}"), 3, SHOP), NOW_MS)
    stock = kit_sold(stock, KitSold(Sku("KIT"), beyond(SHOP), 7, SHOP), NOW_MS)

    assert stock.units_sold_unreported() == {SHOP: SALES_MAX + 6 + 7}


def test_orders_sold_in_kits_take_their_room_among_those_kept_one_by_one() -> None:
    waiting = {OrderId(f"w{number}"): ChannelSale(SHOP, 1, NOW_MS) for number in range(SALES_MAX - 1)}
    stock = kit_sold(replace(a_stock(dallas=10_000), sales=waiting), KitSold(Sku("KIT"), O1, 3, SHOP), NOW_MS)

    stock = after(stock, UnitsSold(SHOP, OrderId("o2"), 2), location=None)

    assert stock.sales[beyond(SHOP)].units == 2
    assert stock.units_sold_unreported() == {SHOP: SALES_MAX - 1 + 3 + 2}


def test_reservations_beyond_the_limit_stay_reserved() -> None:
    stock = a_stock(dallas=10_000)
    position = stock.positions[DALLAS]
    open_ones = {ReservationId(f"w{number}"): Reservation(1) for number in range(RESERVATIONS_MAX)}
    stock = replace(stock, positions={DALLAS: replace(position, reservations=open_ones)})

    held = after(stock, StockReserved(R1, 3, expires_at_ms=NOW_MS + 5), StockReserved(R2, 4, expires_at_ms=NOW_MS + 9))

    assert reserved(held) == RESERVATIONS_MAX + 7
    assert held.positions[DALLAS].reservations[BEYOND].expires_at_ms == NOW_MS + 9
    assert reserved(after(held, StockReserved(ReservationId("r3"), 1))) == RESERVATIONS_MAX + 8
    assert reserved(after(held, ReservationReleased(BEYOND))) == RESERVATIONS_MAX


def test_a_reservation_that_had_expired_is_not_added_to_a_count_of_what_is_free() -> None:
    """An engine that reads a backlog still keeps it, and the count has its units among the free ones already."""
    held = after(Stock(), StockReserved(R1, 3, expires_at_ms=NOW_MS))

    assert on_hand(after(held, StockCounted(10, excludes_reserved=True))) == 10
    still = after(Stock(), StockReserved(R1, 3, expires_at_ms=NOW_MS + 1))
    assert on_hand(after(still, StockCounted(10, excludes_reserved=True))) == 13


@pytest.mark.parametrize("late", [ReservationReleased(R1), OrderShipped(3, R1), OrderShipped(3, None, O1)])
def test_an_end_from_before_a_count_of_what_is_free_is_heard_after_the_reservation_expired(late: SkuChange) -> None:
    """The count was raised by the units of what seemed to be reserved, and had them itself: sold twice, else."""
    ends_ms = NOW_MS + 10
    stock = in_order((1, StockReserved(R1, 3, O1, ends_ms)), (3, StockCounted(7, excludes_reserved=True)))
    expired = without_expired(stock, ends_ms)
    told, _ = apply(expired, a_change(late, sequence=2))

    assert (on_hand(expired), expired.positions[DALLAS].reserved(ends_ms)) == (10, 0)
    assert (on_hand(told), told.positions[DALLAS].reservations) == (7, {})


def test_what_expired_and_is_kept_for_a_count_does_nothing_by_itself() -> None:
    ends_ms = NOW_MS + 10
    stock = in_order((1, StockReserved(R1, 3, O1, ends_ms)), (3, StockCounted(7, excludes_reserved=True)))
    expired = without_expired(stock, ends_ms)

    assert stock.first_expiry_ms() == ends_ms
    assert expired.first_expiry_ms() is None
    assert without_expired(expired, ends_ms + 1) is expired
    released, _ = apply(expired, a_change(ReservationReleased(R1), sequence=4))
    assert (on_hand(released), released.positions[DALLAS].reservations) == (10, {})


@pytest.mark.parametrize("noticed_ms", [NOW_MS, NOW_MS + 10])
def test_what_expired_before_a_count_of_what_is_free_is_not_taken_off_it(noticed_ms: int) -> None:
    """That count had its units among the free ones, so whatever is heard of it late changes nothing.

    Nor in a backlog, in which nobody has looked yet what has expired.
    """
    ends_ms = NOW_MS + 10
    stock = in_order((1, StockReserved(R1, 3, O1, ends_ms)), (3, StockCounted(7, excludes_reserved=True)))
    newest = a_change(StockCounted(8, excludes_reserved=True), sequence=5, occurred_at_ms=ends_ms)
    counted, _ = apply(without_expired(stock, noticed_ms), newest)
    released, _ = apply(counted, a_change(ReservationReleased(R1), sequence=2))

    assert (on_hand(counted), on_hand(released)) == (8, 8)
    assert without_expired(counted, ends_ms).positions[DALLAS].reservations == {}


def test_a_shipment_of_an_order_ends_what_holds_before_what_expired() -> None:
    ends_ms = NOW_MS + 10
    stock = in_order(
        (1, StockReserved(R1, 3, O1, ends_ms)),
        (2, StockReserved(R2, 2, O1)),
        (3, StockCounted(7, excludes_reserved=True)),
    )
    shipped, _ = apply(without_expired(stock, ends_ms), a_change(OrderShipped(2, None, O1), sequence=4))

    assert (on_hand(shipped), shipped.positions[DALLAS].reserved(ends_ms)) == (10, 0)


def test_a_late_reservation_that_had_expired_before_a_count_of_what_is_free_adds_nothing() -> None:
    """Its units were free in that count; the one that ended later was left out of it, and is free again since."""
    ends_ms = NOW_MS - 1_000

    def late(counted_ms: int) -> Stock:
        counted = a_change(StockCounted(10, excludes_reserved=True), sequence=2, occurred_at_ms=counted_ms)
        reserved_before = a_change(StockReserved(R1, 3, expires_at_ms=ends_ms), sequence=1)
        return apply(apply(Stock(), counted)[0], reserved_before)[0]

    over, held = late(ends_ms), late(ends_ms - 1)

    assert (on_hand(over), on_hand(held)) == (10, 13)
    assert R1 not in over.positions[DALLAS].reservations
    released = apply(over, a_change(ReservationReleased(R1), sequence=3))[0]
    assert on_hand(released) == 10, "there is nothing left to release"


def test_a_late_word_that_a_reservation_had_expired_before_the_count_takes_its_units_back() -> None:
    """The count came while the reservation was still thought to hold."""
    stock = in_order((1, StockReserved(R1, 3)), (4, StockCounted(10, excludes_reserved=True)))

    shortened = apply(stock, a_change(StockReserved(R1, 3, expires_at_ms=NOW_MS - 1), sequence=2))[0]

    assert (on_hand(stock), on_hand(shortened)) == (13, 10)


def test_a_count_that_includes_orders_ends_their_netting() -> None:
    sold = after(a_stock(dallas=10), UnitsSold(SHOP, O1, 3), location=None)

    silent = after(sold, StockCounted(7))
    telling = after(sold, StockCounted(7, includes_orders_until_ms=NOW_MS))

    assert silent.units_sold_unreported() == {SHOP: 3}
    assert telling.units_sold_unreported() == {}


def test_a_count_that_includes_orders_ends_the_netting_of_those_sold_in_kits_too() -> None:
    early = kit_sold(a_stock(dallas=10), KitSold(Sku("KIT"), O1, 3, SHOP), NOW_MS)
    both = kit_sold(early, KitSold(Sku("KIT"), OrderId("o2"), 2, SHOP), NOW_MS + 1)

    counted = after(both, StockCounted(7, includes_orders_until_ms=NOW_MS))

    assert counted.units_sold_unreported() == {SHOP: 2}, "the later one is not in it"


def test_an_order_of_two_lines_is_in_a_count_only_when_both_are() -> None:
    """The lines may come in either order; the count is of a time between them."""
    for times in ((-1, 1), (1, -1)):
        stock = a_stock(dallas=10)
        for at in times:
            sale = a_change(UnitsSold(SHOP, O1, 1), location=None, occurred_at_ms=NOW_MS + at)
            stock = apply(stock, sale)[0]

        counted = after(stock, StockCounted(9, includes_orders_until_ms=NOW_MS))

        assert counted.units_sold_unreported() == {SHOP: 2}


def test_an_order_of_a_kit_whose_units_grow_is_in_a_count_only_when_the_last_are() -> None:
    """A second line of it was sold after the count: its units are still on the shelf that was counted."""
    first = kit_sold(a_stock(dallas=10), KitSold(Sku("KIT"), O1, 3, SHOP), NOW_MS - 1)
    grown = kit_sold(first, KitSold(Sku("KIT"), O1, 6, SHOP), NOW_MS + 1)
    less = kit_sold(first, KitSold(Sku("KIT"), O1, 2, SHOP), NOW_MS + 1)
    count = StockCounted(7, includes_orders_until_ms=NOW_MS)

    assert after(grown, count).units_sold_unreported() == {SHOP: 6}
    assert after(less, count).units_sold_unreported() == {}, "what is left of it was sold before"


def test_a_superseded_count_ends_no_netting() -> None:
    """What stands there was counted anew since, by a count that did not say which orders are in it."""
    counted = in_order((2, StockCounted(10)))
    sold = after(counted, UnitsSold(SHOP, O1, 3), location=None)

    late, effect = apply(sold, a_change(StockCounted(7, includes_orders_until_ms=NOW_MS), sequence=1))

    assert effect is Effect.SUPERSEDED
    assert late.units_sold_unreported() == {SHOP: 3}


def test_a_sale_that_is_reported_after_a_count_that_includes_it_is_netted_until_the_next() -> None:
    """Whoever reported it so late may have told the source no sooner: then it is in no figure yet."""
    counted = after(a_stock(dallas=10), StockCounted(7, includes_orders_until_ms=NOW_MS))

    sold = after(counted, UnitsSold(SHOP, O1, 3), location=None)

    assert sold.units_sold_unreported() == {SHOP: 3}
    assert after(sold, StockCounted(7, includes_orders_until_ms=NOW_MS)).units_sold_unreported() == {}


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


def test_a_count_of_what_is_free_that_comes_late_does_not_have_what_was_reserved_after_it() -> None:
    stock = in_order((2, StockReserved(R1, 3)), (1, StockCounted(7, excludes_reserved=True)))

    assert (on_hand(stock), free(stock)) == (7, 4)


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
