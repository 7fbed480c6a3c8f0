"""How the values of the topics that reconciliation reads and writes become bytes and back."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.catalog import Product
from inventory_domain.changes import InventoryChange
from inventory_domain.commands import SkuCommand
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import Marketplace
from inventory_domain.operations import OperatorCommand
from inventory_domain.reconciliation import Discrepancy, Observation, ReconciliationCycle
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.records import (
    DISCREPANCY,
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_TARGET,
    OPERATOR_COMMAND,
    PRODUCT,
    RECONCILIATION_CYCLE,
    SKU_COMMAND,
)
from inventory_schemas.registry import Registry
from inventory_streams.topics import Topics


@dataclass(frozen=True, slots=True)
class Codecs:
    """The codecs of one marketplace's reconciliation."""

    products: Serde[Product]
    targets: Serde[Target]
    exposure: Serde[Exposure]
    observations: Serde[Observation]
    changes: Serde[InventoryChange]
    discrepancies: Serde[Discrepancy]
    sku_commands: Serde[SkuCommand]
    operator_commands: Serde[OperatorCommand]
    cycles: Serde[ReconciliationCycle]

    def prepare(self) -> None:
        """Ask the registry for what is written, so that a schema not registered stops the start. May block.

        Raises:
            ConfigError: a schema is not registered.
            RegistryUnavailable: the registry cannot be asked.
        """
        for written in (self.observations, self.changes, self.discrepancies, self.sku_commands, self.cycles):
            written.prepare()


def codecs_of(topics: Topics, marketplace: Marketplace, registry: Registry) -> Codecs:
    """The codecs of this marketplace's topics, and of those that all share."""
    return Codecs(
        products=Serde(PRODUCT, f"{topics.catalog_products}-value", registry),
        targets=Serde(LISTING_TARGET, f"{topics.targets(marketplace)}-value", registry),
        exposure=Serde(LISTING_EXPOSURE, f"{topics.exposure(marketplace)}-value", registry),
        observations=Serde(LISTING_OBSERVATION, f"{topics.observations(marketplace)}-value", registry),
        changes=Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", registry),
        discrepancies=Serde(DISCREPANCY, f"{topics.inventory_discrepancies}-value", registry),
        sku_commands=Serde(SKU_COMMAND, f"{topics.sku_commands}-value", registry),
        operator_commands=Serde(OPERATOR_COMMAND, f"{topics.operator_commands}-value", registry),
        cycles=Serde(RECONCILIATION_CYCLE, f"{topics.reconciliations(marketplace)}-value", registry),
    )
