"""Two states of the same SKUs, held against each other in what input alone decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final

from inventory_domain.identifiers import Sku
from inventory_domain.netting import KNOWN_ORDERS_MAX
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import Stock

NAMES_TOLD_MAX: Final = 5
NOBODY: Final[Set[Sku]] = frozenset()


@dataclass(frozen=True, slots=True)
class Difference:
    """One SKU whose rebuilt state is another: what differs, in words."""

    sku: Sku
    what: str


def compared(
    running: Mapping[Sku, SkuState],
    rebuilt: Mapping[Sku, SkuState],
    now_ms: int,
    *,
    under_way: Set[Sku] = NOBODY,
    answers: bool = True,
) -> Iterable[Difference]:
    """Where product, stock, orders, overrides or relations to kits differ.

    Versions and times are each system's own, and are not compared; nor is what kits and components say to each other
    where that was `under_way` when the running state was read, nor at all without `answers`.
    """
    for sku in sorted({*running, *rebuilt}):
        ours = _facts(running.get(sku), now_ms)
        theirs = _facts(rebuilt.get(sku), now_ms)
        if sku not in under_way:
            ours |= _of_kits(running.get(sku), answers=answers)
            theirs |= _of_kits(rebuilt.get(sku), answers=answers)
        different = [name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]
        if different:
            yield Difference(sku, "; ".join(_told(name, ours, theirs) for name in sorted(different)))


def _told(name: str, ours: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    mine, other = ours.get(name), theirs.get(name)
    if isinstance(mine, frozenset) or isinstance(other, frozenset):
        mine, other = _some(mine), _some(other)
        return f"{name}: {_names(mine - other)} only in the running state, {_names(other - mine)} only rebuilt"
    return f"{name} is {_value(mine)} and was rebuilt as {_value(other)}"


def _value(value: object) -> object:
    return "not known" if value is None else value


def _some(value: object) -> frozenset[object]:
    return value if isinstance(value, frozenset) else frozenset()


def _names(some: frozenset[object]) -> str:
    told = sorted(map(str, some))
    more = f" and {len(told) - NAMES_TOLD_MAX} more" if len(told) > NAMES_TOLD_MAX else ""
    return (", ".join(told[:NAMES_TOLD_MAX]) or "none") + more


def _facts(state: SkuState | None, now_ms: int) -> dict[str, object]:
    """What input alone decides of a SKU, by name."""
    if state is None:
        return {}
    found: dict[str, object] = {}
    for location, position in state.stock.positions.items():
        if position.on_hand is not None:
            found[f"on hand at {location}"] = position.on_hand
        if reserved := position.reserved(now_ms):
            found[f"reserved at {location}"] = reserved
        for source, log in position.sources.items():
            if log.count_sequence is not None:
                found[f"the last count of {source} at {location}"] = f"number {log.count_sequence}"
    found |= _orders(state.stock)
    if state.product is not None:
        found["product"] = state.product
    if state.override is not None and (state.override.until_ms or now_ms + 1) > now_ms:
        found["override"] = state.override
    return found


def _orders(stock: Stock) -> dict[str, object]:
    found: dict[str, object] = {
        f"sold on {channel} and not reported": units for channel, units in stock.units_sold_unreported().items()
    }
    found["orders sold and not reported"] = frozenset(
        [f"{order} of {sale.units}" for order, sale in stock.sales.items()]
        + [f"{order} of {sale.units} in {kit}" for (kit, order), sale in stock.kit_sales.items()]
    )
    found["orders taken back before they were sold"] = frozenset(
        f"{order} of {cancel.units}" for order, cancel in stock.cancels.items()
    )
    if len(stock.known_orders) < KNOWN_ORDERS_MAX:  # beyond, the oldest are forgotten in the order of arrival
        found["orders that the source knows"] = frozenset(stock.known_orders)
    return {name: value for name, value in found.items() if value}


def _of_kits(state: SkuState | None, *, answers: bool) -> dict[str, object]:
    """The kits that a SKU is registered in; and for a kit what its components said, and where its orders wait."""
    links = state.links if state is not None else None
    if links is None:
        return {}
    found: dict[str, object] = {
        f"registered in kit {kit}": (served.units, served.above) for kit, served in links.serves.items()
    }
    found |= {f"order {order} waits at": parts for order, parts in links.waiting.items()}
    if answers:
        found |= {f"the answer of {part}": replace(said, version=0, settled=()) for part, said in links.answers.items()}
    return found
