"""One engine process: the real agent, committer and partitions, around a modelled Kafka."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar, cast

import faust

from inventory_domain.clock import Clock
from inventory_domain.errors import OwnershipLost
from inventory_domain.identifiers import Sku
from inventory_domain.overshown import promise_of
from inventory_domain.policies import AllocationPolicy
from inventory_domain.silence import SilencePolicy
from inventory_domain.sku_state import PartitionProgress, SkuState
from inventory_streams.engine.agent import EngineAgent
from inventory_streams.engine.catalog_first import CatalogFirst
from inventory_streams.engine.catching_up import CatchUp, FetchState
from inventory_streams.engine.committing import Committer
from inventory_streams.engine.fingerprint import fingerprint
from inventory_streams.engine.inputs import InputFacts, begin_at
from inventory_streams.engine.ownership import Ownership
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.records import FetchedBatch
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes, engine_serdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.values import Decoders, Rules
from inventory_streams.engine.velocity import SalesVelocity
from inventory_streams.engine.waking import InForce
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import Write
from tests.support.engine_work import TOPICS, WIRED, Wire
from tests.support.simulator.books import WITHHELD_UNITS
from tests.support.simulator.kafka import ModeledKafka
from tests.support.simulator.sharing import MARKETPLACE, NO_ENGINE_METRICS, REGISTRY, codecs
from tests.support.simulator.switches import Off
from tests.support.simulator.traffic import EVENT_IDS_KEPT, PARTITIONS
from tests.support.stock import a_channel, a_policy

P = ParamSpec("P")
T = TypeVar("T")

POLICY = a_policy(a_channel(locations=("dallas", "reno"), units=WITHHELD_UNITS))
APPLICATION = "app"
SILENCE = SilencePolicy(limit_ms=20_000, grace_ms=10_000)
GRACE_S = 36_000.0  # longer than a run, whatever a clock is set to: what waits for its product is not given up


class Crash(BaseException):
    """The process is gone, in the middle of what it did."""


@dataclass(frozen=True, slots=True)
class Fates:
    """How often a transaction of the engine crashes before it, hangs, crashes after it; how often a batch is lost."""

    crash_before: float = 0.02
    hang: float = 0.04
    crash_after: float = 0.04
    lost_batch: float = 0.03


USUAL = Fates()
SOUND = Fates(0.0, 0.0, 0.0, 0.0)


@dataclass
class VirtualClock:
    """Time as the simulation says; the wall clock may be set back, the monotonic one not."""

    wall_ms: int
    elapsed_s: float = 0.0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_s(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the engine's loop does not sleep in a simulation")


class _Inline(Executor):
    """Does what it is given at once; a call may answer with a future of its own, which the simulation ends later."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            answer = fn(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - a crash must reach the agent's task too
            done.set_exception(error)
        else:
            if isinstance(answer, Future):
                return answer
            done.set_result(answer)
        return done


@cache
def _shared() -> tuple[EngineSerdes, faust.App]:
    """What costs much to make and has no memory of a run."""
    serdes = engine_serdes(TOPICS, REGISTRY)
    app = faust.App("simulation", broker="kafka://127.0.0.1:1", store="memory://")
    return serdes, app


def _decoders(wire: Wire, serdes: EngineSerdes) -> Decoders:
    """What the traffic sent is looked up; what real code wrote is decoded."""
    ours, real = wire.decoders(), serdes.decoders
    return Decoders(
        change=ours.change,
        plain_changes=ours.plain_changes,
        product=ours.product,
        command=lambda raw: ours.command(raw) if raw.startswith(WIRED) else real.command(raw),
        exposure=lambda raw: ours.exposure(raw) if raw.startswith(WIRED) else codecs().exposure.decode(raw),
    )


@dataclass
class _Writer:
    """The transactional producer of one partition in one process."""

    kafka: ModeledKafka
    transactional_id: str
    epoch: int
    chance: random.Random
    off: Off
    fates: Fates
    held: tuple[Future[None], list[Write]] | None = None

    def commit_all(self, writes: list[Write]) -> Future[None] | None:
        """Commit at once, crash before or after, or hang until the simulation goes on with it."""
        fate, fates = self.chance.random(), self.fates
        if fate < fates.crash_before:
            raise Crash("before the transaction")
        if fate < fates.crash_before + fates.hang:
            self.held = (Future(), writes)
            return self.held[0]
        self._commit(writes)
        if fate < fates.crash_before + fates.hang + fates.crash_after:
            raise Crash("after the transaction, before anything is known of it")
        return None

    def go_on(self) -> None:
        """A transaction that hung goes through, or is refused."""
        if self.held is None:
            return
        (future, writes), self.held = self.held, None
        try:
            self._commit(writes)
        except OwnershipLost as error:
            future.set_exception(error)
        else:
            future.set_result(None)

    def _commit(self, writes: list[Write]) -> None:
        fenced = self.off is not Off.FENCING
        if self.off is Off.ONE_TRANSACTION:
            self.kafka.commit(self.transactional_id, self.epoch, [w for w in writes if w.key != PROGRESS_KEY])
            if self.chance.random() < 0.7 and self.fates is not SOUND:
                raise Crash("between the state and its position")
            writes = [write for write in writes if write.key == PROGRESS_KEY]
        if self.off is Off.TARGETS_FIRST:
            self.kafka.commit(self.transactional_id, self.epoch, [w for w in writes if _is_target(w)])
            if self.chance.random() < 0.3 and self.fates is not SOUND:
                raise Crash("between targets and their versions")
            writes = [write for write in writes if not _is_target(write)]
        self.kafka.commit(self.transactional_id, self.epoch, writes, fenced=fenced)


def _is_target(write: Write) -> bool:
    return write.topic == TOPICS.targets(MARKETPLACE)


@dataclass
class _Inputs:
    """The consumer of one process."""

    kafka: ModeledKafka
    clock: Clock
    positions: dict[tuple[str, int], int] = field(default_factory=dict)
    durable_positions: dict[tuple[str, int], int] = field(default_factory=dict)
    held_back: set[tuple[str, int]] = field(default_factory=set)

    def flows(self, generation: int | None) -> bool:
        return True

    def refetch(self, topic: str, partition: int, position: int) -> None:
        self.positions[topic, partition] = position

    def hold_back(self, topic: str, partitions: frozenset[int]) -> None:
        self.held_back = {(topic, partition) for partition in partitions}

    def fetch_states(self, topics: Iterable[str], partition: int) -> Mapping[str, FetchState]:
        return {topic: FetchState(self.kafka.end(topic, partition), self.clock.now_ms()) for topic in topics}

    def durable(self, topic: str, partition: int, position: int) -> None:
        self.durable_positions[topic, partition] = position


class Worker:
    """A process that owns partitions until it ends; it may not know that another has taken them."""

    def __init__(
        self,
        kafka: ModeledKafka,
        wire: Wire,
        clock: Clock,
        chance: random.Random,
        off: Off,
        *,
        policy: AllocationPolicy = POLICY,
        fates: Fates = USUAL,
        sweep_skus_per_s: int = 5_000,
    ) -> None:
        (serdes, app), metrics = _shared(), NO_ENGINE_METRICS
        self._kafka, self.clock, self._chance, self._off, self._serdes = kafka, clock, chance, off, serdes
        self._policy = policy
        self.alive = True
        self.fates = fates
        self._settings = EngineSettings(
            KafkaSettings("modelled"),
            TOPICS,
            PARTITIONS,
            APPLICATION,
            event_ids_max=EVENT_IDS_KEPT,
            unknown_sku_grace_s=GRACE_S,
            sweep_skus_per_s=sweep_skus_per_s,
            silence=SILENCE,
        )
        in_force = InForce(fingerprint(policy), ())
        velocity = SalesVelocity(app, 1_000)
        executor = _Inline()
        self._inputs = _Inputs(kafka, clock)
        nothing = cast(Any, None)  # recovery is modelled here, so Ownership asks nobody
        self._ownership = Ownership(self._settings, nothing, nothing, executor, clock, metrics, in_force, velocity)
        self._in_force = in_force
        rules = Rules.of(self._settings, policy, _decoders(wire, serdes))
        committer = Committer(executor, clock, metrics, rules.unknown_sku_grace_ms, self._inputs.durable)
        self._agent = EngineAgent(
            self._settings, rules, serdes, self._ownership, committer, self._inputs, clock, metrics, in_force, velocity
        )
        self._agent._catalog_first = CatalogFirst(TOPICS.inventory_changes, TOPICS.catalog_products, freely_max=2)
        if off is Off.CONTINUITY:
            self._agent._follows = lambda partition, batch: True  # type: ignore[method-assign]
        self._opening: dict[int, tuple[int | None, SkuStates, PartitionProgress] | int] = {}

    def owns(self) -> list[int]:
        """The partitions that it is ready to work on."""
        return list(self._ownership.partitions)

    def begin_to_open(self, number: int) -> None:
        """The first half of taking a partition over: its transactional id. The second reads the changelog."""
        if self._off is Off.TAKE_OVER_FIRST:
            self._opening[number] = (None, *self._read(number))
        else:
            self._opening[number] = self._kafka.take_over(f"{APPLICATION}-{number}")

    def open(self) -> None:
        """Finish what was begun. Meanwhile the former owner may go on, as far as the broker lets it."""
        for number, begun in list(self._opening.items()):
            if isinstance(begun, tuple):
                states, progress = begun[1:]
                epoch = self._kafka.take_over(f"{APPLICATION}-{number}")
            else:
                epoch, (states, progress) = begun, self._read(number)
            self._open(number, epoch, states, progress)
        self._opening.clear()

    def _read(self, number: int) -> tuple[SkuStates, PartitionProgress]:
        states, progress = SkuStates(self._serdes.decode_state, 100), PartitionProgress()
        for record in self._kafka.read(TOPICS.sku_state, number):
            if record.key == PROGRESS_KEY:
                progress = self._serdes.decode_progress(record.value or b"")
            else:
                states.load(Sku((record.key or b"").decode()), record.value)
        return states, progress

    def _open(self, number: int, epoch: int, states: SkuStates, known: PartitionProgress) -> None:
        inputs = TOPICS.engine_inputs()
        facts = {topic: InputFacts("id", 0, self._kafka.end(topic, number)) for topic in inputs}
        if self._off is Off.POSITION_GUARD:  # what at-least-once without it would do: go on where the group is
            known = PartitionProgress(policy=known.policy)
            facts = {
                topic: InputFacts("id", self._kafka.offsets.get((topic, number), 0), fact.end)
                for topic, fact in facts.items()
            }
        progress = begin_at(known, facts, number, APPLICATION).progress
        positions = {topic: at.position for topic, at in progress.positions.items()}
        writer = _Writer(self._kafka, f"{APPLICATION}-{number}", epoch, self._chance, self._off, self.fates)
        partition = Partition(
            number,
            cast(Any, writer),
            states,
            progress,
            CatchUp({topic: fact.end for topic, fact in facts.items()}, positions),
            partial(promise_of, policy=self._policy),
            self._settings.mass_change,
        )
        partition.recovered(self._in_force.mark(self.clock.now_ms(), progress.silent))
        self._ownership.partitions[number] = partition
        for topic, position in positions.items():
            self._inputs.positions[topic, number] = position

    async def fetch(self, number: int) -> None:
        """One batch of one input. It may be lost between the transport and the agent."""
        held_back = self._inputs.held_back
        inputs = [one for one in TOPICS.engine_inputs() if self._behind(one, number) and (one, number) not in held_back]
        partition = self._ownership.partitions[number]
        if not inputs:
            return
        topic = self._chance.choice(inputs)
        start = self._inputs.positions[topic, number]
        records, end = self._kafka.fetch(topic, number, start, self._chance.randrange(1, 30))
        self._inputs.positions[topic, number] = end
        if self._chance.random() < self.fates.lost_batch:
            return
        batch = FetchedBatch(topic, number, start, end, records)
        if partition.running is None:
            await self._agent._arrived(batch)
            await self.settle(number)
        elif not self._agent._aside.put(batch):
            self._inputs.positions[topic, number] = start  # where it waits nothing behind it is fetched either

    def _behind(self, topic: str, number: int) -> bool:
        return self._inputs.positions[topic, number] < self._kafka.end(topic, number)

    async def turn(self) -> None:
        """What is due without input."""
        self._agent.waited(self._agent.looped_s)  # between the steps of a simulation its loop waits
        self._agent._turn()
        for number in self.owns():
            await self.settle(number)

    async def settle(self, number: int) -> None:
        """Let a transaction end, unless it hangs. A process whose transaction fails is gone."""
        partition = self._ownership.partitions.get(number)
        if partition is None or partition.running is None:
            return
        writer = cast(_Writer, cast(Any, partition.writer))
        for _ in range(100):  # some for each batch that waited
            if partition.running is None:
                await self._agent._go_on()
            if partition.running is None or writer.held is not None:
                return
            running = partition.running
            await asyncio.sleep(0)
            if running.done() and running.exception() is not None:
                self.alive = False
                return
        raise AssertionError("a transaction neither ended nor hung")

    async def go_on(self) -> None:
        """Transactions that hung go through, or are refused."""
        for number, partition in list(self._ownership.partitions.items()):
            try:
                cast(_Writer, cast(Any, partition.writer)).go_on()
            except Crash:
                self.alive = False
                return
            await self.settle(number)

    def end(self) -> None:
        """The process is gone, with whatever hung in it."""
        for partition in self._ownership.partitions.values():
            if partition.running is not None:
                partition.running.cancel()

    def puts_off(self, number: int) -> bool:
        """Whether changes wait for the catalog."""
        return self._ownership.partitions[number].catalog_wait is not None

    def hangs(self) -> bool:
        """Whether one of its transactions hangs."""
        return any(one.running is not None for one in self._ownership.partitions.values())

    def commit_offsets(self) -> None:
        """The group's offsets follow what is durable."""
        for place, position in self._inputs.durable_positions.items():
            self._kafka.offsets[place] = max(position, self._kafka.offsets.get(place, 0))

    def heal(self) -> None:
        """From now on nothing goes wrong any more."""
        self.fates = SOUND
        for partition in self._ownership.partitions.values():
            cast(_Writer, cast(Any, partition.writer)).fates = SOUND

    def thinks_silent(self, number: int) -> bool:
        """Whether a source counts as silent on the partition."""
        return bool(self._ownership.partitions[number].progress.silent)

    def state(self, sku: Sku) -> SkuState | None:
        """What is durable of the SKU."""
        return self._ownership.partitions[partition_of(sku, PARTITIONS)].states.get(sku)

    def caught_up(self, number: int) -> bool:
        """Whether nothing is left to read or to pay."""
        partition = self._ownership.partitions[number]
        done = all(partition.position(topic) >= self._kafka.end(topic, number) for topic in TOPICS.engine_inputs())
        return done and partition.sweep is None and not len(partition.owing)
