"""A replay beside a running engine: from the first records, from a snapshot, and when the two differ."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from inventory_domain.identifiers import LocationId, Sku
from inventory_streams.engine.rebuilding import Comparison, ReplayIncomplete, replay
from inventory_streams.engine.serdes import engine_serdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.snapshots import StateRecords, read_snapshot, read_state, write_snapshot
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from tests.support.engine import PARTITIONS, EngineBus, FixedRegistry, the_policy
from tests.support.engine_process import Engines
from tests.support.engine_traffic import KITS, Traffic

SEED = 20263


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


def replayed(settings: EngineSettings, snapshot: StateRecords | None = None) -> Comparison:
    now_ms = time.time_ns() // 1_000_000
    return replay(settings, the_policy(), FixedRegistry(), now_ms, snapshot, lambda text: None)


def spoil(bus: EngineBus, settings: EngineSettings, sku: Sku) -> None:
    """Change a unit in the changelog, as a bug of the engine would have."""
    serdes = engine_serdes(bus.topics, FixedRegistry())
    state = bus.states()[sku]
    dallas = LocationId("dallas")
    position = state.stock.positions[dallas]
    wrong = replace(position, on_hand=(position.on_hand or 0) + 1)
    spoiled = replace(state, stock=replace(state.stock, positions={**state.stock.positions, dallas: wrong}))
    number = partition_of(sku, PARTITIONS)
    writer = TransactionalWriter(settings.kafka, f"{settings.application}-{number}")
    writer.take_over()
    writer.commit_all([Write(bus.topics.sku_state, number, sku.encode(), serdes.state.encode(spoiled))])


def test_a_replay_finds_the_running_state_again_and_tells_where_it_does_not(
    bus: EngineBus, engines: Engines, tmp_path: Path
) -> None:
    settings = EngineSettings(bus.kafka, bus.topics, PARTITIONS, engines.application)
    traffic = Traffic(bus, SEED)
    traffic.catalog()
    engine = engines.start()
    traffic.burst(800)
    traffic.wait_until_shown()
    write_snapshot(tmp_path / "state.gz", read_state(settings, 0), settings)
    traffic.burst(400)
    traffic.wait_until_shown()

    whole = replayed(settings)
    since = replayed(settings, read_snapshot(tmp_path / "state.gz", settings))

    assert whole.differences == since.differences == ()
    assert whole.skus == since.skus == traffic.skus + len(KITS)
    assert 0 < since.records < whole.records
    assert (whole.began[:10], since.began[:10]) == ("from the f", "from a sna")

    assert engine.stop() == 0
    spoil(bus, settings, Sku("S1"))
    assert [one.sku for one in replayed(settings).differences] == ["S1"]

    place = TopicPartition(bus.topics.inventory_changes, 0, 5)
    admin = AdminClient({"bootstrap.servers": bus.kafka.bootstrap_servers})  # answers come as long as it is kept
    admin.delete_records([place])[place].result(60)
    with pytest.raises(ReplayIncomplete, match="keeps records from offset 5 on"):
        replayed(settings)
    assert replayed(settings, read_snapshot(tmp_path / "state.gz", settings)).skus == traffic.skus + len(KITS)
