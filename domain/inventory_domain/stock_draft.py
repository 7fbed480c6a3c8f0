"""A SKU's stock while many changes come at once: what `positions.apply` makes of it, without a value for each step.

What comes by the hundred thousand is done here in place: counts, moves, sales and reservations that are newer than all
that is known of their source. Whatever else comes is handed to `positions.apply`, which stays the measure: tests hold
every result against it. What comes most of all has a method that takes what a change says without the change.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from enum import Enum
from typing import Any, Final, TypeVar

from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.identifiers import ChannelId, EventId, LocationId, OrderId, ReservationId, SourceId
from inventory_domain.netting import KNOWN_ORDERS_MAX, SALES_MAX, is_beyond
from inventory_domain.newest import Newest
from inventory_domain.plain_change import PlainChange, PlainKind
from inventory_domain.positions import EVENT_IDS_MAX, RESERVATIONS_MAX, Effect, apply, reservations_of
from inventory_domain.stock import ChannelSale, Position, Reservation, Stock
from inventory_domain.stock_places import Place
from inventory_domain.values import replace

_NOWHERE: Final = Position()

Record = TypeVar("Record")


class Teller(Enum):
    """Who has told of an order."""

    NOBODY = "nobody"
    CHANNEL = "channel"
    SOURCE = "source"


class StockDraft:
    """The stock of one SKU under change. Belongs to one computation, which takes `stock()` when it is done.

    It remembers `event_ids_max` event ids. `forgotten_ids` is how many were forgotten for newer ones, of what `stock()`
    has given. `newest_ms` is the newest time of what `stretch` did, and `kind` the last of its kinds.
    """

    __slots__ = (
        "_base",
        "_changed",
        "_event_ids_max",
        "_ids",
        "_own_sales",
        "_places",
        "_told",
        "forgotten_ids",
        "kind",
        "newest_ms",
    )

    def __init__(self, stock: Stock, event_ids_max: int = EVENT_IDS_MAX) -> None:
        self._event_ids_max = event_ids_max
        self._begin(stock)
        self._changed = False
        self.forgotten_ids = 0
        self.newest_ms = -1
        self.kind: PlainKind | None = None

    def _begin(self, stock: Stock) -> None:
        self._base = stock
        self._places: dict[LocationId, Place] = {}
        self._own_sales: dict[OrderId, ChannelSale] | None = None
        self._told: Newest[OrderId] | None = None
        self._ids: Newest[EventId] | None = None

    @property
    def sales(self) -> Container[OrderId]:
        """The orders that are netted now."""
        return self._base.sales if self._own_sales is None else self._own_sales

    @property
    def known_orders(self) -> Container[OrderId]:
        """The orders that the source has told of."""
        return self._orders().known

    def teller(self, order: OrderId) -> Teller:
        """Who has told of this order; the source where the channel did too."""
        if order in (self._told or self._orders()).known:
            return Teller.SOURCE
        sales = self._base.sales if self._own_sales is None else self._own_sales
        return Teller.CHANNEL if order in sales else Teller.NOBODY

    def stock(self) -> Stock:
        """The stock as it is now; the very one it began as where nothing changed."""
        if not self._changed:
            return self._base
        base, told, ids, positions = self._base, self._told, self._ids, self._base.positions
        if self._places:
            positions = {**positions, **{name: place.settled() for name, place in self._places.items()}}
        if ids is not None:
            self.forgotten_ids += ids.forgotten
        settled = Stock(
            positions,
            base.sales if self._own_sales is None else self._own_sales,
            base.known_orders if told is None else tuple(told.known),
            base.event_ids if ids is None else tuple(ids.known),
            base.kit_sales,
            base.cancels,
        )
        self._begin(settled)
        self._changed = False
        return settled

    def apply(self, change: InventoryChange) -> Effect:
        """Do the change as `positions.apply` does; what that calls a repetition, or superseded, changes nothing.

        Raises:
            InvalidRecord: a field has a value that cannot be; the stock is as it was.
        """
        plainly = _PLAIN.get(type(change.kind))
        sequence = change.sequence
        if plainly is not None and (sequence is None or sequence >= 0) and plainly(self, change, change.kind):
            return Effect.APPLIED
        before = self.stock()
        after, effect = apply(before, change, self._event_ids_max)
        if effect is Effect.APPLIED:
            was, now = before.event_ids, after.event_ids
            self.forgotten_ids += 0 if was is now else len(was) + 1 - len(now)
            self._begin(after)
        return effect

    def stretch(
        self,
        changes: Iterator[tuple[PlainChange | None, Record]],
        sku: bytes,
        words: dict[SourceId, int],
        now_ms: int,
    ) -> tuple[PlainChange | None, Record] | None:
        """Do counts and moves in turn, until one comes that is something else, of another SKU, or not the newest.

        That one is not done, and given back with its record; None where all were done. Who spoke, and when at the
        newest, is noted in `words`; nothing was said later than now.
        """
        known, places = (self._ids or self._remembered()).known, self._places
        speaker: SourceId | None = None
        newest_ms, said_ms = self.newest_ms, -1
        done: PlainKind | None = None
        left: tuple[PlainChange | None, Record] | None = None
        for left in changes:
            plain = left[0]
            if plain is None:
                break
            event_id, source, sequence, at_ms, named, location, (kind, units, _, _, _) = plain
            if sequence is None or location is None or named != sku or event_id in known:
                break
            place = places.get(location) or self._place(location)
            log = place.logs.get(source) or place.log(source)
            if sequence <= log.newest:
                break
            if kind is StockAdjusted:
                log.sequences.append(sequence)
                log.units.append(units)
                if place.on_hand is not None:
                    place.on_hand += units
            elif kind is StockCounted and not place.outdoes:
                log.count(sequence, units)
                place.on_hand = units
            else:
                break
            log.newest = sequence
            done = kind
            if source != speaker:
                _hear(speaker, said_ms, words, now_ms)
                speaker, said_ms = source, at_ms
            elif at_ms > said_ms:
                said_ms = at_ms
            if at_ms > newest_ms:
                newest_ms = at_ms
        else:
            left = None
        if done is not None:
            _hear(speaker, said_ms, words, now_ms)
            self._changed, self.kind, self.newest_ms = True, done, newest_ms
        return left

    # Each of these does what a change says, or answers False and has done nothing: then it is for `apply`. A sequence
    # is at least 0, and quantities are those of a change that may be.

    def counted(
        self, event_id: EventId, source: SourceId, sequence: int | None, location: LocationId, on_hand: int
    ) -> bool:
        """A count of what is there, which says nothing of orders."""
        ids = self._ids or self._remembered()
        if event_id in ids.known:
            return False
        place = self._places.get(location) or self._place(location)
        log = place.logs.get(source) or place.log(source)
        if place.outdoes:
            return False
        if sequence is None:
            if log.newest >= 0:
                return False
            ids.add(event_id)
        elif sequence > log.newest:
            log.newest = sequence
        else:
            return False
        log.count(sequence, on_hand)
        place.on_hand = on_hand
        self._changed = True
        return True

    def moved(
        self, event_id: EventId, source: SourceId, sequence: int | None, location: LocationId, units: int
    ) -> bool:
        """Units that came, or went where there are fewer than none."""
        ids = self._ids or self._remembered()
        if event_id in ids.known:
            return False
        place = self._places.get(location) or self._place(location)
        log = place.logs.get(source) or place.log(source)
        if sequence is None:
            if log.newest >= 0:
                return False
            ids.add(event_id)
        elif sequence > log.newest:
            log.newest = sequence
            log.sequences.append(sequence)
            log.units.append(units)
        else:
            return False
        if place.on_hand is not None:
            place.on_hand += units
        self._changed = True
        return True

    def shipped(
        self,
        event_id: EventId,
        source: SourceId,
        sequence: int | None,
        location: LocationId,
        units: int,
        reservation_id: ReservationId | None,
        order: OrderId | None,
    ) -> bool:
        """Units that went, of an order or of a reservation."""
        if not self._may_be_told(order) or not self.moved(event_id, source, sequence, location, -units):
            return False
        if sequence is not None:  # a move would do without its id; a reservation that ends is not told by a sequence
            self._remembered().add(event_id)
        place = self._places[location]
        held = place.began.reservations if place.own_reservations is None else place.own_reservations
        left = units
        for key, reservation in reservations_of(held, reservation_id, order) if held else ():
            if left > 0:
                own = place.reservations()
                del own[key]
                if left < reservation.units:
                    own[key] = replace(reservation, units=reservation.units - left)
                left -= reservation.units
        self._tell(order)
        return True

    def sold(self, event_id: EventId, channel: ChannelId, order: OrderId, units: int, at_ms: int) -> bool:
        """Units that a channel sold at that time."""
        ids = self._ids or self._remembered()
        if event_id in ids.known or order in self._base.cancels:
            return False
        if order not in (self._told or self._orders()).known:
            sales = self._own_sales
            if sales is None:
                sales = self._own_sales = dict(self._base.sales)
            before = sales.get(order)
            if before is not None:
                units, at_ms = units + before.units, max(at_ms, before.occurred_at_ms)
            elif len(sales) + len(self._base.kit_sales) >= SALES_MAX:
                return False
            sales[order] = ChannelSale(channel, units, at_ms)
        ids.add(event_id)
        self._changed = True
        return True

    def _remembered(self) -> Newest[EventId]:
        if self._ids is None:
            self._ids = Newest(self._base.event_ids, self._event_ids_max)
        return self._ids

    def _place(self, location: LocationId) -> Place:
        found = self._places.get(location)
        if found is None:
            found = self._places[location] = Place(self._base.positions.get(location, _NOWHERE))
        return found

    def _orders(self) -> Newest[OrderId]:
        if self._told is None:
            self._told = Newest(self._base.known_orders, KNOWN_ORDERS_MAX)
        return self._told

    # These do the same with a change as it is.

    def _of_count(self, change: InventoryChange, kind: StockCounted) -> bool:
        location, on_hand = change.location, kind.on_hand
        if location is None or kind.excludes_reserved or not 0 <= on_hand <= QUANTITY_MAX:
            return False
        if kind.includes_orders_until_ms is not None and (self.sales or self._base.kit_sales):
            return False
        return self.counted(change.event_id, change.source, change.sequence, location, on_hand)

    def _of_move(self, change: InventoryChange, kind: StockAdjusted) -> bool:
        location, units = change.location, kind.units
        if location is None or not -QUANTITY_MAX <= units <= QUANTITY_MAX:
            return False
        return self.moved(change.event_id, change.source, change.sequence, location, units)

    def _of_shipment(self, change: InventoryChange, kind: OrderShipped) -> bool:
        location, units = change.location, kind.units
        if location is None or not 0 < units <= QUANTITY_MAX:
            return False
        return self.shipped(
            change.event_id, change.source, change.sequence, location, units, kind.reservation_id, kind.order_id
        )

    def _of_sale(self, change: InventoryChange, kind: UnitsSold) -> bool:
        if not 0 < kind.units <= QUANTITY_MAX:
            return False
        return self.sold(change.event_id, kind.channel, kind.order_id, kind.units, change.occurred_at_ms)

    def _of_reservation(self, change: InventoryChange, kind: StockReserved) -> bool:
        location, units, order, ids = change.location, kind.units, kind.order_id, self._remembered()
        if location is None or not 0 < units <= QUANTITY_MAX or change.event_id in ids.known:
            return False
        if not self._may_be_told(order):
            return False
        place = self._place(location)
        held = place.reservations()
        if place.counts_free(change.source) or (kind.reservation_id not in held and len(held) >= RESERVATIONS_MAX):
            return False
        held[kind.reservation_id] = Reservation(units, order, kind.expires_at_ms, change.sequence)
        self._tell(order)
        ids.add(change.event_id)
        self._changed = True
        return True

    def _of_release(self, change: InventoryChange, kind: ReservationReleased) -> bool:
        location, ids = change.location, self._remembered()
        if location is None or change.event_id in ids.known:
            return False
        place = self._place(location)
        if place.counts_free(change.source):
            return False
        place.reservations().pop(kind.reservation_id, None)
        ids.add(change.event_id)
        self._changed = True
        return True

    def _may_be_told(self, order: OrderId | None) -> bool:
        """Whether nothing but this SKU's own sale and the list of known orders changes with the source's word of it."""
        return order is None or not (self._base.kit_sales or order in self._base.cancels)

    def _tell(self, order: OrderId | None) -> None:
        if order is None:
            return
        sales = self._own_sales
        if sales is not None:
            sales.pop(order, None)
        elif order in self._base.sales:
            self._own_sales = {key: sale for key, sale in self._base.sales.items() if key != order}
        orders = self._told or self._orders()
        if order not in orders.known and not is_beyond(order):
            orders.add(order)


def _hear(source: SourceId | None, at_ms: int, words: dict[SourceId, int], now_ms: int) -> None:
    if source is not None:
        words[source] = max(min(at_ms, now_ms), words.get(source, 0))


_PLAIN: Final[dict[type, Callable[[StockDraft, InventoryChange, Any], bool]]] = {
    StockCounted: StockDraft._of_count,
    StockAdjusted: StockDraft._of_move,
    StockReserved: StockDraft._of_reservation,
    ReservationReleased: StockDraft._of_release,
    OrderShipped: StockDraft._of_shipment,
    UnitsSold: StockDraft._of_sale,
}
