"""Trouble of single listings that somebody must be told of: once when it begins, and not once for each listing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from inventory_domain.health_alerts import Severity

FALL_NOT_APPLIED: Final = "fall-not-applied"
RISE_NOT_SEEN: Final = "rise-not-seen"
LISTING_FAILING: Final = "listing-failing"

APART_MS: Final = 300_000  # what is over must stay so this long, and what grows is not told again sooner
GROWN: Final = 10  # times as many listings as were told are news
_RANK: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.PAGE: 2}


@dataclass(frozen=True, slots=True)
class Trouble:
    """How many listings of a channel are in one kind of trouble now, and how bad that is."""

    listings: int
    severity: Severity


@dataclass(frozen=True, slots=True)
class Told:
    """What was told last of one kind of trouble of a channel; `over_since_ms`: since when there is none any more."""

    severity: Severity = Severity.INFO
    listings: int = 0
    at_ms: int = 0
    over_since_ms: int | None = None

    @property
    def begun(self) -> bool:
        """Whether somebody knows of it, and does not know yet that it is over."""
        return self.listings > 0


def tell(told: Told, found: Trouble, now_ms: int) -> tuple[Told, Severity | None]:
    """What is to be told now, if anything, and what was told then.

    It is told when it begins, when it becomes worse, when ten times as many listings are in it, and when it is over:
    of one kind on one channel never more than two alerts in `APART_MS`, however many listings come and go.
    """
    if found.listings == 0:
        if not told.begun:
            return told, None
        since_ms = now_ms if told.over_since_ms is None else told.over_since_ms
        if now_ms - since_ms < APART_MS:
            return replace(told, over_since_ms=since_ms), None
        return Told(), Severity.INFO
    worse = _RANK[found.severity] > _RANK[told.severity]
    grown = found.listings >= GROWN * told.listings and now_ms - told.at_ms >= APART_MS
    if not told.begun or worse or grown:
        severity = max(found.severity, told.severity, key=_RANK.__getitem__)
        return Told(severity, found.listings, now_ms), severity
    return replace(told, over_since_ms=None), None
