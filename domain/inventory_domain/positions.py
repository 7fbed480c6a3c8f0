"""What is on hand and reserved per location, and the guards that make every change count once (rules 1 to 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.errors import InvalidRecord, InvariantBroken
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, SourceId

KEPT_MOVES_MAX = 256  # moves kept per source and location for a count that comes late
EVENT_IDS_MAX = 128  # event ids remembered per SKU against a producer that sends again (rule 3)
KNOWN_ORDERS_MAX = 128  # orders the source has told of, so that a late UnitsSold is not netted again
_SEQUENCED = (StockCounted, StockAdjusted)
_OF_CHANNELS = (UnitsSold, SaleCancelled)
_WITHOUT_LOCATION = (UnitsSold, SaleCancelled, SourceHeartbeat)
_WITH_UNITS = (StockReserved, OrderShipped, UnitsSold, SaleCancelled)

RESERVATIONS_MAX = 5_000  # open reservations per SKU and location; more is a source that never releases


class Effect(Enum):
    """What a change did to the stock that is known of its SKU."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Move:
    """Signed units that a source reported under a sequence of its own."""

    sequence: int
    units: int


@dataclass(frozen=True, slots=True)
class SourceLog:
    """What one source said about one location: its newest count and the moves that are newer than it.

    The moves are applied again to a count that arrives late. Those up to `forgotten_through` are no longer kept
    one by one, so a count older than that can no longer be completed and is superseded.
    """

    count_sequence: int | None = None
    counted: int | None = None
    moves: tuple[Move, ...] = ()
    forgotten_through: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units promised to an order; past `expires_at_ms` they may be sold again."""

    units: int
    order_id: OrderId | None = None
    expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """One SKU at one location. `on_hand` is None until the location was counted once: unknown is not zero."""

    on_hand: int | None = None
    reservations: Mapping[ReservationId, Reservation] = field(default_factory=dict)
    sources: Mapping[SourceId, SourceLog] = field(default_factory=dict)

    def reserved(self, now_ms: int) -> int:
        """Units promised to orders that are not shipped yet and whose reservation has not expired."""
        return sum(
            held.units
            for held in self.reservations.values()
            if held.expires_at_ms is None or held.expires_at_ms > now_ms
        )


_NOWHERE = Position()
_SILENT = SourceLog()


@dataclass(frozen=True, slots=True)
class ChannelSale:
    """Units a channel sold that the source has not reported yet."""

    channel: ChannelId
    units: int
    occurred_at_ms: int


@dataclass(frozen=True, slots=True)
class Stock:
    """All that is known of one SKU's units: positions, sales not yet in them, and the guards against repetition."""

    positions: Mapping[LocationId, Position] = field(default_factory=dict)
    sales: Mapping[OrderId, ChannelSale] = field(default_factory=dict)
    known_orders: tuple[OrderId, ...] = ()
    event_ids: tuple[EventId, ...] = ()

    def units_sold_unreported(self) -> dict[ChannelId, int]:
        """Units sold per channel that the source does not know of yet; all of them are netted from every ATP."""
        sold: dict[ChannelId, int] = {}
        for sale in self.sales.values():
            sold[sale.channel] = sold.get(sale.channel, 0) + sale.units
        return sold

    def next_expiry_ms(self, now_ms: int) -> int | None:
        """When the next reservation expires by itself, if one will."""
        times = [
            held.expires_at_ms
            for position in self.positions.values()
            for held in position.reservations.values()
            if held.expires_at_ms is not None and held.expires_at_ms > now_ms
        ]
        return min(times, default=None)


def without_expired(stock: Stock, now_ms: int) -> Stock:
    """The stock without reservations that have expired; the same object when there is none."""
    positions = {
        location: replace(position, reservations=still)
        for location, position in stock.positions.items()
        if len(still := _still_held(position, now_ms)) < len(position.reservations)
    }
    return replace(stock, positions={**stock.positions, **positions}) if positions else stock


def _still_held(position: Position, now_ms: int) -> dict[ReservationId, Reservation]:
    return {
        key: held
        for key, held in position.reservations.items()
        if held.expires_at_ms is None or held.expires_at_ms > now_ms
    }


def apply(stock: Stock, change: InventoryChange) -> tuple[Stock, Effect]:
    """The stock after the change, and what the change did. Applying the same change again changes nothing.

    Raises:
        InvalidRecord: a field has a value that cannot be; the stock is as it was.
    """
    _validate(change)
    if change.event_id in stock.event_ids:
        return stock, Effect.DUPLICATE
    after, effect = _applied(stock, change)
    if effect is Effect.APPLIED and not _guarded_by_sequence(change):
        event_ids = (*after.event_ids, change.event_id)[-EVENT_IDS_MAX:]
        after = Stock(after.positions, after.sales, after.known_orders, event_ids)
    return after, effect


def _guarded_by_sequence(change: InventoryChange) -> bool:
    """Whether its sequence alone makes a repetition harmless, so that its event id need not be remembered."""
    return change.sequence is not None and isinstance(change.kind, _SEQUENCED)


def _applied(stock: Stock, change: InventoryChange) -> tuple[Stock, Effect]:
    kind = change.kind
    if isinstance(kind, _OF_CHANNELS):
        return _channel_sale(stock, change, kind), Effect.APPLIED
    if isinstance(kind, SourceHeartbeat):
        raise InvariantBroken("a heartbeat has no SKU and cannot be applied to one")
    location = change.location
    if location is None:
        raise InvariantBroken("validated changes of a position have a location")
    position = stock.positions.get(location, _NOWHERE)
    if isinstance(kind, StockCounted):
        after, effect = _counted(position, change, kind)
        stock = _orders_included(stock, kind) if effect is Effect.APPLIED else stock
    elif isinstance(kind, StockAdjusted):
        after, effect = _moved(position, change, kind.units)
    elif isinstance(kind, StockReserved):
        after, effect = _reserved(position, kind), Effect.APPLIED
        stock = _order_known(stock, kind.order_id)
    elif isinstance(kind, ReservationReleased):
        after, effect = _reservation_less(position, kind.reservation_id, None), Effect.APPLIED
    else:
        after, effect = _shipped(position, change, kind)
        stock = _order_known(stock, kind.order_id)
    positions = {**stock.positions, location: after}
    return Stock(positions, stock.sales, stock.known_orders, stock.event_ids), effect


def _validate(change: InventoryChange) -> None:
    kind = change.kind
    if change.location is None and not isinstance(kind, _WITHOUT_LOCATION):
        raise InvalidRecord("no-location", f"location is missing in a {type(kind).__name__}")
    if change.sequence is not None and change.sequence < 0:
        raise InvalidRecord("bad-sequence", f"sequence is {change.sequence}, at least 0")
    if isinstance(kind, StockCounted):
        if not 0 <= kind.on_hand <= QUANTITY_MAX:
            raise InvalidRecord("bad-quantity", f"on_hand is {kind.on_hand}, 0 to {QUANTITY_MAX}")
    elif isinstance(kind, StockAdjusted):
        if not -QUANTITY_MAX <= kind.units <= QUANTITY_MAX:
            raise InvalidRecord("bad-quantity", f"units is {kind.units}, at most {QUANTITY_MAX} either way")
    elif isinstance(kind, _WITH_UNITS) and not 0 < kind.units <= QUANTITY_MAX:
        raise InvalidRecord("bad-quantity", f"units is {kind.units}, 1 to {QUANTITY_MAX}")


def _counted(position: Position, change: InventoryChange, kind: StockCounted) -> tuple[Position, Effect]:
    log = position.sources.get(change.source, _SILENT)
    sequence = change.sequence
    if sequence is None:
        _refuse_mixed_sequences(log, change)
        return _with_log(position, change.source, SourceLog(counted=kind.on_hand), kind.on_hand), Effect.APPLIED
    if log.count_sequence is not None and sequence <= log.count_sequence:
        if sequence == log.count_sequence and kind.on_hand != log.counted:
            raise InvalidRecord(
                "sequence-reused",
                f"sequence {sequence} counted {log.counted} units before and counts {kind.on_hand} now",
            )
        return position, Effect.SUPERSEDED
    if log.forgotten_through is not None and sequence < log.forgotten_through:
        return position, Effect.SUPERSEDED
    newer = tuple(move for move in log.moves if move.sequence > sequence)
    on_hand = kind.on_hand + sum(move.units for move in newer)
    after = SourceLog(count_sequence=sequence, counted=kind.on_hand, moves=newer)
    return _with_log(position, change.source, after, on_hand), Effect.APPLIED


def _moved(position: Position, change: InventoryChange, units: int) -> tuple[Position, Effect]:
    log = position.sources.get(change.source, _SILENT)
    sequence = change.sequence
    if sequence is None:
        _refuse_mixed_sequences(log, change)
    else:
        moves = log.moves
        known = None
        if moves and sequence <= moves[-1].sequence:
            known = next((move for move in moves if move.sequence == sequence), None)
        if known is not None:
            if known.units != units:
                raise InvalidRecord(
                    "sequence-reused", f"sequence {sequence} moved {known.units} units before and moves {units} now"
                )
            return position, Effect.DUPLICATE
        newest_known = max(
            log.count_sequence if log.count_sequence is not None else -1,
            log.forgotten_through if log.forgotten_through is not None else -1,
        )
        if sequence <= newest_known:
            return position, Effect.SUPERSEDED
        log = _remembered(log, Move(sequence, units))
    on_hand = None if position.on_hand is None else position.on_hand + units
    return _with_log(position, change.source, log, on_hand), Effect.APPLIED


def _refuse_mixed_sequences(log: SourceLog, change: InventoryChange) -> None:
    if log.count_sequence is not None or log.moves:
        raise InvalidRecord(
            "sequence-missing",
            f"source {change.source} sent sequences for this SKU and location before; this change has none",
        )


def _remembered(log: SourceLog, move: Move) -> SourceLog:
    moves = (*log.moves, move)
    if log.moves and move.sequence < log.moves[-1].sequence:
        moves = tuple(sorted(moves, key=lambda kept: kept.sequence))
    if len(moves) <= KEPT_MOVES_MAX:
        return SourceLog(log.count_sequence, log.counted, moves, log.forgotten_through)
    return SourceLog(log.count_sequence, log.counted, moves[1:], moves[0].sequence)


def _with_log(position: Position, source: SourceId, log: SourceLog, on_hand: int | None) -> Position:
    return Position(on_hand, position.reservations, {**position.sources, source: log})


def _reserved(position: Position, kind: StockReserved) -> Position:
    if len(position.reservations) >= RESERVATIONS_MAX and kind.reservation_id not in position.reservations:
        raise InvalidRecord("too-many-reservations", f"{RESERVATIONS_MAX} reservations are open at this location")
    held = Reservation(kind.units, kind.order_id, kind.expires_at_ms)
    return Position(position.on_hand, {**position.reservations, kind.reservation_id: held}, position.sources)


def _reservation_less(position: Position, reservation_id: ReservationId, units: int | None) -> Position:
    """The position with that reservation ended, or lowered by the units given."""
    held = position.reservations.get(reservation_id)
    if held is None:
        return position
    rest = {key: value for key, value in position.reservations.items() if key != reservation_id}
    if units is not None and units < held.units:
        rest[reservation_id] = replace(held, units=held.units - units)
    return Position(position.on_hand, rest, position.sources)


def _shipped(position: Position, change: InventoryChange, kind: OrderShipped) -> tuple[Position, Effect]:
    """On hand falls unless a newer count already has it; the reservation ends in either case, once."""
    after, effect = _moved(position, change, -kind.units)
    if effect is Effect.DUPLICATE:
        return position, effect
    reservation_id = kind.reservation_id or _reservation_of(position, kind.order_id)
    if reservation_id is None or reservation_id not in position.reservations:
        return after, effect
    return _reservation_less(after, reservation_id, kind.units), Effect.APPLIED


def _reservation_of(position: Position, order_id: OrderId | None) -> ReservationId | None:
    if order_id is None:
        return None
    return next((key for key, held in position.reservations.items() if held.order_id == order_id), None)


def _channel_sale(stock: Stock, change: InventoryChange, kind: UnitsSold | SaleCancelled) -> Stock:
    sold = stock.sales.get(kind.order_id)
    if isinstance(kind, UnitsSold):
        if kind.order_id in stock.known_orders:
            return stock
        units = kind.units + (sold.units if sold else 0)
        sale = ChannelSale(kind.channel, units, change.occurred_at_ms)
        return replace(stock, sales={**stock.sales, kind.order_id: sale})
    if sold is None:
        return stock
    rest = {key: value for key, value in stock.sales.items() if key != kind.order_id}
    if kind.units < sold.units:
        rest[kind.order_id] = replace(sold, units=sold.units - kind.units)
    return replace(stock, sales=rest)


def _order_known(stock: Stock, order_id: OrderId | None) -> Stock:
    """The source has told of this order: it is in the positions now, so it is no longer netted beside them."""
    if order_id is None:
        return stock
    sales = stock.sales
    if order_id in sales:
        sales = {key: sale for key, sale in sales.items() if key != order_id}
    known = stock.known_orders
    if order_id not in known:
        known = (*known, order_id)[-KNOWN_ORDERS_MAX:]
    return Stock(stock.positions, sales, known, stock.event_ids)


def _orders_included(stock: Stock, kind: StockCounted) -> Stock:
    until = kind.includes_orders_until_ms
    if until is None or not stock.sales:
        return stock
    return replace(stock, sales={key: sale for key, sale in stock.sales.items() if sale.occurred_at_ms > until})
