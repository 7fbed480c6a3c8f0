"""Small batches that wait for their own transaction, so that other partitions need not wait for it too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from inventory_streams.engine.records import FetchedBatch

ASIDE_RECORDS_MAX = 500  # of one input of one partition; what is larger is a backlog, in which nothing is gained


class Aside:
    """At most one batch per partition and input: what follows it is added to it, and both become one transaction.

    Within an input the order is kept; between inputs of a partition there is none to keep.
    """

    def __init__(self) -> None:
        self._batches: dict[tuple[int, str], FetchedBatch] = {}

    def put(self, batch: FetchedBatch) -> bool:
        """Keep it until its partition is free. False: it does not fit here and is to be done in its turn."""
        place = batch.partition, batch.topic
        before = self._batches.get(place)
        if before is None:
            fits = len(batch.records) <= ASIDE_RECORDS_MAX
            together = batch
        else:
            follows = before.end == batch.start and before.generation == batch.generation
            fits = follows and len(before.records) + len(batch.records) <= ASIDE_RECORDS_MAX
            together = replace(before, end=batch.end, records=before.records + batch.records)
        if fits:
            self._batches[place] = together
        return fits

    def take(self, free: Callable[[int], bool]) -> FetchedBatch | None:
        """The first that came of those whose partition is free; None when there is none."""
        for place, batch in self._batches.items():
            if free(batch.partition):
                del self._batches[place]
                return batch
        return None

    def holds(self, partition: int) -> bool:
        """Whether something of the partition is here, behind which all that comes of it has to go."""
        return any(number == partition for number, _ in self._batches)
