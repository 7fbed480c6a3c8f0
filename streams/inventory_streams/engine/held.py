"""Changes that wait for their product: how many of one partition there are, so that they cannot be all the memory."""

from __future__ import annotations

from inventory_domain.identifiers import Sku
from inventory_domain.sku_state import SkuState


class Held:
    """Counts what durable states hold. After a takeover it is whole when the first sweep has looked at every SKU."""

    def __init__(self) -> None:
        self._by_sku: dict[Sku, int] = {}
        self.records = 0

    def __contains__(self, sku: Sku) -> bool:
        return sku in self._by_sku

    @property
    def skus(self) -> int:
        """The SKUs that they are of."""
        return len(self._by_sku)

    def note(self, sku: Sku, state: SkuState) -> None:
        """Take over a state that is durable."""
        now = len(state.held)
        if now or self._by_sku:
            self.records += now - self._by_sku.pop(sku, 0)
        if now:
            self._by_sku[sku] = now
