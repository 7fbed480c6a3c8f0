"""The demo's catalog: the sandbox's assortment as products, and the channels that they are sold on."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from inventory_cli.demo.journal import ListedAs, ProductFacts
from inventory_cli.demo.verdict import ChannelFacts
from inventory_cli.profiles import PROFILES
from inventory_cli.sandbox_template import AMAZON_CHANNELS, EBAY_CHANNEL, LOCATIONS, SHOPIFY_CHANNEL, WALMART_CHANNEL
from inventory_domain.catalog import (
    Component,
    Fulfillment,
    Listing,
    ListingNode,
    ListingType,
    Product,
    ProductStatus,
    StockingLocation,
)
from inventory_domain.identifiers import ChannelId, LocationId, NodeId, Sku, listing_id
from inventory_sandbox.marketplaces.assortment import (
    AMAZON_CA,
    AMAZON_MX,
    AMAZON_US,
    SHOPIFY_LOCATIONS,
    WALMART_SHIP_NODES,
    WRITABLE_KINDS,
    ListingKind,
    ListingSeed,
    demo_fill,
)

DIVIDED: Final = "clearance"  # the category whose stock is divided among channels, not shared
SHARES: Final = {"amazon-us": 40, "amazon-ca": 10, "amazon-mx": 5, "ebay-us": 20, "walmart-us": 15, "shop": 10}
CATEGORIES: Final = ("outdoor", "kitchen", "toys", "books", DIVIDED)
POOLS: Final = {ListingKind.FBA: "amazon-fba", ListingKind.WFS: "walmart-wfs"}  # the marketplaces' own warehouses
AUCTION_SKU: Final = "SKU-00005"  # its auction holds a unit, so eBay refuses to show none of it
KIT_EVERY, KIT_AT, KIT_OF_KITS_EVERY, KIT_OF_KITS_AT = 25, 10, 100, 60  # which numbers are kits of the next ones
_COUNTRIES: Final = {AMAZON_US: "US", AMAZON_CA: "CA", AMAZON_MX: "MX"}


@dataclass(frozen=True, slots=True)
class DemoCatalog:
    """What the sandbox is filled with, what the producers say of it, and the same in the verdict's plain values."""

    seeds: Sequence[ListingSeed]
    products: Mapping[str, Product]
    facts: Mapping[str, ProductFacts]
    untouched: Mapping[tuple[str, str], int]


def channel_facts() -> dict[str, ChannelFacts]:
    """The demo's channels with the buffers of the profile `guide`."""
    marketplaces = dict.fromkeys(AMAZON_CHANNELS.values(), "amazon")
    marketplaces |= {EBAY_CHANNEL: "ebay", WALMART_CHANNEL: "walmart", SHOPIFY_CHANNEL: "shopify"}
    return {
        name: ChannelFacts(
            frozenset(LOCATIONS),
            PROFILES["guide"][marketplace].units,
            PROFILES["guide"][marketplace].percent,
            SHARES[name],
        )
        for name, marketplace in marketplaces.items()
    }


def demo_catalog(skus: int, seed: int) -> DemoCatalog:
    """The catalog of that many SKUs; the same seed gives the same one."""
    seeds = [_spread(one) for one in demo_fill(skus, seed)]
    by_sku: dict[str, list[ListingSeed]] = defaultdict(list)
    for one in seeds:
        if one.kind is not ListingKind.VARIATION_PARENT:
            by_sku[one.sku].append(one)
    parents = [one for one in seeds if one.kind is ListingKind.VARIATION_PARENT]
    if parents:  # a parent is listed under the first of its variations, where producers would put it
        first = min(one.sku for one in seeds if one.group_key == parents[0].group_key and one not in parents)
        by_sku[first].extend(parents)
    kits = _kits(sorted(by_sku))
    products = {sku: _product(sku, own, kits, random.Random(f"{seed}:{sku}")) for sku, own in by_sku.items()}
    facts = {sku: facts_of(product, by_sku[sku]) for sku, product in products.items()}
    untouched = {(one.marketplace, one.key): one.quantity for one in seeds}
    return DemoCatalog(seeds, products, facts, untouched)


def _number(sku: str) -> int:
    return int(sku.rpartition("-")[2])


def _kits(skus: Sequence[str]) -> dict[str, dict[str, int]]:
    """Some SKUs are put together from those that follow them, and a few of these kits are in a kit themselves."""
    by_number = {_number(sku): sku for sku in skus}
    kits: dict[str, dict[str, int]] = {}
    for number, sku in by_number.items():
        if number % KIT_EVERY != KIT_AT or number + 2 not in by_number:
            continue
        if number % KIT_OF_KITS_EVERY == KIT_OF_KITS_AT and by_number.get(number - 2 * KIT_EVERY) in kits:
            kits[sku] = {by_number[number - 2 * KIT_EVERY]: 1, by_number[number + 1]: 2}
        else:
            kits[sku] = {by_number[number + 1]: 2, by_number[number + 2]: 1}
    return kits


def _spread(seed: ListingSeed) -> ListingSeed:
    """Some listings are stocked at all nodes of their marketplace, so that numbers are split and moved."""
    if seed.marketplace == "walmart" and seed.kind in WRITABLE_KINDS and _number(seed.sku) % 4 == 0:
        return replace(seed, ship_nodes=WALMART_SHIP_NODES)
    if seed.marketplace == "shopify" and _number(seed.sku) % 2 == 0:
        return replace(seed, location_ids=SHOPIFY_LOCATIONS)
    return seed


def _product(
    sku: str, seeds: Sequence[ListingSeed], kits: Mapping[str, Mapping[str, int]], rng: random.Random
) -> Product:
    own = sorted(rng.sample(LOCATIONS, rng.choice((1, 2, 3, 3))))
    if any(sku in parts for parts in kits.values()):
        own = sorted(LOCATIONS)  # so that a kit can be put together wherever it is kept
    if any(seed.marketplace == "shopify" and len(seed.location_ids) == 1 for seed in seeds):
        own = sorted({*own, LOCATIONS[0]})  # a shop location that could never have stock would show nothing for ever
    stocked = [StockingLocation(LocationId(location), rng.choice((0, 0, 1, 2, 3))) for location in own]
    stocked += [StockingLocation(LocationId(POOLS[seed.kind])) for seed in seeds if seed.kind in POOLS]
    return Product(
        sku=Sku(sku),
        status=ProductStatus.ACTIVE,
        category=CATEGORIES[_number(sku) % len(CATEGORIES)],
        locations=tuple(stocked),
        listings=tuple(_listing(seed, rng) for seed in seeds),
        components=tuple(Component(Sku(part), units) for part, units in kits.get(sku, {}).items()),
    )


def _listing(seed: ListingSeed, rng: random.Random) -> Listing:
    channel, own_id, ids, nodes = _addressed(seed)
    kinds = {ListingKind.AUCTION: ListingType.AUCTION, ListingKind.VARIATION_PARENT: ListingType.VARIATION_PARENT}
    capped = rng.random() < 0.05
    return Listing(
        listing_id=listing_id(channel, own_id),
        channel=channel,
        marketplace_ids=ids,
        listing_type=kinds.get(seed.kind, ListingType.FIXED_PRICE),
        fulfillment=Fulfillment.MARKETPLACE if seed.kind in POOLS else Fulfillment.SELLER,
        variation_of=seed.listing_id if seed.kind is ListingKind.VARIATION else None,
        nodes=nodes,
        two_day=any(node.two_day for node in nodes),
        price_minor=rng.randint(500, 20_000),
        max_shown=25 if capped else None,
    )


def _addressed(seed: ListingSeed) -> tuple[ChannelId, str, dict[str, str], tuple[ListingNode, ...]]:
    """The channel, the listing's own id there, what its adapter needs, and its nodes."""
    if seed.marketplace == "amazon":
        channel = ChannelId(AMAZON_CHANNELS[_COUNTRIES[seed.marketplace_id]])
        return channel, seed.sku, {"seller_sku": seed.sku, "product_type": seed.product_type}, ()
    if seed.marketplace == "ebay":
        ids = {"sku": seed.sku, "listing_id": seed.listing_id}
        if seed.offer_id:
            ids["offer_id"] = seed.offer_id
        return ChannelId(EBAY_CHANNEL), seed.offer_id or seed.group_key, ids, ()
    if seed.marketplace == "walmart":
        nodes = seed.ship_nodes if len(seed.ship_nodes) > 1 else ()
        return ChannelId(WALMART_CHANNEL), seed.sku, {"sku": seed.sku}, _nodes(nodes, two_day=2)
    nodes = seed.location_ids
    ids = {"inventory_item_id": seed.inventory_item_id}
    return ChannelId(SHOPIFY_CHANNEL), seed.inventory_item_id.rpartition("/")[2], ids, _nodes(nodes, two_day=0)


def _nodes(ids: Sequence[str], two_day: int) -> tuple[ListingNode, ...]:
    """One node per location, in their order; the first ones deliver within two days."""
    return tuple(
        ListingNode(NodeId(node), LocationId(location), two_day=index < two_day)
        for index, (node, location) in enumerate(zip(ids, LOCATIONS, strict=False))
    )


def facts_of(product: Product, seeds: Sequence[ListingSeed]) -> ProductFacts:
    """The product in plain values. The seeds are its listings', in their order."""
    listings = [
        ListedAs(
            listing_id=listing.listing_id,
            channel=listing.channel,
            marketplace=seed.marketplace,
            sandbox_key=seed.key,
            written=seed.kind in WRITABLE_KINDS,
            nodes=[(node.node, node.location) for node in listing.nodes],
            min_shown=listing.min_shown,
            max_shown=listing.max_shown,
        )
        for listing, seed in zip(product.listings, seeds, strict=True)
    ]
    return ProductFacts(
        sku=product.sku,
        sold=product.status is ProductStatus.ACTIVE,
        category=product.category,
        safety_stock={one.location: one.safety_stock for one in product.locations},
        listings=listings,
        components={part.sku: part.units for part in product.components},
    )
