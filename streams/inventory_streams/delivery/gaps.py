"""After a time in which nobody could vouch for what is shown, reconciliation is asked to look at everything.

A worker that is cut off from Kafka sets its listings to zero without a committed attempt, so what they show is known
to nobody. It says so itself when Kafka is back; where it cannot any more, the next owner of the channels' health sees
by the age of the last record that there may have been such a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from inventory_domain.clock import Clock
from inventory_domain.health import SYSTEM
from inventory_domain.identifiers import ChannelId
from inventory_domain.operations import OperatorAction
from inventory_schemas.registry import Registry
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.producer.channels import ChannelOperator

log = logging.getLogger(__name__)


class AsksReconciliation(Protocol):
    """Has whole channels compared with what they show."""

    def ask(self, channels: Iterable[ChannelId], why: str) -> None:
        """Ask for each of them. Blocks; may be repeated.

        Raises:
            NotDelivered: Kafka did not take it.
        """
        ...


class ReconciliationByCommand:
    """Asks on `operator.commands`, as an operator does."""

    def __init__(self, settings: DeliverySettings, registry: Registry, clock: Clock) -> None:
        self._settings = settings
        self._registry = registry
        self._clock = clock

    def ask(self, channels: Iterable[ChannelId], why: str) -> None:
        """As `AsksReconciliation` says."""
        settings = self._settings
        operator = ChannelOperator(settings.kafka, settings.topics, self._registry, now_ms=self._clock.now_ms)
        for channel in sorted(channels):
            operator.send(channel, OperatorAction.RECONCILE, SYSTEM, why)
            log.warning("full reconciliation asked for", extra={"channel": channel, "why": why})


def was_unattended(last_written_ms: int | None, now_ms: int, silent_s: float) -> bool:
    """Whether nobody wrote of the channels for so long that a worker may have set them to zero by itself."""
    return last_written_ms is not None and now_ms - last_written_ms > silent_s * 1000
