"""Who has already subtracted which order: the source's figures, or we, and never both.

A channel lowers its own listing when it sells. Every other number must be lowered by us until the source has done it:
until then the order is *netted*. `SUBTRACTED_BY` says for each fact about an order who holds its units from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import KitSold, SaleSettled
from inventory_domain.identifiers import ChannelId, OrderId
from inventory_domain.stock import ChannelSale, KitSale, Stock
from inventory_domain.values import replace

KNOWN_ORDERS_MAX = 128  # orders the source has told of, so that a late UnitsSold is not netted again
SALES_MAX = 5_000  # orders of one SKU that wait for the source one by one; more is a source that never reports any
CANCELS_MAX = 64  # orders of one SKU that were cancelled before they were sold, so that the late sale is not netted
_BEYOND: Final = f"beyond-{SALES_MAX}/"
CANCEL_KEPT_MS = 7 * 86_400_000  # for how long: no input is kept longer on its topic


class Holder(Enum):
    """Who subtracts an order's units: US (netted), the source's RESERVED or ON_HAND figure, or NOBODY any more."""

    US = "netted"
    RESERVED = "reserved"
    ON_HAND = "on hand"
    NOBODY = "nobody"


SUBTRACTED_BY: Final[Mapping[type, Holder]] = {
    UnitsSold: Holder.US,
    KitSold: Holder.US,
    StockReserved: Holder.RESERVED,
    OrderShipped: Holder.ON_HAND,
    StockCounted: Holder.ON_HAND,  # where it says that it includes the order
    ReservationReleased: Holder.NOBODY,
    SaleCancelled: Holder.NOBODY,
    SaleSettled: Holder.NOBODY,  # an operator's word that the order is in the figures, or never was
}
"""Who holds an order's units after this fact about it. A later row takes over from an earlier one, never back: what the
source has told of is not netted again, however late the channel reports it. Only a count does not name the orders in
it: one that is reported after it is netted until the next count that includes it.
"""


def beyond(channel: ChannelId) -> OrderId:
    """The order that stands for all of this channel beyond `SALES_MAX`.

    Their units stay netted, and what the source tells of them later is not found any more: so too little is promised,
    never too much, until a count includes them or an operator settles this order.
    """
    return OrderId(f"{_BEYOND}{channel}")


def is_beyond(order_id: OrderId) -> bool:
    """Whether it is an order that stands for others."""
    return order_id.startswith(_BEYOND)


def channel_sale(stock: Stock, change: InventoryChange, kind: UnitsSold | SaleCancelled) -> Stock:
    """The stock after a channel's own word of an order: netted once more, or less, or no longer.

    Sale and cancellation may come from two sources, in either order; what is netted in the end is the same.
    """
    if kind.order_id in stock.known_orders:
        return stock
    if isinstance(kind, UnitsSold):
        return _sold(stock, change, kind)
    sold = stock.sales.get(kind.order_id)
    if sold is None:
        return _cancelled_first(stock, change, kind, kind.units)
    rest = {key: value for key, value in stock.sales.items() if key != kind.order_id}
    if kind.units < sold.units:
        rest[kind.order_id] = replace(sold, units=sold.units - kind.units)
    stock = replace(stock, sales=rest)
    return _cancelled_first(stock, change, kind, kind.units - sold.units) if kind.units > sold.units else stock


def _sold(stock: Stock, change: InventoryChange, kind: UnitsSold) -> Stock:
    units, cancel = kind.units, stock.cancels.get(kind.order_id)
    if cancel is not None and change.occurred_at_ms - cancel.occurred_at_ms <= CANCEL_KEPT_MS:
        taken = min(units, cancel.units)
        units -= taken
        stock = replace(stock, cancels=_without(stock.cancels, kind.order_id))
        if taken < cancel.units:
            left = replace(cancel, units=cancel.units - taken)
            stock = replace(stock, cancels={**stock.cancels, kind.order_id: left})
        if not units:
            return stock
    key = kind.order_id if kind.order_id in stock.sales or _has_room(stock) else beyond(kind.channel)
    known = stock.sales.get(key)
    if known is not None:
        units += known.units
    sale = ChannelSale(kind.channel, units, max(change.occurred_at_ms, known.occurred_at_ms if known else 0))
    return replace(stock, sales={**stock.sales, key: sale})


def _cancelled_first(stock: Stock, change: InventoryChange, kind: SaleCancelled, units: int) -> Stock:
    """Remember units that were taken back before they were sold; the oldest are forgotten at the limits."""
    at_ms, known = change.occurred_at_ms, stock.cancels.get(kind.order_id)
    kept = {
        key: one
        for key, one in stock.cancels.items()
        if key != kind.order_id and at_ms - one.occurred_at_ms <= CANCEL_KEPT_MS
    }
    for key in list(kept)[: max(0, len(kept) + 1 - CANCELS_MAX)]:
        del kept[key]
    kept[kind.order_id] = ChannelSale(kind.channel, units + (known.units if known else 0), at_ms)
    return replace(stock, cancels=kept)


def _without(cancels: Mapping[OrderId, ChannelSale], order_id: OrderId) -> Mapping[OrderId, ChannelSale]:
    return {key: one for key, one in cancels.items() if key != order_id}


def kit_sold(stock: Stock, kind: KitSold, at_ms: int) -> Stock:
    """The stock after a kit's word of an order. The units are absolute, so its repetition changes nothing.

    Beyond the limit they are added up, so there a repetition nets more than was sold.
    """
    key = (kind.kit, kind.order_id)
    known = stock.kit_sales.get(key)
    if kind.units and kind.order_id not in stock.known_orders:
        if known is None and not _has_room(stock):
            key = (kind.kit, OrderId(f"{beyond(kind.channel)}/kits"))  # the kit may have such an order of its own
            known = stock.kit_sales.get(key)
            units = kind.units + (known.units if known else 0)
            return replace(stock, kit_sales={**stock.kit_sales, key: KitSale(kind.channel, units, at_ms)})
        if known is not None and kind.units <= known.units:
            at_ms = known.occurred_at_ms  # else some of it was sold only now, and no earlier count has that
        sale = KitSale(kind.channel, kind.units, at_ms)
        return stock if sale == known else replace(stock, kit_sales={**stock.kit_sales, key: sale})
    if known is None:
        return stock
    return replace(stock, kit_sales={one: sale for one, sale in stock.kit_sales.items() if one != key})


def _has_room(stock: Stock) -> bool:
    return len(stock.sales) + len(stock.kit_sales) < SALES_MAX


def order_known(stock: Stock, order_id: OrderId | None) -> Stock:
    """The source has told of this order: it is in the positions now, so it is no longer netted beside them."""
    if order_id is None:
        return stock
    sales, kit_sales = stock.sales, stock.kit_sales
    if order_id in sales:
        sales = {key: sale for key, sale in sales.items() if key != order_id}
    if kit_sales and any(order == order_id for _, order in kit_sales):
        kit_sales = {key: sale for key, sale in kit_sales.items() if key[1] != order_id}
    known = stock.known_orders
    if order_id not in known and not is_beyond(order_id):  # that one stands for others, and for later ones
        known = (*known, order_id)[-KNOWN_ORDERS_MAX:]
    cancels = _without(stock.cancels, order_id) if order_id in stock.cancels else stock.cancels
    return Stock(stock.positions, sales, known, stock.event_ids, kit_sales, cancels)


def orders_included(stock: Stock, kind: StockCounted) -> Stock:
    """The stock after a count that says up to when orders are in it: those are netted no longer."""
    until = kind.includes_orders_until_ms
    if until is None or not (stock.sales or stock.kit_sales):
        return stock
    return replace(
        stock,
        sales={key: sale for key, sale in stock.sales.items() if sale.occurred_at_ms > until},
        kit_sales={key: sale for key, sale in stock.kit_sales.items() if sale.occurred_at_ms > until},
    )


def is_netted(stock: Stock, order_id: OrderId) -> bool:
    """Whether the order still lowers what may be promised of this SKU."""
    return order_id in stock.sales or any(order == order_id for _, order in stock.kit_sales)


def sold_at_ms(stock: Stock) -> list[int]:
    """When each order that is still netted was sold."""
    if not stock.sales and not stock.kit_sales:
        return []
    by_channels = [sale.occurred_at_ms for sale in stock.sales.values()]
    return by_channels + [sale.occurred_at_ms for sale in stock.kit_sales.values()]
