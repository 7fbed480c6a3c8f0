"""What may be done with a dead letter now, whatever was true when it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inventory_domain.changes import InventoryChange, OrderShipped, StockAdjusted, StockCounted
from inventory_domain.exposure import Exposure, Result
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.stock import Stock
from inventory_domain.targets import Target

_MOVES: Final = (StockCounted, StockAdjusted, OrderShipped)


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


def judge_change(change: InventoryChange, stock: Stock | None) -> ReplayRefused | None:
    """Why a change that was put aside must not be sent again; None where nothing is known against it.

    A sequence tells whether a count has it already. Without one it would be the newest, whatever was counted since.
    """
    position = stock.positions.get(change.location) if stock is not None and change.location is not None else None
    if change.sequence is not None or position is None or position.on_hand is None:
        return None
    if not isinstance(change.kind, _MOVES):
        return None
    return ReplayRefused(
        f"it has no sequence that tells whether it is older than the {position.on_hand} units counted at"
        f" {change.location}, and would stand for the newest: have {change.source} send a count instead"
    )
