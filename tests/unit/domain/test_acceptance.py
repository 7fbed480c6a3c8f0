"""Products that are well-formed and still cannot be sold."""

from __future__ import annotations

import pytest

from inventory_domain.acceptance import LISTINGS_MAX, LOCATIONS_MAX, check_product
from inventory_domain.catalog import Product
from inventory_domain.errors import InvalidRecord
from tests.support.stock import a_listing, a_policy, a_product


def test_a_product_whose_channels_are_configured_is_accepted() -> None:
    check_product(a_product(), a_policy())


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        (a_product(a_listing("elsewhere")), "unknown-channel"),
        (a_product(a_listing(min_shown=5, max_shown=4)), "bad-quantity"),
        (a_product(*[a_listing(own_id=str(n)) for n in range(LISTINGS_MAX + 1)]), "too-many-listings"),
        (a_product(locations={f"l{n}": 0 for n in range(LOCATIONS_MAX + 1)}), "too-many-locations"),
    ],
    ids=["channel", "range", "listings", "locations"],
)
def test_a_product_that_cannot_be_sold_is_refused_with_its_reason(product: Product, reason: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        check_product(product, a_policy())

    assert caught.value.reason == reason


def test_a_listing_that_we_never_write_must_be_on_a_known_channel_too() -> None:
    """Its channel may be a name with a typing error, and then other listings of it would be missed."""
    with pytest.raises(InvalidRecord, match="elsewhere"):
        check_product(a_product(a_listing(), a_listing("elsewhere")), a_policy())
