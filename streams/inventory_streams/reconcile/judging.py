"""Judges readings and says what is to be written for them; counts what came of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from inventory_domain.corrections import Standing, Verdict
from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.reconciliation import Action, Cause, Discrepancy, Observation, ObservedBy, Severity
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.kafka.transactions import Write
from inventory_streams.reconcile.knowledge import Knowledge
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.records import Records

log = logging.getLogger(__name__)

SECOND_LOOK = "still too little?"
ENDED = (Action.VERIFIED.value, Action.CLEARED.value)


@dataclass(slots=True)
class Judgements:
    """What came of readings so far. `rechecks_left` bounds the single reads that may be asked for."""

    rechecks_left: int
    judged: int = 0
    discrepancies: int = 0
    corrections: int = 0
    found: list[Discrepancy] = field(default_factory=list)


class Judging:
    """Judges for one marketplace. What it returns is to be committed in one transaction."""

    def __init__(self, knowledge: Knowledge, catalog: CatalogCopy, records: Records, metrics: ReconcileMetrics) -> None:
        self._knowledge = knowledge
        self._catalog = catalog
        self._records = records
        self._metrics = metrics

    def judge(self, readings: Sequence[Observation], now_ms: int, so_far: Judgements) -> list[Write]:
        """Judge these readings; the records that follow from them."""
        writes: list[Write] = []
        for reading in readings:
            verdict = self._knowledge.judge(reading, now_ms)
            if verdict is None:
                continue
            self._metrics.readings.labels(reading.channel, verdict.standing.value).inc()
            so_far.judged += verdict.standing is not Standing.UNJUDGED
            so_far.discrepancies += verdict.standing is Standing.DISCREPANT
            if verdict.record is not None:
                writes.extend(self._told(verdict, verdict.record, now_ms, so_far))
            if verdict.look_again and so_far.rechecks_left > 0:
                so_far.rechecks_left -= 1
                self._metrics.rechecks.labels(reading.channel).inc()
                hint = self._records.hint(reading.listing_id, reading.sku, reading.channel, now_ms, verdict.why)
                writes.append(hint)
        return writes

    def second_looks(self, now_ms: int) -> list[Write]:
        """Ask for fresh reads of what showed too little, longer ago than the source takes to report an order."""
        writes = []
        for listing_id, known in self._knowledge.take_second_looks(now_ms):
            self._metrics.rechecks.labels(known.channel).inc()
            writes.append(self._records.hint(listing_id, known.sku, known.channel, now_ms, SECOND_LOOK))
        return writes

    def ghost(self, reading: Observation) -> Discrepancy:
        """A listing that nobody here knows shows units: only a person can say what it is."""
        assert reading.quantity is not None
        severity = self._knowledge.settings.policy.severity(reading.quantity, 0) or Severity.NOTE
        self._metrics.discrepancies.labels(reading.channel, Cause.GHOST.value, Action.REPORT.value).inc()
        return Discrepancy(
            listing_id=reading.listing_id,
            sku=reading.sku,
            channel=reading.channel,
            expected_low=0,
            expected_high=0,
            observed=reading.quantity,
            delta=reading.quantity,
            cause=Cause.GHOST.value,
            action=Action.REPORT.value,
            observed_at_ms=reading.observed_at_ms,
            severity=severity.value,
            evidence="the catalog has no listing with these ids on this channel",
            since_ms=reading.observed_at_ms,
            observed_by=reading.observed_by.value,
        )

    def ghost_gone(self, channel: ChannelId, listing_id: ListingId, asked_at_ms: int) -> Discrepancy:
        """One that was reported is none any more; written down, so that it is reported anew also after a restart."""
        self._metrics.discrepancies.labels(channel, Cause.GHOST.value, Action.CLEARED.value).inc()
        return Discrepancy(
            listing_id=listing_id,
            sku=Sku(listing_id.removeprefix(f"{channel}/")),
            channel=channel,
            expected_low=0,
            expected_high=0,
            observed=0,
            delta=0,
            cause=Cause.GHOST.value,
            action=Action.CLEARED.value,
            observed_at_ms=asked_at_ms,
            severity=Severity.NOTE.value,
            evidence="it shows nothing any more, or the catalog has it, or delivery brings it to zero",
            since_ms=asked_at_ms,
            observed_by=ObservedBy.PULL.value,
        )

    def measure(self, channel: ChannelId) -> None:
        """Bring the gauges of a channel up to date."""
        self._metrics.cases_open.labels(channel).set(self._knowledge.open_cases(channel))

    def _told(self, verdict: Verdict, record: Discrepancy, now_ms: int, so_far: Judgements) -> list[Write]:
        record = self._ghostly(record)
        so_far.found.append(record)
        self._metrics.discrepancies.labels(record.channel, record.cause, record.action).inc()
        if record.action not in ENDED:
            self._metrics.severities.labels(record.channel, record.severity).inc()
            self._metrics.units_off.labels(record.channel, "over" if record.delta > 0 else "under").inc(
                abs(record.delta)
            )
        facts = {
            "listing": record.listing_id,
            "delta": record.delta,
            "observed": record.observed,
            "expected": [record.expected_low, record.expected_high],
            "cause": record.cause,
            "action": record.action,
            "severity": record.severity,
            "evidence": record.evidence,
        }
        level = logging.ERROR if record.severity == Severity.PAGE.value else logging.WARNING
        log.log(logging.INFO if record.action in ENDED else level, "discrepancy", extra=facts)
        writes = [self._records.discrepancy(record)]
        if verdict.restate is not None:
            so_far.corrections += 1
            self._metrics.corrections.labels(record.channel).inc()
            writes.append(self._records.restate(record, verdict.restate, now_ms))
        return writes

    def _ghostly(self, record: Discrepancy) -> Discrepancy:
        """A listing of a product that is no longer sold, and that shows units all the same, is a ghost."""
        known = self._catalog.get(record.listing_id)
        if (known is not None and known.sold) or record.delta <= 0 or record.expected_high > 0:
            return record
        why = "its product is discontinued" if known is not None else "it left the catalog"
        return replace(record, cause=Cause.GHOST.value, evidence=f"{why}; {record.evidence}")
