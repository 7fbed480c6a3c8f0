"""What may be done with a listing now, whatever its target says: shown as zero, its rises or falls held, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inventory_domain.due import Wanted, rises
from inventory_domain.exposure import Exposure

STOP_SALE: Final = "stop-sale"
ENGINE_SILENT: Final = "engine-silent"
NO_PROGRESS: Final = "no-progress-known"


@dataclass(frozen=True, slots=True)
class Standing:
    """`mask`: why zero is sent instead of the target. `rises_held`, `falls_held`: why they wait; None: they go.

    A mask's zero is a fall. `every_path`: the zero goes by each write path that the marketplace has. `zeros_held`: why
    falls to zero wait, though others go.
    """

    mask: str | None = None
    rises_held: str | None = None
    falls_held: str | None = None
    every_path: bool = False
    zeros_held: str | None = None

    def held(self, want: Wanted, exposure: Exposure | None) -> str | None:
        """Why what is wanted may not go now; None when it may."""
        if self.falls_held is not None:
            return self.falls_held
        if want.quantity == 0 and self.zeros_held is not None:
            return self.zeros_held
        return self.rises_held if rises(want, exposure) else None

    def joined(self, other: Standing) -> Standing:
        """Both hold; where both give a reason, the first one's is told."""
        return Standing(
            mask=self.mask if self.mask is not None else other.mask,
            rises_held=self.rises_held if self.rises_held is not None else other.rises_held,
            falls_held=self.falls_held if self.falls_held is not None else other.falls_held,
            every_path=self.every_path or other.every_path,
            zeros_held=self.zeros_held if self.zeros_held is not None else other.zeros_held,
        )


FREE: Final = Standing()


def engine_standing(
    complete_until_ms: int | None, computed_ms: int | None, watched_from_ms: int, now_ms: int, limit_s: float
) -> Standing:
    """What the engine's silence on a partition means for its listings (the dead man's switch).

    `complete_until_ms`: the engine's last word; nothing is raised before there was one. `computed_ms`: when it computed
    the partition's newest target, if there is any: that is a word too, and the only one where the other is lost.
    `watched_from_ms`: silence counts at the earliest from here, since nobody looked before.
    """
    spoke_ms = computed_ms if complete_until_ms is None else complete_until_ms
    if spoke_ms is not None and now_ms - max(spoke_ms, watched_from_ms) > limit_s * 1000:
        return Standing(mask=ENGINE_SILENT, every_path=True)
    return Standing(rises_held=NO_PROGRESS) if complete_until_ms is None else FREE
