"""Names, defaults and limits that options and settings file share. Loads nothing, so that help is quickly there."""

from __future__ import annotations

from typing import Final

ENV_BOOTSTRAP_SERVERS: Final = "INVENTORY_SYNC_BOOTSTRAP_SERVERS"
ENV_SCHEMA_REGISTRY: Final = "INVENTORY_SYNC_SCHEMA_REGISTRY"
APPLICATION_DEFAULT: Final = "inventory-sync"
PARTITIONS_DEFAULT: Final = 6
PARTITIONS_MAX: Final = 10_000
REPLICATION_MAX: Final = 100
