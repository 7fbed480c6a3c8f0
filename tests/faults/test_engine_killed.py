"""The engine killed, frozen, stopped and joined by another in the middle of its work: what comes out is exact."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_domain.changes import StockAdjusted, UnitsSold
from inventory_domain.identifiers import LocationId, OrderId
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.stopping import ExitCode
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from tests.support.commands import wait_until
from tests.support.engine import CHANNEL, PARTITIONS, EngineBus, change_of
from tests.support.engine_process import EngineProcess, Engines, all_owned, owned
from tests.support.engine_traffic import Traffic

SEED = 20260


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


def leave(bus: EngineBus, engines: Engines, engine: EngineProcess) -> None:
    """SIGTERM with input waiting for it: it goes cleanly and quickly, and the rest is for who comes after it."""
    numbers, topic = owned(engine), bus.topics.inventory_changes
    started = time.monotonic()
    assert engine.stop() == 0
    took_s = time.monotonic() - started
    committed, ends = bus.committed(engines.application, topic), bus.ends([topic])
    assert sum(ends[topic, number] - committed[number] for number in numbers) > 0, "no backlog was waiting"
    assert took_s < 8, f"SIGTERM took {took_s:.1f} s"


def share(traffic: Traffic, *workers: EngineProcess) -> None:
    """Wait until these workers are ready and own each partition once; changes go on coming meanwhile."""

    def shared() -> bool:
        traffic.burst(20)
        return all_owned(*workers) and all(worker.ready() for worker in workers)

    wait_until(shared, f"{len(workers)} workers share", 60)


def test_killed_again_and_again_with_a_backlog_it_stays_exact(bus: EngineBus, engines: Engines) -> None:
    """Nothing is lost or counted twice, and no version goes back (P1, P2; rules 3, 12, 13)."""
    chance = random.Random(SEED)
    traffic = Traffic(bus, SEED)
    traffic.catalog()
    settings = {"batch_records_max": 100, "instance_id": "worker-1"}  # a static member is back without a wait
    engine = engines.start(**settings)
    for _ in range(5):
        traffic.burst(2_500)
        time.sleep(chance.random() * 0.5)  # not a wait for anything: it chooses where the kill hits

        engine.kill()

        traffic.burst(500)
        engine = engines.start(**settings)
    traffic.wait_until_shown()


def test_a_frozen_engine_is_replaced_and_cannot_write_when_it_wakes(bus: EngineBus, engines: Engines) -> None:
    """A zombie is refused by the broker, however late it wakes up, and ends at once (rule 13)."""
    traffic = Traffic(bus, SEED + 1)
    traffic.catalog()
    frozen = engines.start(session_timeout_s=6.0)
    traffic.burst(500)
    traffic.wait_until_shown()
    frozen.signal(signal.SIGSTOP)
    successor = engines.start(ready=False, session_timeout_s=6.0)
    traffic.burst(2_000)
    wait_until(lambda: owned(successor) == list(range(PARTITIONS)), "the other owns everything", 60)
    traffic.wait_until_shown()

    frozen.signal(signal.SIGCONT)

    def harmless() -> bool:
        """It ended because it was refused, or it noticed first, and joined the group anew."""
        return frozen.process.poll() is not None or len(owned(frozen)) < PARTITIONS

    wait_until(harmless, "the woken one is not the owner", 30)
    assert frozen.process.poll() in (None, ExitCode.OWNERSHIP_LOST, ExitCode.TRANSACTION_FAILED)
    traffic.burst(500)
    traffic.wait_until_shown()


def test_workers_join_leave_and_restart_one_by_one_with_a_backlog_waiting(bus: EngineBus, engines: Engines) -> None:
    """A rebalance loses and repeats nothing, whoever joins or leaves; leaving is clean and quick."""
    traffic = Traffic(bus, SEED + 2)
    traffic.catalog()
    slow = {"batch_records_max": 5}  # so that a burst outlasts whatever is done to the workers meanwhile
    first, second = engines.start(**slow), engines.start(**slow)
    share(traffic, first, second)

    traffic.burst(2_000)
    third = engines.start(ready=False, **slow)
    share(traffic, first, second, third)

    traffic.burst(2_000)
    leave(bus, engines, first)
    share(traffic, second, third)

    workers = [second, third]
    for index in range(len(workers)):
        traffic.burst(2_000)
        leave(bus, engines, workers[index])
        workers[index] = engines.start(ready=False)
        share(traffic, *workers)

    traffic.wait_until_shown()
    for worker in workers:
        assert worker.stop() == 0
    topic = bus.topics.inventory_changes
    ends = {number: end for (_, number), end in bus.ends([topic]).items()}
    assert {number: progress.positions[topic].position for number, progress in bus.applied().items()} == ends
    assert bus.committed(engines.application, topic) == ends
    joined = (second, third, *workers)  # the first may come before the broker can coordinate a group
    events = [event for worker in joined for event in worker.events()]
    assert not [event for event in events if event["level"] in ("ERROR", "CRITICAL")]


def test_a_clean_stop_leaves_the_positions_and_the_next_start_applies_nothing_again(
    bus: EngineBus, engines: Engines
) -> None:
    traffic = Traffic(bus, SEED + 3)
    traffic.catalog()
    engine = engines.start()
    traffic.burst(1_000)
    traffic.wait_until_shown()
    told = len(bus.told())
    assert engine.stop() == 0
    topic = bus.topics.inventory_changes
    positions = {number: progress.positions[topic].position for number, progress in bus.applied().items()}
    assert bus.committed(engines.application, topic) == positions

    again = engines.start()
    traffic.burst(1)
    traffic.wait_until_shown()

    assert len(bus.told()) <= told + 1
    assert 'effect="duplicate",topic="' + topic not in again.probe("/metrics")[1]


def test_windows_of_sales_outlive_a_kill(bus: EngineBus, engines: Engines) -> None:
    """They may be lost, but a worker that is killed once a day would never know what is usual (rule 8)."""
    traffic = Traffic(bus, SEED + 4)
    traffic.catalog()
    engine = engines.start(instance_id="worker-1")
    sales = [
        change_of("S1", UnitsSold(CHANNEL, OrderId(f"order-{number}"), 1), location=None, source="signals")
        for number in range(3)
    ]
    bus.changes(*sales)
    wait_until(lambda: windows(engine) == 2, "an hour's and a day's window are kept", 60)

    engine.kill()
    again = engines.start(instance_id="worker-1")

    wait_until(lambda: windows(again) == 2, "they are known again", 60)
    bus.changes(change_of("S2", UnitsSold(CHANNEL, OrderId("other"), 1), location=None, source="signals"))
    wait_until(lambda: windows(again) == 4, "and go on", 60)


def windows(engine: EngineProcess) -> int:
    """The windows of sales that it says it keeps."""
    for line in engine.probe("/metrics")[1].splitlines():
        if line.startswith("inventory_sync_engine_velocity_windows "):
            return int(float(line.split()[1]))
    return 0


def test_a_hanging_transaction_holds_input_up_until_its_timeout_and_no_longer(bus: EngineBus, engines: Engines) -> None:
    """A writer that died in the middle blocks everybody who reads committed records, so its timeout is the bound."""
    traffic = Traffic(bus, SEED + 5)
    traffic.catalog()
    engines.start()
    traffic.wait_until_shown()
    hanging = TransactionalWriter(bus.kafka, f"{engines.application}-hanging", timeout_s=5)
    hanging.take_over()
    hanging.begin()
    lost = bus.encoded(change_of("S1", StockAdjusted(1_000), location="reno", source="dead"))
    hanging.produce(Write(bus.topics.inventory_changes, partition_of("S1", PARTITIONS), b"S1", lost))
    assert hanging._producer.flush(10) == 0

    traffic.burst(300)

    traffic.wait_until_shown()
    assert LocationId("reno") not in bus.states()["S1"].stock.positions, "what was never committed was applied"
