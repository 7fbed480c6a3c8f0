"""What is asked of one SKU from inside the system: by reconciliation, by other SKUs' kits, by operators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from inventory_domain.identifiers import EventId, ListingId, Sku


@dataclass(frozen=True, slots=True)
class Restate:
    """Send this listing again under a new version. Ignored when a newer version than the one judged exists."""

    listing_id: ListingId
    judged_version: int
    cause: str


@dataclass(frozen=True, slots=True)
class KitRegistered:
    """A kit needs so many units of this SKU and wants to be told when its number changes."""

    kit: Sku
    units: int


@dataclass(frozen=True, slots=True)
class KitRemoved:
    """A kit no longer needs this SKU."""

    kit: Sku


@dataclass(frozen=True, slots=True)
class KitAvailability:
    """A component's answer to its kit: how many kits it would do for at each location."""

    component: Sku
    kits_by_location: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class KitSold:
    """Kits were sold: so many units of this component are promised by the order."""

    kit: Sku
    order_id: str
    units: int


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
    kind: Restate | KitRegistered | KitRemoved | KitAvailability | KitSold | Override


OperatorKind = Restate | Override
"""What somebody outside the engine may ask of a SKU; all else is between SKUs."""
