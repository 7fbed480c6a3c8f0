"""A marketplace lowers its own number when it sells; a number that does not fall with it is said again."""

from __future__ import annotations

import pytest

from inventory_domain.catalog import Listing, ListingNode
from inventory_domain.changes import OrderShipped, StockCounted, StockReserved, UnitsSold
from inventory_domain.commands import Override, OverrideKind, SkuCommand
from inventory_domain.identifiers import ChannelId, EventId, ListingId, LocationId, NodeId, OrderId, ReservationId
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.values import Computed
from tests.support.engine_work import Memory
from tests.support.stock import NOW_MS, SKU, a_change, a_channel, a_listing, a_policy, a_product

LISTING = ListingId("market-us/1")
CHANNEL = ChannelId("market-us")
CAPPED = a_listing(max_shown=5)


def selling(*listings: Listing, on_hand: int = 40, percent_withheld: int = 0) -> Memory:
    """A SKU that is on sale on these listings."""
    channels = [a_channel(name, percent_withheld=percent_withheld) for name in ("market-us", "shop")]
    memory = Memory(a_policy(*channels))
    memory.batch(memory.wire.product(a_product(*listings)), memory.wire.change(a_change(StockCounted(on_hand))))
    memory.now_ms += 10
    return memory


def a_sale(memory: Memory, units: int = 3, order: str = "o", *, event: str | None = None) -> InputRecord:
    """The channel reports an order of just now."""
    kind = UnitsSold(CHANNEL, OrderId(order), units)
    return memory.wire.change(a_change(kind, location=None, event_id=event, occurred_at_ms=memory.now_ms))


def an_override(memory: Memory, kind: OverrideKind, units: int | None = None) -> InputRecord:
    """Ann bounds the SKU, or lets go of it."""
    override = Override(kind, units, None, "ann", "recall")
    return memory.wire.command(SkuCommand(EventId(f"c-{kind.value}"), SKU, NOW_MS, "ann", override))


def told(computed: Computed) -> list[tuple[str, int, str]]:
    """What is said: the listing, its number and why."""
    return [(one.listing_id, one.quantity, one.cause) for one in computed.targets]


REFILL = [(LISTING, 5, "units-sold")]


def test_a_capped_number_is_said_again_after_a_sale_on_its_own_channel() -> None:
    """The marketplace shows 2 by now, and would show 0 for good after the next sales."""
    memory = selling(CAPPED)
    before = memory.states[SKU].targets[LISTING].version

    computed = memory.batch(a_sale(memory))

    assert told(computed) == REFILL
    assert computed.targets[0].version > before


def test_an_operators_cap_is_filled_up_too() -> None:
    memory = selling()
    memory.batch(an_override(memory, OverrideKind.CAP, 5))

    assert told(memory.batch(a_sale(memory))) == REFILL


def test_a_number_that_the_rounding_of_its_buffer_keeps_is_said_again() -> None:
    """15 % of 47 and of 46 units, rounded up, leave 39 both times."""
    memory = selling(on_hand=47, percent_withheld=15)

    assert told(memory.batch(a_sale(memory, 1))) == [(LISTING, 39, "units-sold")]


def test_new_stock_that_makes_up_for_a_sale_is_put_on_show() -> None:
    memory = selling(on_hand=10)

    computed = memory.batch(a_sale(memory), memory.wire.change(a_change(StockCounted(13))))

    assert told(computed) == [(LISTING, 10, "units-sold")]


def test_a_split_over_nodes_that_stays_is_said_again() -> None:
    memory = selling(a_listing(max_shown=5, nodes=(ListingNode(NodeId("n1"), LocationId("dallas")),)))

    computed = memory.batch(a_sale(memory))

    assert told(computed) == REFILL
    assert dict(computed.targets[0].nodes) == {"n1": 5}


def test_a_number_that_falls_with_the_sale_is_said_once() -> None:
    memory = selling()

    computed = memory.batch(a_sale(memory))

    assert told(computed) == [(LISTING, 37, "units-sold")]
    assert told(memory.batch(wake={SKU: "caught-up"})) == []


def test_a_sale_on_another_channel_leaves_a_capped_number_alone() -> None:
    memory = selling(CAPPED, a_listing("shop", "2", max_shown=7))

    assert told(memory.batch(a_sale(memory))) == REFILL


def test_the_same_report_twice_causes_nothing_more() -> None:
    memory = selling(CAPPED)
    memory.batch(a_sale(memory, event="e-sale"))

    assert told(memory.batch(a_sale(memory, event="e-sale"))) == []


def test_a_zero_is_not_repeated() -> None:
    memory = selling(a_listing(max_shown=0))

    assert told(memory.batch(a_sale(memory))) == []


@pytest.mark.parametrize("bound", ["catching up", "hold"])
def test_where_nothing_may_rise_it_waits_until_it_may(bound: str) -> None:
    memory = selling(CAPPED)
    if bound == "hold":
        memory.batch(an_override(memory, OverrideKind.HOLD))
    during = memory.batch(a_sale(memory), catching_up=bound == "catching up")
    assert told(during) == []
    assert memory.states[SKU].owes_rise is (bound == "catching up")

    if bound == "hold":
        free = memory.batch(an_override(memory, OverrideKind.RELEASE))
    else:
        free = memory.batch(wake={SKU: "caught-up"})

    assert told(free) == REFILL
    assert told(memory.batch(wake={SKU: "caught-up"})) == []


@pytest.mark.parametrize(
    "first", [StockReserved(ReservationId("r"), 3, OrderId("o")), OrderShipped(3, None, OrderId("o"))]
)
def test_an_order_that_the_source_told_of_first_fills_up_a_capped_number(first: StockReserved | OrderShipped) -> None:
    memory = selling(CAPPED)
    memory.batch(memory.wire.change(a_change(first)))

    assert told(memory.batch(a_sale(memory))) == REFILL


def test_a_capped_number_is_filled_up_though_the_marketplaces_clock_is_behind() -> None:
    """By its own word the order is older than the number that it was sold from."""
    memory = selling(CAPPED)
    memory.batch(memory.wire.change(a_change(StockReserved(ReservationId("r"), 3, OrderId("o")))))
    memory.now_ms = NOW_MS - 5_000
    sale = a_sale(memory)
    memory.now_ms = NOW_MS + 20

    assert told(memory.batch(sale)) == REFILL


def test_an_order_that_the_source_told_of_first_is_not_written_twice() -> None:
    """The number fell when the source told of it, after the sale, and was written then."""
    memory = selling()
    sale = a_sale(memory)
    memory.now_ms += 10
    reserved = memory.batch(memory.wire.change(a_change(StockReserved(ReservationId("r"), 3, OrderId("o")))))
    assert [one.quantity for one in reserved.targets] == [37]

    assert told(memory.batch(sale)) == []
