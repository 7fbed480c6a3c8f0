"""Falls to zero by the input: counted, stamped when they are a mass change, and known again after a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.changes import OrderShipped, StockCounted
from inventory_domain.identifiers import ChannelId, OrderId
from inventory_domain.mass_change import MassChangePolicy
from inventory_streams.engine.guarding import MassChanges
from inventory_streams.engine.values import Surroundings
from tests.support.engine_work import LISTING, Memory, selling
from tests.support.kit_world import World, a_sku, skus
from tests.support.stock import NOW_MS, SKU, a_change, a_product

MARKET = ChannelId("market-us")
POLICY = MassChangePolicy(share_percent=20, window_ms=60_000, listings_min=10)


def guarded() -> Memory:
    """A SKU that sells, while each further fall to zero is a mass change."""
    memory = Memory()
    selling(memory)
    memory.beside = Surroundings(guards=lambda zeroed: dict.fromkeys(zeroed, "g1"))
    return memory


def test_a_fall_to_zero_by_the_input_is_stamped_in_target_and_state() -> None:
    memory = guarded()

    computed = memory.batch(memory.wire.change(a_change(StockCounted(0), sequence=2)))

    assert [(one.quantity, one.guard) for one in computed.targets] == [(0, "g1")]
    assert computed.states[SKU].targets[LISTING].guard == "g1"
    assert computed.zeroed == {MARKET: 1}


def test_a_catalog_without_its_listings_is_an_input_that_went_wrong_too() -> None:
    memory = guarded()
    empty = replace(a_product(), listings=())

    computed = memory.batch(memory.wire.product(empty))

    assert [(one.cause, one.guard) for one in computed.targets] == [("listing-removed", "g1")]


@pytest.mark.parametrize(
    "kind", [StockCounted(3), OrderShipped(10, None, OrderId("o1"))], ids=["a fall that is no zero", "an order"]
)
def test_what_is_no_fault_of_the_input_is_not_held(kind: StockCounted | OrderShipped) -> None:
    memory = guarded()

    computed = memory.batch(memory.wire.change(a_change(kind, sequence=2)))

    assert [one.guard for one in computed.targets] == [None]
    assert computed.zeroed == {}


@pytest.mark.parametrize(
    ("what", "cause", "guard"),
    [
        (StockCounted(0), "component-stock-counted", "g1"),
        (OrderShipped(10, None, OrderId("o1")), "kit-component", None),
    ],
    ids=["a count", "an order"],
)
def test_a_kit_is_zeroed_by_what_zeroed_its_component(
    what: StockCounted | OrderShipped, cause: str, guard: str | None
) -> None:
    """An empty feed of components empties their kits, which is no more to be believed; an order of the last one is."""
    part, kit, outer = skus(3)
    world = World()
    world.product(a_sku(part))
    world.change(part, StockCounted(10), sequence=1)
    world.product(a_sku(kit, **{part: 1}))
    world.product(a_sku(outer, **{kit: 1}))
    world.run()
    for memory in world.memories:
        memory.beside = Surroundings(guards=lambda zeroed: dict.fromkeys(zeroed, "g1"))

    world.change(part, what, sequence=2)
    world.run()

    for one in (kit, outer):
        (target,) = world.state(one).targets.values()
        assert (target.quantity, target.guard, world.causes[one]) == (0, guard, cause)
        links = world.state(one).links
        assert links is not None
        assert {answer.cause for answer in links.answers.values()} == {""}, "it would be in the state for ever"


def test_the_guard_begins_with_the_batch_that_goes_beyond_the_share() -> None:
    changes = MassChanges(3, POLICY)

    assert changes.guards({MARKET: 100}, {MARKET: 20}, NOW_MS) == {}
    assert changes.guards({MARKET: 100}, {MARKET: 21}, NOW_MS) == {MARKET: f"market-us.3.{NOW_MS}"}


def test_one_mass_change_has_one_guard() -> None:
    changes = MassChanges(3, POLICY)
    first = changes.guards({MARKET: 100}, {MARKET: 30}, NOW_MS)
    begun = changes.commit({MARKET: 70}, {MARKET: 30}, NOW_MS)

    second = changes.guards({MARKET: 70}, {MARKET: 1}, NOW_MS + 30_000)

    assert begun == [MARKET]
    assert first == second != {}
    assert changes.guarded() == 1


def test_what_was_computed_and_not_committed_did_not_happen() -> None:
    changes = MassChanges(3, POLICY)
    changes.guards({MARKET: 100}, {MARKET: 30}, NOW_MS)

    assert changes.guards({MARKET: 100}, {MARKET: 1}, NOW_MS) == {}


def test_a_new_owner_goes_on_with_a_mass_change_that_it_finds() -> None:
    memory = guarded()
    computed = memory.batch(memory.wire.change(a_change(StockCounted(0), sequence=2)))
    stamped = replace(computed.states[SKU].targets[LISTING], guard=f"market-us.3.{NOW_MS}", version=NOW_MS)
    changes = MassChanges(3, POLICY)

    changes.restore(stamped, NOW_MS + 30_000)

    assert changes.guards({MARKET: 100}, {MARKET: 1}, NOW_MS + 30_000) == {MARKET: f"market-us.3.{NOW_MS}"}
    late = MassChanges(3, POLICY)
    late.restore(stamped, NOW_MS + 60_000)
    assert late.guarded() == 0


def test_a_mass_change_ends_though_its_channel_says_nothing_more() -> None:
    """Else the next listing that sells out would be held as a part of it, hours later."""
    changes = MassChanges(3, POLICY)
    changes.commit({MARKET: 70}, {MARKET: 30}, NOW_MS)

    changes.commit({MARKET: 70}, {}, NOW_MS + 60_001)

    assert changes.guarded() == 0
    assert changes.guards({MARKET: 70}, {MARKET: 1}, NOW_MS + 70_000) == {}
