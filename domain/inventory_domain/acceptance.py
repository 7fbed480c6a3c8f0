"""What a well-formed product may still not say, given the channels there are."""

from __future__ import annotations

from inventory_domain.catalog import Product
from inventory_domain.errors import InvalidRecord
from inventory_domain.policies import AllocationPolicy

LISTINGS_MAX = 200  # listings of one SKU: several accounts on every marketplace stay far below
LOCATIONS_MAX = 500  # locations that stock one SKU


def check_product(product: Product, policy: AllocationPolicy) -> None:
    """Accept the product, or say why not; the former product then stays.

    Raises:
        InvalidRecord: it names a channel that the policy does not have, or is beyond a limit.
    """
    if len(product.listings) > LISTINGS_MAX:
        raise InvalidRecord("too-many-listings", f"{len(product.listings)} listings, at most {LISTINGS_MAX}")
    if len(product.locations) > LOCATIONS_MAX:
        raise InvalidRecord("too-many-locations", f"{len(product.locations)} locations, at most {LOCATIONS_MAX}")
    for listing in product.listings:
        if listing.channel not in policy.channels:
            raise InvalidRecord(
                "unknown-channel",
                f"listing {listing.listing_id} is on channel {listing.channel}, which is not configured",
            )
        if listing.max_shown is not None and listing.max_shown < listing.min_shown:
            raise InvalidRecord(
                "bad-quantity",
                f"listing {listing.listing_id} shows from {listing.min_shown} to {listing.max_shown}: no such range",
            )
