"""Every kind of record with values for it, and serdes that share a registry in memory."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from inventory_schemas import records
from inventory_schemas.codec import RecordKind, Serde
from inventory_schemas.registry import LocalRegistry
from tests.support import strategies

KINDS: Final[dict[str, tuple[RecordKind[Any], st.SearchStrategy[Any]]]] = {
    kind.name: (kind, values)
    for kind, values in (
        (records.INVENTORY_CHANGE, strategies.inventory_changes),
        (records.PRODUCT, strategies.products()),
        (records.SKU_COMMAND, strategies.sku_commands),
        (records.SKU_STATE, strategies.sku_states | strategies.partition_progress),
        (records.ENGINE_PROGRESS, strategies.engine_progress),
        (records.LISTING_TARGET, strategies.targets),
        (records.LISTING_EXPOSURE, strategies.exposures),
        (records.LISTING_OUTCOME, strategies.attempt_outcomes),
        (records.LISTING_OBSERVATION, strategies.observations),
        (records.DISCREPANCY, strategies.discrepancies),
        (records.RECONCILIATION_CYCLE, strategies.reconciliation_cycles),
        (records.CHANNEL_REPORT, strategies.channel_reports),
        (records.CHANNEL_HEALTH, strategies.health_records),
        (records.OPERATOR_COMMAND, strategies.operator_commands),
    )
}


def a_serde(kind: RecordKind[Any], registry: LocalRegistry | None = None) -> Serde[Any]:
    """A serde of this kind, with a registry of its own unless one is given."""
    return Serde(kind, f"{kind.name}-value", registry or LocalRegistry())
