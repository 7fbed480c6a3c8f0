"""Faults on request: what goes wrong, where, how often and for how long."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_FAULTS: Final = 1_000
"""Faults active at once; more are refused."""


class FaultMode(StrEnum):
    """What goes wrong. Those in `INNER_MODES` change what a call does or says, the others replace the answer."""

    SERVICE_UNAVAILABLE = "503"
    """Answers 503 as the marketplace writes it."""
    INTERNAL_ERROR = "500"
    """Answers 500 as the marketplace writes it."""
    RESET = "reset"
    """Closes the connection without an answer; nothing was done."""
    TIMEOUT_AFTER_EFFECT = "timeout_after_effect"
    """Does what was asked, and answers late (`answer_after_s`) or, without that, not at all."""
    HTML = "html"
    """Answers an HTML error page in place of JSON."""
    THROTTLE = "throttle"
    """Answers as if the limit were used up."""
    UNAUTHORIZED = "unauthorized"
    """Takes back all access tokens at once, and refuses the calls it is drawn for."""
    INVALID_GRANT = "invalid_grant"
    """The token endpoint says that the seller's consent is gone."""
    UNKNOWN_ERROR_CODE = "unknown_error_code"
    """Answers an error in the right form with a code that is in no document."""
    PARTIAL_FAILURE = "partial_failure"
    """Rows that match (every second row without a filter, the only row of a single write) fail inside the answer."""
    OUT_OF_ORDER = "out_of_order"
    """An accepted write goes live before one accepted earlier, which then wins."""
    FEED_FATAL = "feed_fatal"
    """A feed that is sent ends in an error, with only the first half of its rows applied."""
    FEED_STUCK = "feed_stuck"
    """A feed that is sent stays in progress; nothing of it is applied."""

    ODD_SHAPES = "odd_shapes"
    """Answers in a form that is in no document but has been seen: an FBA row without a quantity (Amazon), a failed row
    inside a 200 (eBay), null or one object where a list belongs (Walmart's feed details)."""


WRITE_MODES: Final = frozenset({FaultMode.PARTIAL_FAILURE, FaultMode.OUT_OF_ORDER})
"""Modes that a call meets only if it writes quantities."""
FEED_MODES: Final = WRITE_MODES | {FaultMode.FEED_FATAL, FaultMode.FEED_STUCK}
"""Modes that a call meets only if it sends a feed, and those of writes."""
SHAPE_MODES: Final = frozenset({FaultMode.ODD_SHAPES})
"""Modes that a call meets only if its answer can take an odd shape."""
INNER_MODES: Final = FEED_MODES | SHAPE_MODES
"""Modes that change what is in an answer; the others replace it."""


@dataclass(slots=True)
class Fault:
    """One fault: for `count` calls, until a time, with a probability; without count and end it lasts until deleted.

    `match` is text that must be in the call's path with query, or in its body: a SKU, an offer id, a path.
    """

    number: int
    marketplace: str
    mode: FaultMode
    count: int | None = None
    until: float | None = None
    probability: float = 1.0
    match: str = ""
    answer_after_s: float | None = None
    drawn: int = 0

    def over(self, now: float) -> bool:
        """Whether it has come to its end."""
        return (self.count is not None and self.count <= 0) or (self.until is not None and now >= self.until)

    def concerns(self, path: str, body: bytes) -> bool:
        """Whether a call with this path (and query) and body is one that it is for."""
        return not self.match or self.match in path or self.match.encode() in body


class FaultBoard:
    """The faults that are on. Drawing takes one from the first that fits; the randomness is handed in."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._faults: dict[int, Fault] = {}
        self._numbers = 0

    def add(
        self,
        marketplace: str,
        mode: FaultMode,
        *,
        count: int | None = None,
        until: float | None = None,
        probability: float = 1.0,
        match: str = "",
        answer_after_s: float | None = None,
    ) -> Fault:
        """Turns a fault on; raises ValueError when there are too many or the probability is none."""
        if not 0 < probability <= 1:
            raise ValueError(f"probability must be above 0 and at most 1: {probability}")
        if len(self._faults) >= MAX_FAULTS:
            raise ValueError(f"there are {MAX_FAULTS} faults already")
        self._numbers += 1
        fault = Fault(self._numbers, marketplace, mode, count, until, probability, match, answer_after_s)
        self._faults[fault.number] = fault
        return fault

    def remove(self, number: int) -> bool:
        """Turns one fault off; False when there is none with that number."""
        return self._faults.pop(number, None) is not None

    def clear(self, marketplace: str | None = None) -> int:
        """Turns off all faults, or those of one marketplace; says how many."""
        gone = [one.number for one in self._faults.values() if marketplace in (None, one.marketplace)]
        for number in gone:
            del self._faults[number]
        return len(gone)

    def active(self, now: float) -> list[Fault]:
        """The faults that are on at that time."""
        for number in [one.number for one in self._faults.values() if one.over(now)]:
            del self._faults[number]
        return list(self._faults.values())

    def draw(
        self, marketplace: str, path: str, body: bytes, now: float, for_token: bool, takes: frozenset[FaultMode]
    ) -> Fault | None:
        """The fault that this call meets, if any; it is used up by one.

        A call for a token meets `invalid_grant`, and other faults only when their filter names it. Of `INNER_MODES`
        a call meets those that it `takes`.
        """
        if not self._faults:
            return None
        for fault in self.active(now):
            if fault.marketplace not in (marketplace, "*") or not fault.concerns(path, body):
                continue
            if fault.mode in INNER_MODES and fault.mode not in takes:
                continue
            if (fault.mode is FaultMode.INVALID_GRANT) != for_token and not (for_token and fault.match):
                continue
            if fault.probability < 1.0 and self._rng.random() >= fault.probability:
                continue
            if fault.count is not None:
                fault.count -= 1
            fault.drawn += 1
            return fault
        return None
