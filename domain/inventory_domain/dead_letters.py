"""What may be done with a dead letter now, whatever was true when it was written."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.exposure import Exposure, Result
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.targets import Target


@dataclass(frozen=True, slots=True)
class ReplayCurrent:
    """The listing's current target is to be said once more: delivery then pushes it like any other."""

    sku: Sku
    listing_id: ListingId
    version: int


@dataclass(frozen=True, slots=True)
class ReplayRefused:
    """Nothing is to be sent for this letter; `why` is for whoever asked."""

    why: str


def judge_replay(
    letter: Target | None, current: Target | None, exposure: Exposure | None
) -> ReplayCurrent | ReplayRefused:
    """What a replay of this letter comes to. A number of the past is never sent again: only the current one may be."""
    if letter is None:
        return ReplayRefused("it cannot be read, so it names no target; the engine's next one takes its own way")
    if current is None:
        return ReplayRefused("the listing has no target any more: it left the catalog")
    if current.version > letter.version:
        return ReplayRefused(
            f"stale: version {letter.version} was followed by {current.version} ({current.quantity} units),"
            " which takes its own way"
        )
    if current.version < letter.version:
        return ReplayRefused(f"version {letter.version} is newer than the listing's target {current.version}")
    last = exposure.last if exposure is not None else None
    if last is not None and last.version >= current.version and last.result in (Result.APPLIED, Result.ACCEPTED):
        return ReplayRefused(f"the marketplace took version {last.version} since")
    return ReplayCurrent(current.sku, current.listing_id, current.version)
