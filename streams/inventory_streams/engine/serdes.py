"""The codecs of every topic that the engine reads or writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inventory_domain.commands import SkuCommand
from inventory_domain.errors import UndecodableRecord
from inventory_domain.progress import EngineProgress
from inventory_domain.sku_state import PartitionProgress, SkuState
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.plain_changes import PlainChanges
from inventory_schemas.records import (
    ENGINE_PROGRESS,
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_TARGET,
    PRODUCT,
    SKU_COMMAND,
    SKU_STATE,
)
from inventory_schemas.registry import Registry
from inventory_streams.engine.values import Decoders
from inventory_streams.topics import Topics

PROGRESS_KEY = b"\x00progress"  # no SKU has a control character


@dataclass(frozen=True, slots=True)
class EngineSerdes:
    """How the engine reads its inputs and changelog, and writes what follows."""

    decoders: Decoders
    state: Serde[SkuState | PartitionProgress]
    progress: Serde[EngineProgress]
    targets: dict[str, Callable[[Target], bytes]]  # by marketplace
    commands: Callable[[SkuCommand], bytes]

    def decode_state(self, data: bytes) -> SkuState:
        """The state of a SKU. Raises UndecodableRecord for anything else."""
        entry = self.state.decode(data)
        if not isinstance(entry, SkuState):
            raise UndecodableRecord("wrong-entry", "a partition's progress stands where a SKU's state should")
        return entry

    def decode_progress(self, data: bytes) -> PartitionProgress:
        """The progress of a partition. Raises UndecodableRecord for anything else."""
        entry = self.state.decode(data)
        if not isinstance(entry, PartitionProgress):
            raise UndecodableRecord("wrong-entry", "a SKU's state stands where the partition's progress should")
        return entry


def engine_serdes(topics: Topics, registry: Registry) -> EngineSerdes:
    """All codecs. Those that write ask the registry now, so that a schema that is not registered stops the start.

    Raises:
        ConfigError: a schema is not registered.
        RegistryUnavailable: the registry cannot be asked.
    """
    exposures = [Serde(LISTING_EXPOSURE, f"{topics.exposure(one)}-value", registry) for one in topics.marketplaces]
    targets = {one: Serde(LISTING_TARGET, f"{topics.targets(one)}-value", registry) for one in topics.marketplaces}
    state = Serde(SKU_STATE, f"{topics.sku_state}-value", registry)
    progress = Serde(ENGINE_PROGRESS, f"{topics.engine_progress}-value", registry)
    commands = Serde(SKU_COMMAND, f"{topics.sku_commands}-value", registry)
    changes = Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", registry)
    state.prepare()
    commands.prepare()
    progress.prepare()
    for serde in targets.values():
        serde.prepare()
    return EngineSerdes(
        decoders=Decoders(
            change=changes.decode,
            plain_changes=PlainChanges(changes).read,
            product=Serde(PRODUCT, f"{topics.catalog_products}-value", registry).decode,
            command=commands.decode,
            exposure=exposures[0].decode,  # the schema's id is in each record; the subject is for messages only
        ),
        state=state,
        progress=progress,
        targets={one: serde.encode for one, serde in targets.items()},
        commands=commands.encode,
    )
