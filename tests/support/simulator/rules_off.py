"""How each rule of delivery is switched off: the smallest change to the real code, or to the model, that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from inventory_domain import corrections, due, exposure
from inventory_domain.expected import ExpectedRange
from inventory_domain.exposure import Exposure, Result
from inventory_domain.outcomes import Accepted, Applied, Outcome
from inventory_domain.targets import Target
from inventory_streams.delivery import assignment, attempts, health_post, worker
from inventory_streams.delivery.arrivals import HealthArrival
from inventory_streams.delivery.intake import Intake
from inventory_streams.delivery.offsets import OffsetTracker
from inventory_streams.delivery.picking import Picking
from inventory_streams.delivery.records import Records
from inventory_streams.delivery.worker import Worker
from inventory_streams.kafka.transactions import Write
from tests.support.simulator.switches import Off


@contextmanager
def rule_off(off: Off) -> Iterator[None]:
    """The rule holds no longer while this lasts. What is not here is switched off in the model itself."""
    with ExitStack() as stack:
        for target, name, replacement in _REPLACED.get(off, tuple)():
            stack.enter_context(patch.object(target, name, replacement))
        yield


Replaced = tuple[tuple[object, str, object], ...]


def _no_exposure_is_read() -> Replaced:
    return ((assignment, "_take_exposure", lambda part, codecs, message: None),)


def _no_target_is_read() -> Replaced:
    return ((assignment, "_take_target", lambda part, arrival: None),)


def _no_health_is_read() -> Replaced:
    real = worker.load

    def load(*given: Any) -> Any:
        loaded = real(*given)
        if loaded is not None:
            loaded.told = [one for one in loaded.told if not isinstance(one, HealthArrival)]
        return loaded

    return ((worker, "load", load),)


def _versions_are_not_compared() -> Replaced:
    real_due, real_begin = due.is_due, exposure.begin

    def newest(self: Any, owned: Any, arrival: Any, target: Target) -> None:
        tracked = owned.tracked(target.listing_id)
        tracked.target, tracked.raw, tracked.offset = target, arrival.raw or b"", arrival.offset
        tracked.settled = False
        self._scheduler.reconsider(tracked)

    def is_due(want: Any, known: Exposure | None) -> bool:
        if known is not None and known.last is not None and want.version < known.last.version:
            return True
        return real_due(want, known)

    def begin(known: Exposure, **given: Any) -> Any:
        last = known.last
        if last is not None and given["version"] < last.version:
            known = replace(known, last=replace(last, version=given["version"]))
        return real_begin(known, **given)

    return ((Intake, "_newest", newest), (due, "is_due", is_due), (attempts, "begin", begin))


def _retries_push_what_they_note() -> Replaced:
    real_write, real_retry, noted = Records.retry, Intake.retry, dict[tuple[str, int], Target]()

    def write(self: Any, partition: int, target: Target, note: Any) -> Write:
        noted[target.listing_id, note.attempt] = target
        return real_write(self, partition, target, note)

    def retry(self: Any, arrival: Any) -> None:
        real_retry(self, arrival)
        owned = self._book.partition(arrival.partition)
        tracked = owned.listings.get(arrival.listing_id) if owned is not None else None
        if tracked is None or tracked.target is None or arrival.offset not in tracked.retry_offsets:
            return
        target = noted[arrival.listing_id, arrival.note.attempt]
        if target.version != tracked.target.version:
            tracked.target = target
            self._scheduler.reconsider(tracked)

    return ((Records, "retry", write), (Intake, "retry", retry))


def _attempts_are_not_durable() -> Replaced:
    real = attempts.Attempts.begin

    def begin(self: Any, *given: Any, **named: Any) -> Any:
        with patch.object(self._records, "exposure", lambda partition, known: Write("nowhere", 0, None, None)):
            return real(self, *given, **named)

    return ((attempts.Attempts, "begin", begin),)


def _two_requests_of_a_listing() -> Replaced:
    real = Picking.claim

    def claim(self: Any, tracked: Any) -> Any:
        claimed = real(self, tracked)
        if claimed is not None:
            claimed.in_flight = False
            self.book.in_flight.discard(claimed.listing_id)
        return claimed

    return ((Picking, "claim", claim),)


def _no_answer_is_no_effect() -> Replaced:
    real = exposure.conclude

    def conclude(known: Exposure, number: int, outcome: Outcome, now_ms: int, settles_by_ms: int) -> Exposure:
        return real(known, number, replace(outcome, effect_unknown=False), now_ms, settles_by_ms)

    return ((attempts, "conclude", conclude),)


def _nobody_is_waited_for() -> Replaced:
    real = Worker.own

    def over(known: Exposure) -> Exposure:
        if known.last is None or known.last.result is not Result.OPEN:
            return known
        return replace(known, open=(), last=replace(known.last, result=Result.FAILED))

    async def own(self: Any, part: Any, finished_below: int) -> None:
        part.exposures = {one: over(known) for one, known in part.exposures.items()}
        await real(self, part, finished_below)

    return ((Worker, "own", own),)


def _nothing_was_under_way() -> Replaced:
    real = Worker.own

    async def own(self: Any, part: Any, finished_below: int) -> None:
        part.exposures = {one: replace(known, open=()) for one, known in part.exposures.items()}
        await real(self, part, finished_below)

    return ((Worker, "own", own),)


def _due_by_offsets() -> Replaced:
    real = Worker.own

    async def own(self: Any, part: Any, finished_below: int) -> None:
        done = [one for one, arrival in part.targets.items() if arrival.offset < finished_below]
        for listing_id in done:
            del part.targets[listing_id]
            part.exposures.pop(listing_id, None)
        await real(self, part, finished_below)

    return ((Worker, "own", own), (OffsetTracker, "committable", lambda self: self._position))


def _accepted_is_applied() -> Replaced:
    real = exposure.conclude

    def conclude(known: Exposure, number: int, outcome: Outcome, now_ms: int, settles_by_ms: int) -> Exposure:
        if isinstance(outcome, Accepted):
            outcome = Applied(listing_id=outcome.listing_id, api=outcome.api, reason=outcome.reason)
        return real(known, number, outcome, now_ms, settles_by_ms)

    return ((attempts, "conclude", conclude),)


def _raised_after_one_read() -> Replaced:
    return ((corrections._Found, "under_shown", lambda self: self._corrected(self.case)),)


def _no_range() -> Replaced:
    def expected(known: Exposure, *_: object) -> ExpectedRange | None:
        last = known.last
        return None if last is None else ExpectedRange(last.quantity, last.quantity, 0, last.quantity, 0)

    return ((corrections, "expected_range", expected),)


def _no_record_of_the_predecessor() -> Replaced:
    real = health_post.take_health_over

    def take_health_over(*given: Any) -> Any:
        taken = real(*given)
        return None if taken is None else replace(taken, known=[])

    return ((health_post, "take_health_over", take_health_over),)


def _no_zeros_are_sent() -> Replaced:
    real = due.is_due

    def is_due(want: Any, known: Exposure | None) -> bool:
        return want.mask is None and real(want, known)

    return ((due, "is_due", is_due),)


_REPLACED = {
    Off.EXPOSURE_READ: _no_exposure_is_read,
    Off.TARGETS_READ: _no_target_is_read,
    Off.HEALTH_READ: _no_health_is_read,
    Off.VERSIONS_COMPARED: _versions_are_not_compared,
    Off.NEWEST_PUSHED: _retries_push_what_they_note,
    Off.ATTEMPT_FIRST: _attempts_are_not_durable,
    Off.ONE_IN_FLIGHT: _two_requests_of_a_listing,
    Off.UNKNOWN_EFFECT: _no_answer_is_no_effect,
    Off.HANDOVER_WAIT: _nobody_is_waited_for,
    Off.HANDOVER_READ: _nothing_was_under_way,
    Off.DERIVED: _due_by_offsets,
    Off.ACCEPTED: _accepted_is_applied,
    Off.RAISED_AT_ONCE: _raised_after_one_read,
    Off.NO_RANGE: _no_range,
    Off.ZEROS_SENT: _no_zeros_are_sent,
    Off.HEALTH_RECORD: _no_record_of_the_predecessor,
}
