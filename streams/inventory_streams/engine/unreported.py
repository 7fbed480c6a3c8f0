"""Orders that channels reported and the source did not: how many have waited for longer than they should."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from inventory_domain.identifiers import Sku
from inventory_domain.netting import sold_at_ms
from inventory_domain.sku_state import SkuState

SKUS_NAMED_MAX = 5  # in a warning

log = logging.getLogger(__name__)


class Unreported:
    """When the orders of one partition's SKUs were sold that are still netted."""

    def __init__(self) -> None:
        self._sold_at_ms: dict[Sku, tuple[int, ...]] = {}
        self._told = 0

    def note(self, sku: Sku, state: SkuState) -> None:
        """Take over a state that is durable. Of what is not in the catalog nothing is promised: nobody need look."""
        times = sold_at_ms(state.stock) if state.product is not None else []
        if times:
            self._sold_at_ms[sku] = tuple(times)
        else:
            self._sold_at_ms.pop(sku, None)

    def overdue(self, before_ms: int) -> int:
        """Orders that were sold before that time. More than at the last look are logged, with some of the SKUs."""
        late = {sku: count for sku, times in self._sold_at_ms.items() if (count := _at_most(times, before_ms))}
        orders = sum(late.values())
        if orders > self._told:
            skus = sorted(late)[:SKUS_NAMED_MAX]
            log.warning(
                "orders that channels reported and the source never did", extra={"orders": orders, "skus": skus}
            )
        self._told = orders
        return orders


def _at_most(times: Iterable[int], before_ms: int) -> int:
    return sum(at_ms <= before_ms for at_ms in times)
