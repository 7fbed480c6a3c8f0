"""Single calls or a feed: whichever makes a backlog visible sooner, by what the marketplace says that each costs."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.exposure import FEED, SINGLE, Exposure, Result


@dataclass(frozen=True, slots=True)
class SinglePace:
    """What single calls can do: listings a second while the backlog lasts, and how many may go at once."""

    listings_per_s: float
    at_once: float = 0.0

    def taken_by(self, seconds: float) -> float:
        """Listings that can be sent within so many seconds."""
        return self.at_once + self.listings_per_s * max(seconds, 0.0)

    def wait_s(self, listings: int) -> float:
        """Seconds until the last of so many is sent."""
        return max(0.0, listings - self.at_once) / self.listings_per_s


@dataclass(frozen=True, slots=True)
class FeedPace:
    """What the next feed can do: when it may be handed in, how long it takes, how much it holds.

    `always_above`: with more listings waiting than that, a feed is used whatever single calls could do.
    """

    wait_s: float
    takes_s: float
    listings_max: int
    always_above: int | None = None

    @property
    def done_s(self) -> float:
        """Seconds from now until its report."""
        return self.wait_s + self.takes_s


@dataclass(frozen=True, slots=True)
class Backlog:
    """Listings of one channel that wait: falls to zero, and all others."""

    zeros: int
    others: int

    @property
    def all(self) -> int:
        """Everything that waits."""
        return self.zeros + self.others


@dataclass(frozen=True, slots=True)
class FeedRows:
    """How many of a backlog to put into the next feed. Nothing in both: all goes by single calls."""

    zeros: int = 0
    others: int = 0

    @property
    def all(self) -> int:
        """Rows of the feed."""
        return self.zeros + self.others


def rows_of_feed(backlog: Backlog, single: SinglePace, feed: FeedPace) -> FeedRows:
    """What the next feed should hold, so that the last of the backlog is visible as early as it can be.

    Single calls begin at the urgent end and the feed takes from the other, and both work at the same time. A feed is
    used only when single calls alone would need longer than it. Falls to zero go into it only as far as single calls
    could not send them all before its report.
    """
    meanwhile = int(single.taken_by(feed.done_s))
    always = feed.always_above is not None and backlog.all > feed.always_above
    if backlog.all <= meanwhile and not always:
        return FeedRows()
    zeros = max(0, backlog.zeros - meanwhile)
    kept = 0 if always else max(0, meanwhile - (backlog.zeros - zeros))
    others = max(0, backlog.others - kept)
    zeros = min(zeros, feed.listings_max)
    return FeedRows(zeros, min(others, feed.listings_max - zeros))


def goes_by_feed(exposure: Exposure | None, *, overdue: bool = False) -> bool:
    """Whether the next attempt should go by a feed of its own accord: single calls do not bring a fall down, or did not
    show a rise.

    `overdue`: it was tried for too long; then each failure or number still seen too high changes the path.
    """
    if exposure is None or exposure.last is None:
        return False
    if exposure.last.result is Result.UNDER_SHOWN:
        return exposure.last.path == SINGLE
    if exposure.falling_since_ms() is None:
        return False
    turns = (Result.REJECTED, Result.OVER_SHOWN, Result.FAILED) if overdue else (Result.REJECTED,)
    return exposure.last.path == SINGLE and exposure.last.result in turns


def may_go_by_feed(exposure: Exposure | None, quantity: int) -> bool:
    """Whether this quantity may be a row of a feed: one feed at a time, and not where a feed was refused last.

    It never overtakes a lower one that went singly and is not live yet: that would undo it, and look like a sale.
    """
    if exposure is None or exposure.last is None:
        return True
    refused = exposure.last.path == FEED and exposure.last.result is Result.REJECTED
    undone = any(one.path != FEED and one.quantity < quantity for one in exposure.open)
    return not (refused or undone) and exposure.feed_row() is None


def best_drain_s(
    listings: int, single: SinglePace, feed: FeedPace | None, feeds_at_once: int, feed_every_s: float
) -> float:
    """The least time in which so many listings can all be sent and reported, by published limits alone.

    `feeds_at_once` may be handed in right away, and one more every `feed_every_s`.
    """
    alone_s = single.wait_s(listings)
    if feed is None:
        return alone_s
    best_s, feeds = alone_s, 0
    while feeds * feed.listings_max < listings:
        feeds += 1
        handed_in_s = feed.wait_s + max(0, feeds - feeds_at_once) * feed_every_s
        left = max(0, listings - feeds * feed.listings_max)
        best_s = min(best_s, max(handed_in_s + feed.takes_s, single.wait_s(left)))
    return best_s
