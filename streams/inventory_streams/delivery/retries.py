"""What waits for a time: listings for their next try, for a handover's end, for their read-back."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from inventory_streams.delivery.queue import WorkKey
from inventory_streams.kafka.tracing import Headers, TraceContext, context_of

ATTEMPT, NOT_BEFORE, ERROR, REASON = "attempt", "not-before", "error", "reason"


@dataclass(frozen=True, slots=True)
class RetryNote:
    """The headers of a record of `listing.retries`: which attempt failed, from when on to try again, and why.

    The record's value is the target that failed, as a reminder only: what is pushed is the newest. `trace` is the
    failed attempt's own.
    """

    attempt: int
    not_before_ms: int
    reason: str
    error: str
    trace: TraceContext | None = None

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """The note as Kafka headers."""
        return (
            (ATTEMPT, str(self.attempt).encode()),
            (NOT_BEFORE, str(self.not_before_ms).encode()),
            (REASON, self.reason.encode()),
            (ERROR, self.error.encode()),
            *(self.trace.headers() if self.trace is not None else ()),
        )


def note_of(headers: Headers | None) -> RetryNote | None:
    """The note in these headers; None when they do not hold one."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    found = {name: value.decode(errors="replace") if isinstance(value, bytes) else value or "" for name, value in pairs}
    if not (found.get(ATTEMPT, "").isdigit() and found.get(NOT_BEFORE, "").isdigit()):
        return None
    told = found.get(REASON, ""), found.get(ERROR, "")
    return RetryNote(int(found[ATTEMPT]), int(found[NOT_BEFORE]), *told, context_of(headers))


class Waiting:
    """Listings by the monotonic time at which they are to be looked at again; one time each."""

    def __init__(self) -> None:
        self._at: dict[WorkKey, float] = {}
        self._heap: list[tuple[float, int, WorkKey]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: object) -> bool:
        return key in self._at

    def put(self, key: WorkKey, at_s: float) -> None:
        """Look at it again then; a time told before is forgotten."""
        if self._at.get(key) == at_s:
            return
        self._at[key] = at_s
        heapq.heappush(self._heap, (at_s, next(self._numbers), key))
        if len(self._heap) > 2 * len(self._at) + 64:
            self._heap = [item for item in self._heap if self._at.get(item[2]) == item[0]]
            heapq.heapify(self._heap)

    def discard(self, key: WorkKey) -> None:
        """It need not be looked at again."""
        self._at.pop(key, None)

    def pop_due(self, now_s: float) -> WorkKey | None:
        """Take the one that is longest due, if one is."""
        while self._heap and self._heap[0][0] <= now_s:
            at_s, _, key = heapq.heappop(self._heap)
            if self._at.get(key) == at_s:
                del self._at[key]
                return key
        return None
