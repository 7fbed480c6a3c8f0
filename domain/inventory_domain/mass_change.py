"""When the input zeroes more listings at once than is believed: those falls are held a while, so that someone looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GUARD_HOLD_MS_MAX: Final = 600_000
"""A stamped fall is held at most this long from its target's time, unless an operator says otherwise."""

INPUT_CAUSES: Final = frozenset(
    ("stock-counted", "stock-adjusted", "product", "product-removed", "listing-removed", "source-silent")
)
"""Causes by which an input that went wrong zeroes listings. Orders do so too, one by one, and those are believed; what
an operator says is meant."""

KIT_CAUSE: Final = "kit-component"
"""The cause by which a kit follows its component, where the component's own is believed."""

_COMPONENT: Final = "component-"


def cause_of_kit(cause: str) -> str:
    """Why a kit changes, when its component changes for that cause: what the input did to it, or only that it did."""
    own = cause.removeprefix(_COMPONENT)
    return f"{_COMPONENT}{own}" if own in INPUT_CAUSES else KIT_CAUSE


def is_by_input(cause: str) -> bool:
    """Whether a listing is zeroed by an input that may have gone wrong, its own or that of a component."""
    return cause.removeprefix(_COMPONENT) in INPUT_CAUSES


_PARTS: Final = 60  # of a window: as many times are kept at most


@dataclass(frozen=True, slots=True)
class MassChangePolicy:
    """More than `share_percent` of what a channel shows, zeroed within `window_ms`, is not believed at once.

    Fewer than `listings_min` listings are no mass. Each partition counts its own.
    """

    share_percent: int = 20
    window_ms: int = 300_000
    listings_min: int = 20


@dataclass(frozen=True, slots=True)
class Zeros:
    """Listings of one channel that the input zeroed within the window: when and how many at a time.

    `guarded_since_ms` is when they became more than is believed, as long as they have not stopped for a whole window.
    """

    recent: tuple[tuple[int, int], ...] = ()
    guarded_since_ms: int | None = None

    def after(self, count: int, shown: int, now_ms: int, policy: MassChangePolicy) -> Zeros:
        """With so many more zeroed now, while so many others of the channel still show something."""
        recent = tuple([one for one in self.recent if one[0] > now_ms - policy.window_ms])
        if count and recent and now_ms - recent[-1][0] < policy.window_ms // _PARTS:
            recent = (*recent[:-1], (recent[-1][0], recent[-1][1] + count))
        elif count:
            recent = (*recent, (now_ms, count))
        zeroed = sum([some for _, some in recent])
        many = zeroed >= policy.listings_min and zeroed * 100 > policy.share_percent * (shown + zeroed)
        since = self.guarded_since_ms
        if not recent:
            since = None
        elif since is None and many:
            since = now_ms
        return Zeros(recent, since)


def guard_kept(guard: str | None, stamped_at_ms: int, now_ms: int) -> str | None:
    """The guard of a fall that is said once more: while it may be held, the repetition must not go around the hold."""
    return guard if guard is not None and now_ms - stamped_at_ms < GUARD_HOLD_MS_MAX else None
