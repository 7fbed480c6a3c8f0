"""Where the real code makes its clients of Kafka for itself, and what it gets in a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from inventory_streams import letters
from inventory_streams.delivery import assignment, health_owner, quotas
from inventory_streams.reconcile import loading, reconciler
from tests.support.simulator.clients import Inline
from tests.support.simulator.process import ends_of, positions_at, read_to_end, writer
from tests.support.simulator.reconciling import ModeledFollower

_REPLACED = (
    *((module, "TransactionalWriter", writer) for module in (assignment, health_owner, reconciler)),
    *((module, "read_to_end", read_to_end) for module in (assignment, health_owner, quotas, loading, letters)),
    *((module, "positions_at", positions_at) for module in (quotas, loading)),
    (health_owner, "ends_of", ends_of),
    (assignment, "ThreadPoolExecutor", Inline),
    (reconciler, "Follower", ModeledFollower),
)


@contextmanager
def modeled_clients() -> Iterator[None]:
    """They are modelled ones for as long as this lasts."""
    with ExitStack() as stack:
        for module, name, replacement in _REPLACED:
            stack.enter_context(patch.object(module, name, replacement))
        yield
