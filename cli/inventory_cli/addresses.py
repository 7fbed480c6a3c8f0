"""Where Kafka and the registry are: as given, by option, environment or settings file, else the local stack."""

from __future__ import annotations

import os
from pathlib import Path

from inventory_domain.errors import InventorySyncError


class NoAddress(InventorySyncError):
    """Nobody said where Kafka or the registry is, and no local stack was ever started here."""


def stack_folder() -> Path:
    """Where `inventory-sync stack` keeps its data when no option says otherwise."""
    from inventory_cli.stack import default_data_dir

    given = os.environ.get("INVENTORY_SYNC_STACK_DIR")
    return Path(given) if given else default_data_dir()


def local_stack_or(bootstrap_servers: str | None, schema_registry: str | None) -> tuple[str, str]:
    """The given addresses; one that is not given is the local stack's, whose ports outlive it.

    Raises:
        NoAddress: an address is missing and there is no local stack.
    """
    if bootstrap_servers and schema_registry:
        return bootstrap_servers, schema_registry
    from inventory_sandbox.stack import LocalStack

    found = LocalStack(stack_folder()).status()
    kafka = bootstrap_servers or found.bootstrap_servers
    registry = schema_registry or found.schema_registry_url
    if kafka is None or registry is None:
        raise NoAddress(
            "no address of Kafka and the schema registry: give --bootstrap-servers and --schema-registry, "
            "or start a local stack with `inventory-sync stack up`"
        )
    return kafka, registry
