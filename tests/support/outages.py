"""A worker that owns its channel's health, on virtual time: reports, health and commands go round without Kafka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from inventory_domain.bulk import Condition, MarketplaceStatus
from inventory_domain.health import ChannelHealth
from inventory_domain.health_alerts import Alert
from inventory_domain.identifiers import ListingId
from inventory_domain.operations import OperatorCommand
from inventory_domain.outcomes import Accepted, LimitSeen, Outage, PushOutcome, Transient
from inventory_domain.ports import ListingRef, Push, ReadAnswer
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.arrivals import CommandArrival, HealthArrival, ReportArrival
from inventory_streams.delivery.health_owner import HealthOwner
from tests.support.delivery import ACCOUNT, CHANNEL, Answer, FakeMarketplace, accepted
from tests.support.delivery_bench import AtOnce, Bench, KeptTransactions, VirtualClock, a_bench

ROUND_TRIP_S = 0.5


@dataclass
class MarketplaceWithOutages(FakeMarketplace):
    """Answers nothing while `down`, and says so in reads too. `calls_at` has the time of each call, in seconds."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    down: bool = False
    reads_work: bool = False
    says: Condition = Condition.OPERATIONAL
    answers: Answer = accepted
    calls_at: list[float] = field(default_factory=list)

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        self.calls_at.append(self.clock.monotonic_s())
        self.answer = _no_answer if self.down else self.answers
        return await super().push(pushes)

    def slow_down(self, rate_per_s: float) -> None:
        """What the marketplace says of its limit from now on."""
        self.answers = lambda push: Accepted(
            listing_id=push.listing_id,
            api="write",
            reason="ok",
            seen=LimitSeen(operation="write", rate_per_s=rate_per_s, burst=rate_per_s),
        )

    def tried(self) -> list[tuple[Push, float]]:
        """Every push, and when it was tried."""
        return list(zip(self.pushes, self.calls_at, strict=True))

    async def read(self, listing: ListingRef) -> ReadAnswer:
        if self.down and not self.reads_work:
            self.reads.append(listing.listing_id)
            return Outage(listing_id=listing.listing_id, api="read", reason="down")
        return await super().read(listing)


def _no_answer(push: Push) -> PushOutcome:
    return Transient(listing_id=push.listing_id, api="write", reason="no-answer", error="connection refused")


@dataclass
class StatusPage:
    """Says how the marketplace is."""

    market: MarketplaceWithOutages

    async def status(self) -> MarketplaceStatus:
        return MarketplaceStatus(condition=self.market.says, api="status")


@dataclass
class KeptAlerts:
    """Alerts go to a list."""

    posted: list[Alert] = field(default_factory=list)

    def post(self, alert: Alert) -> None:
        self.posted.append(alert)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.posted]


@dataclass
class Outages:
    """The bench, its marketplace, and the health that goes round."""

    bench: Bench
    market: MarketplaceWithOutages
    alerts: KeptAlerts
    transactions: KeptTransactions = field(default_factory=KeptTransactions)
    targets: dict[ListingId, int] = field(default_factory=dict)
    _given: list[OperatorCommand] = field(default_factory=list)
    _records: list[HealthRecord] = field(default_factory=list)
    _decoded: int = 0
    _reported: int = 0
    _followed: int = 0
    owner: HealthOwner | None = None

    def own(self, known: Sequence[HealthRecord] = ()) -> None:
        """The worker becomes the owner of the channel's health, as after a takeover."""
        worker, bench = self.bench.worker, self.bench
        self.owner = HealthOwner(
            bench.settings,
            bench.codecs,
            bench.clock,
            worker._metrics,
            [CHANNEL],
            known,
            self.transactions,
            AtOnce(),
            bench.failures.append,
            worker="worker-1",
            sink=self.alerts,
        )
        worker._health = self.owner

    async def crash(self) -> list[HealthRecord]:
        """The owner is gone; what is left is what it had written."""
        assert self.owner is not None
        await self.owner.close()
        self.bench.worker._health = self.owner = None
        return self.records[-1:]

    @property
    def records(self) -> list[HealthRecord]:
        """Everything that was written on `channel.health`."""
        for commit in self.transactions.commits[self._decoded :]:
            self._records.extend(self.bench.codecs.health.decode(write.value) for write in commit)
        self._decoded = len(self.transactions.commits)
        return self._records

    @property
    def health(self) -> ChannelHealth:
        """The channel's health as everybody sees it."""
        known = self.bench.worker.masks.health(CHANNEL)
        assert known is not None
        return known

    async def operator(self, command: OperatorCommand) -> None:
        """A record of `operator.commands`."""
        self._given.append(command)
        await self.bench.worker.take([CommandArrival(len(self._given) - 1, command)])
        await self.bench.clock.pass_s(1.0)

    def now_s(self) -> float:
        """The virtual time, as builders of commands and reports count it."""
        return self.bench.clock.monotonic_s()

    def fold_again(self) -> None:
        """A new owner reads every report and command that there is, those too that are folded in already."""
        self._reported, self._followed, self._decoded = 0, 0, 0
        self._records = []
        assert self.owner is not None
        for offset, command in enumerate(self._given):
            self.owner.take_command(CommandArrival(offset, command))

    async def go_round(self) -> None:
        """Bring what was written to whom it is for, again and again."""
        while True:
            await self.bench.clock.sleep(ROUND_TRIP_S)
            sent, records = self.bench.reports.sent, self.records
            for offset in range(self._reported, len(sent)):
                await self.bench.worker.take([ReportArrival(offset, sent[offset])])
            for offset in range(self._followed, len(records)):
                await self.bench.worker.take([HealthArrival(offset, records[offset])])
            self._reported, self._followed = len(sent), len(records)


@asynccontextmanager
async def outages(
    market: MarketplaceWithOutages | None = None, *, page: bool = False, **changes: object
) -> AsyncIterator[Outages]:
    """A worker with one channel, which owns its health."""
    clock = VirtualClock()
    market = market or MarketplaceWithOutages()
    market.clock = clock
    statuses: Mapping = {ACCOUNT: StatusPage(market)} if page else {}
    alerts = KeptAlerts()
    async with a_bench(market, clock=clock, statuses=statuses, sink=alerts, **{"tick_s": 0.5, **changes}) as bench:
        around = Outages(bench, market, alerts)
        around.own()
        going = asyncio.create_task(around.go_round())
        await clock.pass_s(2.0)
        try:
            yield around
        finally:
            going.cancel()
            if around.owner is not None:
                await around.owner.close()


@contextmanager
def watching(around: Outages) -> Iterator[LogWatch]:
    """The log of delivery for as long as the block runs."""
    watch, logger = LogWatch(around.bench.clock), logging.getLogger("inventory_streams.delivery")
    level = logger.level
    logger.addHandler(watch)
    logger.setLevel(logging.INFO)
    try:
        yield watch
    finally:
        logger.removeHandler(watch)
        logger.setLevel(level)


@dataclass(frozen=True)
class Line:
    """A line of the log: when it was written in virtual time, and its facts."""

    at_s: float
    event: str
    facts: Mapping[str, object]


class LogWatch(logging.Handler):
    """Keeps the lines that the delivery of the bench logs, with the virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(logging.INFO)
        self._clock = clock
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(Line(self._clock.monotonic_s(), record.getMessage(), vars(record)))

    def of(self, *events: str) -> list[Line]:
        """The lines with these texts."""
        return [line for line in self.lines if line.event in events]
