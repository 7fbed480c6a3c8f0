"""Every kind of record there is: one per schema file, with its value's type."""

from __future__ import annotations

from inventory_schemas.codec import Record, RecordKind
from inventory_schemas.records_catalog import PRODUCT
from inventory_schemas.records_changes import INVENTORY_CHANGE
from inventory_schemas.records_channels import CHANNEL_HEALTH, CHANNEL_REPORT, OPERATOR_COMMAND, HealthRecord
from inventory_schemas.records_commands import SKU_COMMAND
from inventory_schemas.records_listings import (
    DISCREPANCY,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    RECONCILIATION_CYCLE,
)
from inventory_schemas.records_progress import ENGINE_PROGRESS
from inventory_schemas.records_state import SKU_STATE

__all__ = [
    "CHANNEL_HEALTH",
    "CHANNEL_REPORT",
    "DISCREPANCY",
    "ENGINE_PROGRESS",
    "INVENTORY_CHANGE",
    "LISTING_EXPOSURE",
    "LISTING_OBSERVATION",
    "LISTING_OUTCOME",
    "LISTING_TARGET",
    "OPERATOR_COMMAND",
    "PRODUCT",
    "RECONCILIATION_CYCLE",
    "SKU_COMMAND",
    "SKU_STATE",
    "HealthRecord",
    "Record",
    "RecordKind",
]
