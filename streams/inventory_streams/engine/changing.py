"""What the stock changes of a batch do to the SKUs they name, and what else they tell: words of sources, and sales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final

from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    SaleCancelled,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import Sku, SourceId
from inventory_domain.plain_change import PlainChange
from inventory_domain.positions import Effect
from inventory_domain.refills import NO_SALES, OwnSales
from inventory_domain.sales import UNATTRIBUTED, Sale, sale_of
from inventory_domain.sku_state import SkuState
from inventory_domain.stock_draft import StockDraft, Teller
from inventory_domain.values import replace
from inventory_schemas.plain_changes import written
from inventory_streams.engine.records import InputRecord, same_as_key, value_of
from inventory_streams.engine.values import CAUSES, OF_STOCK, RecordEffect, Rules

RECORDS_IN_PART: Final = 250  # some 1 ms
_OF_ORDERS = frozenset((UnitsSold, StockReserved, OrderShipped))
_OF_CHANNELS = frozenset((UnitsSold, SaleCancelled))


class _Draft:
    """A SKU whose stock is being changed: a batch often changes it many times, and its state is built once.

    `waiting` are its records in their order, of which so many are `done`.
    """

    __slots__ = ("cause", "changed_at_ms", "done", "is_kit", "key", "sku", "state", "stock", "waiting", "written")

    def __init__(self, state: SkuState, event_ids_max: int) -> None:
        self.state = state
        self.sku = state.sku
        self.key = state.sku.encode()
        self.is_kit = state.product is not None and bool(state.product.components)
        self.stock = StockDraft(state.stock, event_ids_max)
        self.changed_at_ms = state.changed_at_ms
        self.cause: str | None = None
        self.waiting: list[InputRecord] = []
        self.done = 0
        self.written = written(self.key)


class StockChanges:
    """The changes of one computation. Changes of SKUs that have no product are handed back to it."""

    def __init__(
        self,
        rules: Rules,
        state: Callable[[Sku], SkuState | None],
        known: Callable[[Sku], SkuState],
        hold: Callable[[SkuState, InputRecord], RecordEffect],
        otherwise: Callable[[InputRecord], None],
        causes: dict[Sku, str],
        now_ms: int,
    ) -> None:
        """`state` gives the state of a SKU, if it has one; `known` begins one, or raises InvalidRecord. `hold` keeps a
        change without a product, `otherwise` does what is not plain; `causes` are noted per SKU."""
        self._decode = rules.decoders.change
        self._read_plain = rules.decoders.plain_changes
        self._state = state
        self._known = known
        self._hold = hold
        self._otherwise = otherwise
        self._causes = causes
        self._now_ms = now_ms
        self._event_ids_max = rules.event_ids_max
        self._drafts: dict[Sku | None, _Draft] = {}
        self._queues: dict[bytes | None, list[InputRecord]] = {}  # what waits of each draft, by its key
        self.words: dict[SourceId, int] = {}
        self.beating: set[SourceId] = set()
        self.plain = 0  # records that were applied without the general way
        self._sales: list[tuple[int, Sale]] = []
        self.own_sales: dict[Sku, OwnSales] = {}
        self.forgotten_ids = 0  # event ids that SKUs forgot for newer ones, of the drafts that are closed

    def let_go(self) -> None:
        """Forget who asked for it. It takes no change after that."""
        del self._state, self._known, self._hold, self._otherwise

    def records(self, records: Iterable[InputRecord]) -> None:
        """Take records in order. Those of a SKU whose stock may change wait, so that they are done one after the other;
        what else comes is done at once. What a SKU makes of its records does not depend on those of another."""
        queues = self._queues
        for record in records:
            queue = queues.get(record.key)
            if queue is None and (queue := self._opened(record)) is None:
                self._otherwise(record)
            else:
                queue.append(record)

    def parts(self) -> Iterator[None]:
        """Do the records that wait; whoever asks may do something else between two parts."""
        done = 0
        for draft in list(self._drafts.values()):
            while part := draft.waiting[draft.done : draft.done + RECORDS_IN_PART]:
                if done + len(part) > RECORDS_IN_PART:
                    yield
                    done = 0
                done += len(part)
                draft.done += len(part)
                self._do(draft, part)

    @property
    def sales(self) -> list[Sale]:
        """What was sold, as the records came."""
        return [sale for _, sale in sorted(self._sales, key=itemgetter(0))]

    def _do(self, draft: _Draft, records: Sequence[InputRecord]) -> None:
        """Apply records of one SKU in order: the plain ones here, each other the general way."""
        otherwise, name = self._otherwise, draft.written
        if name is None or draft.is_kit:
            for record in records:
                otherwise(record)
            return
        stock, words, now_ms = draft.stock, self.words, self._now_ms
        changes = zip(self._read_plain([record.value for record in records]), records, strict=True)
        others = 0
        left = stock.stretch(changes, name, words, now_ms)
        while left is not None:
            plain, record = left
            if plain is None or plain[4] != name or not self._apart(draft, plain, record.offset):
                otherwise(record)
                others += 1
            left = stock.stretch(changes, name, words, now_ms)
        self.plain += len(records) - others

    def _apart(self, draft: _Draft, plain: PlainChange, offset: int) -> bool:
        """Apply a plain change that no stretch takes; False for one that is for the general way."""
        event_id, source, sequence, at_ms, _, location, (kind, units, _, _, _) = plain
        if location is None:
            applied = self._sold(draft, plain, offset)
        elif kind is StockAdjusted:
            applied = draft.stock.moved(event_id, source, sequence, location, units)
        elif kind is StockCounted:
            applied = draft.stock.counted(event_id, source, sequence, location, units)
        else:
            applied = self._shipped(draft, plain, offset)
        if applied:
            seen_ms = at_ms if at_ms < self._now_ms else self._now_ms  # by hand: min of two costs more than the rest
            if seen_ms >= self.words.get(source, 0):
                self.words[source] = seen_ms
            if seen_ms > draft.changed_at_ms:
                draft.changed_at_ms = seen_ms
            draft.cause, draft.stock.kind = CAUSES[kind], None
        return applied

    def record(self, record: InputRecord) -> RecordEffect:
        """Apply one record. Raises BadRecord for one that cannot be applied."""
        change = self._decode(record.value or value_of(record))
        draft = self._drafts.get(change.sku)
        if draft is not None and draft.key == record.key and type(change.kind) is not SourceHeartbeat:
            return self._apply(draft, change, record.offset)
        return self._first(record, change)

    def released(self, sku: Sku, record: InputRecord) -> RecordEffect:
        """Apply a change of the SKU that waited for its product. Raises BadRecord likewise."""
        change = self._decode(value_of(record))
        return self._apply(self._drafts.get(sku) or self._begun(sku, self._known(sku)), change, record.offset)

    def open_skus(self) -> list[Sku]:
        """The SKUs whose changes are not in their states yet."""
        return [draft.sku for draft in self._drafts.values()]

    def close(self, sku: Sku) -> SkuState | None:
        """The state of a SKU with its changes in it; None where it had none. Later ones begin from the state anew."""
        draft = self._drafts.get(sku)
        if draft is None:
            return None
        if draft.done < len(draft.waiting):
            part, draft.done = draft.waiting[draft.done :], len(draft.waiting)
            self._do(draft, part)
        del self._drafts[sku], self._queues[draft.key]
        kind = draft.stock.kind
        cause = draft.cause if kind is None else CAUSES[kind]
        if cause is not None:
            self._causes[sku] = cause
        stock = draft.stock.stock()
        self.forgotten_ids += draft.stock.forgotten_ids
        if stock is draft.state.stock:
            return None
        changed_at_ms = max(draft.changed_at_ms, min(draft.stock.newest_ms, self._now_ms))
        return replace(draft.state, stock=stock, changed_at_ms=changed_at_ms)

    def _begun(self, sku: Sku, state: SkuState) -> _Draft:
        draft = self._drafts[sku] = _Draft(state, self._event_ids_max)
        self._queues[draft.key] = draft.waiting
        return draft

    def _opened(self, record: InputRecord) -> list[InputRecord] | None:
        """Where the SKU's records wait; None where there is no such SKU, or more is to be looked at first."""
        if record.key is None:
            return None
        try:
            sku = Sku(record.key.decode())
        except UnicodeDecodeError:
            return None
        state = self._state(sku)
        return None if state is None or state.product is None else self._begun(sku, state).waiting

    def _first(self, record: InputRecord, change: InventoryChange) -> RecordEffect:
        if isinstance(change.kind, SourceHeartbeat):
            self._word(change)
            self.beating.add(change.source)
            return RecordEffect.APPLIED
        if change.sku is None:
            raise InvalidRecord("no-sku", f"sku is missing in a {type(change.kind).__name__}")
        sku = same_as_key(record, change.sku, "sku")
        draft = self._drafts.get(sku)
        if draft is None:
            state = self._known(sku)
            if state.product is None:
                return self._hold(state, record)
            draft = self._begun(sku, state)
        return self._apply(draft, change, record.offset)

    def _apply(self, draft: _Draft, change: InventoryChange, offset: int) -> RecordEffect:
        kind, stock, sku = change.kind, draft.stock, draft.sku
        if draft.is_kit and type(kind) not in _OF_CHANNELS:
            raise InvalidRecord("kit-has-no-stock", f"SKU {sku} is a kit; send what happens to its components")
        sale, sold = None, None
        if type(kind) in _OF_ORDERS:
            sale = sale_of(stock, change)
            if isinstance(kind, UnitsSold):
                known = kind.order_id in stock.known_orders
                before = self.own_sales.get(sku, NO_SALES)
                sold = before.with_sale(kind.channel, change.occurred_at_ms, known=known)
        effect = stock.apply(change)
        at_ms, now_ms = change.occurred_at_ms, self._now_ms
        self._word(change)
        if effect is Effect.APPLIED:
            if sale is not None:
                self._sales.append((offset, sale))
            if sold is not None:
                self.own_sales[sku] = sold
            if at_ms > draft.changed_at_ms:  # by hand: min and max of two cost more than all else on these lines
                draft.changed_at_ms = at_ms if at_ms < now_ms else max(now_ms, draft.changed_at_ms)
            draft.cause, stock.kind = CAUSES[type(kind)], None
        return OF_STOCK[effect]

    def _shipped(self, draft: _Draft, plain: PlainChange, offset: int) -> bool:
        event_id, source, sequence, at_ms, _, location, (_, units, order, reservation, _) = plain
        stock = draft.stock
        first = order is not None and stock.teller(order) is Teller.NOBODY
        if location is None or not stock.shipped(event_id, source, sequence, location, units, reservation, order):
            return False
        if first:
            self._sales.append((offset, Sale(draft.sku, UNATTRIBUTED, units, at_ms)))
        return True

    def _sold(self, draft: _Draft, plain: PlainChange, offset: int) -> bool:
        sku = draft.sku
        event_id, _, _, at_ms, _, _, (_, units, order, _, channel) = plain
        stock = draft.stock
        if order is None or channel is None:
            return False
        teller = stock.teller(order)
        if not stock.sold(event_id, channel, order, units, at_ms):
            return False
        if teller is Teller.NOBODY:
            self._sales.append((offset, Sale(sku, channel, units, at_ms)))
        before = self.own_sales.get(sku, NO_SALES)
        self.own_sales[sku] = before.with_sale(channel, at_ms, known=teller is Teller.SOURCE)
        return True

    def _word(self, change: InventoryChange) -> None:
        at_ms, now_ms = change.occurred_at_ms, self._now_ms
        said = at_ms if at_ms < now_ms else now_ms
        if said >= self.words.get(change.source, 0):
            self.words[change.source] = said
