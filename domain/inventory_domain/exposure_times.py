"""The times that an exposure has, after the clock that they are compared with was set."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.exposure import Attempt, Exposure


def moved(exposure: Exposure, by_ms: int) -> Exposure:
    """The same where our own clock was set ahead by so much (back where below 0): all is as long ago as it was."""
    known, last = exposure.confirmed, exposure.last
    if known is not None:
        known = replace(known, at_ms=known.at_ms + by_ms)
    if last is not None:
        since_ms = last.falling_since_ms
        falling_ms = None if since_ms is None else since_ms + by_ms
        last = replace(last, at_ms=last.at_ms + by_ms, falling_since_ms=falling_ms)
    return replace(exposure, confirmed=known, last=last, open=tuple([_moved(one, by_ms) for one in exposure.open]))


def by_this_clock(exposure: Exposure, now_ms: int) -> Exposure:
    """What was noted ahead of this clock, by another one or before it was set back, counts as noted now.

    What is confirmed would outdo all reads, and what is under way would settle only when this clock is there.
    """
    known, last = exposure.confirmed, exposure.last
    if known is not None and known.at_ms > now_ms:
        known = replace(known, at_ms=now_ms)
    if last is not None and max(last.at_ms, last.falling_since_ms or 0) > now_ms:
        falling_ms = None if last.falling_since_ms is None else min(last.falling_since_ms, now_ms)
        last = replace(last, at_ms=min(last.at_ms, now_ms), falling_since_ms=falling_ms)
    still = exposure.open
    if any(one.sent_at_ms > now_ms for one in still):
        still = tuple([_moved(one, min(0, now_ms - one.sent_at_ms)) for one in still])
    if known is exposure.confirmed and last is exposure.last and still is exposure.open:
        return exposure
    return replace(exposure, confirmed=known, last=last, open=still)


def _moved(attempt: Attempt, by_ms: int) -> Attempt:
    return replace(
        attempt,
        sent_at_ms=attempt.sent_at_ms + by_ms,
        settles_by_ms=attempt.settles_by_ms + by_ms,
        look_again_ms=attempt.look_again_ms and attempt.look_again_ms + by_ms,
    )
