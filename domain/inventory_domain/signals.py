"""What marketplaces tell of their own accord. A signal is a hint: it may come twice, late or never, and wants a read.

An adapter verifies and reads signals, and keeps the subscriptions that make the marketplace send them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from inventory_domain.bulk import BulkTraits, CallFailed
from inventory_domain.identifiers import NodeId
from inventory_domain.outcomes import LimitSeen

NOT_SET: Final = "signals-not-set"  # the reason where an account's settings do not say where signals go to


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingChanged:
    """A listing may show something else. `marketplace_ids` are those that the signal tells, `market` its country.

    `quantity` is what it is said to be at `node`, or in all; it serves to recognize our own writes, and proves nothing.
    """

    marketplace_ids: Mapping[str, str]
    market: str | None = None
    node: NodeId | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged:
    """An order for units of a listing was made or has changed; `status` is the marketplace's word.

    `line` is the order's own number of the line, where the marketplace tells it: two lines may be of one listing.
    """

    order_id: str
    status: str
    marketplace_ids: Mapping[str, str]
    units: int
    line: str = ""
    market: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished:
    """A feed, or a pull in the background, is done and can be asked for."""

    kind: Literal["feed", "pull"]
    job_id: str


Signal = ListingChanged | OrderChanged | JobFinished


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message that is genuine. `notice_id` is the same when it comes again; one with no signals needs no work."""

    notice_id: str
    topic: str
    occurred_at_ms: int | None
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRefused:
    """A message that is not acted on: `reason` is constant, `status` the HTTP status to answer with."""

    reason: str
    status: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. Names of headers are in lower case; the body is as it was sent, byte by byte."""

    headers: Mapping[str, str]
    body: bytes


@runtime_checkable
class TakesMessages(Protocol):
    """Verifies and reads what the marketplace sends."""

    async def take(self, message: Message) -> Notice | NoticeRefused:
        """What the message says, once it is proven to be the marketplace's. Does no work of its own but fetch a key,
        which takes at most 15 s and is rare; may be repeated freely."""
        ...


@runtime_checkable
class AnswersChallenges(Protocol):
    """Proves to the marketplace that an endpoint is ours."""

    def challenge_response(self, challenge_code: str) -> str | None:
        """What to answer to this code; nothing where the account receives no messages."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A message that waits in a queue, and what it is acknowledged by."""

    message: Message
    handle: str


@runtime_checkable
class ReadsQueue(Protocol):
    """Is told by way of a queue of ours, which is read and not listened at."""

    @property
    def has_queue(self) -> bool:
        """Whether the account has one."""
        ...

    async def receive(self) -> Sequence[Queued] | CallFailed:
        """Some messages that wait, none after at most 25 s. One that is not acknowledged comes again later."""
        ...

    async def acknowledge(self, handles: Sequence[str]) -> CallFailed | None:
        """These are done with. Repeating is harmless."""
        ...


SubscriptionState = Literal["on", "off", "missing", "elsewhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a marketplace is asked to tell. `elsewhere`: it tells it, but not to where the settings say."""

    topic: str
    state: SubscriptionState
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """One for each topic that the account should have."""

    subscriptions: tuple[Subscription, ...]
    api: str
    request_id: str | None = None
    seen: LimitSeen | None = None


@runtime_checkable
class KeepsSubscriptions(Protocol):
    """Creates, checks and repairs what the marketplace is asked to tell."""

    @property
    def subscription_traits(self) -> BulkTraits:
        """What the calls count against, one to a few each."""
        ...

    async def subscriptions(self) -> Subscriptions | CallFailed:
        """How each topic stands that the account should have. Rejected with `signals-not-set` where it has no place
        to be told at."""
        ...

    async def subscribe(self, topic: str) -> Subscription | CallFailed:
        """Have the marketplace tell this topic to where the settings say; repeating is harmless."""
        ...

    async def unsubscribe(self, topic: str) -> Subscription | CallFailed:
        """End it, wherever it tells to; one that is not there is no failure."""
        ...
