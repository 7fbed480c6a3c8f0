"""One delivery process: the real worker, its takeover and its health owner, around modelled clients of Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Message

from inventory_domain.health import SYSTEM, ChannelReport, HealthRules
from inventory_domain.identifiers import AccountId, ChannelId, EventId
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.retry import RetrySchedule
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.arrivals import Arrivals
from inventory_streams.delivery.consumption import Assignment, Committable
from inventory_streams.delivery.following import Places
from inventory_streams.delivery.run import KAFKA_MAY_BE_GONE
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.worker import Worker
from inventory_streams.producer.client import NotDelivered
from tests.support.engine_work import TOPICS
from tests.support.simulator.adapter import FeedAdapter, ModeledAdapter
from tests.support.simulator.clients import Threads
from tests.support.simulator.group import SESSION_S, Given, Group, Member
from tests.support.simulator.kafka import Place
from tests.support.simulator.marketplace import ModeledMarketplace
from tests.support.simulator.process import ModeledProcess, ModeledSettings
from tests.support.simulator.sharing import MARKETPLACE, NO_DELIVERY_METRICS, codecs
from tests.support.simulator.switches import Off
from tests.support.simulator.traffic import PARTITIONS

POLL_S = 0.5
FOLLOW_S = 1.0
COMMIT_S = 2.0
BEAT_S = SESSION_S / 4  # only by its heartbeats does a member learn that the group goes on without it
BATCH_MAX = 20
ACCOUNT = AccountId("account")
ENGINE_SILENT_S = 40.0
REPORT_S = 2.0
STOP_AFTER_S = 60.0
HEALTH = HealthRules(
    probe=RetrySchedule((1.0, 2.0, 4.0), 6.0),
    idle_probe_s=15.0,
    outage_probe_s=6.0,
    stop_after_s=STOP_AFTER_S,
    warn_before_s=20.0,
    restore_ramp_s=8.0,
)


@dataclass(eq=False)
class DeliveryProcess(ModeledProcess):
    """One member of the group that delivers."""

    group: Group = field(kw_only=True)
    market: ModeledMarketplace = field(kw_only=True)
    feeds: bool = field(kw_only=True)
    channels: Sequence[ChannelId] = field(kw_only=True)
    off: Off = Off.NOTHING
    changes: Mapping[str, object] = field(default_factory=dict)
    stopping: bool = False
    current: bool = False
    cut_off: bool = False
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
        adapter = kind(self.market, self.clock, self.loop, self, self.dice, self.step)
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
            self.failed,
            answers=lambda: not self.kafka.gone,
            reconciliation=_Asks(self),
        )
        self.worker._attempts._dice = self.dice  # the seed's, so that waits are the same when it is run again
        following = _Following(self)
        self.worker.following = following
        self.worker.start()
        asyncio.create_task(self._beat())  # noqa: RUF006 - the process keeps its tasks
        asyncio.create_task(following.run())  # noqa: RUF006
        try:
            await self._poll()
        except Exception as error:  # noqa: BLE001 - as the thread of `Poller` has it
            self.failed(error)
            return
        await self.worker.close()
        self.ended(self, "stopped", None)

    def is_fenced(self, transactional_id: str) -> bool:
        """As `ModeledProcess` says, unless that rule is switched off."""
        health = transactional_id == self.settings.health_transactional_id
        return self.off is not (Off.HEALTH_FENCING if health else Off.DELIVERY_FENCING)

    def failed(self, error: BaseException) -> None:
        """As `run.run` has it: with Kafka gone the process lives on for its last resort."""
        if isinstance(error, KAFKA_MAY_BE_GONE) and self.kafka.gone:
            self.worker.cut_off(error)
        else:
            super().failed(error)

    async def _beat(self) -> None:
        heard_s = self.clock.monotonic_s()
        while True:
            if self.group.beat(self.member):
                heard_s = self.clock.monotonic_s()
            self.cut_off = self.clock.monotonic_s() - heard_s > SESSION_S
            self.current = self.group.is_current(self.member) and not self.cut_off
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
                    await self.step("before records are taken")
                    await self.worker.take(self.arrivals.of(messages))
                    await self.step("records taken")
                if self.clock.monotonic_s() - committed_s >= COMMIT_S:
                    committed_s = self.clock.monotonic_s()
                    self._commit(await self.worker.committable())
            if self.cut_off or self.group.is_expelled(self.member):
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

    def _fetched(self) -> list[Message]:
        messages: list[Message] = []
        for place in list(self.positions):
            messages += self.read_on(self.positions, place, BATCH_MAX)
        return messages

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
        if not self.process.dead and not self.process.kafka.gone:
            for one in reports:
                value = self.process.codecs.reports.encode(one)
                self.process.kafka.append(self.process.arrivals.reports, 0, one.channel.encode(), value)


@dataclass
class _Asks:
    """As `gaps.ReconciliationByCommand` does it."""

    process: DeliveryProcess

    def ask(self, channels: Iterable[ChannelId], why: str) -> None:
        process = self.process
        if process.kafka.gone:
            raise NotDelivered(())
        for channel in sorted(channels):
            process.tell(f"{process.name} asks for a reconciliation of {channel}: {why}")
            event_id, at_ms = EventId(f"{process.name}/{process.clock.now_ms()}"), process.clock.now_ms()
            told = OperatorCommand(event_id, channel, OperatorAction.RECONCILE, SYSTEM, why, at_ms)
            process.kafka.append(process.arrivals.commands, 0, channel.encode(), process.codecs.commands.encode(told))


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
            messages = [
                message for place in list(positions) for message in process.read_on(positions, place, BATCH_MAX)
            ]
            if messages:
                await process.worker.take(process.arrivals.of(messages))


def _settings(process: DeliveryProcess) -> dict[str, object]:
    return {
        "app": "app",
        "marketplace": MARKETPLACE,
        "kafka": ModeledSettings("modelled", process=process),
        "topics": TOPICS,
        "retry": RetrySchedule((1.0, 2.0), 4.0),
        "health": HEALTH,
        "report_interval_s": REPORT_S,
        "engine_silent_s": ENGINE_SILENT_S,
        "tick_s": 1.0,
        "deadlines_s": dict.fromkeys(process.channels, 25.0),
        "order_delay_s": 20.0,
        "failing_fall_s": 60.0,
        "mass_change_hold_s": 15.0,
        "aged_after_s": 10.0,
        "rise_sample_percent": 20.0,
    }
