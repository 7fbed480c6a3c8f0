"""What the stock changes of a batch do to the SKUs they name, and what else they tell: words of sources, and sales."""

from __future__ import annotations

from collections.abc import Callable

from inventory_domain.changes import InventoryChange, OrderShipped, SourceHeartbeat, StockReserved, UnitsSold
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import Sku, SourceId
from inventory_domain.positions import Effect
from inventory_domain.refills import NO_SALES, OwnSales
from inventory_domain.sales import Sale, sale_of
from inventory_domain.sku_state import SkuState
from inventory_domain.stock_draft import StockDraft
from inventory_domain.values import replace
from inventory_streams.engine.records import InputRecord, same_as_key, value_of
from inventory_streams.engine.values import CAUSES, OF_STOCK, RecordEffect

_OF_ORDERS = frozenset((UnitsSold, StockReserved, OrderShipped))


class _Draft:
    """A SKU whose stock is being changed: a batch often changes it many times, and its state is built once."""

    __slots__ = ("changed_at_ms", "is_kit", "key", "sku", "state", "stock")

    def __init__(self, state: SkuState) -> None:
        self.state = state
        self.sku = state.sku
        self.key = state.sku.encode()
        self.is_kit = state.product is not None and bool(state.product.components)
        self.stock = StockDraft(state.stock)
        self.changed_at_ms = state.changed_at_ms


class StockChanges:
    """The changes of one computation. Changes of SKUs that have no product are handed back to it."""

    def __init__(
        self,
        decode: Callable[[bytes], InventoryChange],
        known: Callable[[Sku], SkuState],
        hold: Callable[[SkuState, InputRecord], RecordEffect],
        causes: dict[Sku, str],
        now_ms: int,
    ) -> None:
        """`known` gives the state of a SKU, `hold` keeps a change without a product; `causes` are noted per SKU."""
        self._decode = decode
        self._known = known
        self._hold = hold
        self._causes = causes
        self._now_ms = now_ms
        self._drafts: dict[Sku | None, _Draft] = {}
        self.words: dict[SourceId, int] = {}
        self.beating: set[SourceId] = set()
        self.sales: list[Sale] = []
        self.own_sales: dict[Sku, OwnSales] = {}

    def record(self, record: InputRecord) -> RecordEffect:
        """Apply one record. Raises BadRecord for one that cannot be applied."""
        change = self._decode(record.value or value_of(record))
        draft = self._drafts.get(change.sku)
        if draft is not None and draft.key == record.key and type(change.kind) is not SourceHeartbeat:
            return self._apply(draft, change)
        return self._first(record, change)

    def released(self, sku: Sku, record: InputRecord) -> RecordEffect:
        """Apply a change of the SKU that waited for its product. Raises BadRecord likewise."""
        change = self._decode(value_of(record))
        return self._apply(self._drafts.get(sku) or self._begun(sku, self._known(sku)), change)

    def open_skus(self) -> list[Sku]:
        """The SKUs whose changes are not in their states yet."""
        return [draft.sku for draft in self._drafts.values()]

    def close(self, sku: Sku) -> SkuState | None:
        """The state of a SKU with its changes in it; None where it had none. Later ones begin from the state anew."""
        draft = self._drafts.pop(sku, None)
        if draft is None:
            return None
        stock = draft.stock.stock()
        if stock is draft.state.stock:
            return None
        return replace(draft.state, stock=stock, changed_at_ms=draft.changed_at_ms)

    def _begun(self, sku: Sku, state: SkuState) -> _Draft:
        draft = self._drafts[sku] = _Draft(state)
        return draft

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
        return self._apply(draft, change)

    def _apply(self, draft: _Draft, change: InventoryChange) -> RecordEffect:
        kind, stock, sku = change.kind, draft.stock, draft.sku
        if draft.is_kit and change.location is not None:
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
                self.sales.append(sale)
            if sold is not None:
                self.own_sales[sku] = sold
            if at_ms > draft.changed_at_ms:  # by hand: min and max of two cost more than all else on these lines
                draft.changed_at_ms = at_ms if at_ms < now_ms else max(now_ms, draft.changed_at_ms)
            self._causes[sku] = CAUSES[type(kind)]
        return OF_STOCK[effect]

    def _word(self, change: InventoryChange) -> None:
        at_ms, now_ms = change.occurred_at_ms, self._now_ms
        said = at_ms if at_ms < now_ms else now_ms
        if said >= self.words.get(change.source, 0):
            self.words[change.source] = said
