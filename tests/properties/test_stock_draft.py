"""A draft of a stock is changed in place, for speed: it becomes what `positions.apply` makes, one change at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain import netting, positions, stock_draft, stock_places
from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
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
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, Sku, SourceId
from inventory_domain.netting import beyond
from inventory_domain.positions import Effect, apply
from inventory_domain.sales import sale_of
from inventory_domain.stock import KitSale, Stock
from inventory_domain.stock_draft import StockDraft
from tests.support.stock import NOW_MS, SKU, a_change

ORDERS = [OrderId(name) for name in (*"stuvwx", beyond(ChannelId("a")))]
TOO_FEW_OR_MANY = (0, -1, QUANTITY_MAX + 1)
SEEDS = st.integers(0, 2**32)
"""Changes are drawn by chance: long lists of them, most as a good source sends them, find more than short odd ones."""


def kind_of(chance: random.Random) -> SkuChange:
    units = chance.randint(1, 4) if chance.random() < 0.97 else chance.choice(TOO_FEW_OR_MANY)
    order, channel = chance.choice(ORDERS), ChannelId(chance.choice("ab"))
    reservation = ReservationId(chance.choice("pqr"))
    known = chance.choice((order, order, None))
    until_ms = chance.choice((None, None, NOW_MS - 5))
    kinds: tuple[SkuChange, ...] = (
        StockAdjusted(chance.choice((-1, 1)) * units),
        StockAdjusted(units),
        StockCounted(units, until_ms, chance.random() < 0.3),
        StockReserved(reservation, units, known, chance.choice((None, NOW_MS + 5))),
        ReservationReleased(reservation),
        OrderShipped(units, chance.choice((reservation, None, ReservationId(""))), known),
        UnitsSold(channel, order, units),
        UnitsSold(channel, order, units),
        SaleCancelled(channel, order, units, "no-stock"),
    )
    weights = (6, 2, 2, 4, 1, 5, 4, 4, 0.5)
    return chance.choices(kinds, weights)[0]


def changes_of(chance: random.Random, count: int, first: int) -> list[InventoryChange]:
    """So many changes, numbered from there on; some are late, some come again, some come without a sequence."""
    changes: list[InventoryChange] = []
    sequenced = chance.random() < 0.8
    for number in range(first, first + count):
        if changes and chance.random() < 0.05:
            changes.append(chance.choice(changes))
            continue
        at = number if chance.random() < 0.9 else max(-1, number - chance.randint(1, 9))
        changes.append(
            InventoryChange(
                event_id=EventId(f"e{number if chance.random() < 0.95 else number - 3}"),
                source=SourceId(chance.choice(("erp", "erp", "wms"))),
                sequence=at if sequenced and chance.random() < 0.95 else None,
                occurred_at_ms=NOW_MS + chance.randint(-9, 9),
                sku=SKU,
                location=LocationId(chance.choice(("dallas", "dallas", "reno"))) if chance.random() < 0.97 else None,
                kind=kind_of(chance),
            )
        )
    return changes


def step(stock: Stock, change: InventoryChange, event_ids_max: int) -> tuple[Stock, object]:
    """What `apply` makes of it, as the engine takes it over: what did not count changes nothing."""
    try:
        after, effect = apply(stock, change, event_ids_max)
    except InvalidRecord as bad:
        return stock, str(bad)
    return (after if effect is Effect.APPLIED else stock), effect


def step_of_draft(draft: StockDraft, change: InventoryChange) -> object:
    try:
        return draft.apply(change)
    except InvalidRecord as bad:
        return str(bad)


@pytest.fixture(autouse=True, scope="module")
def low_limits() -> Iterator[None]:
    """So low that every list reaches its limit within a few changes."""
    patch = pytest.MonkeyPatch()
    for module in (positions, stock_places):
        patch.setattr(module, "KEPT_MOVES_MAX", 4)
    for module in (positions, stock_draft):
        patch.setattr(module, "RESERVATIONS_MAX", 2)
    for module in (netting, stock_draft):
        patch.setattr(module, "KNOWN_ORDERS_MAX", 3)
        patch.setattr(module, "SALES_MAX", 4)
    yield
    patch.undo()


@given(seed=SEEDS)
@settings(max_examples=400, deadline=None)
def test_a_draft_becomes_what_the_changes_make_one_by_one(seed: int) -> None:
    """Also the order of what is kept, since the oldest is forgotten first and a state is compared by its bytes.

    The engine is started with another bound of event ids after each part.
    """
    chance = random.Random(seed)
    sold = KitSale(ChannelId("a"), 1, NOW_MS)
    stock = Stock(kit_sales={(Sku("KIT"), ORDERS[0]): sold} if chance.random() < 0.2 else {})
    for first in range(0, chance.choice((20, 40, 80)), 20):
        event_ids_max = chance.choice((1, 3, 5, 5, 9))
        draft, forgotten = StockDraft(stock, event_ids_max), 0
        for change in changes_of(chance, 20, first):
            assert sale_of(draft, change) == sale_of(stock, change)
            known = stock.event_ids
            stock, expected = step(stock, change, event_ids_max)
            assert step_of_draft(draft, change) == expected
            forgotten += len(set(known) - set(stock.event_ids))
        settled = draft.stock()
        assert settled == stock
        assert draft.forgotten_ids == forgotten
        assert repr(settled) == repr(stock)


@given(seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_looking_at_a_draft_in_between_changes_nothing(seed: int) -> None:
    seldom, often = StockDraft(Stock()), StockDraft(Stock())
    for change in changes_of(random.Random(seed), 30, 0):
        step_of_draft(seldom, change)
        step_of_draft(often, change)
        often.stock()

    assert repr(often.stock()) == repr(seldom.stock())


def test_a_repetition_leaves_the_very_stock_that_there_was() -> None:
    """Or a SKU would be decided and written for it."""
    sold = a_change(UnitsSold(ChannelId("a"), OrderId("o"), 1), location=None)
    first = StockDraft(Stock())
    first.apply(sold)
    stock = first.stock()
    again = StockDraft(stock)

    assert again.apply(sold) is Effect.DUPLICATE
    assert again.stock() is stock
