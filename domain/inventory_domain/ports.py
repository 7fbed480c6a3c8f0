"""What the pipeline asks of a marketplace. An adapter answers; it never decides what is next, waits, or tries again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from inventory_domain.due import Urgency
from inventory_domain.identifiers import ChannelId, ListingId, Marketplace, NodeId
from inventory_domain.outcomes import LimitSeen, Outage, PushOutcome, Rejected, Throttled, Transient, Unauthorized


@dataclass(frozen=True, slots=True)
class Push:
    """One quantity to set, absolutely. `nodes` has the parts per ship node or location, or nothing.

    `key` is the same for a repeat of the same attempt and new for every other, as an idempotency key must be.
    """

    listing_id: ListingId
    channel: ChannelId
    quantity: int
    nodes: Mapping[NodeId, int]
    marketplace_ids: Mapping[str, str]
    version: int
    key: str


@dataclass(frozen=True, slots=True)
class ListingRef:
    """A listing to be read, as its marketplace knows it."""

    listing_id: ListingId
    channel: ChannelId
    marketplace_ids: Mapping[str, str]
    nodes: tuple[NodeId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the marketplace shows now: the number that buyers can order, and its parts where there are nodes.

    A read that may be older than it was made says so by `as_of_age_s_max`.
    """

    listing_id: ListingId
    quantity: int
    nodes: Mapping[NodeId, int] = field(default_factory=dict)
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotListed:
    """The marketplace does not know the listing, or does not say its quantity. Never to be read as zero (rule 32)."""

    listing_id: ListingId
    api: str
    reason: str
    request_id: str | None = None
    seen: LimitSeen | None = None


ReadAnswer = Shown | NotListed | Throttled | Transient | Outage | Unauthorized | Rejected


@dataclass(frozen=True, slots=True)
class OperationLimit:
    """A published limit of one operation of an account: a token bucket, and calls per day where there is a quota.

    A token is a call, or a cost point where the marketplace counts those.
    """

    operation: str
    rate_per_s: float
    burst: float
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class RevisionLimit:
    """How often all listings that share the value of the marketplace id `id_name` may be written in a day.

    `reserve`: so many of them are kept from rises, and half as many from falls, so that zeros may go to the end.
    """

    id_name: str
    per_day: int
    reserve: int

    def allowed(self, urgency: Urgency) -> int:
        """Writes a day after which no write of this urgency goes."""
        kept = {Urgency.FALL_TO_ZERO: 0, Urgency.FALL: self.reserve // 2, Urgency.RISE: self.reserve}
        return self.per_day - kept[urgency]


@dataclass(frozen=True, slots=True)
class AdapterTraits:
    """What an adapter declares of its marketplace, so that nothing else needs to know its name.

    `push_cost` and `read_cost` are tokens of their operation per call. `settling_s_max`: how long an accepted number
    may take to be live. `answer_proves_live`: an answer of success means that buyers see it. `read_age_s_max`: how old
    a read may be. `read_includes_own_sales`: the number read falls when the marketplace sells. `exclusive_ids`: names
    of marketplace ids of which two writes with one value must never be under way at once, not even in one call, because
    the marketplace refuses the second (an item of which the variations are listings of ours). `revisions`: how often
    those may be written in a day, where that is limited. `freshness_objective_s`: a change that it takes later than
    this after it occurred is counted as late. `tells_what_is_left`: answers of pushes and reads say how much of their
    limit is left, so that whoever shares it sees what others use.
    """

    marketplace: Marketplace
    limits: tuple[OperationLimit, ...]
    push_operation: str
    read_operation: str
    push_group_max: int = 1
    push_cost: float = 1.0
    read_cost: float = 1.0
    settling_s_max: float = 0.0
    answer_proves_live: bool = False
    read_includes_own_sales: bool = True
    read_age_s_max: float = 0.0
    exclusive_ids: tuple[str, ...] = ()
    revisions: RevisionLimit | None = None
    freshness_objective_s: float = 600.0
    tells_what_is_left: bool = False


class MarketplaceAdapter(Protocol):
    """One account at one marketplace. Safe for concurrent calls; the caller owns all limits and the order of calls."""

    @property
    def traits(self) -> AdapterTraits:
        """What holds for this account; constant for the life of the adapter."""
        ...

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """Set these quantities with one call and return one outcome per push, in their order, whatever happens.

        At most `traits.push_group_max` pushes, no listing twice. Takes at most 15 s (rule 25). A refused token is
        refreshed once and the call repeated once; nothing else is. Repeating the same pushes is harmless.
        Never raises for what a marketplace or the network may do; cancelling it leaves the effect unknown.
        """
        ...

    async def read(self, listing: ListingRef) -> ReadAnswer:
        """What the marketplace shows for this listing now. May be repeated freely; same promises as `push`."""
        ...

    async def aclose(self) -> None:
        """Give back connections. Calls after it are bugs."""
        ...


@runtime_checkable
class HoldsToken(Protocol):
    """An adapter whose credentials give it tokens that end."""

    @property
    def token_age_s(self) -> float | None:
        """How long ago the access token in use was fetched; None before the first."""
        ...
