"""Targets, exposure, outcomes, observations and discrepancies as rows."""

from __future__ import annotations

from inventory_domain.exposure import Exposure
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.reconciliation import Discrepancy, Observation
from inventory_domain.targets import Target
from inventory_ledger import tables
from inventory_ledger.batch import Batch
from inventory_ledger.rows import Arrival, Project, as_json, clean, clean_or_none, units_as_json
from inventory_ledger.settings import Feed
from inventory_schemas.codec import Serde
from inventory_schemas.records import (
    DISCREPANCY,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
)
from inventory_schemas.registry import Registry


def listing_projection(feed: Feed, subject: str, registry: Registry) -> Project | None:
    """The projection of a topic of listings; None when the feed is another kind of topic."""
    if feed is Feed.TARGETS:
        return _targets(Serde(LISTING_TARGET, subject, registry))
    if feed is Feed.EXPOSURE:
        return _exposure(Serde(LISTING_EXPOSURE, subject, registry))
    if feed is Feed.OUTCOMES:
        return _outcomes(Serde(LISTING_OUTCOME, subject, registry))
    if feed is Feed.OBSERVATIONS:
        return _observations(Serde(LISTING_OBSERVATION, subject, registry))
    if feed is Feed.DISCREPANCIES:
        return _discrepancies(Serde(DISCREPANCY, subject, registry))
    return None


def _targets(serde: Serde[Target]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        if arrival.value is None:
            batch.remove(tables.listings, (arrival.key_text(),), arrival.at_ms)
            return
        one = serde.decode(arrival.value)
        batch.append(
            tables.targets,
            (
                arrival.marketplace,
                arrival.partition,
                arrival.offset,
                arrival.at_ms,
                one.listing_id,
                one.sku,
                one.channel,
                one.version,
                one.quantity,
                units_as_json(one.nodes),
                one.atp,
                one.allocation,
                one.buffer,
                one.strategy,
                clean(one.cause),
                clean(one.derivation),
                one.changed_at_ms,
                one.computed_at_ms,
                one.withdrawn,
            ),
        )
        now = (
            one.listing_id,
            one.sku,
            one.channel,
            one.marketplace,
            one.version,
            one.quantity,
            clean(one.cause),
            one.withdrawn,
            one.computed_at_ms,
            arrival.at_ms,
        )
        batch.replace(tables.listings, (one.listing_id,), now)

    return project


def _exposure(serde: Serde[Exposure]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        if arrival.value is None:
            batch.remove(tables.exposures, (arrival.key_text(),), arrival.at_ms)
            return
        one = serde.decode(arrival.value)
        confirmed, last = one.confirmed, one.last
        row = (
            one.listing_id,
            one.sku,
            one.listing_id.partition("/")[0],
            confirmed.quantity if confirmed else None,
            confirmed.version if confirmed else None,
            confirmed.at_ms if confirmed else None,
            confirmed.proof.value if confirmed else None,
            last.number if last else None,
            last.version if last else None,
            last.quantity if last else None,
            last.mask if last else None,
            last.at_ms if last else None,
            last.result.value if last else None,
            last.failures if last else 0,
            one.units(),
            as_json(one.open) if one.open else "[]",
            arrival.at_ms,
        )
        batch.replace(tables.exposures, (one.listing_id,), row)

    return project


def _outcomes(serde: Serde[AttemptOutcome]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        batch.append(
            tables.outcomes,
            (
                arrival.partition,
                arrival.offset,
                arrival.at_ms,
                one.listing_id,
                one.sku,
                one.channel,
                one.version,
                one.attempt,
                one.quantity,
                one.mask,
                one.outcome,
                clean(one.reason),
                one.api,
                clean_or_none(one.request_id),
                one.status,
                clean_or_none(one.error),
                one.changed_at_ms,
                one.committed_at_ms,
                one.sent_at_ms,
                one.answered_at_ms,
            ),
        )

    return project


def _observations(serde: Serde[Observation]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        batch.append(
            tables.observations,
            (
                arrival.marketplace,
                arrival.partition,
                arrival.offset,
                arrival.at_ms,
                one.listing_id,
                one.sku,
                one.channel,
                one.quantity,
                units_as_json(one.nodes),
                one.observed_by.value,
                one.as_of_ms,
                one.observed_at_ms,
                clean(one.evidence),
            ),
        )

    return project


def _discrepancies(serde: Serde[Discrepancy]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        batch.append(
            tables.discrepancies,
            (
                arrival.partition,
                arrival.offset,
                arrival.at_ms,
                one.listing_id,
                one.sku,
                one.channel,
                one.expected_low,
                one.expected_high,
                one.observed,
                one.delta,
                clean(one.cause),
                clean(one.action),
                one.observed_at_ms,
                one.severity,
                clean(one.evidence),
                one.corrections,
                one.since_ms,
                as_json(one),
            ),
        )

    return project
