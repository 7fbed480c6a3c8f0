"""What a channel that is not written, or only in part, would be changed to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.modes import ChannelMode
from inventory_domain.targets import Target


@dataclass(frozen=True, slots=True)
class ShadowChange:
    """A listing that is not written: what it was seen to show (None: never seen) and what it would be set to."""

    listing_id: ListingId
    sku: Sku
    shown: int | None
    would_show: int

    @property
    def kind(self) -> str:
        """`falls`, `rises`, `stays`, or `unknown` where it was never seen."""
        if self.shown is None:
            return "unknown"
        if self.shown == self.would_show:
            return "stays"
        return "falls" if self.would_show < self.shown else "rises"

    @property
    def units(self) -> int:
        """By how much it would change; 0 where that is not known."""
        return 0 if self.shown is None else self.would_show - self.shown


def shadow_changes(
    targets: Iterable[Target], exposures: Mapping[ListingId, Exposure], mode: ChannelMode
) -> list[ShadowChange]:
    """Every listing that the mode leaves alone, the largest change first."""
    changes = [
        ShadowChange(target.listing_id, target.sku, _shown(exposures.get(target.listing_id)), target.quantity)
        for target in targets
        if not mode.writes(target.sku)
    ]
    return sorted(changes, key=lambda one: (-abs(one.units), one.listing_id))


def _shown(exposure: Exposure | None) -> int | None:
    return exposure.confirmed.quantity if exposure is not None and exposure.confirmed is not None else None
