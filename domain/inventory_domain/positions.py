"""What is on hand and reserved per location, and the guards that make every change count once (rules 1 to 5)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

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
from inventory_domain.identifiers import OrderId, ReservationId, SourceId
from inventory_domain.netting import channel_sale, order_known, orders_included
from inventory_domain.stock import Move, Position, Reservation, SourceLog, Stock
from inventory_domain.values import replace

KEPT_MOVES_MAX = 256  # moves kept per source and location for a count that comes late
EVENT_IDS_MAX = 128  # event ids remembered per SKU against a producer that sends again (rule 3)
_SEQUENCED = (StockCounted, StockAdjusted)
_OF_CHANNELS = (UnitsSold, SaleCancelled)
_WITHOUT_LOCATION = (UnitsSold, SaleCancelled, SourceHeartbeat)
_WITH_UNITS = (StockReserved, OrderShipped, UnitsSold, SaleCancelled)

RESERVATIONS_MAX = 5_000  # reservations kept one by one per SKU and location; more is a source that never releases
BEYOND: Final = ReservationId(f"beyond-{RESERVATIONS_MAX}")
"""Stands for all reservations beyond `RESERVATIONS_MAX` at a location. Their units stay reserved, and releases and
shipments of them are not found any more: so too little is promised, never too much, until this one is released.
"""

_NOWHERE = Position()
_SILENT = SourceLog()


class Effect(Enum):
    """What a change did to the stock that is known of its SKU."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"

    __hash__ = object.__hash__  # each is there once; an enum's own hash is a call in Python, for every change


def apply(stock: Stock, change: InventoryChange, event_ids_max: int = EVENT_IDS_MAX) -> tuple[Stock, Effect]:
    """The stock after the change, and what the change did. Applying the same change again changes nothing.

    Where only its event id tells that it is the same, that holds while fewer than `event_ids_max` others came after it.

    Raises:
        InvalidRecord: a field has a value that cannot be; the stock is as it was.
    """
    _validate(change)
    if change.event_id in stock.event_ids:
        return stock, Effect.DUPLICATE
    after, effect = _applied(stock, change)
    if effect is Effect.APPLIED and not _guarded_by_sequence(change):
        event_ids = (*after.event_ids, change.event_id)[-event_ids_max:]
        after = Stock(after.positions, after.sales, after.known_orders, event_ids, after.kit_sales, after.cancels)
    return after, effect


def _guarded_by_sequence(change: InventoryChange) -> bool:
    """Whether its sequence alone makes a repetition harmless, so that its event id need not be remembered."""
    return change.sequence is not None and isinstance(change.kind, _SEQUENCED)


def _applied(stock: Stock, change: InventoryChange) -> tuple[Stock, Effect]:
    kind = change.kind
    if isinstance(kind, _OF_CHANNELS):
        return channel_sale(stock, change, kind), Effect.APPLIED
    if isinstance(kind, SourceHeartbeat):
        raise InvariantBroken("a heartbeat has no SKU and cannot be applied to one")
    location = change.location
    if location is None:
        raise InvariantBroken("validated changes of a position have a location")
    position = stock.positions.get(location, _NOWHERE)
    if isinstance(kind, StockCounted):
        after, effect = _counted(position, change, kind)
        stock = orders_included(stock, kind) if effect is Effect.APPLIED else stock
    elif isinstance(kind, StockAdjusted):
        after, effect = _moved(position, change, kind.units)
    elif isinstance(kind, StockReserved):
        after, effect = _reserved(position, change, kind), Effect.APPLIED
        stock = order_known(stock, kind.order_id)
    elif isinstance(kind, ReservationReleased):
        after, effect = _reservation_less(position, change, kind.reservation_id, None), Effect.APPLIED
    else:
        after, effect = _shipped(position, change, kind)
        if effect is Effect.SUPERSEDED and kind.order_id is not None and kind.order_id not in stock.known_orders:
            effect = Effect.APPLIED  # a newer count has the units; that they were those of this order is news
        stock = order_known(stock, kind.order_id)
    positions = {**stock.positions, location: after}
    after_all = Stock(positions, stock.sales, stock.known_orders, stock.event_ids, stock.kit_sales, stock.cancels)
    return after_all, effect


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
    free_at_ms = change.occurred_at_ms if kind.excludes_reserved else None
    if sequence is None:
        _refuse_mixed_sequences(log, change)
        log = SourceLog(counted=kind.on_hand, excludes_reserved=kind.excludes_reserved, free_at_ms=free_at_ms)
        on_hand = kind.on_hand + _left_out(position, change, kind)
        return _with_count(position, change.source, log, on_hand), Effect.APPLIED
    if log.count_sequence is not None and sequence <= log.count_sequence:
        said = (kind.on_hand, kind.excludes_reserved)
        if sequence == log.count_sequence and not log.is_outdone and said != (log.counted, log.excludes_reserved):
            raise InvalidRecord(
                "sequence-reused",
                f"sequence {sequence} counted {log.counted} units before and counts {kind.on_hand} now",
            )
        return position, Effect.SUPERSEDED
    if log.forgotten_through is not None and sequence < log.forgotten_through:
        return position, Effect.SUPERSEDED
    newer = tuple(move for move in log.moves if move.sequence > sequence)
    on_hand = kind.on_hand + _left_out(position, change, kind) + sum(move.units for move in newer)
    after = SourceLog(sequence, kind.on_hand, newer, None, kind.excludes_reserved, free_at_ms)
    return _with_count(position, change.source, after, on_hand), Effect.APPLIED


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
        return replace(log, moves=moves)
    return replace(log, moves=moves[1:], forgotten_through=moves[0].sequence)


def _with_log(position: Position, source: SourceId, log: SourceLog, on_hand: int | None) -> Position:
    return Position(on_hand, position.reservations, {**position.sources, source: log})


def _with_count(position: Position, source: SourceId, log: SourceLog, on_hand: int) -> Position:
    """The position by this source's count. What others counted there before is outdone by it."""
    sources: dict[SourceId, SourceLog] = {}
    for name, other in {**position.sources, source: log}.items():
        left = log if name == source else _outdone(other)
        if left is not None:
            sources[name] = left
    return Position(on_hand, position.reservations, sources)


def _outdone(log: SourceLog) -> SourceLog | None:
    """The log without its count; the sequences stay, so that an older count of that source is still known as such."""
    if log.counted is None:
        return log
    left = SourceLog(log.count_sequence, None, log.moves, log.forgotten_through)
    return None if left == _SILENT else left


def _left_out(position: Position, change: InventoryChange, kind: StockCounted) -> int:
    """Units that stand on the shelf beside a count of what is free: those of the reservations made before it.

    So on hand is what is physically there whichever way a source counts, and every reservation is subtracted once. By
    sequence where there is one; else what is known when the count comes was made before it. What had expired by then is
    free in the count: it may still be kept here when a backlog is read.
    """
    if not kind.excludes_reserved:
        return 0
    sequence, at_ms = change.sequence, change.occurred_at_ms
    return sum(
        held.units
        for held in position.reservations.values()
        if (sequence is None or held.sequence is None or held.sequence < sequence)
        and (held.ends_ms is None or held.ends_ms > at_ms)
    )


def _is_late(position: Position, change: InventoryChange) -> bool:
    """Whether a newer count of what is free has this change of a reservation in it already."""
    log = position.sources.get(change.source, _SILENT)
    if not log.excludes_reserved or log.count_sequence is None or change.sequence is None:
        return False
    return change.sequence < log.count_sequence


def _was_free(position: Position, change: InventoryChange, ends_ms: int | None) -> bool:
    """Whether a reservation that ends then had expired when the newest count of what is free was taken.

    Its units were free in that count: taken for reserved ones they would be there twice, or be missing.
    """
    free_at_ms = position.sources.get(change.source, _SILENT).free_at_ms
    return ends_ms is not None and free_at_ms is not None and ends_ms <= free_at_ms


def _reserved(position: Position, change: InventoryChange, kind: StockReserved) -> Position:
    if _is_late(position, change) and _was_free(position, change, kind.expires_at_ms):
        return _reservation_less(position, change, kind.reservation_id, None)
    key, held = kind.reservation_id, Reservation(kind.units, kind.order_id, kind.expires_at_ms, change.sequence)
    known = position.reservations.get(key)
    if known is None and len(position.reservations) >= RESERVATIONS_MAX:
        key, known = BEYOND, position.reservations.get(BEYOND)
        held = _together(held, known)
    on_hand = position.on_hand
    if on_hand is not None and _is_late(position, change):
        on_hand += held.units - (known.units if known is not None else 0)  # subtracted below and in the count: once
    return Position(on_hand, {**position.reservations, key: held}, position.sources)


def _together(held: Reservation, others: Reservation | None) -> Reservation:
    """One reservation in the place of all: it expires last of them, and counts as made last."""
    if others is None or others.is_over:
        return replace(held, order_id=None)
    ends = (held.expires_at_ms, others.expires_at_ms)
    return Reservation(
        held.units + others.units,
        None,
        None if None in ends else max(end for end in ends if end is not None),
        max([one for one in (held.sequence, others.sequence) if one is not None], default=None),
    )


def _reservation_less(
    position: Position, change: InventoryChange, reservation_id: ReservationId, units: int | None
) -> Position:
    """The position with that reservation ended, or lowered by the units given."""
    held = position.reservations.get(reservation_id)
    if held is None:
        return position
    rest = {key: value for key, value in position.reservations.items() if key != reservation_id}
    ended = held.units
    if units is not None and units < held.units:
        ended = units
        rest[reservation_id] = replace(held, units=held.units - units)
    on_hand = position.on_hand
    if on_hand is not None and _is_late(position, change) and not _was_free(position, change, held.ends_ms):
        on_hand -= ended  # the count knew that it had ended: its units were free in it, or gone
    return Position(on_hand, rest, position.sources)


def _shipped(position: Position, change: InventoryChange, kind: OrderShipped) -> tuple[Position, Effect]:
    """On hand falls unless a newer count already has it; reservations end in either case, by as many units in all."""
    after, effect = _moved(position, change, -kind.units)
    if effect is Effect.DUPLICATE:
        return position, effect
    left = kind.units
    for reservation_id, held in reservations_of(position.reservations, kind.reservation_id, kind.order_id):
        if left > 0:
            after, effect = _reservation_less(after, change, reservation_id, left), Effect.APPLIED
            left -= held.units
    return after, effect


def reservations_of(
    held: Mapping[ReservationId, Reservation], reservation_id: ReservationId | None, order_id: OrderId | None
) -> list[tuple[ReservationId, Reservation]]:
    """What a shipment ends: the reservation that it names, else those of its order, expired ones last."""
    if reservation_id:
        return [(reservation_id, held[reservation_id])] if reservation_id in held else []
    if order_id is None:
        return []
    return sorted([(key, one) for key, one in held.items() if one.order_id == order_id], key=lambda one: one[1].is_over)
