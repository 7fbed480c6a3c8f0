"""What producers may send, and inputs that are not what they were."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from inventory_domain.changes import StockAdjusted, StockCounted, StockReserved
from inventory_domain.identifiers import ReservationId
from inventory_streams.engine.adopt import adopt
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.stopping import ExitCode
from tests.support.commands import wait_until
from tests.support.engine import LOCATIONS, PARTITIONS, EngineBus, FixedRegistry, change_of, product_of
from tests.support.engine_process import Engines, settings_of

COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.fixture
def bus(kafka: str, topic_prefix: str) -> EngineBus:
    bus = EngineBus(kafka, topic_prefix)
    bus.create()
    return bus


@pytest.fixture
def engines(bus: EngineBus, application_id: str, tmp_path: Path) -> Iterator[Engines]:
    engines = Engines(bus, application_id, tmp_path)
    yield engines
    engines.close()


def test_every_compression_and_whole_transactions_are_read_and_aborted_ones_are_not(
    bus: EngineBus, engines: Engines, application_id: str
) -> None:
    """Markers and aborted records have no record of their own, and still no position is lost (rule 4)."""
    bus.products(product_of("A"))
    bus.changes(change_of("A", StockCounted(100), sequence=1))
    engines.start()
    topic = bus.topics.inventory_changes
    place = partition_of("A", PARTITIONS)
    sequence = 1
    for compression in COMPRESSIONS:
        producer = Producer(
            {
                **bus.kafka.producer(),
                "transactional.id": f"{application_id}-{compression}",
                "compression.type": compression,
                "linger.ms": 5,
            }
        )
        producer.init_transactions(30)
        for kept in (True, False):
            producer.begin_transaction()
            for _ in range(30):
                sequence += 1
                value = bus.encoded(change_of("A", StockAdjusted(-1 if kept else 50), sequence=sequence))
                producer.produce(topic, key=b"A", value=value, partition=place)
            if kept:
                producer.commit_transaction(30)
            else:
                producer.flush(30)
                producer.abort_transaction(30)
    bus.changes(change_of("A", StockAdjusted(200), sequence=sequence + 1))

    wait_until(lambda: bus.quantity("A") == 100 - 30 * len(COMPRESSIONS) + 200, "only what was committed counts")
    end = bus.ends([topic])[topic, place]
    wait_until(lambda: bus.committed(engines.application, topic)[place] == end, "the position is past all markers")


def test_a_log_that_ends_in_an_aborted_transaction_is_caught_up_with(
    bus: EngineBus, engines: Engines, application_id: str
) -> None:
    """Faust's own recovery waits for ever for a record at the end of such a log."""
    bus.products(product_of("A"))
    bus.changes(change_of("A", StockCounted(7), sequence=1))
    producer = Producer({**bus.kafka.producer(), "transactional.id": application_id + "-p"})
    producer.init_transactions(30)
    producer.begin_transaction()
    value = bus.encoded(change_of("A", StockCounted(1), sequence=2))
    producer.produce(bus.topics.inventory_changes, key=b"A", value=value, partition=partition_of("A", PARTITIONS))
    producer.flush(30)
    producer.abort_transaction(30)

    engines.start()

    wait_until(lambda: bus.quantity("A") == 7, "rises go out, so it is caught up")


def test_an_input_that_is_created_anew_under_a_running_engine_ends_it(bus: EngineBus, engines: Engines) -> None:
    """The driver goes back to its beginning by itself: the engine would drop all that comes as read, and say that it
    has read everything (rule 3)."""
    bus.products(product_of("A"))
    bus.changes(*[change_of("A", StockCounted(number), sequence=number) for number in range(1, 21)])
    running = engines.start()
    wait_until(lambda: bus.quantity("A") == 20, "the first life of the topic")
    admin = AdminClient({"bootstrap.servers": bus.kafka.bootstrap_servers})
    topic = bus.topics.inventory_changes
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics, "the topic is gone")
    bus.create()
    bus.changes(change_of("A", StockCounted(5), sequence=21))

    assert running.process.wait(60) in (ExitCode.RECOVERY_FAILED, ExitCode.INVARIANT_BROKEN)

    refused = engines.start(ready=False)
    assert refused.process.wait(60) == ExitCode.RECOVERY_FAILED
    assert "inventory-sync engine adopt" in refused.text()


def test_input_that_is_deleted_before_a_running_engine_has_read_it_is_told(bus: EngineBus, engines: Engines) -> None:
    """What the driver skips by itself would pass for markers of transactions (rule 4)."""
    bus.products(product_of("A"))
    bus.changes(change_of("A", StockCounted(20), sequence=1))
    behind = engines.start(session_timeout_s=30.0)
    wait_until(lambda: bus.quantity("A") == 20, "it runs")
    behind.signal(signal.SIGSTOP)
    topic, place = bus.topics.inventory_changes, partition_of("A", PARTITIONS)
    bus.changes(change_of("A", StockCounted(19), sequence=2))  # the answer to the fetch that it has sent already
    wait_until(lambda: bus.ends([topic])[topic, place] == 2, "the first is there")
    bus.changes(*[change_of("A", StockCounted(number), sequence=number) for number in range(3, 9)])
    admin = AdminClient({"bootstrap.servers": bus.kafka.bootstrap_servers})
    for deleted in admin.delete_records([TopicPartition(topic, place, 6)]).values():
        deleted.result(30)

    behind.signal(signal.SIGCONT)

    assert behind.process.wait(60) == ExitCode.INVARIANT_BROKEN
    assert "records were deleted" in behind.text()
    told = engines.start()
    wait_until(lambda: bus.quantity("A") == 8, "the rest is read")
    assert "input was deleted before it was read" in [event["event"] for event in told.events()]


def test_an_input_that_was_created_anew_stops_the_start_until_it_is_adopted(bus: EngineBus, engines: Engines) -> None:
    """Its offsets say nothing of what was applied: going on would skip its first records (rule 3)."""
    bus.products(product_of("A"))
    bus.changes(*[change_of("A", StockCounted(number), sequence=number) for number in range(1, 6)])
    first = engines.start()
    wait_until(lambda: bus.quantity("A") == 5, "the first life of the topic")
    assert first.stop() == 0
    topic = bus.topics.inventory_changes
    admin = AdminClient({"bootstrap.servers": bus.kafka.bootstrap_servers})
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics, "the topic is gone")
    bus.create()

    refused = engines.start(ready=False)
    assert refused.process.wait(60) == ExitCode.RECOVERY_FAILED
    assert "inventory-sync engine adopt" in refused.text()
    assert topic in refused.text()

    given = {
        "bootstrap_servers": bus.kafka.bootstrap_servers,
        "prefix": bus.topics.prefix,
        "application": engines.application,
        "changes": {},
    }
    adopted = adopt(settings_of(given), FixedRegistry())
    bus.changes(change_of("A", StockCounted(42), sequence=6))
    engines.start()

    assert len(adopted) == PARTITIONS
    wait_until(lambda: bus.quantity("A") == 42, "the new life is read from its beginning")
    assert adopt(settings_of(given), FixedRegistry()) == []


def test_a_record_as_large_as_the_broker_takes_becomes_a_dead_letter(bus: EngineBus, engines: Engines) -> None:
    """Its letter is larger by why it is one: refused for that, it would end every engine that comes to it."""
    bus.products(product_of("A"))
    topic, place = bus.topics.inventory_changes, partition_of("A", PARTITIONS)
    producer = Producer({**bus.kafka.producer(), "message.max.bytes": 2 << 20})
    raw = random.Random(7).randbytes((1 << 20) - 1_000)  # does not compress
    refused: list[str] = []
    producer.produce(
        topic, raw, b"A", place, on_delivery=lambda error, _: refused.append(error.str()) if error else None
    )
    assert producer.flush(30) == 0 and not refused
    bus.changes(change_of("A", StockCounted(7), sequence=1))

    engines.start()

    wait_until(lambda: bus.quantity("A") == 7, "what comes behind it")
    assert [value for _, value, _ in bus.dead_letters()] == [raw]


def test_a_state_that_is_larger_than_a_record_may_be_by_default_is_kept(bus: EngineBus, engines: Engines) -> None:
    """A source that never releases what it reserves makes it so: the engine would end at the next change, for good."""
    places, dice = LOCATIONS, random.Random(7)
    bus.products(product_of("A", locations=places))
    first = engines.start()
    wait_until(lambda: "A" in bus.states(), "the product is known: only so many changes are kept before it is")
    bus.changes(*[change_of("A", StockCounted(5_000), location=one, sequence=1) for one in places])
    bus.changes(
        *[
            change_of("A", StockReserved(ReservationId(dice.randbytes(90).hex()), 1), location=one)
            for one in places
            for _ in range(4_500)
        ]
    )

    wait_until(lambda: bus.quantity("A") == 1_000, "all is reserved")
    assert first.stop() == 0
    bus.changes(change_of("A", StockCounted(4_800), sequence=2))
    engines.start()

    wait_until(lambda: bus.quantity("A") == 800, "it is read back")
    assert max(len(one.value() or b"") for one in bus.read(bus.topics.sku_state)) > 1_500_000
