"""A replay beside a running engine: from the first records, from a snapshot, and when the two differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from inventory_domain.changes import (
    OrderShipped,
    SaleCancelled,
    SourceHeartbeat,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, ReservationId, Sku
from inventory_domain.sku_state import InputPosition, PartitionProgress, SkuState
from inventory_streams.engine.replay.apart import ReplayRefused, apart, left_behind, make, remove
from inventory_streams.engine.replay.copying import NotApplied
from inventory_streams.engine.replay.run import Comparison, ReplayIncomplete, replay
from inventory_streams.engine.serdes import PROGRESS_KEY, engine_serdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.snapshots import StateRecords, read_snapshot, read_state, write_snapshot
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from tests.support.commands import wait_until
from tests.support.engine import CHANNEL, PARTITIONS, EngineBus, FixedRegistry, change_of, product_of
from tests.support.engine_process import EngineProcess, Engines
from tests.support.engine_traffic import KITS, Traffic

SEED = 20263
ORDER = OrderId("order-x")
SHOP = ChannelId(CHANNEL)


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


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Apart:
    """The engine of a replay, as the tests start it."""

    def __init__(self, own: EngineSettings, folder: Path) -> None:
        self.engines = Engines(EngineBus(own.kafka.bootstrap_servers, own.topics.prefix), own.application, folder)
        self.process: EngineProcess = self.engines.start(ready=False)

    def check(self) -> None:
        if self.process.process.poll() is not None:
            raise NotApplied(self.process.text()[-2_000:])

    def stop(self) -> None:
        if self.process.process.poll() is None:
            self.process.stop()


@dataclass
class Replays:
    """Makes replays of one engine."""

    settings: EngineSettings
    folder: Path
    told: list[str] = field(default_factory=list)
    count: int = 0

    def __call__(self, snapshot: StateRecords | None = None) -> Comparison:
        self.count += 1
        return replay(
            self.settings,
            FixedRegistry(),
            now_ms,
            f"n{self.count}",
            lambda own: Apart(own, self.folder),
            snapshot,
            self.told.append,
        )


@pytest.fixture
def replays(bus: EngineBus, engines: Engines, tmp_path: Path) -> Replays:
    return Replays(EngineSettings(bus.kafka, bus.topics, PARTITIONS, engines.application), tmp_path)


def spoil(bus: EngineBus, settings: EngineSettings, sku: Sku, change: Callable[[SkuState], SkuState]) -> None:
    """Change a state in the changelog, as a bug of the engine would have."""
    serdes = engine_serdes(bus.topics, FixedRegistry())
    number = partition_of(sku, PARTITIONS)
    writer = TransactionalWriter(settings.kafka, f"{settings.application}-{number}")
    writer.take_over()
    spoiled = serdes.state.encode(change(bus.states()[sku]))
    writer.commit_all([Write(bus.topics.sku_state, number, sku.encode(), spoiled)])


def one_more(state: SkuState) -> SkuState:
    """The same with a unit more at Dallas."""
    position = state.stock.positions[LocationId("dallas")]
    wrong = replace(position, on_hand=(position.on_hand or 0) + 1)
    return replace(state, stock=replace(state.stock, positions={**state.stock.positions, LocationId("dallas"): wrong}))


def without_kits(state: SkuState) -> SkuState:
    """The same, registered in no kit."""
    assert state.links is not None
    return replace(state, links=replace(state.links, serves={}))


def without_orders(state: SkuState) -> SkuState:
    """The same, and no order is known of it."""
    return replace(state, stock=replace(state.stock, known_orders=()))


def all_kinds(bus: EngineBus) -> None:
    """What the random traffic has not: orders that meet, an override, a product that changes and one that goes."""
    sku = "S1"
    bus.changes(
        change_of(sku, UnitsSold(SHOP, ORDER, 2), location=None),
        change_of(sku, StockReserved(ReservationId("r1"), 2, ORDER), sequence=10_001),
        change_of(sku, OrderShipped(1, ReservationId("r1"), ORDER), sequence=10_002),
        change_of(sku, SaleCancelled(SHOP, OrderId("early"), 1, "no"), location=None),
        change_of("GONE", StockCounted(5)),
        change_of(None, SourceHeartbeat(), location=None, source="quiet"),
    )
    bus.products(product_of("GONE"), replace(product_of("S2"), category="games"))
    bus.commander().send(Sku("S3"), Override(OverrideKind.CAP, 3, None, "ann", "recall"), "ann")
    wait_until(lambda: "GONE" in bus.states() and bus.quantity("GONE") == 5, "the product is known")
    bus.raw(bus.topics.catalog_products, "GONE", None)
    bus.flush()
    wait_until(lambda: bus.quantity("GONE") == 0, "it is withdrawn")


@pytest.mark.timeout(480)  # three engines are started beside the running one
def test_a_replay_finds_the_running_state_again_and_tells_where_it_does_not(
    bus: EngineBus, engines: Engines, replays: Replays, tmp_path: Path
) -> None:
    traffic = Traffic(bus, SEED)
    traffic.catalog()
    engine = engines.start()
    traffic.burst(800)
    traffic.wait_until_shown()
    write_snapshot(tmp_path / "state.gz", read_state(replays.settings, now_ms()), replays.settings)
    traffic.burst(400)
    traffic.wait_until_shown()
    all_kinds(bus)
    before, targets = bus.ends(bus.topics.engine_inputs()), len(bus.told())

    whole = replays()
    since = replays(read_snapshot(tmp_path / "state.gz", replays.settings))

    assert whole.differences == since.differences == ()
    assert whole.skus == since.skus == traffic.skus + len(KITS) + 1
    assert 0 < since.records < whole.records
    assert (whole.began[:10], since.began[:10]) == ("from the f", "from a sna")
    assert whole.application == f"{engines.application}-replay-n1"
    assert f"all {whole.records} records are applied" in replays.told
    assert (bus.ends(bus.topics.engine_inputs()), len(bus.told())) == (before, targets), "nothing was written"
    assert left_behind(replays.settings) == []

    assert engine.stop() == 0
    spoil(bus, replays.settings, Sku("S1"), lambda state: without_orders(without_kits(one_more(state))))
    found = {one.sku: one.what for one in replays().differences}
    assert list(found) == ["S1"]
    for words in ("on hand at dallas is", "registered in kit K0 is not known", "order-x only rebuilt"):
        assert words in found[Sku("S1")]

    place = TopicPartition(bus.topics.inventory_changes, 0, 5)
    admin = AdminClient({"bootstrap.servers": bus.kafka.bootstrap_servers})  # answers come as long as it is kept
    admin.delete_records([place])[place].result(60)
    with pytest.raises(ReplayIncomplete, match="keeps records from offset 5 on"):
        replays()


def test_a_replay_needs_a_name_of_its_own_and_removes_what_it_made_when_its_engine_fails(
    bus: EngineBus, replays: Replays
) -> None:
    own = apart(replays.settings, "n1")
    make(own)

    with pytest.raises(ReplayRefused, match="on the broker already"):
        replays()
    assert left_behind(replays.settings) == ["n1"], "what another one made is left alone"
    remove(own)

    class Broken(Apart):
        def check(self) -> None:
            raise NotApplied("it ended")

    bus.products(product_of("A"))
    with pytest.raises(NotApplied, match="it ended"):
        replay(
            replays.settings,
            FixedRegistry(),
            now_ms,
            "n3",
            lambda own: Broken(own, replays.folder),
            None,
            replays.told.append,
        )
    assert left_behind(replays.settings) == []


@pytest.mark.parametrize("name", ["", "A", "a.b", "x" * 41])
def test_a_name_that_could_be_taken_for_other_topics_is_refused(replays: Replays, name: str) -> None:
    with pytest.raises(ReplayRefused, match="small letters and digits"):
        apart(replays.settings, name)


def test_a_change_that_was_put_aside_is_not_applied_by_a_replay_either(
    bus: EngineBus, engines: Engines, replays: Replays
) -> None:
    """Its product came when it was a dead letter already; a replay has the products first."""
    engines.start(unknown_sku_grace_s=0.2)
    bus.changes(change_of("LATE", StockCounted(5)))
    bus.flush()
    wait_until(lambda: bool(bus.dead_letters()), "the change is a dead letter")
    bus.products(product_of("LATE"))
    bus.flush()
    wait_until(lambda: "LATE" in bus.states() and bus.states()[Sku("LATE")].product is not None, "the product is known")

    assert replays().differences == ()


def progress_of_other_topics(bus: EngineBus) -> bytes:
    """The progress of a partition whose changes were those of a topic that is no more."""
    at = {bus.topics.inventory_changes: InputPosition("another", 3)}
    return engine_serdes(bus.topics, FixedRegistry()).state.encode(PartitionProgress(at))


def test_a_snapshot_of_other_topics_is_refused(bus: EngineBus, replays: Replays) -> None:
    """Of another cluster, or from before a topic was created anew: offsets of one would be taken for the other's."""
    snapshot = StateRecords(now_ms(), {number: {} for number in range(PARTITIONS)})
    snapshot.partitions[0][PROGRESS_KEY] = progress_of_other_topics(bus)

    with pytest.raises(ReplayIncomplete, match=r"\[0\] is not the topic that it was when the snapshot was taken"):
        replays(snapshot)


def test_a_state_that_was_made_of_topics_that_are_no_more_is_not_replayed(bus: EngineBus, replays: Replays) -> None:
    writer = TransactionalWriter(replays.settings.kafka, f"{replays.settings.application}-0")
    writer.take_over()
    writer.commit_all([Write(bus.topics.sku_state, 0, PROGRESS_KEY, progress_of_other_topics(bus))])

    with pytest.raises(ReplayIncomplete, match=r"\[0\] was created anew"):
        replays()


def test_a_snapshot_is_not_taken_of_a_part_of_the_state(bus: EngineBus, replays: Replays) -> None:
    settings = replace(replays.settings, partitions=PARTITIONS - 1)

    with pytest.raises(ConfigError, match=f"has {PARTITIONS} partitions and must have {PARTITIONS - 1}"):
        read_state(settings, now_ms())
