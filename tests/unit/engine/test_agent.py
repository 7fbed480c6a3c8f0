"""The loop between input, timers and progress, without Faust and without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from inventory_domain.changes import StockAdjusted, StockCounted
from inventory_domain.errors import InvariantBroken
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import InputPosition, PartitionProgress
from inventory_domain.surges import Peak
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.records import LISTING_TARGET
from inventory_schemas.registry import LocalRegistry
from inventory_streams.engine.agent import EngineAgent
from inventory_streams.engine.catching_up import CatchUp, FetchState
from inventory_streams.engine.committing import Committer
from inventory_streams.engine.fingerprint import fingerprint
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.engine.ownership import Ownership
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.records import FetchedBatch, InputRecord
from inventory_streams.engine.recovery import Opener
from inventory_streams.engine.serdes import engine_serdes
from inventory_streams.engine.settings import GAP_REFETCHES_MAX, PROGRESS_INTERVAL_S, EngineSettings
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.values import Rules
from inventory_streams.engine.waking import InForce
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import Write
from tests.support.engine_work import GRACE_MS, PARTITION, PARTITIONS, TOPICS, Wire, a_velocity
from tests.support.stock import NOW_MS, SKU, a_change, a_channel, a_policy, a_product

CHANGES = TOPICS.inventory_changes
PRODUCTS = TOPICS.catalog_products
GENERATION = 7


class Clock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_ms(self) -> int:
        return NOW_MS + round(self.at_s * 1000)

    def monotonic_s(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


@dataclass
class FakeInputs:
    """The consumer: always open, unless told otherwise."""

    open: bool = True
    refetched: list[tuple[str, int, int]] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    fetched: dict[str, FetchState] = field(default_factory=dict)

    def flows(self, generation: int | None) -> bool:
        return self.open and generation == GENERATION

    def refetch(self, topic: str, partition: int, position: int) -> None:
        self.refetched.append((topic, partition, position))

    def fetch_states(self, topics: Iterable[str], partition: int) -> Mapping[str, FetchState]:
        return {topic: self.fetched[topic] for topic in topics if topic in self.fetched}

    def durable(self, topic: str, partition: int, position: int) -> None:
        self.positions[topic] = position


@dataclass
class FakeWriter:
    """Takes whole transactions. `held` keeps a commit from ending."""

    transactional_id: str = "app-0"
    transactions: list[list[Write]] = field(default_factory=list)

    def commit_all(self, writes: list[Write]) -> None:
        self.transactions.append(writes)


class Bench:
    """An agent with one partition and a stream that a test feeds."""

    def __init__(self, executor: ThreadPoolExecutor, policy: AllocationPolicy, ends: Mapping[str, int]) -> None:
        self.wire = Wire()
        self.clock = Clock()
        self.inputs = FakeInputs()
        self.writer = FakeWriter()
        self.registry = LocalRegistry()
        serdes = engine_serdes(TOPICS, self.registry)
        self._targets = Serde(LISTING_TARGET, "targets", self.registry)
        settings = EngineSettings(KafkaSettings("127.0.0.1:1"), TOPICS, PARTITIONS, "app")
        metrics = EngineMetrics(CollectorRegistry())
        rules = Rules(policy, TOPICS, self.wire.decoders(), PARTITIONS, GRACE_MS)
        print_of = fingerprint(policy)
        in_force = InForce(print_of, policy.peaks)
        admin = AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
        self.velocity = a_velocity()
        opener = Opener(settings, serdes)
        self.ownership = Ownership(settings, opener, admin, executor, self.clock, metrics, in_force, self.velocity)
        positions = {name: InputPosition("id", 0) for name in TOPICS.engine_inputs()}
        progress = PartitionProgress(positions, policy=print_of)
        states = SkuStates(serdes.decode_state, 10)
        self.partition = Partition(PARTITION, self.writer, states, progress, CatchUp(ends, {}))  # type: ignore[arg-type]
        self.ownership.partitions[PARTITION] = self.partition
        self.ownership.ready_generation = GENERATION
        committer = Committer(executor, self.clock, metrics, GRACE_MS, self.inputs.durable)
        self.agent = EngineAgent(
            settings,
            rules,
            serdes,
            self.ownership,
            committer,
            self.inputs,
            self.clock,
            metrics,
            in_force,
            self.velocity,
        )
        self._queue: asyncio.Queue[FetchedBatch] = asyncio.Queue()
        self._ends: dict[str, int] = {}

    async def stream(self) -> AsyncIterator[FetchedBatch]:
        while True:
            yield await self._queue.get()

    def feed(self, topic: str, *records: InputRecord, start: int | None = None, generation: int = GENERATION) -> None:
        """A batch that follows the one before it, unless told where it begins."""
        begin = self._ends.get(topic, 0) if start is None else start
        end = records[-1].offset + 1 if records else begin + 1
        self._ends[topic] = end
        self._queue.put_nowait(FetchedBatch(topic, PARTITION, begin, end, records, generation))

    def told(self) -> list[Target]:
        """Targets committed so far."""
        return [
            self._targets.decode(write.value)
            for writes in self.writer.transactions
            for write in writes
            if write.topic.startswith("listing.targets") and write.value is not None
        ]

    async def until(self, holds: object, what: str) -> None:
        """Wait until this holds; the time of the bench goes on meanwhile."""
        assert callable(holds)
        for _ in range(500):
            if holds():
                return
            self.clock.at_s += 0.05
            await asyncio.sleep(0.01)
        raise AssertionError(f"not reached: {what}")


@asynccontextmanager
async def a_bench(
    policy: AllocationPolicy | None = None, ends: Mapping[str, int] | None = None
) -> AsyncIterator[Bench]:
    """A running agent; what it raised is raised at the end."""
    with ThreadPoolExecutor(2) as executor:
        bench = Bench(executor, policy or a_policy(), ends or {})
        running = asyncio.create_task(bench.agent.run(bench.stream()))
        try:
            yield bench
        finally:
            if not running.done():
                running.cancel()
            await bench.ownership.drain()
            with suppress(asyncio.CancelledError):
                await running


async def selling(bench: Bench, units: int = 10) -> None:
    """The SKU with its product and a count, committed."""
    bench.feed(PRODUCTS, bench.wire.product(a_product()))
    bench.feed(CHANGES, bench.wire.change(a_change(StockCounted(units), sequence=1)))
    await bench.until(lambda: bench.inputs.positions.get(CHANGES, 0) > 0, "the count is durable")


async def test_a_batch_is_committed_before_its_position_is_durable() -> None:
    async with a_bench() as bench:
        await selling(bench)

        assert [target.quantity for target in bench.told()] == [10]
        assert bench.inputs.positions == {PRODUCTS: 1, CHANGES: 1}
        assert bench.partition.position(CHANGES) == 1


async def test_a_gap_is_fetched_again_and_nothing_behind_it_is_applied() -> None:
    async with a_bench() as bench:
        await selling(bench)
        lost = bench.wire.change(a_change(StockAdjusted(-1), sequence=2))
        behind = bench.wire.change(a_change(StockAdjusted(-1), sequence=3))

        bench.feed(CHANGES, behind, start=2)

        await bench.until(lambda: bench.inputs.refetched, "it asks for the gap")
        assert bench.inputs.refetched == [(CHANGES, PARTITION, 1)]
        bench.feed(CHANGES, lost, behind, start=1)
        await bench.until(lambda: bench.inputs.positions[CHANGES] == 3, "both are applied")
        assert bench.told()[-1].quantity == 8


async def test_a_gap_that_stays_ends_the_process() -> None:
    with pytest.raises(InvariantBroken, match="the same gap"):
        async with a_bench() as bench:
            await selling(bench)
            behind = bench.wire.change(a_change(StockAdjusted(-1), sequence=3))
            for _ in range(GAP_REFETCHES_MAX + 1):
                bench.feed(CHANGES, behind, start=2)
            await bench.until(lambda: len(bench.inputs.refetched) == GAP_REFETCHES_MAX, "it asks a few times")
            await asyncio.sleep(0.05)


async def test_a_batch_that_was_applied_already_changes_nothing() -> None:
    async with a_bench() as bench:
        await selling(bench)
        count = len(bench.told())

        again = replace(bench.wire.change(a_change(StockCounted(99), sequence=99)), offset=0)
        bench.feed(CHANGES, again, start=0)
        bench.feed(PRODUCTS)

        await bench.until(lambda: bench.inputs.positions[PRODUCTS] == 2, "a later batch is through")
        assert len(bench.told()) == count


async def test_a_batch_of_an_old_generation_is_dropped() -> None:
    async with a_bench() as bench:
        await selling(bench)

        bench.feed(CHANGES, bench.wire.change(a_change(StockAdjusted(-1), sequence=2)), generation=GENERATION - 1)
        bench.feed(PRODUCTS)

        await bench.until(lambda: bench.inputs.positions[PRODUCTS] == 2, "a later batch is through")
        assert bench.inputs.positions[CHANGES] == 1


async def test_markers_alone_move_the_position() -> None:
    async with a_bench() as bench:
        bench.feed(CHANGES)

        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == 1, "the position moves")
        assert bench.partition.position(CHANGES) == 1


async def test_rises_wait_until_all_input_is_read_and_then_follow_by_themselves() -> None:
    """What the input still holds may lower the number again."""
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 2}) as bench:
        await selling(bench)
        assert bench.told() == []

        bench.feed(CHANGES)

        await bench.until(bench.told, "the first target")
        assert [(target.quantity, target.cause) for target in bench.told()] == [(10, "caught-up")]


async def test_the_batch_that_reaches_the_end_raises_at_once() -> None:
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 1}) as bench:
        await selling(bench)

        assert [(target.quantity, target.cause) for target in bench.told()] == [(10, "stock-counted")]


async def test_progress_is_told_again_and_again_without_input() -> None:
    async with a_bench() as bench:
        bench.inputs.fetched = {topic: FetchState(0, NOW_MS + 5) for topic in TOPICS.engine_inputs()}

        def told() -> int:
            return sum(
                write.topic == TOPICS.engine_progress for writes in bench.writer.transactions for write in writes
            )

        await bench.until(lambda: told() >= 3, "three records of progress")
        assert bench.clock.at_s >= 2 * PROGRESS_INTERVAL_S


async def test_nothing_is_written_while_input_does_not_flow() -> None:
    """During a rebalance the partition may be somebody else's already."""
    async with a_bench() as bench:
        bench.inputs.fetched = {topic: FetchState(0, NOW_MS) for topic in TOPICS.engine_inputs()}
        bench.inputs.open = False
        count = len(bench.writer.transactions)
        bench.clock.at_s += 100

        await asyncio.sleep(1.2)

        assert len(bench.writer.transactions) == count


async def test_what_waited_too_long_for_its_product_becomes_a_dead_letter_by_itself() -> None:
    async with a_bench() as bench:
        bench.feed(CHANGES, bench.wire.change(a_change(StockCounted(5))))
        await bench.until(lambda: bench.inputs.positions.get(CHANGES) == 1, "it is held durably")

        def dead() -> list[Write]:
            return [
                write
                for writes in bench.writer.transactions
                for write in writes
                if write.topic == TOPICS.inventory_dead_letters
            ]

        assert not dead()
        bench.clock.at_s += GRACE_MS / 1000

        await bench.until(dead, "the dead letter")
        assert dict(dead()[0].headers)["reason"] == b"unknown-sku"
        await bench.until(lambda: bench.partition.states.get(SKU) is None, "nothing is kept of it")


async def test_another_policy_is_applied_to_every_sku_in_a_sweep() -> None:
    async with a_bench() as bench:
        await selling(bench)
        states = bench.partition.states
        progress = bench.partition.progress
    async with a_bench(policy=a_policy(a_channel(units=4))) as bench:
        bench.partition.states = states
        bench.partition.progress = progress

        await bench.until(bench.told, "the SKU is computed anew")

        assert [(target.quantity, target.cause) for target in bench.told()] == [(6, "policy")]
        await bench.until(lambda: bench.partition.sweep is None, "the sweep ends")
        assert bench.partition.progress.policy == fingerprint(a_policy(a_channel(units=4)))


PEAK = Peak("black-friday", NOW_MS + 1_000, NOW_MS + 60_000, 200)


async def test_an_edge_of_the_schedule_sweeps_all_skus_without_any_input() -> None:
    """Nobody touches these SKUs on the morning of a peak day, and nobody when it is over."""
    policy = replace(a_policy(a_channel(units=2)), peaks=(PEAK,))
    async with a_bench(policy=policy) as bench:
        await selling(bench)

        await bench.until(lambda: len(bench.told()) == 2, "the peak begins")
        bench.clock.at_s += 60
        await bench.until(lambda: len(bench.told()) == 3, "the peak ends")

        told = [(target.quantity, target.cause) for target in bench.told()]
        assert told == [(8, "stock-counted"), (6, "schedule"), (8, "schedule")]


async def test_an_edge_that_passed_while_no_engine_ran_is_made_up_for() -> None:
    policy = replace(a_policy(a_channel(units=2)), peaks=(PEAK,))
    async with a_bench(policy=policy) as bench:
        await selling(bench)
        states, progress = bench.partition.states, bench.partition.progress
    async with a_bench(policy=policy) as bench:
        bench.clock.at_s = 30
        bench.partition.states, bench.partition.progress = states, progress

        await bench.until(bench.told, "the SKU is computed anew")

        assert [(target.quantity, target.cause) for target in bench.told()] == [(6, "schedule")]


async def test_after_a_recovery_timers_and_debts_are_found_again() -> None:
    """Both live in the changelog; nobody touches these SKUs by input."""
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 9}) as bench:
        await selling(bench)
        encoded = bench.partition.states
        progress = bench.partition.progress
        assert bench.partition.owing.first(5) == [SKU]
    async with a_bench() as bench:
        bench.partition.states = encoded
        bench.partition.progress = progress
        bench.partition.start_sweep(progress.policy)

        await bench.until(bench.told, "the debt is paid")

        assert [(target.quantity, target.cause) for target in bench.told()] == [(10, "caught-up")]
