"""How the values of the topics that signals read and write become bytes and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inventory_domain.catalog import Product
from inventory_domain.changes import InventoryChange
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import Marketplace
from inventory_domain.reconciliation import Observation
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, LISTING_EXPOSURE, LISTING_OBSERVATION, PRODUCT
from inventory_schemas.registry import Registry
from inventory_streams.topics import Topics


@dataclass(frozen=True, slots=True)
class Codecs:
    """The codecs of all marketplaces' signals."""

    products: Serde[Product]
    changes: Serde[InventoryChange]
    exposures: Mapping[Marketplace, Serde[Exposure]]
    observations: Mapping[Marketplace, Serde[Observation]]

    def prepare(self) -> None:
        """Ask the registry for what is written, so that a schema not registered stops the start. May block.

        Raises:
            ConfigError: a schema is not registered.
            RegistryUnavailable: the registry cannot be asked.
        """
        self.changes.prepare()
        for one in self.observations.values():
            one.prepare()


def codecs_of(topics: Topics, marketplaces: Iterable[Marketplace], registry: Registry) -> Codecs:
    """The codecs for these marketplaces."""
    every = tuple(marketplaces)
    return Codecs(
        products=Serde(PRODUCT, f"{topics.catalog_products}-value", registry),
        changes=Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", registry),
        exposures={one: Serde(LISTING_EXPOSURE, f"{topics.exposure(one)}-value", registry) for one in every},
        observations={one: Serde(LISTING_OBSERVATION, f"{topics.observations(one)}-value", registry) for one in every},
    )
