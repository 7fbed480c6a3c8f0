"""Every record that reconciliation writes, in its SKU's partition."""

from __future__ import annotations

import hashlib

from inventory_domain.changes import InventoryChange
from inventory_domain.commands import Restate, SkuCommand
from inventory_domain.identifiers import ChannelId, EventId, ListingId, Marketplace, Sku
from inventory_domain.reconciliation import Discrepancy, Observation, ObservedBy, ReconciliationCycle
from inventory_schemas.values import NO_NODES
from inventory_streams.hints import RECONCILE_HINT
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.transactions import Write
from inventory_streams.reconcile.codecs import Codecs
from inventory_streams.reconcile.settings import ReconcileSettings

ISSUED_BY = "reconcile"


class Records:
    """Builds the records of one marketplace."""

    def __init__(self, settings: ReconcileSettings, codecs: Codecs, marketplace: Marketplace) -> None:
        topics = settings.topics
        self._codecs = codecs
        self._partitions = settings.partitions
        self._observations = topics.observations(marketplace)
        self._discrepancies = topics.inventory_discrepancies
        self._commands = topics.sku_commands
        self._changes = topics.inventory_changes
        self._cycles = topics.reconciliations(marketplace)

    def observation(self, observation: Observation) -> Write:
        """What was seen."""
        key = observation.listing_id.encode()
        value = self._codecs.observations.encode(observation)
        return Write(self._observations, self._partition(observation.sku), key, value)

    def hint(self, listing_id: ListingId, sku: Sku, channel: ChannelId, now_ms: int, why: str) -> Write:
        """Asks delivery to read this one listing."""
        hint = Observation(
            listing_id,
            sku,
            channel,
            None,
            NO_NODES,
            ObservedBy.SIGNAL,
            now_ms,
            now_ms,
            f"{RECONCILE_HINT}{why}",
        )
        return self.observation(hint)

    def discrepancy(self, record: Discrepancy) -> Write:
        """A listing that shows something else, or no longer does."""
        value = self._codecs.discrepancies.encode(record)
        return Write(self._discrepancies, self._partition(record.sku), record.listing_id.encode(), value)

    def restate(self, record: Discrepancy, version: int, now_ms: int) -> Write:
        """Asks the engine for a new version. The same judgement gives the same id, so repeating it is harmless."""
        told = f"{record.listing_id}\n{version}\n{record.corrections}\n{record.observed_at_ms}"
        command = SkuCommand(
            EventId(f"restate-{hashlib.sha256(told.encode()).hexdigest()[:32]}"),
            record.sku,
            now_ms,
            ISSUED_BY,
            Restate(ListingId(record.listing_id), version, f"shows {record.observed}: {record.cause}"),
        )
        value = self._codecs.sku_commands.encode(command)
        return Write(self._commands, self._partition(record.sku), record.sku.encode(), value)

    def cycle(self, cycle: ReconciliationCycle) -> Write:
        """How far a reconciliation is."""
        return Write(self._cycles, 0, cycle.channel.encode(), self._codecs.cycles.encode(cycle))

    def change(self, change: InventoryChange) -> Write:
        """A count of a pool that the marketplace holds."""
        assert change.sku is not None
        value = self._codecs.changes.encode(change)
        return Write(self._changes, self._partition(change.sku), change.sku.encode(), value)

    def _partition(self, sku: Sku) -> int:
        return partition_of(sku, self._partitions)
