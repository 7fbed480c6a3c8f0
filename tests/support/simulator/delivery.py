"""One delivery process: the real worker, its takeover and its health owner, around modelled clients of Kafka."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast
from unittest.mock import patch

from confluent_kafka import OFFSET_BEGINNING, Message

from inventory_domain.errors import OwnershipLost
from inventory_domain.health import ChannelReport, HealthRules
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_domain.retry import RetrySchedule
from inventory_streams.delivery import assignment, health_owner
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.arrivals import Arrivals
from inventory_streams.delivery.consumption import Assignment, Committable
from inventory_streams.delivery.following import Places
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.worker import Worker
from inventory_streams.kafka.reading import PartitionRead
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import Write
from tests.support.engine_work import TOPICS
from tests.support.simulator.adapter import FeedAdapter, ModeledAdapter
from tests.support.simulator.clients import Inline, ModeledMessage, Threads, tell
from tests.support.simulator.group import SESSION_S, Given, Group, Member
from tests.support.simulator.kafka import ModeledKafka, Place
from tests.support.simulator.marketplace import ModeledMarketplace
from tests.support.simulator.sharing import MARKETPLACE, NO_DELIVERY_METRICS, codecs
from tests.support.simulator.switches import Off
from tests.support.simulator.traffic import PARTITIONS
from tests.support.simulator.virtual_time import LoopClock, Stoppable, VirtualLoop

P = ParamSpec("P")
T = TypeVar("T")

POLL_S = 0.5
FOLLOW_S = 1.0
COMMIT_S = 2.0
BEAT_S = SESSION_S / 4  # only by its heartbeats does a member learn that the group goes on without it
BATCH_MAX = 20
ACCOUNT = AccountId("account")
ENGINE_SILENT_S = 40.0
STOP_AFTER_S = 60.0
HEALTH = HealthRules(
    probe=RetrySchedule((1.0, 2.0, 4.0), 6.0),
    idle_probe_s=15.0,
    outage_probe_s=6.0,
    stop_after_s=STOP_AFTER_S,
    warn_before_s=20.0,
    restore_ramp_s=8.0,
)


@dataclass
class Fates:
    """How often a process of delivery ends at each of its steps, and how often a commit takes long."""

    dies: float = 0.0
    slow_commit: float = 0.0


@dataclass(frozen=True, slots=True)
class _ModeledSettings(KafkaSettings):
    """Leads the real code's clients of Kafka to the process that they belong to."""

    process: Any = None


@dataclass(eq=False)
class _Writer:
    """The transactional producer of one id in one process."""

    process: DeliveryProcess
    transactional_id: str
    epoch: int = 0

    def take_over(self) -> None:
        self.epoch = self.process.kafka.take_over(self.transactional_id)

    def commit_all(self, writes: list[Write]) -> Future[None]:
        """It takes a while; the process may end before it, or before it hears of it."""
        process, done = self.process, Future[None]()
        if process.dies("before a commit"):
            return done
        slow = process.dice.random() < process.fates.slow_commit
        process.loop.outside(process.dice.uniform(0.0, 7.0 if slow else 0.05), self._commit, writes, done)
        return done

    def _fenced(self) -> bool:
        health = self.transactional_id == self.process.settings.health_transactional_id
        return self.process.off is not (Off.HEALTH_FENCING if health else Off.DELIVERY_FENCING)

    def _commit(self, writes: list[Write], done: Future[None]) -> None:
        process = self.process
        if process.dead and process.dice.random() < 0.5:
            return  # it ended before the broker heard of it
        try:
            process.kafka.commit(self.transactional_id, self.epoch, writes, fenced=self._fenced())
        except OwnershipLost as error:
            if not done.done():
                done.set_exception(error)
            return
        if not process.dead and not process.dies("after a commit"):
            process.loop.outside(process.dice.uniform(0.0, 0.05), tell, done, None)


@dataclass(eq=False)
class DeliveryProcess(Stoppable):
    """A process from its start to its end. `ended` is told of what it ended for, None for an end as it should be."""

    loop: VirtualLoop = field(kw_only=True)
    kafka: ModeledKafka = field(kw_only=True)
    group: Group = field(kw_only=True)
    market: ModeledMarketplace = field(kw_only=True)
    clock: LoopClock = field(kw_only=True)
    dice: random.Random = field(kw_only=True)
    fates: Fates = field(kw_only=True)
    feeds: bool = field(kw_only=True)
    channels: Sequence[ChannelId] = field(kw_only=True)
    tell: Callable[[str], None] = field(kw_only=True)
    ended: Callable[[DeliveryProcess, str, BaseException | None], None] = field(kw_only=True)
    off: Off = Off.NOTHING
    changes: Mapping[str, object] = field(default_factory=dict)
    stopping: bool = False
    current: bool = False
    doomed: bool = False
    positions: dict[Place, int] = field(default_factory=dict)

    def start(self) -> None:
        """Join the group and deliver."""
        self.member = Member(self.name)
        self.settings = DeliverySettings(**{**_settings(self), **self.changes})  # type: ignore[arg-type]
        self.codecs = codecs()
        self.arrivals = Arrivals(self.codecs, TOPICS, MARKETPLACE)
        self.loop.spawn(self, self._run())

    async def _run(self) -> None:
        kind = FeedAdapter if self.feeds else ModeledAdapter
        adapter = kind(self.market, self.clock, self.loop, self, self.dice, self._step)
        account = Account(ACCOUNT, adapter, self.settings, self.clock, NO_DELIVERY_METRICS)
        self.worker = Worker(
            self.settings,
            self.codecs,
            self.arrivals,
            Accounts({ACCOUNT: account}, dict.fromkeys(self.channels, ACCOUNT)),
            _Reports(self),
            self.name,
            self.clock,
            NO_DELIVERY_METRICS,
            Threads(self.loop, self.dice),
            self._failed,
        )
        self.worker._attempts._dice = self.dice  # the seed's, so that waits are the same when it is run again
        following = _Following(self)
        self.worker.following = following
        self.worker.start()
        asyncio.create_task(self._beat())  # noqa: RUF006 - the process keeps its tasks
        asyncio.create_task(following.run())  # noqa: RUF006
        await self._poll()
        await self.worker.close()
        self.ended(self, "stopped", None)

    def dies(self, where: str) -> bool:
        """Whether the process ends here. It is gone when the loop turns; until then nothing of it may go on."""
        if self.doomed:
            return True
        if self.dice.random() < self.fates.dies:
            self.doomed = True
            self.ended(self, f"died {where}", None)
        return self.doomed

    async def _step(self, where: str) -> None:
        if self.dies(where):
            await self.loop.create_future()

    def _failed(self, error: BaseException) -> None:
        if not self.doomed:
            self.doomed = True
            self.ended(self, "failed", error)

    async def _beat(self) -> None:
        while True:
            self.group.beat(self.member)
            self.current = self.group.is_current(self.member)
            await self.clock.sleep(BEAT_S)

    async def _poll(self) -> None:
        """As `consumption.Poller` does it: every decision is the worker's."""
        while not self.stopping:
            given = await self.group.join(self.member)
            if given is None:
                continue
            self.tell(f"{self.name} is given {given.partitions}{' and health' if given.owns_single else ''}")
            self.current = True
            await self._assigned(given)
            committed_s = self.clock.monotonic_s()
            while self.current and not self.stopping:
                await self.clock.sleep(self.dice.uniform(0.5, 1.5) * POLL_S)
                if not self.current:
                    break
                if messages := self._fetched():
                    await self._step("before records are taken")
                    await self.worker.take(self.arrivals.of(cast(list[Message], messages)))
                    await self._step("records taken")
                if self.clock.monotonic_s() - committed_s >= COMMIT_S:
                    committed_s = self.clock.monotonic_s()
                    self._commit(await self.worker.committable())
            if self.group.is_expelled(self.member):
                await self.worker.lost()
            else:
                self._commit(await self.worker.revoked())
            self.positions.clear()
        self.group.leave(self.member)

    async def _assigned(self, given: Given) -> None:
        topics, offsets, numbers = self.arrivals, self.group.offsets, given.partitions
        committed = {number: offsets.get((topics.targets, number)) for number in numbers}
        positions = await self.worker.assigned(Assignment(numbers, PARTITIONS, committed, given.owns_single))
        if positions is None:
            return
        for number in numbers:
            self.positions[topics.targets, number] = positions.targets[number]
            self.positions[topics.retries, number] = offsets.get((topics.retries, number), 0)
            end = self.kafka.end(topics.observations, number)
            self.positions[topics.observations, number] = offsets.get((topics.observations, number), end)
        if given.owns_single and positions.reports is not None:
            start = positions.reports
            self.positions[topics.reports, 0] = 0 if start == OFFSET_BEGINNING else start

    def _fetched(self) -> list[ModeledMessage]:
        messages: list[ModeledMessage] = []
        for place in list(self.positions):
            messages += self.read_on(self.positions, place)
        return messages

    def read_on(self, positions: dict[Place, int], place: Place) -> list[ModeledMessage]:
        """The next records of a place, which are read then."""
        records, positions[place] = self.kafka.fetch(*place, positions[place], BATCH_MAX)
        return [ModeledMessage(record) for record in records]

    def _commit(self, finished: Committable) -> None:
        topics = self.arrivals
        wanted = {(topics.targets, number): offset for number, offset in finished.targets.items()}
        wanted |= {(topics.retries, number): offset for number, offset in finished.retries.items()}
        wanted |= {(topics.observations, number): offset for number, offset in finished.observations.items()}
        if finished.reports is not None:
            wanted[topics.reports, 0] = finished.reports
        self.group.commit(self.member, wanted)


@dataclass
class _Reports:
    """`channel.reports` as this process writes it."""

    process: DeliveryProcess

    def send(self, reports: Sequence[ChannelReport]) -> None:
        if not self.process.dead:
            for one in reports:
                value = self.process.codecs.reports.encode(one)
                self.process.kafka.append(self.process.arrivals.reports, 0, one.channel.encode(), value)


@dataclass
class _Following:
    """As `following.Following` reads on where a takeover stopped reading."""

    process: DeliveryProcess
    positions: dict[Place, int] = field(default_factory=dict)

    def follow(self, places: Places) -> None:
        self.positions = dict(places)

    async def run(self) -> None:
        process = self.process
        while True:
            await process.clock.sleep(FOLLOW_S)
            positions = self.positions
            messages = [message for place in list(positions) for message in process.read_on(positions, place)]
            if messages:
                await process.worker.take(process.arrivals.of(cast(list[Message], messages)))


def _writer(kafka: _ModeledSettings, transactional_id: str) -> _Writer:
    return _Writer(kafka.process, transactional_id)


def _read_to_end(
    kafka: _ModeledSettings,
    places: Sequence[Place],
    take: Callable[[Sequence[Message]], None],
    *,
    abandoned: Callable[[], bool] = lambda: False,
) -> list[PartitionRead] | None:
    process: DeliveryProcess = kafka.process
    read = []
    for place in places:
        records = process.kafka.read(*place)
        take(cast(list[Message], [ModeledMessage(record) for record in records]))
        read.append(PartitionRead(*place, len(records), process.kafka.end(*place)))
    return read


@contextmanager
def modeled_clients() -> Iterator[None]:
    """The clients of Kafka that the real code makes for itself are modelled ones for as long as this lasts."""
    with ExitStack() as stack:
        for module in (assignment, health_owner):
            stack.enter_context(patch.object(module, "TransactionalWriter", _writer))
            stack.enter_context(patch.object(module, "read_to_end", _read_to_end))
        stack.enter_context(patch.object(assignment, "ThreadPoolExecutor", Inline))
        yield


def _settings(process: DeliveryProcess) -> dict[str, object]:
    return {
        "app": "app",
        "marketplace": MARKETPLACE,
        "kafka": _ModeledSettings("modelled", process=process),
        "topics": TOPICS,
        "retry": RetrySchedule((1.0, 2.0), 4.0),
        "health": HEALTH,
        "report_interval_s": 2.0,
        "engine_silent_s": ENGINE_SILENT_S,
        "tick_s": 1.0,
        "deadlines_s": dict.fromkeys(process.channels, 25.0),
        "order_delay_s": 20.0,
        "failing_fall_s": 60.0,
        "mass_change_hold_s": 15.0,
        "aged_after_s": 10.0,
        "rise_sample_percent": 20.0,
    }
