"""Kits and their components, each in a partition of its own, talking through commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.catalog import ProductStatus
from inventory_domain.changes import (
    QUANTITY_MAX,
    OrderShipped,
    SaleCancelled,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import KitAvailability, Override, OverrideKind, Restate, SaleSettled, SkuCommand
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_streams.engine.values import Surroundings
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_work import PARTITIONS
from tests.support.kit_world import World, a_sku, listing_of, skus
from tests.support.stock import NOW_MS, a_channel, a_policy

KIT, PART, OTHER, OUTER, DEEPER = skus(5)
ORDER = OrderId("order-1")
CHANNEL = ChannelId("market-us")
TWO_PLACES = {"dallas": 0, "reno": 0}


def sold(units: int = 1, order: OrderId = ORDER) -> UnitsSold:
    return UnitsSold(CHANNEL, order, units)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def selling(world: World) -> World:
    """A kit of two PART and one OTHER, of which there are 10 and 8."""
    world.product(a_sku(PART))
    world.product(a_sku(OTHER))
    world.change(PART, StockCounted(10), sequence=1)
    world.change(OTHER, StockCounted(8), sequence=1)
    world.product(a_sku(KIT, **{PART: 2, OTHER: 1}))
    world.run()
    return world


def test_a_kit_shows_what_its_scarcest_component_would_do_for(selling: World) -> None:
    assert selling.shown == {PART: 10, OTHER: 8, KIT: 5}
    assert not selling.dead


def test_a_kit_says_nothing_until_every_component_was_counted(world: World) -> None:
    world.product(a_sku(KIT, **{PART: 2, OTHER: 1}))
    world.product(a_sku(PART))
    world.change(PART, StockCounted(10), sequence=1)
    world.run()
    assert KIT not in world.shown

    world.product(a_sku(OTHER))
    world.run()
    assert KIT not in world.shown, "its product is known, its units are not"

    world.change(OTHER, StockCounted(3), sequence=1)
    world.run()
    assert world.shown[KIT] == 3


def test_a_component_tells_its_kit_once_per_batch_and_only_what_changes_its_number(selling: World) -> None:
    selling.commands = 0
    for number in range(2, 6):
        selling.change(OTHER, StockAdjusted(-1), sequence=number)
    selling.run()
    assert (selling.commands, selling.shown[KIT]) == (1, 4)

    selling.change(PART, StockAdjusted(1), sequence=2)  # 11 units are five kits, as 10 were
    selling.run()
    assert (selling.commands, selling.shown[KIT]) == (1, 4)


def test_a_kit_is_put_together_location_by_location(world: World) -> None:
    """Ten of one here and ten of the other there are no kit that could be sent."""
    world = World(a_policy(a_channel(locations=("dallas", "reno"))))
    for part, dallas, reno in ((PART, 10, 1), (OTHER, 1, 10)):
        world.product(a_sku(part, TWO_PLACES))
        world.change(part, StockCounted(dallas), "dallas", sequence=1)
        world.change(part, StockCounted(reno), "reno", sequence=1)
    world.product(a_sku(KIT, TWO_PLACES, **{PART: 1, OTHER: 1}))

    world.run()

    assert world.shown[KIT] == 2


def test_a_location_that_does_not_stock_a_component_has_no_kit(world: World) -> None:
    world = World(a_policy(a_channel(locations=("dallas", "reno"))))
    world.product(a_sku(PART, TWO_PLACES))
    world.change(PART, StockCounted(4), "dallas", sequence=1)
    world.change(PART, StockCounted(7), "reno", sequence=1)
    world.product(a_sku(OTHER))
    world.change(OTHER, StockCounted(9), sequence=1)
    world.product(a_sku(KIT, TWO_PLACES, **{PART: 1, OTHER: 1}))

    world.run()

    assert world.shown[KIT] == 4


def test_a_kit_keeps_its_own_safety_stock(world: World) -> None:
    world.product(a_sku(PART))
    world.change(PART, StockCounted(10), sequence=1)
    world.product(a_sku(KIT, {"dallas": 3}, **{PART: 2}))

    world.run()

    assert world.shown[KIT] == 2


def test_a_sale_of_a_kit_lowers_the_kit_at_once_and_its_components_after_it(selling: World) -> None:
    selling.change(KIT, sold(2), None)

    selling.step(selling.memory(KIT).partition)
    assert selling.shown == {PART: 10, OTHER: 8, KIT: 3}
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}


def test_a_kits_order_that_the_source_reports_at_its_components_is_netted_no_longer(selling: World) -> None:
    """Never twice: the components' reservations take over what the kit and they had netted."""
    selling.change(KIT, sold(2), None)
    selling.run()

    for part, units in ((PART, 4), (OTHER, 2)):
        selling.change(part, StockReserved(ReservationId(f"r-{part}"), units, ORDER), sequence=2)
        selling.run()
        assert selling.shown[KIT] <= 3
    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}
    for part, units in ((PART, 4), (OTHER, 2)):
        selling.change(part, OrderShipped(units, ReservationId(f"r-{part}"), ORDER), sequence=3)
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}
    assert not selling.state(KIT).stock.sales
    assert selling.state(KIT).links is not None
    assert not selling.state(KIT).links.waiting  # type: ignore[union-attr]
    assert not selling.state(PART).stock.kit_sales


def test_a_kits_order_that_the_source_reported_first_is_not_netted(selling: World) -> None:
    for part, units in ((PART, 4), (OTHER, 2)):
        selling.change(part, StockReserved(ReservationId(f"r-{part}"), units, ORDER), sequence=2)
    selling.run()

    selling.change(KIT, sold(2), None)
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}
    assert not selling.state(KIT).stock.sales


def test_an_order_and_its_report_in_one_batch_settle_each_other(selling: World) -> None:
    selling.change(KIT, sold(1), None)
    selling.step(selling.memory(KIT).partition)
    for part, units in ((PART, 2), (OTHER, 1)):
        selling.change(part, StockReserved(ReservationId(f"r-{part}"), units, ORDER), sequence=2)

    selling.run()

    assert selling.shown == {PART: 8, OTHER: 7, KIT: 4}
    assert not selling.state(KIT).stock.sales


def test_a_cancelled_sale_of_a_kit_gives_everything_back(selling: World) -> None:
    selling.change(KIT, sold(3), None)
    selling.run()
    selling.change(KIT, SaleCancelled(CHANNEL, ORDER, 1, "buyer"), None)
    selling.run()
    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}

    selling.change(KIT, SaleCancelled(CHANNEL, ORDER, 2, "buyer"), None)
    selling.run()

    assert selling.shown == {PART: 10, OTHER: 8, KIT: 5}


def test_an_operator_settles_a_kits_order_that_nobody_reports(selling: World) -> None:
    selling.change(KIT, sold(2), None)
    selling.run()

    selling.command(KIT, SaleSettled(ORDER, "ann", "never real"))
    selling.run()

    assert selling.shown == {PART: 10, OTHER: 8, KIT: 5}


def test_what_a_component_sold_by_itself_may_cost_a_kit(selling: World) -> None:
    selling.change(OTHER, sold(6), None)

    selling.run()

    assert selling.shown == {PART: 10, OTHER: 2, KIT: 2}


def test_one_order_may_have_a_component_by_itself_and_in_a_kit(selling: World) -> None:
    selling.change(KIT, sold(1), None)
    selling.change(OTHER, sold(2), None)
    selling.run()
    assert selling.shown[OTHER] == 5

    selling.change(OTHER, StockReserved(ReservationId("r"), 3, ORDER), sequence=2)
    selling.run()

    assert selling.shown[OTHER] == 5


def test_changing_a_kits_components_changes_its_number(selling: World) -> None:
    selling.product(a_sku(KIT, **{PART: 5, OTHER: 1}))
    selling.run()
    assert selling.shown[KIT] == 2

    selling.product(a_sku(KIT, **{OTHER: 2}))
    selling.run()

    assert selling.shown[KIT] == 4
    assert selling.state(PART).links is None


def test_a_kit_need_not_show_nothing_while_its_components_answer_anew(selling: World) -> None:
    selling.told.clear()

    selling.product(a_sku(KIT, **{PART: 3, OTHER: 1}))
    selling.run()

    assert [units for sku, units in selling.told if sku == KIT] == [3]


def test_a_kit_that_is_removed_is_forgotten_by_its_components(selling: World) -> None:
    selling.product(None, KIT)

    selling.run()

    assert selling.shown[KIT] == 0
    assert selling.state(PART).links is None


def test_a_kit_that_becomes_a_plain_product_waits_for_a_count_of_its_own(selling: World) -> None:
    selling.product(a_sku(KIT))
    selling.run()
    assert selling.shown[KIT] == 0

    selling.change(KIT, StockCounted(7), sequence=1)
    selling.run()

    assert selling.shown[KIT] == 7


def test_a_product_that_was_a_kit_for_a_while_does_not_go_by_what_it_had_before(selling: World) -> None:
    """Whatever happened to its own units meanwhile was refused, so its last count is of another time."""
    selling.change(PART, StockCounted(10), sequence=2)
    selling.product(a_sku(PART, **{DEEPER: 1}))
    selling.run()

    selling.product(a_sku(PART))
    selling.run()

    assert selling.shown[PART] == 0


def test_a_component_that_leaves_the_catalog_takes_its_kits_with_it(selling: World) -> None:
    selling.product(None, OTHER)

    selling.run()

    assert selling.shown[KIT] == 0


def test_a_component_that_is_discontinued_or_recalled_takes_its_kits_with_it(selling: World) -> None:
    selling.command(OTHER, Override(OverrideKind.ZERO, None, None, "ann", "recall"))
    selling.run()
    assert selling.shown[KIT] == 0

    selling.command(OTHER, Override(OverrideKind.RELEASE, None, None, "ann", "is over"))
    selling.run()
    assert selling.shown[KIT] == 5

    selling.product(replace(a_sku(OTHER), status=ProductStatus.DISCONTINUED))
    selling.run()
    assert selling.shown[KIT] == 0


def test_a_cap_on_a_component_is_in_its_own_units(selling: World) -> None:
    selling.command(PART, Override(OverrideKind.CAP, 5, None, "ann", "count under way"))

    selling.run()

    assert (selling.shown[PART], selling.shown[KIT]) == (5, 2)


def test_a_held_component_does_not_rise_through_its_kit(selling: World) -> None:
    selling.command(PART, Override(OverrideKind.HOLD, None, None, "ann", "count under way"))
    selling.change(PART, StockAdjusted(-4), sequence=2)
    selling.run()
    assert selling.shown[KIT] == 3

    selling.change(PART, StockAdjusted(20), sequence=3)
    selling.run()

    assert selling.shown[KIT] == 3


def test_a_kit_of_kits_is_one_level_that_works(selling: World) -> None:
    selling.product(a_sku(OUTER, **{KIT: 2}))
    selling.run()
    assert selling.shown[OUTER] == 2

    selling.change(OUTER, sold(1), None)
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3, OUTER: 1}


def test_a_nested_kits_order_is_settled_all_the_way_up(selling: World) -> None:
    selling.product(a_sku(OUTER, **{KIT: 2}))
    selling.change(OUTER, sold(1), None)
    selling.run()

    for part, units in ((PART, 4), (OTHER, 2)):
        selling.change(part, StockReserved(ReservationId(f"r-{part}"), units, ORDER), sequence=2)
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3, OUTER: 1}
    for sku in (OUTER, KIT, PART, OTHER):
        assert not selling.state(sku).stock.sales
        assert not selling.state(sku).stock.kit_sales


def test_a_kit_nested_deeper_is_a_dead_letter_and_shows_nothing(selling: World) -> None:
    selling.product(a_sku(OUTER, **{KIT: 1}))
    selling.run()

    selling.product(a_sku(DEEPER, **{OUTER: 1}))
    selling.run()

    assert selling.dead == [(DEEPER, "kit-too-deep")]
    assert DEEPER not in selling.shown
    assert selling.shown[OUTER] == 5, "the kit that was right goes on"


def test_a_kit_that_becomes_too_deep_later_goes_to_zero(selling: World) -> None:
    third = Sku("third")
    selling.product(a_sku(OUTER, **{KIT: 1}))
    selling.run()

    selling.product(a_sku(PART, **{third: 1}))
    selling.run()

    assert selling.dead == [(OUTER, "kit-too-deep")]
    assert selling.shown[OUTER] == 0


@pytest.mark.parametrize("at_once", [True, False])
def test_kits_that_contain_each_other_are_refused(world: World, at_once: bool) -> None:
    world.product(a_sku(KIT, **{OUTER: 1}))
    if not at_once:
        world.run()
    world.product(a_sku(OUTER, **{KIT: 1}))

    world.run()

    assert {reason for _, reason in world.dead} == {"kit-cycle"}
    assert not world.shown


@pytest.mark.parametrize("at_once", [True, False])
def test_a_circle_of_three_kits_is_refused(world: World, at_once: bool) -> None:
    for kit, part in ((KIT, OUTER), (OUTER, DEEPER), (DEEPER, KIT)):
        world.product(a_sku(kit, **{part: 1}))
        if not at_once:
            world.run()

    world.run()

    assert {reason for _, reason in world.dead} == {"kit-cycle"}
    assert not world.shown


def test_a_part_that_is_in_a_kit_by_two_ways_is_refused(selling: World) -> None:
    """Each way would promise the same units."""
    selling.product(a_sku(OUTER, **{KIT: 1, PART: 1}))

    selling.run()

    assert ("kit-part-twice") in [reason for key, reason in selling.dead if key == OUTER]
    assert OUTER not in selling.shown
    assert selling.shown[KIT] == 5


def test_two_kits_of_one_kit_that_share_a_part_are_refused(selling: World) -> None:
    selling.product(a_sku(DEEPER, **{PART: 1}))
    selling.product(a_sku(OUTER, **{KIT: 1, DEEPER: 1}))

    selling.run()

    assert {reason for key, reason in selling.dead if key == OUTER} == {"kit-part-twice"}
    assert OUTER not in selling.shown
    assert (selling.shown[KIT], selling.shown[DEEPER]) == (5, 10)


def test_what_happens_to_a_kits_own_stock_is_a_dead_letter(selling: World) -> None:
    selling.change(KIT, StockCounted(99), sequence=1)

    selling.run()

    assert selling.dead == [(KIT, "kit-has-no-stock")]
    assert selling.shown[KIT] == 5


def test_a_sale_of_a_kit_may_name_a_location(selling: World) -> None:
    """The schema allows it; refused, the sold kit would stay on show."""
    selling.change(KIT, sold(2), "dallas")
    selling.run()
    assert (selling.shown[KIT], selling.shown[PART], selling.dead) == (3, 6, [])

    selling.change(KIT, SaleCancelled(CHANNEL, ORDER, 2, "changed mind"), "dallas")
    selling.run()
    assert (selling.shown[KIT], selling.shown[PART], selling.dead) == (5, 10, [])


def test_an_order_of_more_units_than_a_record_may_tell_of_is_netted_as_the_most(selling: World) -> None:
    selling.change(KIT, sold(QUANTITY_MAX), None)
    selling.run()

    assert {one.units for one in selling.state(PART).stock.kit_sales.values()} == {QUANTITY_MAX}


def test_a_component_that_is_catching_up_tells_falls_only_and_owes_the_rise(selling: World) -> None:
    selling.catching_up = True
    selling.change(OTHER, StockAdjusted(-4), sequence=2)
    selling.run()
    assert selling.shown[KIT] == 4
    selling.change(OTHER, StockAdjusted(9), sequence=3)
    selling.run()
    assert selling.shown[KIT] == 4
    assert selling.state(OTHER).owes_rise
    links = selling.state(KIT).links
    assert links is not None
    assert links.answers[OTHER].kits_by_location == (("dallas", 4),), "the kit may have caught up, and would rise by it"

    selling.catching_up = False
    for sku in (OTHER, KIT):
        selling.wake(sku, "caught-up")
    selling.run()

    assert selling.shown[KIT] == 5
    assert not selling.state(OTHER).owes_rise


def test_a_component_without_a_number_of_its_own_owes_its_kits_rise_too(selling: World) -> None:
    """Nothing of its own would ask for it once input is caught up with."""
    selling.product(replace(a_sku(OTHER), listings=()))
    selling.change(OTHER, StockAdjusted(-4), sequence=2)
    selling.run()
    selling.catching_up = True
    selling.change(OTHER, StockAdjusted(9), sequence=3)
    selling.run()
    assert (selling.shown[KIT], selling.state(OTHER).owes_rise) == (4, True)

    selling.catching_up = False
    for sku in (OTHER, KIT):
        selling.wake(sku, "caught-up")
    selling.run()

    assert (selling.shown[KIT], selling.state(OTHER).owes_rise) == (5, False)


def test_every_command_may_come_twice(selling: World) -> None:
    """A replay of the topic, or a hand that sends again what it found there."""
    sent = []
    original = selling.send
    selling.send = lambda command: (sent.append(command), original(command))[1]  # type: ignore[method-assign]
    selling.product(a_sku(OUTER, **{KIT: 2}))
    selling.change(OUTER, sold(1), None)
    selling.change(PART, StockAdjusted(-1), sequence=2)
    selling.run()
    before = dict(selling.shown)
    links = {sku: selling.state(sku).links for sku in (OUTER, KIT, PART, OTHER)}

    for command in list(sent):
        original(command)
    selling.run()

    assert selling.shown == before
    assert {sku: selling.state(sku).links for sku in links} == links


def test_an_older_answer_that_comes_again_does_not_take_the_place_of_a_newer(selling: World) -> None:
    """Else one record sent again would put units on sale that the component has not any more."""
    sent: list[SkuCommand] = []
    original = selling.send
    selling.send = lambda command: (sent.append(command), original(command))[1]  # type: ignore[method-assign]
    for sequence, on_hand in ((2, 8), (3, 2)):
        selling.change(PART, StockCounted(on_hand), sequence=sequence)
        selling.run()
    older = next(one for one in sent if isinstance(one.kind, KitAvailability))

    original(older)
    selling.run()

    assert older.sku == KIT
    assert selling.shown[KIT] == 1


def test_a_state_with_links_and_kit_sales_is_not_empty(selling: World) -> None:
    assert not replace(selling.state(PART), product=None, targets={}, stock=replace(selling.state(PART).stock)).is_empty


def test_a_kits_listing_with_nodes_never_shows_more_at_a_node_than_could_be_put_together_there(world: World) -> None:
    from inventory_domain.catalog import ListingNode
    from inventory_domain.identifiers import NodeId
    from tests.support.stock import a_listing

    world = World(a_policy(a_channel(locations=("dallas", "reno"))))
    world.product(a_sku(PART, TWO_PLACES))
    world.change(PART, StockCounted(9), "dallas", sequence=1)
    world.change(PART, StockCounted(4), "reno", sequence=1)
    nodes = (ListingNode(NodeId("D"), LocationId("dallas")), ListingNode(NodeId("R"), LocationId("reno")))
    kit = replace(a_sku(KIT, TWO_PLACES, **{PART: 2}), listings=(a_listing(own_id=KIT, nodes=nodes),))
    world.product(kit)

    world.run()

    (target,) = world.state(KIT).targets.values()
    assert dict(target.nodes) == {"D": 4, "R": 2}


def a_picnic(dallas: tuple[int, int], reno: tuple[int, int] = (0, 0), safety: int = 0) -> World:
    """The kit of docs/kits.md: four plates (PART) and a basket (OTHER), kept in two places."""
    world = World(a_policy(a_channel(locations=("dallas", "reno"))))
    for part, units in ((PART, (dallas[0], reno[0])), (OTHER, (dallas[1], reno[1]))):
        world.product(a_sku(part, TWO_PLACES))
        for place, number in zip(TWO_PLACES, units, strict=True):
            world.change(part, StockCounted(number), place, sequence=1)
    world.product(a_sku(KIT, {"dallas": safety, "reno": 0}, **{PART: 4, OTHER: 1}))
    world.run()
    return world


def test_the_picnic_of_the_page_is_what_the_page_says() -> None:
    assert a_picnic((22, 9), (3, 6), safety=1).shown[KIT] == 4


def test_plates_sold_by_themselves_cost_the_picnic_what_the_page_says() -> None:
    world = a_picnic((12, 3))
    world.change(PART, sold(5), None)
    world.run()
    assert world.shown[KIT] == 1

    world.change(PART, OrderShipped(5, None, ORDER), sequence=2)
    world.run()

    assert world.shown[KIT] == 1


def test_stock_of_a_silent_source_is_in_no_kit(selling: World) -> None:
    for memory in selling.memories:
        memory.beside = Surroundings(silent=frozenset([SourceId("erp")]))

    for part in (PART, OTHER):
        selling.wake(part, "source-silent")
    selling.run()

    assert selling.shown == {PART: 0, OTHER: 0, KIT: 0}


def silent_at(world: World, kit: Sku, part: Sku) -> list[tuple[str, tuple[str, ...]]]:
    """What the part last said to the kit of sources that are silent."""
    links = world.state(kit).links
    assert links is not None
    return [(one.source, one.locations) for one in links.answers[part].silent]


def test_an_answer_that_differs_only_in_why_there_is_nothing_is_said_and_kept(selling: World) -> None:
    """The number was zero before, so no target is said; but the next one that is, says why there are none."""
    selling.change(PART, StockCounted(0), sequence=2)
    selling.run()
    selling.told.clear()

    selling.memory(PART).beside = Surroundings(silent=frozenset([SourceId("erp")]))
    selling.wake(PART, "source-silent")
    selling.run()
    assert (silent_at(selling, KIT, PART), selling.told) == ([("erp", ("dallas",))], [])

    (version,) = (target.version for target in selling.state(KIT).targets.values())
    selling.command(KIT, Restate(listing_of(KIT), version, "asked"))
    selling.run()
    assert selling.derivations[KIT].endswith(f"; source erp of {PART} silent, so nothing at dallas")

    selling.memory(PART).beside = Surroundings()
    selling.wake(PART, "source-back")
    selling.run()
    assert silent_at(selling, KIT, PART) == []


def test_a_recalled_component_is_nothing_whatever_its_source_says(selling: World) -> None:
    selling.memory(PART).beside = Surroundings(silent=frozenset([SourceId("erp")]))
    selling.command(PART, Override(OverrideKind.ZERO, None, None, "ann", "recall"))
    selling.run()

    assert selling.shown[KIT] == 0
    assert silent_at(selling, KIT, PART) == []


def test_a_closed_location_is_in_no_kit() -> None:
    world = a_picnic((22, 9), (8, 6))
    assert world.shown[KIT] == 7

    for memory in world.memories:
        memory.policy = replace(memory.policy, closed_locations=frozenset([LocationId("reno")]))
    for sku in (PART, OTHER, KIT):
        world.wake(sku, "policy")
    world.run()

    assert world.shown[KIT] == 5
    links = world.state(KIT).links
    assert links is not None
    assert [dict(said.kits_by_location).keys() for said in links.answers.values()] == [{"dallas"}] * 2


def test_the_end_of_a_components_sale_is_the_end_of_its_kits(selling: World) -> None:
    selling.product(replace(a_sku(OTHER), sale_stops_at_ms=NOW_MS + 60_000))
    selling.run()
    assert selling.shown[KIT] == 5

    for memory in selling.memories:
        memory.now_ms = NOW_MS + 60_000
    selling.wake(OTHER, "reservation-expired")
    selling.run()

    assert selling.shown[KIT] == 0


def test_a_kit_that_is_changed_and_changed_back_in_one_batch_shows_what_it_showed(selling: World) -> None:
    """Nobody is asked anew then, and what is reckoned to other units and back is less than it was."""
    selling.product(a_sku(KIT, **{PART: 2, OTHER: 9}))
    selling.product(a_sku(KIT, **{PART: 2, OTHER: 1}))
    selling.run()

    assert selling.shown[KIT] == 5


def test_a_part_that_is_left_out_and_taken_back_in_one_batch_is_still_known(selling: World) -> None:
    """It is not told that it was left out, so it would not answer again."""
    selling.product(a_sku(KIT, **{PART: 2}))
    selling.product(a_sku(KIT, **{PART: 2, OTHER: 1}))
    selling.run()
    selling.change(PART, StockAdjusted(-4), sequence=2)
    selling.run()

    assert selling.shown[KIT] == 3


def test_a_kits_order_stays_netted_when_a_part_is_left_out_and_taken_back_in_one_batch(selling: World) -> None:
    """The part that was never told that it had left goes on netting the order, but not for this kit."""
    selling.change(KIT, sold(2), None)
    selling.run()
    selling.change(OTHER, StockReserved(ReservationId("r"), 2, ORDER), sequence=2)
    selling.run()

    selling.product(a_sku(KIT, **{OTHER: 1}))
    selling.product(a_sku(KIT, **{PART: 2, OTHER: 1}))
    selling.run()
    back = dict(selling.shown)
    selling.change(PART, StockReserved(ReservationId("r"), 4, ORDER), sequence=2)
    selling.run()

    assert back == {PART: 6, OTHER: 6, KIT: 3}
    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}
    assert not selling.state(KIT).stock.sales


def test_a_kits_order_is_netted_no_longer_when_the_part_that_it_waits_for_has_left(selling: World) -> None:
    selling.change(KIT, sold(2), None)
    selling.run()
    selling.change(OTHER, StockReserved(ReservationId("r"), 2, ORDER), sequence=2)
    selling.run()

    selling.product(a_sku(KIT, **{OTHER: 1}))
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 6}, "the part itself nets what it was told of until it is reported"
    assert not selling.state(KIT).stock.sales


def test_an_answer_for_other_units_is_newer_than_all_that_was_answered_before(selling: World) -> None:
    """The clock may have been set back meanwhile; an answer that is not newer is passed over."""
    selling.memory(PART).now_ms -= 60_000
    selling.product(a_sku(KIT, **{PART: 3, OTHER: 1}))
    selling.run()
    selling.change(PART, StockAdjusted(-4), sequence=2)
    selling.run()

    assert selling.shown[KIT] == 2


def test_a_component_that_is_asked_for_other_units_and_back_in_one_batch_answers_all_the_same(selling: World) -> None:
    """Its kit has reckoned with the other units meanwhile, and goes by what is left of the answer of before."""
    for units in (9, 1):
        selling.product(a_sku(KIT, **{PART: 2, OTHER: units}))
        selling.step(partition_of(KIT, PARTITIONS))
    selling.run()

    assert selling.shown[KIT] == 5


def test_a_kits_order_is_settled_by_an_answer_for_units_that_it_no_longer_needs(selling: World) -> None:
    """It is said once only; passed over with the number, the kit would net the order for ever."""
    selling.change(KIT, sold(2), None)
    selling.run()
    selling.product(a_sku(KIT, **{PART: 3, OTHER: 1}))
    for part, units in ((PART, 4), (OTHER, 2)):
        selling.change(part, StockReserved(ReservationId("r"), units, ORDER), sequence=2)
        selling.step(partition_of(part, PARTITIONS))
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 2}
    assert not selling.state(KIT).stock.sales


def test_a_kits_order_is_owed_when_the_kit_left_the_catalog_and_came_back(selling: World) -> None:
    """Its components leave its own orders out of what they answer, so a kit that forgets them promises them anew."""
    selling.change(KIT, sold(2), None)
    selling.run()
    selling.product(None, KIT)
    selling.run()
    selling.product(a_sku(KIT, **{PART: 2, OTHER: 1}))
    selling.run()
    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}

    for part, units in ((PART, 4), (OTHER, 2)):
        selling.change(part, StockReserved(ReservationId("r"), units, ORDER), sequence=2)
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}
    assert not selling.state(KIT).stock.sales


@pytest.mark.parametrize("taken_back", [False, True])
def test_what_became_of_a_kits_order_while_the_kit_was_gone_is_known_when_it_is_back(
    selling: World, taken_back: bool
) -> None:
    """Reported at the components, or cancelled: neither is netted for ever."""
    selling.change(KIT, sold(2), None)
    selling.run()
    selling.product(None, KIT)
    selling.run()
    if taken_back:
        selling.change(KIT, SaleCancelled(CHANNEL, ORDER, 2, "buyer"), None)
    else:
        for part, units in ((PART, 4), (OTHER, 2)):
            selling.change(part, StockReserved(ReservationId("r"), units, ORDER), sequence=2)
    selling.run()

    selling.product(a_sku(KIT, **{PART: 2, OTHER: 1}))
    selling.run()

    assert selling.shown == ({PART: 10, OTHER: 8, KIT: 5} if taken_back else {PART: 6, OTHER: 6, KIT: 3})
    assert not selling.state(KIT).stock.sales


def test_a_kits_order_is_still_netted_at_a_component_that_left_the_catalog_and_came_back(selling: World) -> None:
    selling.change(KIT, sold(2), None)
    selling.run()
    selling.product(None, PART)
    selling.run()
    selling.product(a_sku(PART))
    selling.change(PART, StockCounted(10), sequence=2)
    selling.run()

    assert selling.shown == {PART: 6, OTHER: 6, KIT: 3}
