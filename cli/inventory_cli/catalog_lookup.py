"""Whether the catalog has a SKU, asked of the topic itself: a typing error must not look like a recall that is done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.reading import ReadStalled, read_to_end
from inventory_streams.letters import partitions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Message

    from inventory_domain.identifiers import Sku
    from inventory_streams.kafka.settings import KafkaSettings

LOOK_S_MAX: Final = 5.0  # somebody waits for it, and what was asked is sent already


def in_catalog(kafka: KafkaSettings, topic: str, sku: Sku, limit_s: float = LOOK_S_MAX) -> bool:
    """Whether the newest record of the SKU in `topic`, the catalog's, is a product. Blocks.

    Raises:
        LettersNotRead: there is no such topic, or Kafka does not answer.
        ReadStalled: the SKU's partition could not be read within the limit.
    """
    end_s = time.monotonic() + limit_s
    key, found = sku.encode(), False

    def take(messages: Sequence[Message]) -> None:
        nonlocal found
        for message in messages:
            if message.key() == key:
                found = message.value() is not None

    place = (topic, partition_of(sku, partitions_of(kafka, topic, limit_s)))
    read = read_to_end(kafka, [place], take, abandoned=lambda: time.monotonic() > end_s, stall_limit_s=limit_s)
    if read is None:
        raise ReadStalled(f"{topic} was not read within {limit_s:g} s")
    return found
