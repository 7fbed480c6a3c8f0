"""What a message leads to: a hint, a sale, or nothing."""

from __future__ import annotations

import pytest

from inventory_domain.changes import SaleCancelled, StockReserved, UnitsSold
from inventory_domain.identifiers import NodeId, ReservationId
from inventory_domain.reconciliation import ObservedBy
from inventory_domain.signals import JobFinished, ListingChanged, Message, NoticeRefused, OrderChanged
from tests.support.reconciling import settling, shown
from tests.support.signals import CHANNEL, NODE, OTHER_CHANNEL, a_bench, a_product
from tests.support.stock import a_stock, after

CHANGED = ListingChanged(marketplace_ids={"sku": "A"}, quantity=50)


def an_order(
    units: int = 2, status: str = "Unshipped", order_id: str = "O1", sku: str = "A", line: str = ""
) -> OrderChanged:
    ids = {"sku": sku}
    return OrderChanged(order_id=order_id, line=line, status=status, marketplace_ids=ids, units=units, market="US")


async def test_a_change_becomes_a_hint_for_its_listing() -> None:
    bench = a_bench()

    status = await bench.send(CHANGED, notice_id="n-1", at_ms=1_700_000_000_000)

    (hint,) = bench.hints()
    assert status == 202
    assert (hint.listing_id, hint.observed_by, hint.quantity) == ("market-us/A", ObservedBy.SIGNAL, 50)
    assert hint.as_of_ms == 1_700_000_000_000 and hint.evidence == "changes n-1"


async def test_a_message_that_comes_again_counts_once() -> None:
    bench = a_bench(hint_interval_s=0.0)

    statuses = [await bench.send(CHANGED, notice_id="n-1") for _ in range(2)]

    assert statuses == [202, 202] and len(bench.hints()) == 1
    assert bench.count("messages_duplicate", account="acc") == 1


async def test_an_id_is_forgotten_when_its_time_is_over() -> None:
    bench = a_bench(hint_interval_s=0.0, kept_s=60.0)
    await bench.send(CHANGED, notice_id="n-1")

    bench.clock.move(61)
    await bench.send(CHANGED, notice_id="n-1")

    assert len(bench.hints()) == 2


async def test_what_kafka_did_not_take_is_asked_for_again_and_then_counts() -> None:
    """Answered as taken before it is durable, it would be lost with this process."""
    bench = a_bench()
    bench.published.refuses = 1

    first = await bench.send(CHANGED, notice_id="n-1")
    again = await bench.send(CHANGED, notice_id="n-1")

    assert (first, again) == (503, 202) and len(bench.hints()) == 1


async def test_our_own_number_coming_back_is_no_hint() -> None:
    bench = a_bench()
    bench.sent(settling(shown(10, 0, seen_min=5), 4, 10))

    for quantity in (4, 50):
        await bench.send(ListingChanged(marketplace_ids={"sku": "A"}, quantity=quantity))

    assert [one.quantity for one in bench.hints()] == [50]
    assert bench.count("echoes", channel="market-us") == 1


async def test_a_number_that_was_replaced_since_is_news_when_it_comes_back() -> None:
    bench = a_bench()
    bench.sent(shown(4, 10, seen_min=30, version=2))

    await bench.send(ListingChanged(marketplace_ids={"sku": "A"}, quantity=10))

    assert len(bench.hints()) == 1


async def test_a_flood_for_one_listing_leads_to_one_hint_and_one_when_the_time_is_over() -> None:
    """What changes behind the first read would be seen by the next pull only, hours later."""
    bench = a_bench(hint_interval_s=30.0)
    began_ms = bench.clock.now_ms()

    for quantity in range(40, 60):
        bench.clock.move(1)
        await bench.send(ListingChanged(marketplace_ids={"sku": "A"}, quantity=quantity), at_ms=began_ms)

    assert [(one.as_of_ms - began_ms) // 1_000 for one in bench.hints()] == [0, 31]
    assert bench.count("hints_merged", channel="market-us") == 18

    bench.clock.move(31)
    await bench.send(ListingChanged(marketplace_ids={"sku": "A"}, quantity=61), at_ms=began_ms)

    assert [(one.as_of_ms - began_ms) // 1_000 for one in bench.hints()] == [0, 31, 61]


async def test_a_signal_counts_at_once_again_when_a_listing_was_quiet() -> None:
    bench = a_bench(hint_interval_s=30.0)
    began_ms = bench.clock.now_ms()

    for quiet_s in (0, 5, 56):
        bench.clock.move(quiet_s)
        await bench.send(ListingChanged(marketplace_ids={"sku": "A"}, quantity=40 + quiet_s))

    assert [(one.as_of_ms - began_ms) // 1_000 for one in bench.hints()] == [0, 30, 61]


async def test_a_flood_over_many_listings_is_bounded_by_the_channels_rate() -> None:
    bench = a_bench(*(a_product(f"S{n}", CHANNEL) for n in range(50)), hints_per_s_max=1.0)

    for n in range(50):
        await bench.send(ListingChanged(marketplace_ids={"sku": f"S{n}"}))

    assert len(bench.hints()) == 10  # ten seconds' worth at once
    assert bench.count("hints_left_out", channel="market-us") == 40


async def test_a_signal_is_for_the_country_that_it_names_and_else_for_all() -> None:
    bench = a_bench(a_product("A", CHANNEL, OTHER_CHANNEL))

    await bench.send(ListingChanged(marketplace_ids={"sku": "A"}, market="CA"))
    named = [one.channel for one in bench.hints()]
    bench.clock.move(60)
    await bench.send(ListingChanged(marketplace_ids={"sku": "A"}))

    assert named == [OTHER_CHANNEL]
    assert {one.channel for one in bench.hints()[1:]} == {CHANNEL, OTHER_CHANNEL}


async def test_the_number_of_one_node_is_not_told_as_that_of_all() -> None:
    bench = a_bench(a_product("A", CHANNEL, nodes=[NODE, NodeId("n2")]))

    await bench.send(ListingChanged(marketplace_ids={"sku": "A"}, node=NODE, quantity=3))

    assert [one.quantity for one in bench.hints()] == [None]


async def test_an_order_is_a_sale_once_however_often_it_is_told() -> None:
    bench = a_bench()

    await bench.send(an_order(2), an_order(1))  # two lines of one order
    await bench.send(an_order(2, status="Shipped"), an_order(1, status="Shipped"))

    first, second = bench.changes()
    assert first.kind == UnitsSold(CHANNEL, first.kind.order_id, 3)  # type: ignore[union-attr]
    assert first.event_id == second.event_id and first.location is None


async def test_two_lines_that_are_told_apart_are_two_sales_of_one_order() -> None:
    """One of them may be cancelled by itself, and each counts once however often it is told."""
    bench = a_bench()

    await bench.send(an_order(2, line="1"), an_order(1, line="2"))
    await bench.send(an_order(2, line="1"))
    await bench.send(an_order(1, line="2", status="cancelled"))

    first, second, again, cancelled = bench.changes()
    assert [one.kind.units for one in (first, second)] == [2, 1]  # type: ignore[union-attr]
    assert first.event_id == again.event_id != second.event_id
    assert isinstance(cancelled.kind, SaleCancelled) and cancelled.event_id not in (first.event_id, second.event_id)


@pytest.mark.parametrize("marketplace_first", [True, False], ids=["marketplace-first", "source-first"])
async def test_a_sale_is_netted_once_whoever_tells_of_it_first(marketplace_first: bool) -> None:
    """The source's word of the order takes over from the marketplace's, and never the other way round."""
    bench = a_bench()
    await bench.send(an_order(2, order_id="1796277083022", line="1"))
    (sold,) = bench.changes()
    assert isinstance(sold.kind, UnitsSold)
    start, reserved = a_stock(dallas=10), StockReserved(ReservationId("r1"), 2, sold.kind.order_id)

    told = after(start, sold.kind, location=None)
    stock = after(told, reserved) if marketplace_first else after(after(start, reserved), sold.kind, location=None)

    assert told.units_sold_unreported() == {CHANNEL: 2}
    assert stock.units_sold_unreported() == {}


async def test_an_order_that_is_cancelled_is_a_sale_taken_back() -> None:
    bench = a_bench()

    await bench.send(an_order(2, status="Canceled"))

    (change,) = bench.changes()
    assert isinstance(change.kind, SaleCancelled) and (change.kind.units, change.kind.reason) == (2, "canceled")


async def test_what_the_marketplace_ships_itself_is_no_sale_of_ours() -> None:
    bench = a_bench(a_product("A", CHANNEL, held=True))

    await bench.send(an_order(), CHANGED)

    assert bench.changes() == [] and bench.hints() == []


async def test_a_listing_that_nobody_knows_is_counted_and_taken() -> None:
    bench = a_bench()

    assert await bench.send(ListingChanged(marketplace_ids={"sku": "B"}), an_order(sku="B")) == 202
    assert bench.published.records == [] and bench.count("listings_unknown", account="acc") == 2


async def test_a_job_that_is_done_needs_nothing() -> None:
    bench = a_bench()

    assert await bench.send(JobFinished(kind="pull", job_id="1")) == 202
    assert bench.published.records == []


@pytest.mark.parametrize(("reason", "status"), [("not-genuine", 401), ("too-old", 200)])
async def test_a_message_that_is_refused_leads_to_nothing(reason: str, status: int) -> None:
    bench = a_bench()
    bench.adapter.notices[b"x"] = NoticeRefused(reason=reason, status=status)

    reply = await bench.intake.take(bench.account, Message({}, b"x"))

    assert (reply.status, reply.why) == (status, reason) and bench.published.records == []
