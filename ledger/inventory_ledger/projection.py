"""What each record of each topic becomes in the tables. Pure: bytes and their place in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from inventory_domain.errors import BadRecord
from inventory_ledger import tables
from inventory_ledger.batch import Batch, Place
from inventory_ledger.channel_rows import channel_projection
from inventory_ledger.listing_rows import listing_projection
from inventory_ledger.rows import Arrival, Project, clean
from inventory_ledger.settings import LedgerTopic
from inventory_ledger.sku_rows import sku_projection
from inventory_schemas.registry import Registry

ERROR_LENGTH_MAX = 500


class Projection:
    """Turns records into rows. One that cannot be read becomes a row of `unreadable`, and all others go on."""

    def __init__(self, topics: Iterable[LedgerTopic], registry: Registry) -> None:
        self._projects: dict[str, Project] = {}
        self._marketplaces: dict[str, str] = {}
        for topic in topics:
            self._projects[topic.name] = _project_of(topic, registry)
            self._marketplaces[topic.name] = topic.marketplace or ""

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that is read."""
        return tuple(self._projects)

    def marketplace_of(self, topic: str) -> str:
        """The marketplace whose topic it is; empty where it is not one marketplace's."""
        return self._marketplaces[topic]

    def batch_of(self, arrivals: Iterable[Arrival], begins: Mapping[Place, int]) -> Batch:
        """The rows of these records. `begins`: up to where each partition is in the tables already.

        Raises:
            RegistryUnavailable: a schema is not known yet, and the registry cannot be asked; nothing is lost by
                trying the same records again.
        """
        batch = Batch()
        ends: dict[Place, int] = {}
        for arrival in arrivals:
            ends[arrival.topic, arrival.partition] = arrival.offset + 1
            batch.read[arrival.topic] += 1
            try:
                self._projects[arrival.topic](arrival, batch)
            except BadRecord as fault:
                batch.unreadable[arrival.topic] += 1
                _not_read(arrival, fault, batch)
        batch.moves = {place: (begins.get(place), end) for place, end in ends.items()}
        return batch


def _project_of(topic: LedgerTopic, registry: Registry) -> Project:
    subject = f"{topic.name}-value"
    for part in (listing_projection, sku_projection, channel_projection):
        project = part(topic.feed, subject, registry)
        if project is not None:
            return project
    raise ValueError(f"{topic.name}: no projection for {topic.feed.value}")


def _not_read(arrival: Arrival, fault: BadRecord, batch: Batch) -> None:
    row = (
        arrival.topic,
        arrival.partition,
        arrival.offset,
        arrival.at_ms,
        fault.reason,
        clean(str(fault))[:ERROR_LENGTH_MAX],
    )
    batch.append(tables.unreadable, row)
