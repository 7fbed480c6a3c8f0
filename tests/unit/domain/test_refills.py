"""When a number that stays the same must be written again, because its marketplace has lowered it by itself."""

from __future__ import annotations

import pytest

from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.refills import NO_SALES, is_refill
from inventory_domain.sku_state import EmittedTarget
from inventory_domain.targets import Proposal, proposals
from tests.support.stock import NOW_MS, a_channel, a_policy, a_product, a_stock

CHANNEL, OTHER = ChannelId("market-us"), ChannelId("shop")
SAID = EmittedTarget(NOW_MS, 5, {}, CHANNEL, Marketplace("market"), {})


def all_of_five() -> Proposal:
    """The listing is given all five units that there are."""
    found = proposals(a_product(), a_stock(dallas=5), a_policy(a_channel("market-us")), frozenset(), NOW_MS, None)
    return found.listings[0]


@pytest.mark.parametrize(
    ("sold_at", "refill"),
    [((1,), True), ((-1,), False), ((1, -1), True), ((-1, 1), True)],
    ids=["after it was said", "before it was said", "late word of an older order", "one before and one after"],
)
def test_an_order_that_the_source_told_of_is_made_up_for_where_it_came_after_the_number(
    sold_at: tuple[int, ...], refill: bool
) -> None:
    """Five were said, one was sold of them, and one came in: five again, and the marketplace shows four."""
    sold = NO_SALES
    for at in sold_at:
        sold = sold.with_sale(CHANNEL, NOW_MS + at, known=True)

    assert is_refill(SAID, all_of_five(), 5, sold) is refill
    assert not is_refill(SAID, all_of_five(), 5, NO_SALES.with_sale(OTHER, NOW_MS + 1, known=True))
