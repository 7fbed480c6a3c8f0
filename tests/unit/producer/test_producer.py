"""The producers' client keeps the contract: keys, sequences, ids, and nothing lost without a word."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from inventory_domain.changes import InventoryChange, OrderShipped, SourceHeartbeat, StockCounted, StockReserved
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import EventId, LocationId, OrderId, ReservationId, Sku
from inventory_streams.producer import ClockSequences, CountedSequences, NotDelivered
from tests.support.demo import NOW_MS, TOPICS, HeardProducer, KeptRecords
from tests.support.traces import KeptTraces

A, B = Sku("A"), Sku("B")
MAIN, OTHER = LocationId("main"), LocationId("other")


def test_the_key_is_the_sku_and_the_partition_is_left_to_the_hash() -> None:
    heard = HeardProducer()

    heard.producer.count(A, MAIN, 3)

    (record,) = heard.kept.records
    assert (record.topic, record.key, record.partition) == (TOPICS.inventory_changes, b"A", -1)


def test_sequences_grow_for_each_sku_and_location() -> None:
    heard = HeardProducer()

    heard.producer.count(A, MAIN, 3)
    heard.producer.adjust(A, MAIN, -1)
    heard.producer.count(A, OTHER, 3)
    heard.producer.count(B, MAIN, 3)

    assert [change.sequence for change in heard.changes()] == [1, 2, 1, 1]


def test_every_change_says_who_when_and_what() -> None:
    heard = HeardProducer()

    event_id = heard.producer.reserve(A, MAIN, ReservationId("r1"), 2, order_id=OrderId("o1"))
    heard.producer.ship(A, MAIN, 2, reservation_id=ReservationId("r1"))

    first, second = heard.changes()
    kind = StockReserved(ReservationId("r1"), 2, OrderId("o1"), None)
    assert first == InventoryChange(event_id, first.source, 1, NOW_MS, A, MAIN, kind)
    assert second.kind == OrderShipped(2, ReservationId("r1"), None)


def test_a_change_is_repeated_under_its_id_and_sequence() -> None:
    heard = HeardProducer()

    event_id = heard.producer.count(A, MAIN, 3, sequence=9)
    heard.producer.count(A, MAIN, 3, sequence=9, event_id=event_id)

    first, second = heard.changes()
    assert first == second


def test_what_cannot_be_is_refused_before_it_is_sent() -> None:
    heard = HeardProducer()

    with pytest.raises(InvalidRecord, match="on_hand is -1"):
        heard.producer.count(A, MAIN, -1)

    assert heard.kept.records == []


def test_a_removed_product_is_a_tombstone() -> None:
    heard = HeardProducer()

    heard.producer.remove_product(A)

    (record,) = heard.kept.records
    assert (record.topic, record.key, record.value) == (TOPICS.catalog_products, b"A", None)


def test_what_kafka_refuses_is_named_at_the_flush_and_told_once() -> None:
    heard = HeardProducer(KeptRecords(refuse=lambda record: record.key == b"B"))
    heard.producer.count(A, MAIN, 1)
    heard.producer.count(B, MAIN, 1, event_id=EventId("lost"))

    with pytest.raises(NotDelivered, match="lost: the broker says no") as raised:
        heard.producer.flush()

    assert [one.what for one in raised.value.records] == ["lost"]
    heard.producer.flush()


def test_leaving_the_block_waits_for_kafka() -> None:
    heard = HeardProducer(KeptRecords(refuse=lambda record: True))

    with pytest.raises(NotDelivered), heard.producer as producer:
        producer.count(A, MAIN, 1)


def test_a_change_made_elsewhere_keeps_its_source() -> None:
    heard = HeardProducer()
    change = InventoryChange(EventId("e"), "wms", 4, 5, A, MAIN, StockCounted(1))  # type: ignore[arg-type]

    heard.producer.change(change)

    assert heard.changes() == [change]


def test_a_heartbeat_is_not_a_change_of_a_sku() -> None:
    heard = HeardProducer()
    heartbeat = InventoryChange(EventId("e"), "wms", None, 5, None, None, SourceHeartbeat())  # type: ignore[arg-type]

    with pytest.raises(InvalidRecord, match="heartbeat"):
        heard.producer.change(heartbeat)


def test_sequences_of_the_clock_go_on_after_a_restart() -> None:
    before = ClockSequences(lambda: 1_000)
    given = [before.next(A, MAIN) for _ in range(3)]

    after = ClockSequences(lambda: 1_001)

    assert given == sorted(set(given))
    assert after.next(A, MAIN) > given[-1]


def test_sequences_of_the_clock_never_repeat_when_the_clock_goes_back() -> None:
    times = iter([2_000, 1_000, 1_000])
    sequences = ClockSequences(lambda: next(times))

    given = [sequences.next(A, MAIN) for _ in range(3)]

    assert given == sorted(set(given))


def test_counted_sequences_are_apart_for_each_place() -> None:
    sequences = CountedSequences()

    given = [sequences.next(A, MAIN), sequences.next(A, OTHER), sequences.next(A, MAIN)]

    assert given == [1, 1, 2]


def test_a_record_carries_its_span_until_kafka_has_it() -> None:
    traces = KeptTraces()
    heard = HeardProducer(KeptRecords(refuse=lambda record: record.key == b"B"), traces=traces)

    heard.producer.count(A, MAIN, 3)
    heard.producer.count(B, MAIN, 3)
    with pytest.raises(NotDelivered):
        heard.producer.flush()

    assert [one.headers for one in heard.kept.records] == [dict(span.context.headers()) for span in traces.spans]
    assert [(one.facts["inventory.sku"], one.failed) for one in traces.spans] == [
        ("A", None),
        ("B", "the broker says no"),
    ]
    assert all(one.ended for one in traces.spans)


def test_a_record_carries_nothing_where_tracing_is_off() -> None:
    heard = HeardProducer()

    heard.producer.count(A, MAIN, 3)

    assert heard.kept.records[0].headers is None


def test_a_record_that_is_too_large_is_named_at_the_flush_and_keeps_no_other_from_going() -> None:
    class Narrow(KeptRecords):
        def produce(self, topic: str, value: bytes | None, key: bytes | None, *rest: Any, **more: Any) -> None:
            if key == b"B":
                raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
            super().produce(topic, value, key, *rest, **more)

    heard = HeardProducer(Narrow())
    heard.producer.count(B, MAIN, 1, event_id=EventId("large"))
    heard.producer.count(A, MAIN, 1)

    with pytest.raises(NotDelivered, match=r"large: .*too large"):
        heard.producer.flush()
    assert [one.key for one in heard.kept.records] == [b"A"]


def test_what_was_sent_before_a_heartbeat_that_failed_is_named_with_it() -> None:
    class Nowhere(KeptRecords):
        def list_topics(self, topic: str, timeout: float) -> Any:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))

    heard = HeardProducer(Nowhere(refuse=lambda record: True))

    words = r"^2 records were not delivered; heartbeat: Broker: Unknown topic"
    with pytest.raises(NotDelivered, match=words) as told, heard.producer:
        heard.producer.count(A, MAIN, 1, event_id=EventId("before"))
        heard.producer.heartbeat()

    assert [one.what for one in told.value.records] == ["heartbeat", "before"]
