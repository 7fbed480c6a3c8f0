"""An attempt's life: committed before it is sent, withdrawn when it may not be, concluded with what became of it."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass

from inventory_domain.due import Wanted
from inventory_domain.exposure import SINGLE, Attempt, Exposure, begin, conclude, is_sampled, submitted, withdraw
from inventory_domain.outcomes import (
    GROUP_REFUSED,
    Accepted,
    Applied,
    AttemptOutcome,
    PushOutcome,
    Rejected,
    Throttled,
    Transient,
    counts_against_channel,
    given_up,
    kind_of,
)
from inventory_domain.ports import AdapterTraits
from inventory_domain.retry import delay_s
from inventory_domain.targets import Target
from inventory_streams.delivery.accounting import Accounting
from inventory_streams.delivery.book import Book, OwnedPartition, TrackedListing
from inventory_streams.delivery.holds import ListingHolds
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.records import Records
from inventory_streams.delivery.retries import RetryNote
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.tracing import concluded, handed_in, push_span, withdrawn
from inventory_streams.kafka.tracing import Span
from inventory_streams.kafka.transactions import Write

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that is being committed: `committed` gives the monotonic time just before its commit began.

    `span`: where it is traced.
    """

    tracked: TrackedListing
    owned: OwnedPartition
    target: Target
    attempt: Attempt
    offset: int
    committed: asyncio.Future[float]
    span: Span | None = None


class Attempts:
    """Writes attempts and their outcomes. It changes the book at once; the caller waits for what it returns."""

    def __init__(
        self,
        settings: DeliverySettings,
        book: Book,
        records: Records,
        accounting: Accounting,
        holds: ListingHolds,
        metrics: DeliveryMetrics,
    ) -> None:
        self._settings = settings
        self._book = book
        self._clock = book.clock
        self._records = records
        self._accounting = accounting
        self._holds = holds
        self._metrics = metrics
        self._dice = random.Random()

    def begin(
        self,
        owned: OwnedPartition,
        tracked: TrackedListing,
        want: Wanted,
        traits: AdapterTraits,
        *,
        path: str = SINGLE,
        feed_row: int = 0,
        feed_size: int = 0,
        report_s: float = 0.0,
    ) -> Begun:
        """Note an attempt and have it committed. `report_s`: how long the report of a feed may take.

        Raises:
            InvariantBroken: an older version after a newer one (P2), which would be a bug of ours.
        """
        target = tracked.target
        assert target is not None
        now_ms = self._book.now_ms()
        known = tracked.exposure or Exposure(tracked.listing_id, target.sku)
        under_way_s = self._settings.attempt_valid_s + self._settings.request_s_max + report_s
        after, attempt = begin(
            known,
            version=want.version,
            quantity=want.quantity,
            nodes=want.nodes,
            mask=want.mask,
            path=path,
            now_ms=now_ms,
            settles_by_ms=now_ms + int((under_way_s + traits.settling_s_max) * 1000),
            feed_row=feed_row,
            feed_size=feed_size,
            sampled=is_sampled(tracked.listing_id, want.version, self._settings.rise_sample_percent),
        )
        tracked.exposure = after
        span = push_span(self._settings.kafka.traces, target, attempt, tracked.traces)
        committed = owned.writer.add([self._records.exposure(owned.number, after)])
        return Begun(tracked, owned, target, attempt, tracked.offset, committed, span)

    def hand_in(self, begun: Begun, feed_id: str, report_s: float, traits: AdapterTraits) -> asyncio.Future[float]:
        """The marketplace has the feed that the attempt is a row of. It stays open until the feed's report."""
        tracked = begun.tracked
        settles_by_ms = self._book.now_ms() + int((report_s + traits.settling_s_max) * 1000)
        assert tracked.exposure is not None
        tracked.exposure = submitted(tracked.exposure, begun.attempt.number, feed_id, settles_by_ms)
        handed_in(begun.span, feed_id)
        return begun.owned.writer.add([self._records.exposure(begun.owned.number, tracked.exposure)])

    def withdraw(self, begun: Begun, reason: str) -> asyncio.Future[float]:
        """The request of a committed attempt was not sent, and will not be."""
        tracked = begun.tracked
        assert tracked.exposure is not None
        tracked.exposure = withdraw(tracked.exposure, begun.attempt.number)
        self._metrics.withdrawn.labels(begun.target.channel, reason).inc()
        withdrawn(begun.span, reason)
        return begun.owned.writer.add([self._records.exposure(begun.owned.number, tracked.exposure)])

    def conclude(
        self,
        begun: Begun,
        answer: PushOutcome,
        traits: AdapterTraits,
        *,
        committed_s: float,
        sent_at_ms: int,
        settles_by_ms: int | None = None,
    ) -> asyncio.Future[float]:
        """What became of a sent attempt, with all that follows from it, in one transaction.

        `settles_by_ms`: when it must be live if it was taken; as the marketplace declares it where none is given.
        """
        tracked, owned, now_ms = begun.tracked, begun.owned, self._book.now_ms()
        before = tracked.exposure
        assert before is not None
        failures = before.last.failures if before.last else 0
        outcome = given_up(answer, failures, self._settings.unrecognized_attempts_max)
        settles_by_ms = settles_by_ms or now_ms + int(traits.settling_s_max * 1000)
        tracked.exposure = conclude(before, begun.attempt.number, outcome, now_ms, settles_by_ms)
        finished, tracked.retry_offsets = tracked.retry_offsets, []
        tracked.not_before_ms = 0
        if not isinstance(outcome, Throttled):
            tracked.alone = outcome.reason == GROUP_REFUSED
        committed_ms = now_ms - int((self._clock.monotonic_s() - committed_s) * 1000)
        writes = [
            self._records.exposure(owned.number, tracked.exposure),
            self._records.outcome(owned.number, _told(begun, outcome, committed_ms, sent_at_ms, now_ms)),
            *self._consequences(begun, outcome, now_ms),
        ]
        self._count(begun, outcome, traits, now_ms)
        concluded(begun.span, outcome)
        self._holds.note(begun.target.channel, outcome)
        done = owned.writer.add(writes)

        def finish(_: object) -> None:
            for offset in finished:
                owned.retries.finish(offset)

        done.add_done_callback(finish)
        return done

    def abandon(self, owned: OwnedPartition, tracked: TrackedListing) -> asyncio.Future[float]:
        """A former owner's attempt of which nobody knows what became: it counts as failed, and as maybe live."""
        exposure = tracked.exposure
        assert exposure is not None and exposure.last is not None
        unknown = Transient(
            listing_id=tracked.listing_id, api="", reason="handed-over", effect_unknown=True, error="no outcome known"
        )
        settles_by_ms = max((one.settles_by_ms for one in exposure.open), default=0)
        tracked.exposure = conclude(exposure, exposure.last.number, unknown, self._clock.now_ms(), settles_by_ms)
        log.info("attempt of a former owner counted as unknown", extra={"listing": tracked.listing_id})
        return owned.writer.add([self._records.exposure(owned.number, tracked.exposure)])

    def _consequences(self, begun: Begun, outcome: PushOutcome, now_ms: int) -> list[Write]:
        """Retry or dead letter of a target that is still the newest; of an older one nothing is left to do."""
        tracked, target, owned = begun.tracked, begun.target, begun.owned
        last = tracked.exposure.last if tracked.exposure else None
        newer_sent = last is not None and last.number != begun.attempt.number  # by a single call, ahead of a feed's end
        superseded = tracked.target is None or tracked.target.version > begun.attempt.version or newer_sent
        failures = max(1, last.failures if last else 1)
        if isinstance(outcome, Rejected):
            facts = {"listing": target.listing_id, "version": target.version, "reason": outcome.reason}
            log.warning("push rejected", extra={**facts, "error": outcome.error, "superseded": superseded})
            if superseded:
                return []
            self._accounting.give_up(tracked, outcome.reason)
            letter = self._records.dead_letter(
                owned.number,
                begun.offset,
                target.listing_id.encode(),
                tracked.raw,
                reason=outcome.reason,
                error=outcome.error or "",
                attempts=begun.attempt.number,
                trace=begun.span.context if begun.span is not None else None,
            )
            return [letter]
        if newer_sent or not counts_against_channel(outcome):
            return []
        wait_s = delay_s(failures, self._settings.retry, self._dice.random())
        tracked.not_before_ms = now_ms + int(wait_s * 1000)
        self._metrics.retries.labels(target.channel, kind_of(outcome)).inc()
        facts = {"listing": target.listing_id, "version": target.version, "reason": outcome.reason, "wait_s": wait_s}
        log.warning("push failed and waits", extra={**facts, "failures": failures, "error": outcome.error})
        newest = tracked.target
        if newest is None:
            return []
        trace = begun.span.context if begun.span is not None else None
        note = RetryNote(begun.attempt.number, tracked.not_before_ms, outcome.reason, outcome.error or "", trace)
        return [self._records.retry(owned.number, newest, note)]

    def _count(self, begun: Begun, outcome: PushOutcome, traits: AdapterTraits, now_ms: int) -> None:
        target = begun.target
        self._metrics.pushes.labels(target.channel, kind_of(outcome), outcome.reason).inc()
        if isinstance(outcome, Throttled):
            log.info("push throttled", extra={"channel": target.channel, "reason": outcome.reason})
        if not isinstance(outcome, Applied | Accepted):
            return
        age_s = max(0.0, (now_ms - target.changed_at_ms) / 1000)
        self._metrics.freshness_accepted.labels(target.channel).observe(age_s)
        self._metrics.freshness_late.labels(target.channel).inc(age_s > traits.freshness_objective_s)
        if isinstance(outcome, Applied):
            self._metrics.freshness_confirmed.labels(target.channel).observe(age_s)
        newest = begun.tracked.target
        if newest is not None and newest.version == begun.attempt.version and begun.attempt.mask is None:
            self._accounting.deliver(begun.tracked)


def _told(begun: Begun, outcome: PushOutcome, committed_at_ms: int, sent_at_ms: int, now_ms: int) -> AttemptOutcome:
    return AttemptOutcome(
        listing_id=begun.target.listing_id,
        sku=begun.target.sku,
        channel=begun.target.channel,
        version=begun.attempt.version,
        attempt=begun.attempt.number,
        quantity=begun.attempt.quantity,
        mask=begun.attempt.mask,
        outcome=kind_of(outcome),
        reason=outcome.reason,
        api=outcome.api,
        request_id=outcome.request_id,
        status=outcome.status,
        error=outcome.error,
        changed_at_ms=begun.target.changed_at_ms,
        committed_at_ms=committed_at_ms,
        sent_at_ms=sent_at_ms,
        answered_at_ms=now_ms,
    )
