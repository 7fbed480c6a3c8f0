"""Taking partitions over: the right to write first, then all that is known of them, read to its end (rule 21)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from confluent_kafka import Message

from inventory_domain.errors import BadRecord
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ListingId
from inventory_streams.delivery.arrivals import (
    Arrivals,
    CommandArrival,
    HealthArrival,
    ProgressArrival,
    TargetArrival,
    exposure_of,
)
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.writer import Transactions
from inventory_streams.kafka.reading import ReadStalled, read_to_end
from inventory_streams.kafka.transactions import TransactionalWriter

TAKE_OVERS_AT_ONCE = 8


@dataclass(slots=True)
class LoadedPartition:
    """What one partition held when it was taken over: the newest target per listing, what cannot be read, exposures.

    `position` is where the group goes on reading targets.
    """

    partition: int
    writer: Transactions
    targets: dict[ListingId, TargetArrival] = field(default_factory=dict)
    faulty: list[TargetArrival] = field(default_factory=list)
    exposures: dict[ListingId, Exposure] = field(default_factory=dict)
    position: int = 0


@dataclass(slots=True)
class Loaded:
    """What a takeover has read. `told`: health and progress, oldest first; `places`: where to go on reading those."""

    partitions: list[LoadedPartition]
    told: list[HealthArrival | ProgressArrival | CommandArrival] = field(default_factory=list)
    places: dict[tuple[str, int], int] = field(default_factory=dict)


def load(
    settings: DeliverySettings,
    codecs: Codecs,
    arrivals: Arrivals,
    partitions: Sequence[int],
    abandoned: Callable[[], bool],
) -> Loaded | None:
    """Take these partitions over and read them. Blocks; None when `abandoned` says that nobody wants them any more.

    Raises:
        TransactionFailed: the broker refuses us the right to write.
        ReadStalled: a partition cannot be read to its end, or an exposure of ours cannot be understood.
    """
    # 1. From here on the former owner's commits are refused, so nothing can be added to what is read below.
    with ThreadPoolExecutor(TAKE_OVERS_AT_ONCE, thread_name_prefix="take-over") as threads:
        writers = list(threads.map(lambda number: _taken_over(settings, number), partitions))
    parts = {number: LoadedPartition(number, writer) for number, writer in zip(partitions, writers, strict=True)}
    loaded = Loaded(list(parts.values()))
    # 2. Then what is wanted, what may be shown, and what may be done about it now, all to their ends.
    exposure_topic = settings.topics.exposure(settings.marketplace)

    def take(messages: Sequence[Message]) -> None:
        for message in messages:
            topic, number = message.topic(), int(message.partition() or 0)
            if topic == exposure_topic:
                _take_exposure(parts[number], codecs, message)
            elif topic == arrivals.targets:
                _take_target(parts[number], arrivals.target(message))
            else:
                told = arrivals.of([message])
                loaded.told.extend(
                    one for one in told if isinstance(one, HealthArrival | ProgressArrival | CommandArrival)
                )

    topics = (arrivals.targets, exposure_topic, arrivals.progress)
    places = [
        (arrivals.health, 0),
        (arrivals.commands, 0),
        *((topic, number) for topic in topics for number in partitions),
    ]
    read = read_to_end(settings.kafka, places, take, abandoned=abandoned)
    if read is None:
        return None
    for one in read:
        if one.topic == arrivals.targets:
            parts[one.partition].position = one.position
        elif one.topic in (arrivals.health, arrivals.progress, arrivals.commands):
            loaded.places[one.topic, one.partition] = one.position
    return loaded


def _taken_over(settings: DeliverySettings, partition: int) -> TransactionalWriter:
    writer = TransactionalWriter(settings.kafka, settings.transactional_id(partition))
    writer.take_over()
    return writer


def _take_exposure(part: LoadedPartition, codecs: Codecs, message: Message) -> None:
    try:
        listing_id, exposure = exposure_of(codecs, message)
    except BadRecord as fault:
        place = f"{message.topic()}[{part.partition}]@{message.offset()}"
        raise ReadStalled(f"{place}: what may be on sale cannot be read: {fault}") from fault
    if exposure is None:
        part.exposures.pop(listing_id, None)
    else:
        part.exposures[listing_id] = exposure


def _take_target(part: LoadedPartition, arrival: TargetArrival) -> None:
    if arrival.fault is not None:
        part.faulty.append(arrival)
        return
    known = part.targets.get(arrival.listing_id)
    if arrival.target is None:
        part.targets.pop(arrival.listing_id, None)
    elif known is None or known.target is None or arrival.target.version >= known.target.version:
        part.targets[arrival.listing_id] = arrival
