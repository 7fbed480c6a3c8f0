"""Targets, exposure, outcomes, observations, discrepancies and whole reconciliations as rows."""

from __future__ import annotations

from operator import attrgetter

from inventory_domain.exposure import Exposure
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.reconciliation import Discrepancy, Observation, ReconciliationCycle
from inventory_domain.targets import Target
from inventory_ledger import tables
from inventory_ledger.batch import Batch
from inventory_ledger.rows import Arrival, Project, as_json, clean, clean_or_none, row_maker, units_as_json
from inventory_ledger.settings import Feed
from inventory_schemas.codec import Serde
from inventory_schemas.records import (
    DISCREPANCY,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    RECONCILIATION_CYCLE,
)
from inventory_schemas.registry import Registry


def listing_projection(feed: Feed, subject: str, registry: Registry) -> Project | None:
    """The projection of a topic of listings, or of what is found of them; None when the feed is of another kind."""
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
    if feed is Feed.RECONCILIATIONS:
        return _reconciliations(Serde(RECONCILIATION_CYCLE, subject, registry))
    return None


_target_row = row_maker(tables.targets, nodes=units_as_json, cause=clean, derivation=clean)
_listing_row = row_maker(tables.listings, cause=clean)
_outcome_row = row_maker(tables.outcomes, reason=clean, request_id=clean_or_none, error=clean_or_none)
_observation_row = row_maker(tables.observations, nodes=units_as_json, observed_by=attrgetter("value"), evidence=clean)
_cycle_row = row_maker(tables.reconciliations, phase=attrgetter("value"), reason=clean)
_discrepancy_row = row_maker(tables.discrepancies, cause=clean, action=clean, evidence=clean)


def _targets(serde: Serde[Target]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        if arrival.value is None:
            batch.remove(tables.listings, (arrival.key_text(),), arrival.at_ms)
            return
        one = serde.decode(arrival.value)
        batch.append(tables.targets, (arrival.marketplace, *arrival.place, *_target_row(one)))
        batch.replace(tables.listings, (one.listing_id,), (*_listing_row(one), arrival.at_ms))

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
        batch.append(tables.outcomes, (*arrival.place, *_outcome_row(one)))

    return project


def _observations(serde: Serde[Observation]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        batch.append(tables.observations, (arrival.marketplace, *arrival.place, *_observation_row(one)))

    return project


def _discrepancies(serde: Serde[Discrepancy]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        batch.append(tables.discrepancies, (*arrival.place, *_discrepancy_row(one), as_json(one)))

    return project


def _reconciliations(serde: Serde[ReconciliationCycle]) -> Project:
    def project(arrival: Arrival, batch: Batch) -> None:
        one = serde.decode(arrival.value)
        if one.announces:
            return
        row = (*_cycle_row(one), arrival.at_ms)
        batch.replace(tables.reconciliations, (one.channel, one.started_at_ms), row)

    return project
