"""Taking a marketplace over: the right to write first, then all that is known, read to its end (rule 21)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import Message

from inventory_domain.identifiers import Marketplace
from inventory_streams.kafka.reading import Place, positions_at, read_to_end
from inventory_streams.reconcile.arrivals import Arrivals
from inventory_streams.reconcile.settings import ReconcileSettings

COMMANDS_MEMORY_S = 3_600.0
READINGS_MEMORY_S = 600.0


def load(
    settings: ReconcileSettings,
    marketplace: Marketplace,
    arrivals: Arrivals,
    now_ms: int,
    abandoned: Callable[[], bool],
) -> Mapping[Place, int] | None:
    """Read everything; where to go on, by topic and partition. Blocks; None when nobody wants it any more.

    Raises:
        ReadStalled: a partition cannot be read to its end.
    """
    topics, every = settings.topics, range(settings.partitions)
    ended: dict[Place, int] = {}

    def take(messages: Sequence[Message]) -> None:
        arrivals.apply(arrivals.decoded(messages))

    # 1. Listings first: what comes after is kept for the listings that are known.
    # 2. What they may be showing; 3. what else is known of them.
    listings = [(topic, n) for topic in (topics.catalog_products, topics.targets(marketplace)) for n in every]
    exposures = [(topics.exposure(marketplace), n) for n in every]
    recent: dict[Place, int] = {}
    for topic, memory_s in (
        (topics.inventory_changes, settings.sales_memory_s),
        (topics.inventory_discrepancies, settings.case_memory_s),
        (topics.observations(marketplace), READINGS_MEMORY_S),
    ):
        since_ms = now_ms - round(memory_s * 1_000)
        recent.update(positions_at(settings.kafka, [(topic, n) for n in every], since_ms))
    commands: Place = (topics.operator_commands, 0)
    recent.update(positions_at(settings.kafka, [commands], now_ms - round(COMMANDS_MEMORY_S * 1_000)))
    recent[topics.reconciliations(marketplace), 0] = 0
    for places, starts in ((listings, {}), (exposures, {}), (list(recent), recent)):
        read = read_to_end(settings.kafka, places, take, abandoned=abandoned, starts=starts)
        if read is None:
            return None
        ended.update({(one.topic, one.partition): one.position for one in read})
    return ended
