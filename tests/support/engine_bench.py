"""The engine's loop without Faust and without a broker: a test feeds batches, and time moves when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from inventory_domain.changes import StockCounted
from inventory_domain.overshown import promise_of
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import InputPosition, PartitionProgress
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
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.values import Rules
from inventory_streams.engine.waking import InForce
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.tracing import Traces
from inventory_streams.kafka.transactions import Write
from tests.support.engine_work import GRACE_MS, PARTITION, PARTITIONS, TOPICS, Wire, a_velocity
from tests.support.stock import NOW_MS, a_change, a_policy, a_product

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
    held_back: frozenset[int] = frozenset()

    def flows(self, generation: int | None) -> bool:
        return self.open and generation == GENERATION

    def refetch(self, topic: str, partition: int, position: int) -> None:
        self.refetched.append((topic, partition, position))

    def hold_back(self, topic: str, partitions: frozenset[int]) -> None:
        assert topic == CHANGES
        self.held_back = partitions

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

    def __init__(
        self,
        executor: ThreadPoolExecutor,
        policy: AllocationPolicy,
        ends: Mapping[str, int],
        traces: Traces | None = None,
        **given: object,
    ) -> None:
        self.wire = Wire()
        self.clock = Clock()
        self.inputs = FakeInputs()
        self.writer = FakeWriter()
        self.registry = LocalRegistry()
        serdes = engine_serdes(TOPICS, self.registry)
        self._targets = Serde(LISTING_TARGET, "targets", self.registry)
        self.metrics = metrics = EngineMetrics(CollectorRegistry())
        given = {"unknown_sku_grace_s": GRACE_MS / 1000, **given}
        settings = EngineSettings(KafkaSettings("127.0.0.1:1", traces=traces), TOPICS, PARTITIONS, "app", **given)  # type: ignore[arg-type]
        self.settings = settings
        rules = Rules.of(settings, policy, self.wire.decoders())
        print_of = fingerprint(policy)
        in_force = InForce(print_of, policy.peaks)
        admin = AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
        self.velocity = a_velocity()
        opener = Opener(settings, serdes, policy)
        self.ownership = Ownership(settings, opener, admin, executor, self.clock, metrics, in_force, self.velocity)
        positions = {name: InputPosition("id", 0) for name in TOPICS.engine_inputs()}
        progress = PartitionProgress(positions, policy=print_of)

        def own(number: int) -> Partition:
            self.ownership.partitions[number] = Partition(
                number,
                self.writer,  # type: ignore[arg-type]
                SkuStates(serdes.decode_state, 10),
                progress,
                CatchUp(ends, {}),
                partial(promise_of, policy=policy),
                settings.mass_change,
            )
            return self.ownership.partitions[number]

        self.own = own
        self.partition = own(PARTITION)
        self.ownership.ready_generation = GENERATION
        committer = Committer(executor, self.clock, metrics, rules.unknown_sku_grace_ms, self.inputs.durable)
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

    def hand(self, batch: FetchedBatch) -> None:
        """This batch, as it is, to the agent."""
        self._queue.put_nowait(batch)

    def told(self) -> list[Target]:
        """Targets committed so far."""
        return [
            self._targets.decode(write.value)
            for writes in self.writer.transactions
            for write in writes
            if write.topic.startswith("listing.targets") and write.value is not None
        ]

    async def until(self, holds: object, what: str, step_s: float = 0.05) -> None:
        """Wait until this holds; the time of the bench goes on meanwhile, by so much at each look."""
        assert callable(holds)
        for _ in range(500):
            if holds():
                return
            self.clock.at_s += step_s
            await asyncio.sleep(0.01)
        raise AssertionError(f"not reached: {what}")


@asynccontextmanager
async def a_bench(
    policy: AllocationPolicy | None = None,
    ends: Mapping[str, int] | None = None,
    traces: Traces | None = None,
    **given: object,
) -> AsyncIterator[Bench]:
    """A running agent; what it raised is raised at the end."""
    with ThreadPoolExecutor(2) as executor:
        bench = Bench(executor, policy or a_policy(), ends or {}, traces, **given)
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
