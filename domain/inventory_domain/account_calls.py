"""What may be asked of an account as a whole: what it is set to, what it is allowed, and what the marketplace holds.

An adapter has the protocols that its marketplace offers. All calls keep the promises of `ports.MarketplaceAdapter`:
at most 15 s, a value for whatever the world does, safe to cancel and to run at the same time unless they say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from inventory_domain.bulk import BulkTraits, CallFailed
from inventory_domain.identifiers import NodeId
from inventory_domain.outcomes import LimitSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfStockControl:
    """Whether a listing outlives a quantity of zero: where it is off, zero ends the listing."""

    on: bool
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


class WhenOff(Enum):
    """What becomes of a listing that should fall to zero while zero would end it. LEAVE: it stays shown as it is.
    END: zero is written, and it ends."""

    LEAVE = "leave"
    END = "end"


@dataclass(frozen=True, slots=True)
class OutOfStockPolicy:
    """The seller's choice. `turn_on`: we turn the control on where it is found off."""

    turn_on: bool = True
    when_off: WhenOff = WhenOff.LEAVE


@runtime_checkable
class ControlsOutOfStock(Protocol):
    """An account on which listings may end at zero, unless it is told otherwise."""

    @property
    def out_of_stock_policy(self) -> OutOfStockPolicy:
        """What the seller wants done where it is off; constant for the life of the adapter."""
        ...

    @property
    def out_of_stock_traits(self) -> BulkTraits:
        """What a call counts against."""
        ...

    async def out_of_stock_control(self) -> OutOfStockControl | CallFailed:
        """What the account is set to. An answer that does not say it is a failure, never taken for either."""
        ...

    async def set_out_of_stock_control(self, on: bool) -> OutOfStockControl | CallFailed:
        """Set it. Repeating is harmless; that it took effect, only asking again proves."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """What the marketplace says of an operation's calls in a window: how many there are, and how many are left.

    `resets_at_ms` is nothing where the marketplace does not say when the window ends.
    """

    operation: str
    calls: int
    remaining: int
    window_s: float
    resets_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuotas:
    """The quotas that the marketplace told; one that it did not tell stays as it is set."""

    quotas: tuple[DailyQuota, ...]
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@runtime_checkable
class ReportsQuotas(Protocol):
    """Says how many calls are left."""

    @property
    def quota_traits(self) -> BulkTraits:
        """What a call counts against; it is not the quota that is asked for."""
        ...

    async def daily_quotas(self) -> DailyQuotas | CallFailed:
        """The quotas of the operations in `AdapterTraits.limits`, as far as the marketplace tells them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketplaceLocation:
    """A place that stock ships from, as the marketplace knows it.

    `left_out` says why no push may name it, if so. `services` are the marketplace's words for what it can promise.
    """

    node: NodeId
    name: str
    left_out: str | None = None
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationPage:
    """Some of the account's locations; `next_cursor` asks for more, nothing there means that these were all."""

    locations: tuple[MarketplaceLocation, ...]
    next_cursor: str | None
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@runtime_checkable
class ReportsLocations(Protocol):
    """Says which locations there are, those too that are out of use or not ours to write."""

    @property
    def location_traits(self) -> BulkTraits:
        """What a page counts against."""
        ...

    async def locations(self, cursor: str | None) -> LocationPage | CallFailed:
        """A page of them; the first one without a cursor."""
        ...
