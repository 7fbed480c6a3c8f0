"""Whole lives of a partition on virtual time: crashes, takeovers, lost answers, feeds, throttles, from one seed each.

A rule that is switched off must be noticed: else these runs would say nothing about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import pytest

from inventory_domain import due, exposure
from inventory_domain.exposure import Exposure, LastAttempt
from inventory_domain.outcomes import Accepted, Applied
from inventory_streams.delivery import attempts, intake, scheduling, worker
from tests.support.delivery_market import Faults
from tests.support.delivery_runs import Mutation, run

SEEDS = range(12)
CAUGHT_WITHIN = 15


@pytest.mark.parametrize("with_feeds", [False, True], ids=["single", "feeds"])
@pytest.mark.parametrize("seed", SEEDS)
async def test_no_run_steps_back_shows_too_much_or_loses_a_target(seed: int, with_feeds: bool) -> None:
    """P1, P2 and P4 hold whatever is lost on the way, and no limit is exceeded."""
    found = await run(seed, with_feeds=with_feeds)

    assert found.wrong == [], f"seed {seed}"
    assert (found.feeds > 0) is with_feeds, "a run in which no feed goes would say nothing of feeds"


@contextmanager
def no_exposure_is_read_at_a_takeover() -> Iterator[None]:
    """Rule 21."""
    real = worker.Worker.own

    async def own(self: worker.Worker, part, finished_below):  # type: ignore[no-untyped-def]
        part.exposures = {}
        await real(self, part, finished_below)

    with patch.object(worker.Worker, "own", own):
        yield


@contextmanager
def versions_are_not_compared() -> Iterator[None]:
    """Rule 22: neither when a target is read, nor when it is due, nor when its attempt is begun."""

    def newest(self: intake.Intake, owned, arrival, target):  # type: ignore[no-untyped-def]
        tracked = owned.tracked(target.listing_id)
        tracked.target, tracked.raw, tracked.offset = target, arrival.raw or b"", arrival.offset
        tracked.settled = False
        self._scheduler.reconsider(tracked)

    def is_due(want, known):  # type: ignore[no-untyped-def]
        if known is not None and known.last is not None and want.version < known.last.version:
            return True
        return real_due(want, known)

    def begin(known: Exposure, **given):  # type: ignore[no-untyped-def]
        last = known.last
        if isinstance(last, LastAttempt) and given["version"] < last.version:
            known = replace(known, last=replace(last, version=given["version"]))
        return real_begin(known, **given)

    real_due, real_begin = due.is_due, exposure.begin
    with (
        patch.object(intake.Intake, "_newest", newest),
        patch.object(due, "is_due", is_due),
        patch.object(attempts, "begin", begin),
    ):
        yield


@contextmanager
def attempts_are_not_committed() -> Iterator[None]:
    """Rule 23: the request leaves with nothing durable before it."""

    def begin(self: attempts.Attempts, owned, tracked, want, traits, **given):  # type: ignore[no-untyped-def]
        with patch.object(self._records, "exposure", lambda partition, known: nothing):
            return real(self, owned, tracked, want, traits, **given)

    from inventory_streams.kafka.transactions import Write

    nothing = Write("nowhere", 0, None, None)
    real = attempts.Attempts.begin
    with patch.object(attempts.Attempts, "begin", begin):
        yield


@contextmanager
def no_handover_is_waited_for() -> Iterator[None]:
    """Rule 25: a former owner's request may still be under way."""
    real = scheduling.Scheduler.reconsider

    def at_once(self: scheduling.Scheduler, tracked):  # type: ignore[no-untyped-def]
        tracked.held_until_s = None
        real(self, tracked)

    def is_due(want, known):  # type: ignore[no-untyped-def]
        if known is not None and known.last is not None and known.last.result is exposure.Result.OPEN:
            known = replace(known, open=(), last=replace(known.last, result=exposure.Result.FAILED))
        return real_due(want, known)

    real_due = due.is_due
    with (
        patch.object(scheduling.Scheduler, "reconsider", at_once),
        patch.object(due, "is_due", is_due),
    ):
        yield


@contextmanager
def accepted_is_taken_for_applied() -> Iterator[None]:
    """Rule 28."""

    def conclude(known, number, outcome, now_ms, settles_by_ms):  # type: ignore[no-untyped-def]
        if isinstance(outcome, Accepted):
            outcome = Applied(listing_id=outcome.listing_id, api=outcome.api, reason=outcome.reason)
        return real(known, number, outcome, now_ms, settles_by_ms)

    real = exposure.conclude
    with patch.object(attempts, "conclude", conclude):
        yield


@contextmanager
def a_rise_goes_while_its_feed_is_open() -> Iterator[None]:
    """Design, section 4: the feed may be worked on after it, and then undoes it without anybody noticing."""

    def is_due(want, known):  # type: ignore[no-untyped-def]
        if known is not None and known.feed_row() is not None and want.version > known.last.version:
            return True
        return real(want, known)

    real = due.is_due
    with patch.object(due, "is_due", is_due):
        yield


SLOW = Faults(slow_way=0.5, lost_answer=0.3)
DROPS = Faults(dropped=0.5)
NONE = Faults()
CRASHES = Faults(hangs=0.4, slow_way=0.3, lost_answer=0.3)


@pytest.mark.parametrize(
    ("switched_off", "faults", "with_feeds"),
    [
        (no_exposure_is_read_at_a_takeover, CRASHES, False),
        (versions_are_not_compared, None, False),
        (attempts_are_not_committed, CRASHES, False),
        (no_handover_is_waited_for, SLOW, False),
        (accepted_is_taken_for_applied, DROPS, False),
        (a_rise_goes_while_its_feed_is_open, NONE, True),
    ],
)
async def test_a_rule_that_is_switched_off_is_noticed(
    switched_off: Mutation | Callable[..., object], faults: Faults | None, with_feeds: bool
) -> None:
    for seed in range(CAUGHT_WITHIN):
        found = await run(seed, with_feeds=with_feeds, faults=faults, mutation=switched_off)  # type: ignore[arg-type]
        if found.wrong:
            return
    raise AssertionError(f"not noticed in {CAUGHT_WITHIN} runs")
