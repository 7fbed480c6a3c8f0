"""How the values of delivery's topics become bytes and back."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.exposure import Exposure
from inventory_domain.health import ChannelReport
from inventory_domain.identifiers import Marketplace
from inventory_domain.operations import OperatorCommand
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.progress import EngineProgress
from inventory_domain.reconciliation import Observation, ReconciliationCycle
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.records import (
    CHANNEL_HEALTH,
    CHANNEL_REPORT,
    ENGINE_PROGRESS,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    OPERATOR_COMMAND,
    RECONCILIATION_CYCLE,
    HealthRecord,
)
from inventory_schemas.registry import Registry
from inventory_streams.topics import Topics


@dataclass(frozen=True, slots=True)
class Codecs:
    """The codecs of every topic that delivery reads or writes for one marketplace."""

    targets: Serde[Target]
    retries: Serde[Target]
    exposure: Serde[Exposure]
    outcomes: Serde[AttemptOutcome]
    observations: Serde[Observation]
    reports: Serde[ChannelReport]
    health: Serde[HealthRecord]
    commands: Serde[OperatorCommand]
    progress: Serde[EngineProgress]
    cycles: Serde[ReconciliationCycle]

    def prepare(self) -> None:
        """Ask the registry for what is written, so that a schema not registered stops the start. May block.

        Raises:
            ConfigError: a schema is not registered.
            RegistryUnavailable: the registry cannot be asked.
        """
        for written in (self.retries, self.exposure, self.outcomes, self.observations, self.reports, self.health):
            written.prepare()


def codecs_of(topics: Topics, marketplace: Marketplace, registry: Registry) -> Codecs:
    """The codecs of this marketplace's topics."""
    return Codecs(
        targets=Serde(LISTING_TARGET, f"{topics.targets(marketplace)}-value", registry),
        retries=Serde(LISTING_TARGET, f"{topics.retries(marketplace)}-value", registry),
        exposure=Serde(LISTING_EXPOSURE, f"{topics.exposure(marketplace)}-value", registry),
        outcomes=Serde(LISTING_OUTCOME, f"{topics.listing_outcomes}-value", registry),
        observations=Serde(LISTING_OBSERVATION, f"{topics.observations(marketplace)}-value", registry),
        reports=Serde(CHANNEL_REPORT, f"{topics.reports(marketplace)}-value", registry),
        commands=Serde(OPERATOR_COMMAND, f"{topics.operator_commands}-value", registry),
        health=Serde(CHANNEL_HEALTH, f"{topics.channel_health}-value", registry),
        progress=Serde(ENGINE_PROGRESS, f"{topics.engine_progress}-value", registry),
        cycles=Serde(RECONCILIATION_CYCLE, f"{topics.reconciliations(marketplace)}-value", registry),
    )
