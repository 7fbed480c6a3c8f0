"""Whether a partition has applied all input that was there when it was assigned, and how far its word reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchState:
    """What the last answer to a fetch said of an input partition: its end for committed reads, and when it said so."""

    end: int
    answered_ms: int


class CatchUp:
    """Follows one partition's inputs to the ends that they had when it was assigned."""

    def __init__(self, ends: Mapping[str, int], positions: Mapping[str, int]) -> None:
        """`ends` per topic at the assignment; `positions` per topic up to which input is applied."""
        self._behind = {topic: end for topic, end in ends.items() if positions.get(topic, 0) < end}

    @property
    def done(self) -> bool:
        """Whether every input was applied up to its end."""
        return not self._behind

    def done_at(self, topic: str, position: int) -> bool:
        """Whether every input would be applied if this one were up to that position."""
        return all(other == topic and end <= position for other, end in self._behind.items())

    def end_of(self, topic: str) -> int | None:
        """The end that the topic had at the assignment, while it is not reached."""
        return self._behind.get(topic)

    def reached(self, topic: str, position: int) -> None:
        """The topic's input is durably applied up to that position."""
        if self._behind.get(topic, position + 1) <= position:
            del self._behind[topic]


def complete_until_ms(
    positions: Mapping[str, int], fetched: Mapping[str, FetchState], newest_applied_ms: Mapping[str, int]
) -> int | None:
    """Up to when all input is applied, or None while that cannot be told of some input.

    An input that is read to its end is complete as of the answer that told its end. Of one that is not, the next
    record was appended no earlier than the newest one applied.
    """
    until: int | None = None
    for topic, position in positions.items():
        state = fetched.get(topic)
        if state is not None and position >= state.end:
            known: int | None = state.answered_ms
        else:
            known = newest_applied_ms.get(topic)
        if known is None:
            return None
        until = known if until is None else min(until, known)
    return until


def applied_until_ms(
    positions: Mapping[str, int], fetched: Mapping[str, FetchState], before_ms: Mapping[str, int]
) -> dict[str, int]:
    """Per input up to when it is known to be applied; what was known before stays known.

    Without it the first record that comes to a quiet input would take the word on the partition back to the record
    before that one, hours ago perhaps, until it is applied.
    """
    known = dict(before_ms)
    for topic, position in positions.items():
        state = fetched.get(topic)
        if state is not None and position >= state.end:
            known[topic] = max(known.get(topic, 0), state.answered_ms)
    return known
