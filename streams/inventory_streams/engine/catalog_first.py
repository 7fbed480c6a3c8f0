"""Where changes come before the catalog has their products: they wait in their topic, and the catalog is read first.

A change of a SKU without a product is kept in memory and in the changelog until its product comes, and there is a
limit to how many are. Both topics of a first load are full at once, and counts are read as fast as products: what is
beyond the limit would be dead letters, though the catalog has the product some records further.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from inventory_domain.identifiers import Sku
from inventory_streams.engine.partition import CatalogWait, Partition
from inventory_streams.engine.records import FetchedBatch, InputRecord
from inventory_streams.engine.settings import HELD_FREELY_MAX, PARTITION_HELD_MAX

log = logging.getLogger(__name__)


class CatalogFirst:
    """Decides when the changes of a partition wait for its catalog, and until when."""

    def __init__(self, changes: str, catalog: str, freely_max: int = HELD_FREELY_MAX) -> None:
        """The names of both topics; `freely_max` changes of a partition may wait in memory in any case."""
        self._changes = changes
        self._catalog = catalog
        self._freely_max = freely_max

    def puts_off(
        self, partition: Partition, batch: FetchedBatch, catalog_end: Callable[[Partition], int | None]
    ) -> bool:
        """Whether the batch is not to be applied now; it is fetched again when its time has come.

        `catalog_end` tells the end of the partition's catalog as far as it is known, where it is asked.
        """
        if batch.topic != self._changes:
            return False
        wait = partition.catalog_wait
        if wait is not None and (not wait.over or batch.start > partition.position(self._changes)):
            return True  # also what was on its way when the wait ended: it is behind what is fetched again
        partition.catalog_wait = None
        if wait is not None and not self._brought_products(partition, wait):
            return False
        return self._begins(partition, batch, catalog_end)

    def _brought_products(self, partition: Partition, wait: CatalogWait) -> bool:
        """Whether most of what the catalog had was new, so that it is loaded and more is to come.

        One that is written all the time, and has nothing new, would hold up the changes of all SKUs for as long.
        """
        return 2 * (_known(partition) - wait.known) >= partition.position(self._catalog) - wait.since

    def _begins(
        self, partition: Partition, batch: FetchedBatch, catalog_end: Callable[[Partition], int | None]
    ) -> bool:
        held, known = partition.held, _known(partition)
        limit = min(PARTITION_HELD_MAX, max(self._freely_max, known))
        if held.records + len(batch.records) <= limit:  # then nobody need look at each
            return False
        until, since = catalog_end(partition), partition.position(self._catalog)
        if until is None or since >= until:
            return False
        if held.records + _unknown(partition, batch.records) <= limit:
            return False
        partition.catalog_wait = CatalogWait(until, since, known)
        place = {"partition": partition.number, "catalog_until": until, "changes_held": held.records}
        log.info("changes wait in their topic until the catalog is read further", extra=place)
        return True

    def ended(self, owned: Iterable[Partition]) -> list[Partition]:
        """The partitions whose catalog is read far enough by now: their changes are to be fetched again, each once."""
        found = []
        for partition in owned:
            wait = partition.catalog_wait
            if wait is not None and not wait.over and partition.position(self._catalog) >= wait.until:
                wait.over = True
                found.append(partition)
        return found


def waiting(owned: Iterable[Partition]) -> frozenset[int]:
    """The partitions whose changes need not be fetched now."""
    return frozenset(one.number for one in owned if one.catalog_wait is not None and not one.catalog_wait.over)


def _known(partition: Partition) -> int:
    """How many SKUs there are whose product came."""
    return len(partition.states) - partition.held.skus


def _unknown(partition: Partition, records: Iterable[InputRecord]) -> int:
    """How many of them would have to wait for a product, as far as their keys tell."""
    states, held, found = partition.states, partition.held, 0
    for record in records:
        if record.key is not None:
            sku = Sku(record.key.decode(errors="replace"))
            found += sku not in states or sku in held
    return found
