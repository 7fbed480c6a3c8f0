"""`sku_state`: the changelog of the engine's state. The engine wrote it itself, so nothing is checked again."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from types import MappingProxyType

from inventory_domain.identifiers import (
    ChannelId,
    ListingId,
    LocationId,
    Marketplace,
    OrderId,
    ReservationId,
    Sku,
    SourceId,
)
from inventory_domain.sku_state import (
    EmittedTarget,
    HeldRecord,
    InputPosition,
    PartitionProgress,
    SeenExposure,
    SkuState,
)
from inventory_domain.stock import ChannelSale, KitOrder, KitSale, Move, Position, Reservation, SourceLog, Stock
from inventory_schemas.avsc import NAMESPACE
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.records_catalog import product_from_record, product_to_record
from inventory_schemas.records_commands import override_from_record, override_to_record
from inventory_schemas.records_links import links_from_record, links_to_record
from inventory_schemas.values import NO_TEXTS, branch, flat, texts_of, units_of
from inventory_schemas.wire_state import write_state

_SKU_STATE = f"{NAMESPACE}.SkuState"
_NO_KIT_SALES: Mapping[KitOrder, KitSale] = MappingProxyType({})
_NO_CANCELS: Mapping[OrderId, ChannelSale] = MappingProxyType({})
_NO_RESERVATIONS: Mapping[ReservationId, Reservation] = MappingProxyType({})

_reservation_to_record = flat(Reservation)
_move_to_record = flat(Move)
_sale_to_record = flat(ChannelSale)
_target_to_record = flat(EmittedTarget)
_exposure_to_record = flat(SeenExposure)
_held_to_record = flat(HeldRecord)
_input_to_record = flat(InputPosition)


def _to_record(entry: SkuState | PartitionProgress) -> Record:
    if isinstance(entry, PartitionProgress):
        positions = {topic: _input_to_record(position) for topic, position in entry.positions.items()}
        progress = {
            "positions": positions,
            "sources": entry.sources,
            "policy": entry.policy,
            "heard": entry.heard,
            "silent": sorted(entry.silent),
            "newest_version": entry.newest_version,
        }
        return {"entry": branch("PartitionProgress", progress)}
    return {"entry": (_SKU_STATE, _state_to_record(entry))}


def _state_to_record(state: SkuState) -> Record:
    return {
        "sku": state.sku,
        "stock": _stock_to_record(state.stock),
        "product": None if state.product is None else branch("Product", product_to_record(state.product)),
        "targets": {listing: _target_to_record(target) for listing, target in state.targets.items()},
        "exposures": {listing: _exposure_to_record(seen) for listing, seen in state.exposures.items()},
        "changed_at_ms": state.changed_at_ms,
        "owes_rise": state.owes_rise,
        "held": [_held_to_record(held) for held in state.held],
        "unknown_since_ms": state.unknown_since_ms,
        "links": None if state.links is None else branch("KitLinks", links_to_record(state.links)),
        "override": None if state.override is None else branch("Override", override_to_record(state.override)),
        "high_velocity": state.high_velocity,
        "scarce": state.scarce,
        "overshown_listing_units": state.overshown_listing_units,
        "overshown_sku_units": state.overshown_sku_units,
    }


def _stock_to_record(stock: Stock) -> Record:
    return {
        "positions": {location: _position_to_record(position) for location, position in stock.positions.items()},
        "sales": {order: _sale_to_record(sale) for order, sale in stock.sales.items()},
        "known_orders": stock.known_orders,
        "event_ids": stock.event_ids,
        "kit_sales": [_kit_sale_to_record(key, sale) for key, sale in stock.kit_sales.items()],
        "cancels": {order: _sale_to_record(cancel) for order, cancel in stock.cancels.items()},
    }


def _kit_sale_to_record(key: KitOrder, sale: KitSale) -> Record:
    kit, order_id = key
    return {
        "kit": kit,
        "order_id": order_id,
        "channel": sale.channel,
        "units": sale.units,
        "occurred_at_ms": sale.occurred_at_ms,
    }


def _position_to_record(position: Position) -> Record:
    return {
        "on_hand": position.on_hand,
        "reservations": {name: _reservation_to_record(held) for name, held in position.reservations.items()},
        "sources": {source: _log_to_record(log) for source, log in position.sources.items()},
    }


def _log_to_record(log: SourceLog) -> Record:
    return {
        "count_sequence": log.count_sequence,
        "counted": log.counted,
        "moves": [_move_to_record(move) for move in log.moves],
        "forgotten_through": log.forgotten_through,
        "excludes_reserved": log.excludes_reserved,
        "free_at_ms": log.free_at_ms,
    }


def _from_record(record: Record) -> SkuState | PartitionProgress:
    name, entry = record["entry"]
    if name == _SKU_STATE:
        return _state_from_record(entry)
    positions = {topic: InputPosition(**position) for topic, position in entry["positions"].items()}
    silent = frozenset([SourceId(source) for source in entry["silent"]])
    return PartitionProgress(
        positions, entry["sources"], entry["policy"], entry["heard"], silent, entry["newest_version"]
    )


def _state_from_record(record: Record) -> SkuState:
    product = None if record["product"] is None else product_from_record(record["product"])
    ids = {one.listing_id: one.marketplace_ids for one in product.listings} if product else {}
    return SkuState(
        sku=record["sku"],
        stock=_stock_from_record(record["stock"]),
        product=product,
        targets={
            ListingId(listing): _target_from_record(target, ids.get(ListingId(listing), NO_TEXTS))
            for listing, target in record["targets"].items()
        },
        exposures={ListingId(listing): SeenExposure(**seen) for listing, seen in record["exposures"].items()},
        changed_at_ms=record["changed_at_ms"],
        owes_rise=record["owes_rise"],
        held=tuple([HeldRecord(**held) for held in record["held"]]),
        unknown_since_ms=record["unknown_since_ms"],
        links=None if record["links"] is None else links_from_record(record["links"]),
        override=None if record["override"] is None else override_from_record(record["override"]),
        high_velocity=record["high_velocity"],
        scarce=record["scarce"],
        overshown_listing_units=record["overshown_listing_units"],
        overshown_sku_units=record["overshown_sku_units"],
    )


def _target_from_record(record: Record, catalog_ids: Mapping[str, str]) -> EmittedTarget:
    ids = record["marketplace_ids"]
    return EmittedTarget(
        version=record["version"],
        quantity=record["quantity"],
        nodes=units_of(record["nodes"]),
        channel=ChannelId(intern(record["channel"])),
        marketplace=Marketplace(intern(record["marketplace"])),
        # the catalog's own ids, when they are the same: millions of listings are kept in memory
        marketplace_ids=catalog_ids if ids == catalog_ids else texts_of(ids),
        withdrawn=record["withdrawn"],
        guard=record["guard"],
        refill_owed=record["refill_owed"],
    )


def _stock_from_record(record: Record) -> Stock:
    return Stock(
        positions={
            LocationId(intern(location)): _position_from_record(position)
            for location, position in record["positions"].items()
        },
        sales={OrderId(order): ChannelSale(**sale) for order, sale in record["sales"].items()},
        known_orders=tuple(record["known_orders"]),
        event_ids=tuple(record["event_ids"]),
        kit_sales={
            (Sku(one["kit"]), OrderId(one["order_id"])): KitSale(one["channel"], one["units"], one["occurred_at_ms"])
            for one in record["kit_sales"]
        }
        if record["kit_sales"]
        else _NO_KIT_SALES,
        cancels={OrderId(order): ChannelSale(**cancel) for order, cancel in record["cancels"].items()}
        if record["cancels"]
        else _NO_CANCELS,
    )


def _position_from_record(record: Record) -> Position:
    reservations = record["reservations"]
    return Position(
        on_hand=record["on_hand"],
        reservations={ReservationId(name): Reservation(**held) for name, held in reservations.items()}
        if reservations
        else _NO_RESERVATIONS,
        sources={SourceId(intern(source)): _log_from_record(log) for source, log in record["sources"].items()},
    )


def _log_from_record(record: Record) -> SourceLog:
    return SourceLog(
        count_sequence=record["count_sequence"],
        counted=record["counted"],
        moves=tuple([Move(**move) for move in record["moves"]]),
        forgotten_through=record["forgotten_through"],
        excludes_reserved=record["excludes_reserved"],
        free_at_ms=record["free_at_ms"],
    )


SKU_STATE: RecordKind[SkuState | PartitionProgress] = RecordKind(
    "sku_state", _to_record, _from_record, write=write_state
)
