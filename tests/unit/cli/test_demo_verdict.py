"""The verdict on examples that were calculated by hand."""

from collections.abc import Mapping, Sequence

import pytest

from inventory_cli.demo.journal import Journal, ListedAs, ProductFacts, Said
from inventory_cli.demo.verdict import ChannelFacts, Expected, Shown, compare, expectations
from inventory_cli.demo.verdict_stock import stock_of

AMAZON = ChannelFacts(frozenset({"east", "west"}), 5, 15, 40)
SHOP = ChannelFacts(frozenset({"east", "west"}), 0, 5, 10)
CHANNELS = {"amazon-us": AMAZON, "shop": SHOP}


def said(kind: str, **facts: object) -> Said:
    """An event; its id is its facts unless it is given."""
    values = {"event_id": f"{kind} {sorted(facts.items())}", "sku": "A", "source": "erp", **facts}
    return Said(kind=kind, **values)  # type: ignore[arg-type]


def listed(channel: str = "amazon-us", **facts: object) -> ListedAs:
    values: dict[str, object] = {
        "listing_id": f"{channel}/A",
        "channel": channel,
        "marketplace": "amazon",
        "sandbox_key": "k",
        "written": True,
        **facts,
    }
    return ListedAs(**values)  # type: ignore[arg-type]


def expected(
    events: Sequence[Said],
    *listings: ListedAs,
    safety: Mapping[str, int] | None = None,
    sold: bool = True,
    category: str = "toys",
) -> dict[str, int | None]:
    """What each listing of the one product must show."""
    journal = Journal()
    stock = {"east": 0, "west": 0} if safety is None else dict(safety)
    journal.list_product(ProductFacts("A", sold, category, stock, listings or (listed(),)))
    for one in events:
        journal.tell(one)
    return {one.listing.listing_id: one.quantity for one in expectations(journal, CHANNELS, frozenset({"clearance"}))}


def counted(east: int, west: int = 0) -> list[Said]:
    return [
        said("count", location="east", sequence=1, units=east),
        said("count", location="west", sequence=1, units=west),
    ]


@pytest.mark.parametrize(
    ("units", "shown"),
    [(0, 0), (4, 0), (5, 0), (6, 1), (33, 28), (34, 28), (100, 85), (101, 85)],
)
def test_the_larger_of_units_and_share_is_withheld(units: int, shown: int) -> None:
    """5 units up to 33; then 15 % rounded up: 34 * 0.15 = 5.1 takes 6."""
    assert expected(counted(units)) == {"amazon-us/A": shown}


def test_safety_stock_is_taken_off_at_each_location() -> None:
    assert expected(counted(60, 2), safety={"east": 10, "west": 5}) == {"amazon-us/A": 42}  # 50 + 0, less 8


def test_reserved_units_are_not_shown_and_shipped_ones_are_gone_once() -> None:
    events = [
        *counted(100),
        said("reserve", location="east", sequence=2, units=20, reservation_id="r", order_id="o"),
        said("ship", location="east", sequence=3, units=20, reservation_id="r", order_id="o"),
        said("reserve", location="east", sequence=4, units=10, reservation_id="s"),
    ]

    stock = stock_of(events)

    assert stock.free == {"east": 70, "west": 0}


def test_a_sale_is_netted_until_the_order_is_known() -> None:
    sale = said("sold", order_id="o", units=3, channel="amazon-us")
    reserve = said("reserve", location="east", sequence=2, units=3, reservation_id="r", order_id="o")

    assert stock_of([*counted(50), sale]).unreserved == 3
    assert stock_of([*counted(50), sale, reserve]).unreserved == 0
    assert stock_of([*counted(50), sale, said("cancelled", order_id="o", units=3, channel="a")]).unreserved == 0


def test_an_event_sent_again_counts_once() -> None:
    receipt = said("adjust", location="east", sequence=2, units=5)

    assert stock_of([*counted(10), receipt, receipt]).free["east"] == 15


def test_a_move_that_a_count_has_already_is_not_added() -> None:
    late = said("adjust", location="east", sequence=2, units=5)
    count = said("count", location="east", sequence=3, units=15)

    assert stock_of([*counted(10), count, late]).free["east"] == 15


def test_a_count_that_comes_late_keeps_the_newer_moves() -> None:
    newer = said("adjust", location="east", sequence=5, units=7)
    count = said("count", location="east", sequence=4, units=20)

    assert stock_of([*counted(10), newer, count]).free["east"] == 27


def test_stock_that_is_divided_adds_up_to_no_more_than_there_is() -> None:
    """40 % and 10 % of 90: 36 and 9 units, less 15 % rounded up (6) and 5 % rounded up (1)."""
    found = expected(counted(90), listed(), listed("shop", marketplace="shopify"), category="clearance")

    assert found == {"amazon-us/A": 30, "shop/A": 8}


def test_a_number_over_nodes_is_no_more_than_they_have() -> None:
    one_node = listed("shop", nodes=[("n", "west")])

    assert expected(counted(100, 7), one_node) == {"shop/A": 7}


def test_bounds_of_a_listing_hold() -> None:
    assert expected(counted(100), listed(max_shown=25)) == {"amazon-us/A": 25}
    assert expected(counted(10), listed(min_shown=6)) == {"amazon-us/A": 0}


def test_what_is_given_up_or_taken_down_shows_nothing() -> None:
    journal = Journal()
    journal.list_product(ProductFacts("A", True, "toys", {"east": 0}, (listed(), listed("shop"))))
    journal.list_product(ProductFacts("A", True, "toys", {"east": 0}, (listed(),)))
    journal.tell(said("count", location="east", sequence=1, units=100))

    found = {one.listing.listing_id: one.quantity for one in expectations(journal, CHANNELS, frozenset())}

    assert found == {"amazon-us/A": 85, "shop/A": 0}
    assert expected(counted(100), sold=False) == {"amazon-us/A": 0}


def test_a_listing_that_is_never_written_has_no_number_of_ours() -> None:
    assert expected(counted(100), listed(written=False)) == {"amazon-us/A": None}


def shown(live: int, **parts: int) -> Shown:
    return Shown(live, live, 0, parts)


def test_every_difference_is_named() -> None:
    wanted = [Expected(listed(), "A", 10, {"n": 4})]
    key = ("amazon", "k")

    assert compare(wanted, {key: shown(10, n=4)}, {}) == []
    assert "not there" in compare(wanted, {key: shown(11)}, {})[0].why
    assert "too little" in compare(wanted, {key: shown(9)}, {})[0].why
    assert "node n" in compare(wanted, {key: shown(10, n=5)}, {})[0].why
    assert "does not know" in compare(wanted, {}, {})[0].why


def test_what_may_not_be_written_must_show_what_it_showed() -> None:
    wanted = [Expected(listed(written=False), "A", None, {})]
    key = ("amazon", "k")

    assert compare(wanted, {key: shown(31)}, {key: 31}) == []
    assert len(compare(wanted, {key: shown(30)}, {key: 31})) == 1


def test_a_kit_is_what_its_scarcest_component_would_do_for_less_what_is_sold() -> None:
    """20 of two and 9 of one are 9 kits; one is sold, so 8, of which Amazon's 5 units are withheld."""
    journal = Journal()
    for sku, parts in (("A", {"B": 2, "C": 1}), ("B", {}), ("C", {})):
        journal.list_product(ProductFacts(sku, True, "toys", {"east": 0}, (listed(),) if parts else (), parts))
    for sku, units in (("B", 20), ("C", 9)):
        journal.tell(said("count", sku=sku, location="east", sequence=1, units=units))
    journal.tell(said("sold", order_id="o", units=1, channel="amazon-us"))

    on_its_way = [one.quantity for one in expectations(journal, CHANNELS, frozenset())]
    for sku, units in (("B", 2), ("C", 1)):
        place = {"sku": sku, "location": "east", "sequence": 2, "units": units}
        journal.tell(said("reserve", order_id="o", reservation_id="r", **place))
    reported = [one.quantity for one in expectations(journal, CHANNELS, frozenset())]

    assert on_its_way == reported == [3]
