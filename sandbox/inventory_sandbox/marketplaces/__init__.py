"""The four marketplaces (Amazon, eBay, Walmart, Shopify) as local HTTP servers, for tests and demos."""

from inventory_sandbox.marketplaces.assortment import (
    WRITABLE_KINDS,
    ListingKind,
    ListingSeed,
    demo_fill,
    seed_from_json,
    sku_name,
)

__all__ = ["WRITABLE_KINDS", "ListingKind", "ListingSeed", "demo_fill", "seed_from_json", "sku_name"]
