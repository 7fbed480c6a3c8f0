"""What clients say of themselves as metrics: how far they are behind, in records and seconds, while they live."""

from __future__ import annotations

import json

from prometheus_client import CollectorRegistry

from inventory_streams.kafka.statistics import ENDS_KEPT_MAX, ClientStatistics

LAG_SECONDS = "inventory_sync_kafka_client_lag_seconds"
LAG_RECORDS = "inventory_sync_kafka_client_lag_records"


class Told:
    """One process's clients, whose documents come when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.statistics = ClientStatistics(lambda: self.now_s)
        self.registry = CollectorRegistry()
        self.registry.register(self.statistics)

    def says(self, read: int, end: int, *, name: str = "c-1", state: str = "active", after_s: float = 15.0) -> None:
        """A consumer's next document."""
        self.now_s += after_s
        partition = {"app_offset": read, "ls_offset": end, "fetch_state": state}
        totals = {"txmsgs": 1, "rxmsgs": 5, "tx_bytes": 1, "rx_bytes": 1, "msg_cnt": 2, "msg_size": 1, "replyq": 0}
        document = {
            "name": name,
            "type": "consumer",
            "time": int(self.now_s),
            "topics": {"t": {"partitions": {"0": partition, "-1": partition}}},
            **totals,
        }
        self.statistics.take(json.dumps(document))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels or {"topic": "t"})


def test_a_consumer_at_the_end_is_not_behind() -> None:
    told = Told()

    told.says(read=10, end=10)

    assert (told.value(LAG_RECORDS), told.value(LAG_SECONDS)) == (0, 0)


def test_the_age_counts_from_when_there_was_something_that_is_still_not_read() -> None:
    told = Told()
    told.says(read=10, end=10)

    told.says(read=10, end=15)
    told.says(read=12, end=30)
    told.now_s += 5

    assert told.value(LAG_RECORDS) == 18
    assert told.value(LAG_SECONDS) == 20


def test_a_consumer_that_follows_steadily_is_never_older_than_two_looks() -> None:
    """Others go on to produce: being behind by a few records at each look is not being behind for long."""
    told = Told()
    for number in range(20):
        told.says(read=10 * number, end=10 * number + 7)

    assert told.value(LAG_SECONDS) == 0


def test_what_was_read_since_counts_no_more() -> None:
    told = Told()
    for end in (15, 25, 35):
        told.says(read=10, end=end)

    told.says(read=25, end=35)

    assert told.value(LAG_SECONDS) == 15


def test_a_client_that_has_ended_is_behind_no_more() -> None:
    """A consumer that read a topic once, at a takeover say, would be shown as behind for ever."""
    told = Told()
    told.says(read=10, end=500, name="c-1")
    told.says(read=10, end=10, name="c-2", after_s=100.0)

    assert (told.value(LAG_RECORDS), told.value(LAG_SECONDS)) == (0, 0)
    assert told.value("inventory_sync_kafka_client_queued_records", kind="consumer") == 2
    assert told.value("inventory_sync_kafka_client_messages_received_total", kind="consumer") == 10


def test_what_a_consumer_does_not_fetch_is_not_judged() -> None:
    told = Told()
    told.says(read=10, end=500)

    told.says(read=-1001, end=500)

    assert told.value(LAG_SECONDS) is None


def test_a_consumer_that_stands_still_for_days_takes_no_more_room() -> None:
    told = Told()
    for end in range(11, 11 + 4 * ENDS_KEPT_MAX):
        told.says(read=10, end=end)

    assert told.value(LAG_SECONDS) == 15.0 * (4 * ENDS_KEPT_MAX - 1)
    assert all(len(ends) <= ENDS_KEPT_MAX for ends in told.statistics._ends.values())
