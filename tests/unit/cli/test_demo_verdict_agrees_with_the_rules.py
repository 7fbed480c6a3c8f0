"""The verdict and the engine's rules were written apart. Where they differ, one of them reads the contract wrongly."""

import random
from collections import defaultdict

import pytest

from inventory_cli.demo.catalog import DIVIDED, channel_facts, demo_catalog
from inventory_cli.demo.erp import Erp
from inventory_cli.demo.journal import Journal
from inventory_cli.demo.verdict import Expected, expectations
from inventory_domain.changes import InventoryChange
from inventory_domain.errors import InvalidRecord
from inventory_domain.positions import apply
from inventory_domain.stock import Stock
from tests.support.demo import NOW_MS, HeardProducer, demo_policy
from tests.support.kit_world import World

SKUS = 64  # so that one of the kits is a kit of kits


def a_day(seed: int, *, closed: bool) -> tuple[HeardProducer, Journal]:
    """A day of the demo's ERP with sales, without Kafka."""
    heard, journal = HeardProducer(), Journal()
    catalog = demo_catalog(SKUS, seed)
    chance = random.Random(seed)
    erp = Erp(heard.producer, journal, catalog, random.Random(seed + 1), lambda: NOW_MS)
    erp.list_products()
    erp.count_everything()
    listings = [(sku, one) for sku, facts in catalog.facts.items() for one in facts.listings if one.written]
    for step in range(400):
        erp.do_what_is_due(step / 10)
        if chance.random() < 0.3:
            sku, listing = chance.choice(listings)
            erp.channel_sold(listing, sku, chance.randint(1, 3), step / 10, lambda: None)
        else:
            erp.do_something()
        if step == 200:
            erp.change_catalog()
    if closed:
        erp.finish_orders()
        erp.close_the_day()
    heard.producer.flush()
    return heard, journal


def by_the_rules(heard: HeardProducer) -> dict[str, tuple[int, dict[str, int]]]:
    """What the engine's computation says each written listing must show, kits and all."""
    world = World(demo_policy())
    for product in heard.products().values():
        world.product(product)
    for change in heard.changes():
        assert isinstance(change, InventoryChange)
        world.heard(change)
    world.run()
    assert not world.dead
    return {
        listing_id: (target.quantity, {str(node): units for node, units in target.nodes.items()})
        for memory in world.memories
        for state in memory.states.values()
        for listing_id, target in state.targets.items()
    }


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("closed", [False, True])
def test_both_calculations_agree_on_every_listing(seed: int, closed: bool) -> None:
    heard, journal = a_day(seed, closed=closed)

    expected = expectations(journal, channel_facts(), frozenset({DIVIDED}))

    rules = by_the_rules(heard)
    written = {one.listing.listing_id: one for one in expected if one.quantity is not None}
    gone = written.keys() - rules.keys()
    assert {written[one].quantity for one in gone} <= {0}
    assert {one: written[one].quantity for one in rules} == {one: units for one, (units, _) in rules.items()}
    assert all(_within(written[one], nodes) for one, (_, nodes) in rules.items())


def _within(expected: Expected, nodes: dict[str, int]) -> bool:
    return all(units <= expected.at_most[node] for node, units in nodes.items())


def test_the_day_holds_what_the_demo_promises() -> None:
    """A day without sales, reservations, cancellations, repeats or late receipts would prove less than it says."""
    heard, journal = a_day(1, closed=True)

    kinds = {one.kind for one in journal.said}
    ids = [one.event_id for one in journal.said]

    assert kinds == {"count", "adjust", "reserve", "release", "ship", "sold", "cancelled"}
    assert len(ids) > len(set(ids))
    assert journal.removed
    assert any(not one.sold for one in journal.products.values())
    assert len(heard.changes()) == journal.events()
    kits = {sku for sku, facts in journal.products.items() if facts.components}
    assert any(kits & set(journal.products[kit].components) for kit in kits), "a kit of kits"
    assert kits & {one.sku for one in journal.said if one.kind == "sold"}
    assert not kits & {one.sku for one in journal.said if one.kind in ("count", "reserve", "ship")}


def test_no_event_of_the_day_is_one_that_the_rules_refuse() -> None:
    heard, _ = a_day(2, closed=True)

    stocks: dict[str, Stock] = defaultdict(Stock)
    refused = []
    for change in heard.changes():
        try:
            stocks[str(change.sku)], _effect = apply(stocks[str(change.sku)], change)
        except InvalidRecord as error:
            refused.append(error)

    assert refused == []
