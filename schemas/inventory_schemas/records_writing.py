"""Targets, products and states of SKUs written by hand, field by field in the order of their schema files."""

from __future__ import annotations

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
from inventory_domain.positions import ChannelSale, Move, Position, Reservation, SourceLog, Stock
from inventory_domain.sku_state import (
    EmittedTarget,
    HeldRecord,
    InputPosition,
    PartitionProgress,
    SeenExposure,
    SkuState,
)
from inventory_domain.targets import Target
from inventory_schemas.avro_writing import (
    NULL,
    PRESENT,
    data,
    entries,
    flag,
    items,
    long,
    long_or_null,
    text,
    word,
    word_or_null,
)

_STATE, _PROGRESS = long(0), long(1)  # branches of the entry
_STATUS = {ProductStatus.ACTIVE: long(0), ProductStatus.DISCONTINUED: long(1)}
_LISTING_TYPE = {ListingType.FIXED_PRICE: long(0), ListingType.AUCTION: long(1), ListingType.VARIATION_PARENT: long(2)}
_FULFILLMENT = {Fulfillment.SELLER: long(0), Fulfillment.MARKETPLACE: long(1)}


def target_bytes(target: Target) -> bytes:
    """A ListingTarget."""
    return b"".join(
        (
            word(target.listing_id),
            word(target.sku),
            word(target.channel),
            word(target.marketplace),
            long(target.version),
            long(target.quantity),
            entries(target.nodes, long),
            entries(target.marketplace_ids, word),
            long(target.atp),
            long(target.allocation),
            long(target.buffer),
            word(target.strategy),
            word(target.cause),
            text(target.derivation),
            long(target.changed_at_ms),
            long(target.computed_at_ms),
            flag(target.withdrawn),
        )
    )


def product_bytes(product: Product) -> bytes:
    """A Product, alone or inside a state."""
    return b"".join(
        (
            word(product.sku),
            _STATUS[product.status],
            word(product.category),
            items(product.locations, _stocking),
            items(product.listings, _listing),
            items(product.components, _component),
        )
    )


def _stocking(stocking: StockingLocation) -> bytes:
    return word(stocking.location) + long(stocking.safety_stock)


def _listing(listing: Listing) -> bytes:
    return b"".join(
        (
            word(listing.listing_id),
            word(listing.channel),
            entries(listing.marketplace_ids, word),
            _LISTING_TYPE[listing.listing_type],
            _FULFILLMENT[listing.fulfillment],
            word_or_null(listing.variation_of),
            items(listing.nodes, _node),
            flag(listing.two_day),
            long_or_null(listing.price_minor),
            long_or_null(listing.margin_minor),
            long(listing.min_shown),
            long_or_null(listing.max_shown),
        )
    )


def _node(node: ListingNode) -> bytes:
    return word(node.node) + word(node.location) + flag(node.two_day)


def _component(component: Component) -> bytes:
    return word(component.sku) + long(component.units)


def state_bytes(entry: SkuState | PartitionProgress) -> bytes:
    """A SkuStateEntry."""
    if isinstance(entry, PartitionProgress):
        return b"".join((_PROGRESS, entries(entry.positions, _input), entries(entry.sources, long), text(entry.policy)))
    return b"".join(
        (
            _STATE,
            word(entry.sku),
            _stock(entry.stock),
            NULL if entry.product is None else PRESENT + product_bytes(entry.product),
            entries(entry.targets, _emitted),
            entries(entry.exposures, _seen),
            long(entry.changed_at_ms),
            flag(entry.owes_rise),
            items(entry.held, _held),
            long_or_null(entry.unknown_since_ms),
        )
    )


def _stock(stock: Stock) -> bytes:
    return b"".join(
        (
            entries(stock.positions, _position),
            entries(stock.sales, _sale),
            items(stock.known_orders, word),
            items(stock.event_ids, word),
        )
    )


def _position(position: Position) -> bytes:
    return b"".join(
        (
            long_or_null(position.on_hand),
            entries(position.reservations, _reservation),
            entries(position.sources, _log),
        )
    )


def _reservation(held: Reservation) -> bytes:
    return long(held.units) + word_or_null(held.order_id) + long_or_null(held.expires_at_ms)


def _log(log: SourceLog) -> bytes:
    return b"".join(
        (
            long_or_null(log.count_sequence),
            long_or_null(log.counted),
            items(log.moves, _move),
            long_or_null(log.forgotten_through),
        )
    )


def _move(move: Move) -> bytes:
    return long(move.sequence) + long(move.units)


def _sale(sale: ChannelSale) -> bytes:
    return word(sale.channel) + long(sale.units) + long(sale.occurred_at_ms)


def _emitted(target: EmittedTarget) -> bytes:
    return b"".join(
        (
            long(target.version),
            long(target.quantity),
            entries(target.nodes, long),
            word(target.channel),
            word(target.marketplace),
            entries(target.marketplace_ids, word),
            flag(target.withdrawn),
        )
    )


def _seen(seen: SeenExposure) -> bytes:
    return long_or_null(seen.units) + long_or_null(seen.confirmed_quantity) + long_or_null(seen.confirmed_version)


def _held(held: HeldRecord) -> bytes:
    return b"".join(
        (
            word(held.topic),
            long(held.partition),
            long(held.offset),
            long(held.timestamp_ms),
            NULL if held.key is None else PRESENT + data(held.key),
            data(held.value),
        )
    )


def _input(position: InputPosition) -> bytes:
    return word(position.topic_id) + long(position.position)
