"""Who has already subtracted which order: the source's figures, or we, and never both.

A channel lowers its own listing when it sells. Every other number must be lowered by us until the source has done it:
until then the order is *netted*. `SUBTRACTED_BY` says for each fact about an order who holds its units from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import OrderId
from inventory_domain.stock import ChannelSale, KitSale, Stock

KNOWN_ORDERS_MAX = 128  # orders the source has told of, so that a late UnitsSold is not netted again
SALES_MAX = 5_000  # orders of one SKU that may wait for the source; more is a source that never reports any


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
source has told of is not netted again, however late the channel reports it.
"""


def channel_sale(stock: Stock, change: InventoryChange, kind: UnitsSold | SaleCancelled) -> Stock:
    """The stock after a channel's own word of an order: netted once more, or less, or no longer.

    Raises:
        InvalidRecord: more orders wait for the source than may.
    """
    sold = stock.sales.get(kind.order_id)
    if isinstance(kind, UnitsSold):
        if kind.order_id in stock.known_orders:
            return stock
        _check_room(stock)
        units = kind.units + (sold.units if sold else 0)
        sale = ChannelSale(kind.channel, units, change.occurred_at_ms)
        return replace(stock, sales={**stock.sales, kind.order_id: sale})
    if sold is None:
        return stock
    rest = {key: value for key, value in stock.sales.items() if key != kind.order_id}
    if kind.units < sold.units:
        rest[kind.order_id] = replace(sold, units=sold.units - kind.units)
    return replace(stock, sales=rest)


def kit_sold(stock: Stock, kind: KitSold, at_ms: int) -> Stock:
    """The stock after a kit's word of an order. The units are absolute, so its repetition changes nothing."""
    key = (kind.kit, kind.order_id)
    known = stock.kit_sales.get(key)
    if kind.units and kind.order_id not in stock.known_orders:
        if known is None:
            _check_room(stock)
        sale = KitSale(kind.channel, kind.units, known.occurred_at_ms if known else at_ms)
        return stock if sale == known else replace(stock, kit_sales={**stock.kit_sales, key: sale})
    if known is None:
        return stock
    return replace(stock, kit_sales={one: sale for one, sale in stock.kit_sales.items() if one != key})


def _check_room(stock: Stock) -> None:
    if len(stock.sales) + len(stock.kit_sales) >= SALES_MAX:
        raise InvalidRecord("too-many-sales", f"{SALES_MAX} orders of this SKU wait for the source to report them")


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
    if order_id not in known:
        known = (*known, order_id)[-KNOWN_ORDERS_MAX:]
    return Stock(stock.positions, sales, known, stock.event_ids, kit_sales)


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
