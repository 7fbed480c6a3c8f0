"""When delivery may use the pulls' part of a rate: while it knows that nobody pulls. Two processes, two rules.

Who pulls announces it again and again, and calls only from `LEAD_S` after the first announcement was durable until
`GOOD_S` after the newest was begun. Delivery reads the announcements to their end again and again, borrows for
`KNOWN_S` after it began to read them to the end, and gives the part back for `HELD_S` after it has read one. Durations
alone count, each on the clock of one process, so clocks need not agree. What is left between the bounds, at least
`APART_S`, is for a call that is long under way and for a broker that tells an end which is not quite the newest.
"""

from __future__ import annotations

from dataclasses import dataclass

KNOWN_S = 10.0
LEAD_S = 30.0
GOOD_S = 45.0
HELD_S = 90.0
AGAIN_S = 10.0  # how often who pulls announces it
APART_S = min(LEAD_S - KNOWN_S, HELD_S - GOOD_S - KNOWN_S)


@dataclass(slots=True)
class PullsHeard:
    """What delivery knows of an account's pulls. Times are its own monotonic ones."""

    read_to_end_s: float = float("-inf")
    held_until_s: float = float("-inf")

    def heard(self, now_s: float) -> None:
        """An announcement was read."""
        self.held_until_s = max(self.held_until_s, now_s + HELD_S)

    def read_to_end(self, began_s: float) -> None:
        """Every announcement that was durable at this time has been read, and `heard` told of it."""
        self.read_to_end_s = max(self.read_to_end_s, began_s)

    def may_borrow(self, now_s: float) -> bool:
        """Whether nobody can be pulling: the whole rate is delivery's."""
        return now_s < self.read_to_end_s + KNOWN_S and now_s >= self.held_until_s


@dataclass(slots=True)
class PullsAnnounced:
    """What who pulls may do. Times are its own monotonic ones."""

    from_s: float = float("inf")
    until_s: float = float("-inf")

    def announced(self, began_s: float, durable_s: float) -> None:
        """An announcement that was begun at `began_s` is durable."""
        if durable_s > self.until_s:  # the first, or too late to go on from the one before
            self.from_s = durable_s + LEAD_S
        self.until_s = max(self.until_s, began_s + GOOD_S)

    def may_call(self, now_s: float) -> bool:
        """Whether every delivery worker must have given the pulls' part back by now."""
        return self.from_s <= now_s < self.until_s
