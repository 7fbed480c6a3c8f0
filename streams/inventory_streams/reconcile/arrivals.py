"""What comes from the topics, decoded on the thread that reads, and applied to what is known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from inventory_domain.errors import BadRecord
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.reconciliation import CyclePhase, Observation, ObservedBy, ReconciliationCycle
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.kafka.following import Apply
from inventory_streams.reconcile.codecs import Codecs
from inventory_streams.reconcile.knowledge import Knowledge
from inventory_streams.topics import Topics

READINGS = (ObservedBy.READ, ObservedBy.FEED_REPORT)

log = logging.getLogger(__name__)


class Arrivals:
    """Turns records into what they mean for one marketplace.

    `apply` belongs to whoever owns the knowledge; `readings`, `commands` and `cycles` collect what its owner acts on;
    `complete_ms` is when the last one of each channel began that reached its end.
    """

    def __init__(
        self,
        codecs: Codecs,
        topics: Topics,
        marketplace: Marketplace,
        catalog: CatalogCopy,
        knowledge: Knowledge,
        now_ms: Callable[[], int],
    ) -> None:
        self._codecs = codecs
        self._catalog = catalog
        self._knowledge = knowledge
        self._now_ms = now_ms
        self.readings: list[Observation] = []
        self.commands: list[OperatorCommand] = []
        self.cycles: dict[ChannelId, ReconciliationCycle] = {}
        self.complete_ms: dict[ChannelId, int] = {}
        self.unreadable = 0
        self._of_topic: dict[str, Callable[[Message], Apply | None]] = {
            topics.catalog_products: self._product,
            topics.targets(marketplace): self._target,
            topics.exposure(marketplace): self._exposure,
            topics.inventory_changes: self._change,
            topics.inventory_discrepancies: self._discrepancy,
            topics.observations(marketplace): self._observation,
            topics.operator_commands: self._command,
            topics.reconciliations(marketplace): self._cycle,
        }

    def decoded(self, messages: Sequence[Message]) -> list[Apply]:
        """What these records do, to be called in their order. One that cannot be read is counted and passed over."""
        found = []
        for message in messages:
            try:
                apply = self._of_topic[str(message.topic())](message)
            except BadRecord as fault:
                self.unreadable += 1
                log.warning("record passed over", extra={"topic": message.topic(), "why": str(fault)})
                continue
            if apply is not None:
                found.append(apply)
        return found

    @staticmethod
    def apply(found: Iterable[Apply]) -> None:
        """Do it."""
        for one in found:
            one()

    def take_readings(self) -> list[Observation]:
        """Single reads that came since the last call."""
        found, self.readings = self.readings, []
        return found

    def take_commands(self) -> list[OperatorCommand]:
        """Operators' commands that came since the last call."""
        found, self.commands = self.commands, []
        return found

    def _product(self, message: Message) -> Apply:
        key, value = message.key(), message.value()
        return lambda: self._catalog.apply(key, value)

    def _target(self, message: Message) -> Apply | None:
        key, value = message.key(), message.value()
        if key is None:
            return None
        partition = int(message.partition() or 0)
        target = None if value is None else self._codecs.targets.decode(value)
        return lambda: self._knowledge.target(key, target, partition)

    def _exposure(self, message: Message) -> Apply | None:
        key, value = message.key(), message.value()
        if key is None:
            return None
        partition = int(message.partition() or 0)
        exposure = None if value is None else self._codecs.exposure.decode(value)
        return lambda: self._knowledge.exposure(key, value, exposure, partition)

    def _change(self, message: Message) -> Apply | None:
        change = self._codecs.changes.decode(message.value())
        kind, appended_ms = message.timestamp()
        # By another clock than the broker's it would not say when the broker had it.
        known_ms = appended_ms if kind == TIMESTAMP_LOG_APPEND_TIME else None
        return lambda: self._knowledge.change(change, self._now_ms(), known_ms)

    def _discrepancy(self, message: Message) -> Apply:
        record = self._codecs.discrepancies.decode(message.value())
        return lambda: self._knowledge.discrepancy(record)

    def _observation(self, message: Message) -> Apply | None:
        observation = self._codecs.observations.decode(message.value())
        if observation.observed_by in READINGS:

            def keep() -> None:
                self._knowledge.read(observation)
                self.readings.append(observation)

            return keep
        if observation.observed_by is ObservedBy.SIGNAL:
            return lambda: self._knowledge.signal(observation)
        return None

    def _command(self, message: Message) -> Apply | None:
        command = self._codecs.operator_commands.decode(message.value())
        if command.action is not OperatorAction.RECONCILE:
            return None
        return lambda: self.commands.append(command)

    def _cycle(self, message: Message) -> Apply | None:
        cycle = self._codecs.cycles.decode(message.value())
        if cycle.announces:
            return None

        def keep() -> None:
            self.cycles[cycle.channel] = cycle
            if cycle.phase is CyclePhase.COMPLETE:
                self.complete_ms[cycle.channel] = cycle.started_at_ms

        return keep
