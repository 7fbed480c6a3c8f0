"""When a transaction may begin. What Kafka does with them is tested on a broker (tests/integration, tests/faults)."""

from __future__ import annotations

import pytest

from inventory_streams.kafka import transactions
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import SETTLING_S, TransactionalWriter


class Time:
    """Goes on only in sleeps."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def monotonic(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds


class Client:
    """The client, as far as it tells when it was asked for what."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.begun_s: list[float] = []

    def begin_transaction(self) -> None:
        self.begun_s.append(self._time.at_s)

    def produce(self, topic: str, value: bytes, key: bytes, partition: int) -> None:
        """Taken."""

    def commit_transaction(self, timeout_s: float) -> None:
        self._time.at_s += 1.0

    def poll(self, timeout_s: float) -> int:
        return 0


def test_the_next_transaction_begins_when_the_last_one_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits for 20 ms once the broker has refused it for the markers of the last one."""
    time = Time()
    client = Client(time)
    monkeypatch.setattr(transactions, "time", time)
    monkeypatch.setattr(transactions, "Producer", lambda settings: client)
    writer = TransactionalWriter(KafkaSettings("127.0.0.1:1"), "app-0")

    writer.commit_all([])
    writer.commit_all([])
    time.at_s += 5.0
    writer.commit_all([])

    first, second, third = client.begun_s
    assert first == 100.0, "nothing is before the first"
    assert second == pytest.approx(101.0 + SETTLING_S)
    assert third == pytest.approx(second + 1.0 + 5.0), "nor is a moment lost when the last one was long ago"
