"""What is asked of one SKU from inside the system: by reconciliation, by other SKUs' kits, by operators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from inventory_domain.identifiers import ChannelId, EventId, ListingId, LocationId, OrderId, Sku, SourceId

NO_CHANNEL = ChannelId("")


@dataclass(frozen=True, slots=True)
class Restate:
    """Send this listing again under a new version. Ignored when a newer version than the one judged exists."""

    listing_id: ListingId
    judged_version: int
    cause: str


@dataclass(frozen=True, slots=True)
class KitRegistered:
    """A kit needs so many units of this SKU and wants to be told when its number changes.

    `above` are the kits that this kit is a part of itself, so that a cycle is seen by whoever closes it.
    """

    kit: Sku
    units: int
    above: tuple[Sku, ...] = ()


@dataclass(frozen=True, slots=True)
class KitRemoved:
    """A kit no longer needs this SKU."""

    kit: Sku


@dataclass(frozen=True, slots=True)
class SilentSource:
    """Why a component has nothing at these locations: the source that tells of `sku` there has fallen silent.

    `sku` is the component itself, or the part that bounds a component which is a kit.
    """

    source: SourceId
    sku: Sku
    locations: tuple[LocationId, ...]


@dataclass(frozen=True, slots=True)
class KitAvailability:
    """A component's answer to its kit: how many kits it would do for at each location.

    Nothing is said of a location that has none. `units` is what one kit was taken to need. `uncounted` are locations
    that stock the component and were never counted. `unplaced` is how many kits may be lost to units that were sold
    and not reported yet, since nobody knows from which location they will be taken. `is_kit`: the component is a kit
    itself. `shared` are kits further up that the component is in by more than one way. `refused` is the reason for
    which it cannot be a part of this kit at all; empty when it can. `heard` are the kits above that the component was
    told of: a kit says nothing further up before its components know for whom they answer. `settled` are orders of
    this kit that the source has told of at the component. `version` only grows, so that an older answer is known.
    `silent` changes no number; it says why there is none. `cause` is that of the component's own targets; it is told
    and not kept.
    """

    component: Sku
    kits_by_location: tuple[tuple[LocationId, int], ...]
    units: int = 1
    uncounted: tuple[LocationId, ...] = ()
    unplaced: int = 0
    is_kit: bool = False
    shared: tuple[Sku, ...] = ()
    refused: str = ""
    heard: tuple[Sku, ...] = ()
    settled: tuple[OrderId, ...] = ()
    version: int = 0
    silent: tuple[SilentSource, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True)
class KitSold:
    """Kits were sold: so many units of this component are promised by the order. Absolute; 0: none any more."""

    kit: Sku
    order_id: OrderId
    units: int
    channel: ChannelId = NO_CHANNEL


@dataclass(frozen=True, slots=True)
class SaleSettled:
    """An operator's word that an order need not be netted: it is in the source's figures, or was never real."""

    order_id: OrderId
    by: str
    why: str


class OverrideKind(Enum):
    """What an operator does to a SKU: HOLD its numbers, CAP them, ZERO them, or RELEASE it again."""

    HOLD = "hold"
    CAP = "cap"
    ZERO = "zero"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's hand on a SKU until a time. `units` is the cap; `by` and `why` are recorded."""

    kind: OverrideKind
    units: int | None
    until_ms: int | None
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class SkuCommand:
    """One record of `sku.commands`; repeating it is harmless."""

    command_id: EventId
    sku: Sku
    issued_at_ms: int
    issued_by: str
    kind: Restate | KitRegistered | KitRemoved | KitAvailability | KitSold | Override | SaleSettled


KitKind = KitRegistered | KitRemoved | KitAvailability | KitSold
"""What kits and components say to each other."""

OperatorKind = Restate | Override | SaleSettled
"""What somebody outside the engine may ask of a SKU; all else is between SKUs."""
