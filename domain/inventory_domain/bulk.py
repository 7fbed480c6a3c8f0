"""What the pipeline may ask of a marketplace beside single calls: feeds, reads of many, pulls of all, and how it is.

An adapter has the protocols that its marketplace offers. All calls keep the promises of `ports.MarketplaceAdapter`:
at most 15 s, a value for whatever the world does, safe to cancel and to run at the same time unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, Protocol, runtime_checkable

from inventory_domain.identifiers import ChannelId, ListingId, NodeId
from inventory_domain.outcomes import LimitSeen, Outage, PushOutcome, Rejected, Throttled, Transient, Unauthorized
from inventory_domain.ports import ListingRef, Push, ReadAnswer

FailureKind = Literal["throttled", "transient", "outage", "unauthorized", "rejected"]
TOO_MANY_LISTINGS: Final = "too-many-listings"  # the reason of a pull that shows more than can be paged through


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """Why a call that is about no single listing was not done; the fields mean what they mean in an outcome."""

    kind: FailureKind
    api: str
    reason: str
    request_id: str | None = None
    status: int | None = None
    error: str | None = None
    effect_unknown: bool = False
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True)
class BulkTraits:
    """The operation whose limit a call counts against, its cost in tokens, and how many listings it takes at most."""

    operation: str
    listings_max: int
    cost: float = 1.0


@runtime_checkable
class ReadsGroups(Protocol):
    """Reads several listings of one channel by one call."""

    @property
    def group_read_traits(self) -> BulkTraits:
        """What a call counts against."""
        ...

    async def read_group(self, listings: Sequence[ListingRef]) -> Sequence[ReadAnswer]:
        """What the marketplace shows for each of these, in their order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A listing that a pull came across. `marketplace_ids` are those that the answer tells, by which it is recognized.

    `quantity` is nothing where the marketplace does not say it, which is never to be read as zero (rule 32); `reason`
    says why, where it is known. `left_out` are nodes that do not count, each with why: no push may name them.
    """

    marketplace_ids: Mapping[str, str]
    quantity: int | None
    nodes: Mapping[NodeId, int] = field(default_factory=dict)
    reason: str | None = None
    left_out: Mapping[NodeId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a pull. `next_cursor` asks for the next part; nothing there means that the pull is complete."""

    found: tuple[Found, ...]
    next_cursor: str | None
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True)
class PullTraits:
    """`page_max`: listings on a page at most. `listings_max`: more than that cannot be pulled, only read.
    `sequential`: one pull at a time per account, by a cursor that tells what was there when the pull began.
    `of_account`: it tells what the account has of each SKU, on whichever of its channels; none shows more than that."""

    operation: str
    page_max: int
    cost: float = 1.0
    listings_max: int | None = None
    sequential: bool = False
    of_account: bool = False


@runtime_checkable
class PullsListings(Protocol):
    """Pulls all that an account shows, page by page."""

    @property
    def pull_traits(self) -> PullTraits:
        """What a page counts against."""
        ...

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        """The first page, or the one that a former page's cursor asks for. A failed page may be asked for again,
        unless the pull is sequential: then it begins anew. A pull that does not reach its end has told nothing."""
        ...


@dataclass(frozen=True, slots=True)
class BackgroundPullTraits:
    """What it costs to begin a pull and to ask for it.

    `age_s_max`: how much older than its beginning what the pull tells may be.
    """

    start: BulkTraits
    poll: BulkTraits
    age_s_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PullStarted:
    """The marketplace gathers what the account shows; ask for it after so many seconds."""

    pull_id: str
    ask_after_s: float
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRunning:
    """Not done yet; ask again after so many seconds. `listings` so far, where the marketplace tells."""

    ask_after_s: float
    api: str
    listings: int | None = None
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullDone:
    """All that the account shows. `found` can be gone through once, and is made while it is, so it takes little room.

    `unreadable` parts could not be read: where there are any, a listing that was not found may be there all the same.
    """

    found: Iterator[Found]
    unreadable: int
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@runtime_checkable
class PullsInBackground(Protocol):
    """Has the marketplace gather all that an account shows, and fetches it as one document."""

    @property
    def background_pull_traits(self) -> BackgroundPullTraits:
        """What the steps count against."""
        ...

    async def start_pull(self, channel: ChannelId) -> PullStarted | CallFailed:
        """Begin. One that was begun twice is gathered twice, which does no harm."""
        ...

    async def poll_pull(self, channel: ChannelId, pull_id: str) -> PullRunning | PullDone | CallFailed:
        """How it stands. A pull that ended without an answer is Transient: it is to be begun anew."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldStock:
    """Units of a SKU that the marketplace itself holds, by its own word: read, never written."""

    marketplace_ids: Mapping[str, str]
    available: int
    reserved: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPage:
    """Part of what is held; `next_cursor` asks for more, nothing there means that this was all."""

    held: tuple[HeldStock, ...]
    next_cursor: str | None
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@runtime_checkable
class ReadsHeldStock(Protocol):
    """Reads the pool of stock that the marketplace holds for the account."""

    @property
    def held_stock_traits(self) -> BulkTraits:
        """What a page counts against, and how many SKUs it has at most."""
        ...

    async def held_stock(self, channel: ChannelId, cursor: str | None) -> HeldPage | CallFailed:
        """A page of the pool; the first one without a cursor."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPassed:
    """The marketplace would take this push; nothing was written."""

    listing_id: ListingId
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


CheckAnswer = CheckPassed | Throttled | Transient | Outage | Unauthorized | Rejected


@runtime_checkable
class ChecksPushes(Protocol):
    """Says what a push would come to, without making it."""

    @property
    def check_traits(self) -> BulkTraits:
        """What a call counts against."""
        ...

    async def check(self, push: Push) -> CheckAnswer:
        """Whether the marketplace would take this push. Writes nothing, so it may be repeated freely."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSubmitted:
    """The marketplace has the feed; ask for it after so many seconds."""

    feed_id: str
    ask_after_s: float
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRunning:
    """Not done yet; ask again after so many seconds."""

    ask_after_s: float
    api: str
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOutcomes:
    """Outcomes of a feed that is done, or some of them; `next_cursor` asks for more.

    A push that has none when there are no more may have been applied or not: it is to be read.
    """

    outcomes: tuple[PushOutcome, ...]
    next_cursor: str | None
    seen: LimitSeen | None = None


@dataclass(frozen=True, slots=True)
class FeedTraits(BulkTraits):
    """What a feed costs beside handing it in, and when it is to be preferred.

    `takes_s`: from handing it in to its report, as a rule; `takes_s_max`: one that is not done by then is stuck.
    `always_above`: with more listings than that waiting, a feed is used whatever the single calls could do.
    """

    poll_operation: str = ""
    takes_s: float = 600.0
    takes_s_max: float = 7_200.0
    always_above: int | None = None


@dataclass(frozen=True, slots=True)
class FeedPart:
    """Rows of a feed, by their number from 1: all of its `size`, or those that one worker answers for."""

    feed_id: str
    size: int
    rows: Mapping[int, Push]


def numbered(pushes: Sequence[Push]) -> dict[int, Push]:
    """These pushes as the rows of a feed."""
    return dict(enumerate(pushes, 1))


@runtime_checkable
class TakesFeeds(Protocol):
    """Takes many pushes of one channel as one file that is worked on later."""

    @property
    def feed_traits(self) -> FeedTraits:
        """For pushes of one number."""
        ...

    @property
    def node_feed_traits(self) -> FeedTraits | None:
        """For pushes with a number per node, where there is such a feed."""
        ...

    async def submit_feed(self, rows: Mapping[int, Push]) -> FeedSubmitted | CallFailed:
        """Hand in a feed of these rows by their numbers; all of them have nodes or none has. Where `effect_unknown` is
        said, look for it first: a feed that is handed in twice is worked on twice."""
        ...

    async def find_feed(self, rows: Mapping[int, Push], since_ms: int) -> FeedSubmitted | CallFailed | None:
        """The feed of these rows that was handed in since then, nothing when there is none.

        Rejected with `not-offered` where the marketplace does not tell: then the listings are to be read.
        """
        ...

    async def poll_feed(self, part: FeedPart, cursor: str | None) -> FeedRunning | FeedOutcomes | CallFailed:
        """How the feed stands. The rows are those that it was made of, each with the number that it had there."""
        ...


class Condition(Enum):
    """How a marketplace says that it is."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    OUTAGE = "outage"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketplaceStatus:
    """What the marketplace says of itself."""

    condition: Condition
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@runtime_checkable
class ReportsStatus(Protocol):
    """Says how it is."""

    @property
    def status_traits(self) -> BulkTraits:
        """What a call counts against."""
        ...

    async def status(self) -> MarketplaceStatus | CallFailed:
        """How the marketplace is now, by its own word."""
        ...

    async def aclose(self) -> None:
        """Give back connections. Calls after it are bugs; repeating it is none."""
        ...
