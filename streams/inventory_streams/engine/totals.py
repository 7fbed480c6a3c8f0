"""Sums over all SKUs of a partition, kept as their states change: what is shown, and what is shown beyond the stock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from inventory_domain.identifiers import ChannelId, Sku
from inventory_domain.sku_state import SkuState


class Totals:
    """Sums that begin when a partition is recovered, and are whole when each of its SKUs was looked at once."""

    def __init__(self, skus: Iterable[Sku], promise: Callable[[SkuState], str]) -> None:
        """`promise` names the promise that holds for a SKU."""
        self._unseen = set(skus)
        self._promise = promise
        self.showing: Counter[ChannelId] = Counter()
        self.listing_units: Counter[str] = Counter()
        self.sku_units: Counter[str] = Counter()
        self.unknown_listings = 0

    @property
    def whole(self) -> bool:
        """Whether every SKU is in the sums."""
        return not self._unseen

    def look_at(self, state: SkuState) -> None:
        """Add a SKU that was recovered, once."""
        if state.sku in self._unseen:
            self._unseen.discard(state.sku)
            if not self._unseen:
                self._unseen = set()  # an emptied one keeps its table: 50 bytes for each SKU that there was
            self._add(state, 1)

    def changed(self, before: SkuState | None, after: SkuState) -> None:
        """A state took another's place. One that was not looked at yet is added whole when it is."""
        if after.sku in self._unseen:
            return
        if before is not None and not before.exposures and not after.exposures:
            self._changed_showing(before, after)
            return
        if before is not None:
            self._add(before, -1)
        self._add(after, 1)

    def _changed_showing(self, before: SkuState, after: SkuState) -> None:
        """Most changes leave each listing above zero: then nothing is added or taken off."""
        for listing_id, was in before.targets.items():
            now = after.targets.get(listing_id)
            if (was.quantity > 0) and (now is None or now.quantity <= 0 or now.channel != was.channel):
                self.showing[was.channel] -= 1
        for listing_id, now in after.targets.items():
            known = before.targets.get(listing_id)
            if now.quantity > 0 and (known is None or known.quantity <= 0 or known.channel != now.channel):
                self.showing[now.channel] += 1

    def _add(self, state: SkuState, sign: int) -> None:
        for target in state.targets.values():
            if target.quantity > 0:
                self.showing[target.channel] += sign
        if not state.exposures:
            return
        self.unknown_listings += sign * sum([seen.units is None for seen in state.exposures.values()])
        if state.overshown_listing_units or state.overshown_sku_units:
            promise = self._promise(state)
            self.listing_units[promise] += sign * state.overshown_listing_units
            self.sku_units[promise] += sign * state.overshown_sku_units
