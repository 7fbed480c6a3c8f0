"""What is known of listings where signals are taken: who they are, and which numbers are our own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from inventory_domain.errors import BadRecord
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ChannelId, ListingId, Marketplace, NodeId
from inventory_domain.signals import ListingChanged
from inventory_schemas.codec import Serde
from inventory_streams.catalog_copy import CatalogCopy, CatalogListing
from inventory_streams.kafka.following import Apply
from inventory_streams.kafka.reading import Place, read_to_end
from inventory_streams.signals.settings import SignalsSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnNumbers:
    """Every number of ours that a listing may show: in all, and per node. `newest` is what was sent last."""

    newest: int
    others: frozenset[int]
    nodes: frozenset[tuple[NodeId, int]]


class Known:
    """A full copy of the catalog, and our own numbers of each listing. Belongs to one thread at a time."""

    def __init__(
        self,
        settings: SignalsSettings,
        marketplaces: Iterable[Marketplace],
        catalog: CatalogCopy,
        exposures: Mapping[Marketplace, Serde[Exposure]],
    ) -> None:
        topics = settings.topics
        self._settings = settings
        self.catalog = catalog
        self._products = topics.catalog_products
        self._exposures = {topics.exposure(one): exposures[one] for one in marketplaces}
        self._numbers: dict[ListingId, OwnNumbers] = {}

    def load(self, abandoned: Callable[[], bool]) -> dict[Place, int] | None:
        """Read everything; where to go on. Blocks; None when nobody wants it any more.

        Raises:
            ReadStalled: a partition cannot be read to its end.
        """

        def take(messages: Sequence[Message]) -> None:
            for apply in self.decoded(messages):
                apply()

        places = [(topic, n) for topic in (self._products, *self._exposures) for n in range(self._settings.partitions)]
        read = read_to_end(self._settings.kafka, places, take, abandoned=abandoned)
        return None if read is None else {(one.topic, one.partition): one.position for one in read}

    def decoded(self, messages: Sequence[Message]) -> list[Apply]:
        """What these records do, to be called in their order."""
        found = []
        for message in messages:
            key, value = message.key(), message.value()
            if message.topic() == self._products:
                found.append(self._product(key, value))
            elif key is not None and (apply := self._exposure(str(message.topic()), key, value)) is not None:
                found.append(apply)
        return found

    def named(self, channel: ChannelId, marketplace_ids: Mapping[str, str]) -> tuple[CatalogListing, ...]:
        """The channel's listings that a signal names."""
        return self.catalog.named(channel, marketplace_ids)

    def is_own(self, listing_id: ListingId, signal: ListingChanged) -> bool:
        """Whether a signal only repeats what we wrote: it says a number that we have sent and that may still be shown.

        A number is needed for that; a signal without one may be of anybody's change.
        """
        own = self._numbers.get(listing_id)
        if own is None or signal.quantity is None:
            return False
        if signal.node is not None and own.nodes:
            return (signal.node, signal.quantity) in own.nodes
        return signal.quantity == own.newest or signal.quantity in own.others

    def _product(self, key: bytes | None, value: bytes | None) -> Apply:
        return lambda: self.catalog.apply(key, value)

    def _exposure(self, topic: str, key: bytes, value: bytes | None) -> Apply | None:
        listing_id = ListingId(key.decode(errors="replace"))
        if value is None:
            return lambda: self._forget(listing_id)
        try:
            exposure = self._exposures[topic].decode(value)
        except BadRecord as fault:
            log.warning("exposure passed over", extra={"topic": topic, "why": str(fault)})
            return None
        own = _own_numbers(exposure)
        if own is None:
            return None

        def keep() -> None:
            self._numbers[listing_id] = own

        return keep

    def _forget(self, listing_id: ListingId) -> None:
        self._numbers.pop(listing_id, None)


def _own_numbers(exposure: Exposure) -> OwnNumbers | None:
    """The newest attempt and all that are still open. What is over and was replaced is news again when it shows up."""
    last = exposure.last
    if last is None:
        return None
    nodes = set(last.nodes.items())
    for one in exposure.open:
        nodes.update(one.nodes.items())
    return OwnNumbers(last.quantity, frozenset(one.quantity for one in exposure.open), frozenset(nodes))
