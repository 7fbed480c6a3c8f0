"""A SKU's state as it is written to the changelog (`sku_state`), by hand. What is rare is left to the general codec."""

from __future__ import annotations

from typing import Final

from inventory_domain.catalog import Fulfillment, Listing, ListingType, Product, ProductStatus
from inventory_domain.sku_state import EmittedTarget, PartitionProgress, SeenExposure, SkuState
from inventory_domain.stock import ChannelSale, Position, Reservation, SourceLog, Stock
from inventory_schemas.wire import (
    FALSE,
    NAMES,
    NULL,
    NUMBERS,
    SOME,
    TRUE,
    numbers,
    optional_number,
    optional_text,
    pairs,
    several,
    text,
    texts,
)

_STATE: Final = NULL  # the branch of the entry that is a SKU's state
_STATUSES: Final = {ProductStatus.ACTIVE: NUMBERS[0], ProductStatus.DISCONTINUED: NUMBERS[1]}
_TYPES: Final = {
    ListingType.FIXED_PRICE: NUMBERS[0],
    ListingType.AUCTION: NUMBERS[1],
    ListingType.VARIATION_PARENT: NUMBERS[2],
}
_FULFILLMENTS: Final = {Fulfillment.SELLER: NUMBERS[0], Fulfillment.MARKETPLACE: NUMBERS[1]}


def write_state(entry: SkuState | PartitionProgress) -> bytes | None:
    """The record of a SKU's state, without the header; None for what is rare, as kits, overrides or held records."""
    if isinstance(entry, PartitionProgress) or entry.held or entry.override is not None or entry.links is not None:
        return None
    stock, long = entry.stock, NUMBERS
    if stock.kit_sales or stock.cancels:
        return None
    targets = [text(name) + _target(one) for name, one in entry.targets.items()]
    written = (
        f"{_STATE}{text(entry.sku)}{_stock(stock)}"
        f"{NULL if entry.product is None else _product(entry.product)}{several(len(targets), targets)}"
        f"{_exposures(entry)}{long[entry.changed_at_ms]}{TRUE if entry.owes_rise else FALSE}"
        f"{NULL}{optional_number(entry.unknown_since_ms)}{NULL}{TRUE if entry.high_velocity else FALSE}"
        f"{TRUE if entry.scarce else FALSE}{long[entry.overshown_listing_units]}{long[entry.overshown_sku_units]}{NULL}"
    )
    return written.encode("latin-1")


def _stock(stock: Stock) -> str:
    positions = [NAMES[name] + _position(one) for name, one in stock.positions.items()]
    sales = several(len(stock.sales), [text(order) + _sale(one) for order, one in stock.sales.items()])
    return f"{several(len(positions), positions)}{sales}{texts(stock.known_orders)}{texts(stock.event_ids)}{NULL}{NULL}"


def _position(position: Position) -> str:
    held = position.reservations
    reservations = several(len(held), [text(name) + _reservation(one) for name, one in held.items()]) if held else NULL
    sources = several(len(position.sources), [NAMES[name] + _log(one) for name, one in position.sources.items()])
    return f"{optional_number(position.on_hand)}{reservations}{sources}"


def _reservation(held: Reservation) -> str:
    ends = f"{optional_number(held.expires_at_ms)}{optional_number(held.sequence)}"
    return f"{NUMBERS[held.units]}{optional_text(held.order_id)}{ends}"


def _log(log: SourceLog) -> str:
    long = NUMBERS
    moves = several(len(log.moves), [long[one.sequence] + long[one.units] for one in log.moves]) if log.moves else NULL
    return (
        f"{optional_number(log.count_sequence)}{optional_number(log.counted)}{moves}"
        f"{optional_number(log.forgotten_through)}{TRUE if log.excludes_reserved else FALSE}"
        f"{optional_number(log.free_at_ms)}"
    )


def _sale(sale: ChannelSale) -> str:
    return f"{NAMES[sale.channel]}{NUMBERS[sale.units]}{NUMBERS[sale.occurred_at_ms]}"


def _target(target: EmittedTarget) -> str:
    return (
        f"{NUMBERS[target.version]}{NUMBERS[target.quantity]}{numbers(target.nodes) if target.nodes else NULL}"
        f"{NAMES[target.channel]}{NAMES[target.marketplace]}{pairs(target.marketplace_ids)}"
        f"{TRUE if target.withdrawn else FALSE}{optional_text(target.guard)}{TRUE if target.refill_owed else FALSE}"
    )


def _exposures(state: SkuState) -> str:
    if not state.exposures:
        return NULL
    return several(len(state.exposures), [text(name) + _seen(one) for name, one in state.exposures.items()])


def _seen(seen: SeenExposure) -> str:
    confirmed = f"{optional_number(seen.confirmed_quantity)}{optional_number(seen.confirmed_version)}"
    return f"{optional_number(seen.units)}{confirmed}"


def _product(product: Product) -> str:
    if (noted := product.note) is not None:
        return noted
    locations = [NAMES[one.location] + NUMBERS[one.safety_stock] for one in product.locations]
    listings = [_listing(one) for one in product.listings]
    components = [text(one.sku) + NUMBERS[one.units] for one in product.components]
    written = (
        f"{SOME}{text(product.sku)}{_STATUSES[product.status]}{text(product.category)}"
        f"{several(len(locations), locations)}{several(len(listings), listings)}"
        f"{several(len(components), components)}{optional_number(product.sale_stops_at_ms)}"
    )
    product.keep_note(written)
    return written


def _listing(listing: Listing) -> str:
    nodes = [f"{text(one.node)}{text(one.location)}{TRUE if one.two_day else FALSE}" for one in listing.nodes]
    return (
        f"{text(listing.listing_id)}{NAMES[listing.channel]}{pairs(listing.marketplace_ids)}"
        f"{_TYPES[listing.listing_type]}{_FULFILLMENTS[listing.fulfillment]}{optional_text(listing.variation_of)}"
        f"{several(len(nodes), nodes)}{TRUE if listing.two_day else FALSE}{optional_number(listing.price_minor)}"
        f"{optional_number(listing.margin_minor)}{NUMBERS[listing.min_shown]}{optional_number(listing.max_shown)}"
    )
