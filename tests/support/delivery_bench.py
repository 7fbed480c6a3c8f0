"""A delivery worker without Kafka on virtual time: what it writes is kept, what it waits for comes when told."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from prometheus_client import CollectorRegistry

from inventory_domain.bulk import ReportsStatus
from inventory_domain.exposure import Exposure
from inventory_domain.health import ChannelReport
from inventory_domain.identifiers import AccountId, ChannelId, EventId, ListingId
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.progress import EngineProgress
from inventory_domain.reconciliation import Observation
from inventory_domain.targets import Target
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.announcing import AlertSink
from inventory_streams.delivery.arrivals import (
    Arrivals,
    CommandArrival,
    HintArrival,
    ProgressArrival,
    RetryArrival,
    TargetArrival,
)
from inventory_streams.delivery.assignment import LoadedPartition
from inventory_streams.delivery.codecs import Codecs, codecs_of
from inventory_streams.delivery.gaps import AsksReconciliation
from inventory_streams.delivery.late_requests import AsksForReads
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.pulls import Announcements
from inventory_streams.delivery.retries import note_of
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.worker import Worker
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.tracing import TraceContext
from inventory_streams.kafka.transactions import Write
from inventory_streams.topics import Topics
from tests.support.delivery import ACCOUNT, CHANNEL, MARKETPLACE, FakeMarketplace, FixedRegistry

TURNS_MAX = 10_000
FAR_MS = 4_000_000_000_000  # the engine has said all there is to say, for ever

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class VirtualClock:
    """Time that stands still until it is told to pass; then sleepers wake in their order."""

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = start_ms
        self._now_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now_ms(self) -> int:
        return self._start_ms + round(self._now_s * 1000)

    def monotonic_s(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + seconds, next(self._numbers), woken))
        await woken

    def jump_s(self, seconds: float) -> None:
        """So much time is gone at once, and nobody who sleeps has noticed."""
        self._now_s += seconds

    def set_back(self, seconds: float) -> None:
        """The time of day is put right; how long something takes is not."""
        self._start_ms -= round(seconds * 1000)

    async def settle(self) -> None:
        """Let everything happen that needs no time."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # nothing else tells that it is idle
        for _ in range(TURNS_MAX):
            await asyncio.sleep(0)
            if not ready:
                return
        raise AssertionError(f"the loop does not come to rest in {TURNS_MAX} turns")

    async def pass_s(self, seconds: float) -> None:
        """Let so much time pass."""
        end_s = self._now_s + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            at_s, _, woken = heapq.heappop(self._sleepers)
            if woken.done():
                continue
            self._now_s = max(self._now_s, at_s)
            woken.set_result(None)
            await self.settle()
        self._now_s = max(self._now_s, end_s)


class AtOnce(Executor):
    """Threads without threads: what is handed in is done before this returns."""

    def submit(
        self, fn: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Future[Result]:
        done: Future[Result] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future carries it, as with threads
            done.set_exception(error)
        return done


@dataclass
class KeptTransactions:
    """Commits to a list. `refuses` is raised instead where it is set."""

    commits: list[list[Write]] = field(default_factory=list)
    refuses: Exception | None = None

    def commit_all(self, writes: list[Write]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.commits.append(list(writes))


@dataclass
class KeptReports:
    """Reports go to a list."""

    sent: list[ChannelReport] = field(default_factory=list)

    def send(self, reports: Sequence[ChannelReport]) -> None:
        self.sent.extend(reports)


@dataclass
class KeptAnnouncements:
    """Pulls are announced by being put into a list."""

    announced: list[ChannelId | None] = field(default_factory=list)

    def read_on(self) -> Sequence[ChannelId | None]:
        found, self.announced = self.announced, []
        return found


@dataclass
class Bench:
    """A worker that owns partition 0, and everything around it."""

    worker: Worker
    market: FakeMarketplace
    clock: VirtualClock
    settings: DeliverySettings
    codecs: Codecs
    transactions: KeptTransactions
    reports: KeptReports
    metrics: CollectorRegistry
    account: Account
    failures: list[BaseException]
    offset: int = 0

    async def send(self, *targets: Target, trace: TraceContext | None = None) -> None:
        """Records of `listing.targets`, one after the other."""
        for target in targets:
            await self.worker.take([self.arrival(target, trace)])
        await self.clock.pass_s(0.05)

    def arrival(self, target: Target, trace: TraceContext | None = None) -> TargetArrival:
        """The target as the next record of the partition."""
        self.offset += 1
        raw = self.codecs.targets.encode(target)
        return TargetArrival(0, self.offset - 1, target.listing_id.encode(), raw, target, trace=trace)

    async def engine_says(self, complete_until_ms: int) -> None:
        """A record of `engine.progress`."""
        await self.worker.take([ProgressArrival(progress(complete_until_ms))])
        await self.clock.pass_s(0.05)

    async def command(self, action: OperatorAction, *, until_ms: int | None = None) -> None:
        """An operator's command for the channel."""
        command = OperatorCommand(EventId("c"), CHANNEL, action, "ops", "why", self.clock.now_ms(), until_ms=until_ms)
        await self.worker.take([CommandArrival(0, command)])
        await self.clock.pass_s(0.05)

    async def hint(self, own_id: str, *, signal: bool = True, from_ms: int = 0) -> None:
        """A record of `listing.observations`."""
        await self.worker.take([HintArrival(0, 7, ListingId(f"{CHANNEL}/{own_id}"), signal, from_ms)])
        await self.clock.pass_s(0.05)

    def metric(self, name: str, **labels: str) -> float:
        """A sample of a metric of delivery, of the channel where nothing else is said."""
        value = self.metrics.get_sample_value(f"inventory_sync_delivery_{name}", labels or {"channel": CHANNEL})
        return value or 0.0

    async def withdraw(self, own_id: str) -> None:
        """The engine forgets the listing."""
        self.offset += 1
        await self.worker.take([TargetArrival(0, self.offset - 1, f"{CHANNEL}/{own_id}".encode(), None)])
        await self.clock.pass_s(0.05)

    async def bring_retries(self) -> None:
        """What was written to the retry topic is read back from it."""
        topic = self.settings.topics.retries(MARKETPLACE)
        for offset, write in enumerate(self.written(topic)):
            assert write.key is not None
            note = note_of(write.headers)
            await self.worker.take([RetryArrival(0, offset, ListingId(write.key.decode()), note)])
        await self.clock.pass_s(0.05)

    def written(self, topic: str) -> list[Write]:
        """The committed records of a topic."""
        return [write for commit in self.transactions.commits for write in commit if write.topic == topic]

    def outcomes(self) -> list[AttemptOutcome]:
        writes = self.written(self.settings.topics.listing_outcomes)
        return [self.codecs.outcomes.decode(write.value) for write in writes]

    def observations(self) -> list[Observation]:
        writes = self.written(self.settings.topics.observations(MARKETPLACE))
        return [self.codecs.observations.decode(write.value) for write in writes]

    def exposure(self, own_id: str) -> Exposure | None:
        """What is durable of the listing's exposure."""
        found = None
        for write in self.written(self.settings.topics.exposure(MARKETPLACE)):
            if write.key == f"{CHANNEL}/{own_id}".encode():
                found = None if write.value is None else self.codecs.exposure.decode(write.value)
        return found

    def dead_letters(self) -> list[Write]:
        return self.written(self.settings.topics.dead_letters(MARKETPLACE))


def progress(complete_until_ms: int) -> EngineProgress:
    """The engine's word on partition 0."""
    return EngineProgress(0, complete_until_ms, complete_until_ms, False, 0, 0, {})


@asynccontextmanager
async def a_bench(
    market: FakeMarketplace | None = None,
    *,
    channels: Sequence[ChannelId] = (CHANNEL,),
    targets: Sequence[Target] = (),
    trace: TraceContext | None = None,
    exposures: Sequence[Exposure] = (),
    share: float = 1.0,
    clock: VirtualClock | None = None,
    complete_until_ms: int | None = FAR_MS,
    statuses: Mapping[AccountId, ReportsStatus] | None = None,
    sink: AlertSink | None = None,
    answers: Callable[[], bool] = lambda: True,
    reconciliation: AsksReconciliation | None = None,
    reads: AsksForReads | None = None,
    pulls: Announcements | None = None,
    **changes: object,
) -> AsyncIterator[Bench]:
    """A worker that has taken partition 0 over with these targets (all of that trace) and exposures in it.

    `complete_until_ms`: the engine's last word on the partition; None: it never said anything.
    """
    market = market or FakeMarketplace()
    topics = Topics((MARKETPLACE,))
    base: dict[str, object] = {
        "app": "app",
        "marketplace": MARKETPLACE,
        "kafka": KafkaSettings("nowhere:1"),
        "topics": topics,
    }
    if complete_until_ms == FAR_MS:
        base["engine_silent_s"] = FAR_MS / 1000
    settings = DeliverySettings(**{**base, **changes})  # type: ignore[arg-type]
    clock, registry = clock or VirtualClock(), CollectorRegistry()
    metrics = DeliveryMetrics(registry)
    codecs = codecs_of(topics, MARKETPLACE, FixedRegistry())
    account = Account(ACCOUNT, market, settings, clock, metrics)
    accounts = Accounts({ACCOUNT: account}, dict.fromkeys(channels, ACCOUNT))
    accounts.share(share)
    reports, failures = KeptReports(), list[BaseException]()
    worker = Worker(
        settings,
        codecs,
        Arrivals(codecs, topics, MARKETPLACE),
        accounts,
        reports,
        "worker-1",
        clock,
        metrics,
        AtOnce(),
        failures.append,
        statuses=statuses,
        sink=sink,
        answers=answers,
        reconciliation=reconciliation,
        reads=reads,
    )
    worker.pulls = pulls
    worker._attempts._dice.seed(7)  # jitter too comes from a seed here, so that a run can be repeated
    transactions = KeptTransactions()
    bench = Bench(worker, market, clock, settings, codecs, transactions, reports, registry, account, failures)
    part = LoadedPartition(0, transactions)
    part.targets = {target.listing_id: bench.arrival(target, trace) for target in targets}
    part.exposures = {exposure.listing_id: exposure for exposure in exposures}
    part.position = bench.offset
    if complete_until_ms is not None:
        worker.masks.follow_progress(progress(complete_until_ms))
    worker.start()
    await worker.own(part, 0)
    await clock.pass_s(0.05)
    try:
        yield bench
    finally:
        await worker.close()
        for owned in worker.book.partitions.values():
            await owned.writer.close()
    assert not failures, failures
