"""Targets, exposure, outcomes, observations and discrepancies of listings, on the wire."""

from __future__ import annotations

from sys import intern

from inventory_domain.exposure import Attempt, AttemptState, Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.reconciliation import CyclePhase, Discrepancy, Observation, ObservedBy, ReconciliationCycle
from inventory_domain.targets import Target
from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.values import branch, flat, symbol, texts_of, units_of
from inventory_schemas.wire_targets import write_target

_confirmed_fields = flat(Confirmed)
_last_fields = flat(LastAttempt)
_attempt_fields = flat(Attempt)
_observation_fields = flat(Observation)
_cycle_fields = flat(ReconciliationCycle)


def _target_from_record(record: Record) -> Target:
    record["nodes"] = units_of(record["nodes"])
    record["marketplace_ids"] = texts_of(record["marketplace_ids"])
    record["channel"] = ChannelId(intern(record["channel"]))
    record["marketplace"] = Marketplace(intern(record["marketplace"]))
    record["strategy"] = intern(record["strategy"])
    return Target(**record)


def _exposure_to_record(exposure: Exposure) -> Record:
    confirmed, last = exposure.confirmed, exposure.last
    return {
        "listing_id": exposure.listing_id,
        "sku": exposure.sku,
        "confirmed": None if confirmed is None else branch("Confirmed", _confirmed_to_record(confirmed)),
        "last": None if last is None else branch("LastAttempt", _last_to_record(last)),
        "open": [_attempt_to_record(attempt) for attempt in exposure.open],
    }


def _confirmed_to_record(confirmed: Confirmed) -> Record:
    return {**_confirmed_fields(confirmed), "proof": confirmed.proof.name}


def _last_to_record(last: LastAttempt) -> Record:
    return {**_last_fields(last), "result": last.result.name}


def _attempt_to_record(attempt: Attempt) -> Record:
    return {**_attempt_fields(attempt), "state": attempt.state.name}


def _exposure_from_record(record: Record) -> Exposure:
    confirmed, last = record["confirmed"], record["last"]
    return Exposure(
        listing_id=record["listing_id"],
        sku=record["sku"],
        confirmed=None if confirmed is None else _confirmed_from_record(confirmed),
        last=None if last is None else _last_from_record(last),
        open=tuple([_attempt_from_record(attempt) for attempt in record["open"]]),
    )


def _confirmed_from_record(record: Record) -> Confirmed:
    record["proof"] = symbol(Proof, record["proof"], "proof")
    return Confirmed(**record)


def _last_from_record(record: Record) -> LastAttempt:
    record["nodes"] = units_of(record["nodes"])
    record["result"] = symbol(Result, record["result"], "result")
    return LastAttempt(**record)


def _attempt_from_record(record: Record) -> Attempt:
    record["nodes"] = units_of(record["nodes"])
    record["state"] = symbol(AttemptState, record["state"], "state")
    return Attempt(**record)


def _outcome_from_record(record: Record) -> AttemptOutcome:
    return AttemptOutcome(**record)


def _observation_to_record(observation: Observation) -> Record:
    return {**_observation_fields(observation), "observed_by": observation.observed_by.name}


def _observation_from_record(record: Record) -> Observation:
    record["nodes"] = units_of(record["nodes"])
    record["observed_by"] = symbol(ObservedBy, record["observed_by"], "observed_by")
    return Observation(**record)


def _discrepancy_from_record(record: Record) -> Discrepancy:
    return Discrepancy(**record)


def _cycle_to_record(cycle: ReconciliationCycle) -> Record:
    return {**_cycle_fields(cycle), "phase": cycle.phase.name}


def _cycle_from_record(record: Record) -> ReconciliationCycle:
    record["phase"] = symbol(CyclePhase, record["phase"], "phase")
    return ReconciliationCycle(**record)


LISTING_TARGET: RecordKind[Target] = RecordKind("listing_target", flat(Target), _target_from_record, write=write_target)
LISTING_EXPOSURE: RecordKind[Exposure] = RecordKind("listing_exposure", _exposure_to_record, _exposure_from_record)
LISTING_OUTCOME: RecordKind[AttemptOutcome] = RecordKind("listing_outcome", flat(AttemptOutcome), _outcome_from_record)
LISTING_OBSERVATION: RecordKind[Observation] = RecordKind(
    "listing_observation", _observation_to_record, _observation_from_record
)
DISCREPANCY: RecordKind[Discrepancy] = RecordKind("discrepancy", flat(Discrepancy), _discrepancy_from_record)
RECONCILIATION_CYCLE: RecordKind[ReconciliationCycle] = RecordKind(
    "reconciliation_cycle", _cycle_to_record, _cycle_from_record
)
