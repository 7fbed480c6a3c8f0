"""Reconciles one marketplace for as long as this process owns it: by schedule, on demand, and reading by reading."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from inventory_domain.account_calls import DailyQuotas, ReportsQuotas
from inventory_domain.clock import Clock, ClockWatch
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_domain.expected import ReadTraits
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.ports import AdapterTraits
from inventory_domain.reconciliation import CyclePhase
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.kafka.following import Apply, Follower
from inventory_streams.kafka.reading import Place
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from inventory_streams.reconcile.arrivals import Arrivals
from inventory_streams.reconcile.codecs import Codecs
from inventory_streams.reconcile.cycle import BATCH, Cycles, ReconciledAccount, daily_calls, unaffordable
from inventory_streams.reconcile.held import HeldPools
from inventory_streams.reconcile.judging import Judgements, Judging
from inventory_streams.reconcile.knowledge import Knowledge
from inventory_streams.reconcile.loading import load
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.pulling import CALL_S_MAX
from inventory_streams.reconcile.records import Records
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.reconcile.waiting import WaitingReadings

LOOK_S = 1.0  # how often commands and single reads are looked at
FIRST_APART_S = 30.0  # between the first pulls of a new process, so that they do not all begin at once
RETRIES_DOUBLED_MAX = 6
SCHEDULED = "schedule"

log = logging.getLogger(__name__)

Writes = Callable[[list[Write]], Awaitable[None]]


def read_traits(traits: AdapterTraits) -> ReadTraits:
    """What the adapter says of its reads, as the rules take it."""
    span_s = traits.read_age_s_max + CALL_S_MAX  # a read holds from its age before it was asked for to its answer
    return ReadTraits(traits.read_includes_own_sales, round(traits.settling_s_max * 1_000), round(span_s * 1_000))


@dataclass(slots=True)
class Plan:
    """When a channel is pulled next, and why. `slot`: its place within the interval, from 0 to 1."""

    slot: float
    due_ms: int = 0
    reason: str = SCHEDULED
    failures: int = 0


def next_due_ms(started_ms: int, slot: float, interval_ms: int) -> int:
    """The channel's newest place in the schedule that is no more than an interval after its last pull began.

    All processes agree on the places, so channels stay apart from each other whoever pulls them.
    """
    offset_ms = round(slot * interval_ms)
    place_ms = (started_ms + interval_ms - offset_ms) // interval_ms * interval_ms + offset_ms
    return place_ms if place_ms > started_ms else place_ms + interval_ms


@dataclass(slots=True)
class Parts:
    """What a reconciler is made of, put together once for service and commands alike."""

    catalog: CatalogCopy
    knowledge: Knowledge
    arrivals: Arrivals
    records: Records
    judging: Judging


def parts_of(
    settings: ReconcileSettings,
    marketplace: Marketplace,
    accounts: Sequence[ReconciledAccount],
    codecs: Codecs,
    metrics: ReconcileMetrics,
    now_ms: Callable[[], int],
) -> Parts:
    """The parts, with nothing known yet."""
    traits = {one: read_traits(account.adapter.traits) for account in accounts for one in account.channels}
    catalog = CatalogCopy(codecs.products, traits)
    knowledge = Knowledge(settings, codecs, traits)
    arrivals = Arrivals(codecs, settings.topics, marketplace, catalog, knowledge, now_ms)
    records = Records(settings, codecs, marketplace)
    return Parts(catalog, knowledge, arrivals, records, Judging(knowledge, catalog, records, metrics))


@dataclass(slots=True)
class Reconciler:
    """One marketplace. `failed` is told of what must end the process, and is expected to do so."""

    settings: ReconcileSettings
    marketplace: Marketplace
    accounts: Sequence[ReconciledAccount]
    slots: Mapping[ChannelId, float]
    codecs: Codecs
    clock: Clock
    metrics: ReconcileMetrics
    threads: Executor
    failed: Callable[[BaseException], None]
    compare_counts: Callable[[Callable[[], bool]], None] | None = None
    loaded: bool = False
    _plans: dict[ChannelId, Plan] = field(default_factory=dict)
    _stopping: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _writer: TransactionalWriter | None = None
    _follower: Follower | None = None
    _watch: ClockWatch | None = None

    async def run(self) -> None:
        """Take the marketplace over and reconcile it until cancelled."""
        loop = asyncio.get_running_loop()
        parts = parts_of(self.settings, self.marketplace, self.accounts, self.codecs, self.metrics, self.clock.now_ms)
        # Before anything is read, as far as it is known how much there is.
        await self._ask_quotas()
        self._refuse_what_cannot_work(lambda one: self.settings.listings_expected.get(one, 0))
        positions = await loop.run_in_executor(self.threads, self._taken_over, parts)
        if positions is None:
            return
        self._follower = Follower(
            self.settings.kafka,
            positions,
            parts.arrivals.decoded,
            lambda found: self._take(parts, found),
            loop,
            self.failed,
        )
        self._follower.start()
        self._plan(parts)
        self._refuse_what_cannot_work(parts.catalog.listings_on)
        self.loaded = True
        facts = {"marketplace": self.marketplace, "listings": len(parts.catalog)}
        log.info("marketplace taken over", extra=facts)
        cycles = Cycles(
            self.settings,
            parts.catalog,
            parts.knowledge,
            parts.judging,
            parts.records,
            self.metrics,
            self.clock,
            self.commit,
        )
        told = (parts.catalog, parts.records, self.metrics, self.clock, self.commit, parts.knowledge.held)
        held = HeldPools(self.settings, *told)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look(parts))
                if self.compare_counts is not None:
                    tasks.create_task(self._count(self.compare_counts))
                for account in self.accounts:
                    tasks.create_task(self._serve(account, cycles, parts))
                    tasks.create_task(self._pull_pools(account, held))
        finally:
            self._stopping = True
            await self._follower.stop()

    async def commit(self, writes: list[Write]) -> None:
        """Make these records durable in one transaction; whoever took the marketplace over makes it fail."""
        if writes:
            # Whoever waits may be cancelled; the transaction goes on, and the next one must not begin before its end.
            await asyncio.shield(self._committed(writes))

    async def _committed(self, writes: list[Write]) -> None:
        assert self._writer is not None
        async with self._lock:
            await asyncio.get_running_loop().run_in_executor(self.threads, self._writer.commit_all, writes)

    def stop(self) -> None:
        """Nothing more is begun; what is read at the start is given up."""
        self._stopping = True

    def _taken_over(self, parts: Parts) -> Mapping[Place, int] | None:
        # 1. From here on a former owner's commits are refused, so nothing is added to what is read below.
        self._writer = TransactionalWriter(self.settings.kafka, self.settings.transactional_id(self.marketplace))
        self._writer.take_over()
        # 2. Then all that is known.
        return load(self.settings, self.marketplace, parts.arrivals, self.clock.now_ms(), lambda: self._stopping)

    async def _ask_quotas(self) -> None:
        """How many calls a day each account has, where its marketplace tells; else what the settings say holds."""
        for account in self.accounts:
            if not isinstance(account.adapter, ReportsQuotas):
                continue
            try:
                async with asyncio.timeout(CALL_S_MAX):
                    told = await account.adapter.daily_quotas()
            except TimeoutError:
                log.warning("daily quotas not told", extra={"account": account.account_id, "why": "too-slow"})
                continue
            if isinstance(told, DailyQuotas):
                for quota in told.quotas:
                    account.budget.of(quota.operation).told_quota(quota.calls)
            else:
                log.warning("daily quotas not told", extra={"account": account.account_id, "why": told.reason})

    def _refuse_what_cannot_work(self, listings_on: Callable[[ChannelId], int]) -> None:
        """Pulls that the accounts' calls of a day do not suffice for would leave drift unseen and starve pushes."""
        faults = [
            ConfigFault("reconcile", why)
            for account in self.accounts
            for why in self._unaffordable(account, listings_on)
        ]
        if faults:
            raise ConfigError(faults)

    def _unaffordable(self, account: ReconciledAccount, listings_on: Callable[[ChannelId], int]) -> list[str]:
        """Why the account's pulls cannot be made on this schedule; what they need is shown, and alerted on."""
        counts = {one: listings_on(one) for one in account.channels}
        calls = daily_calls(account, counts, self.settings)
        if calls is not None:
            self.metrics.calls_needed.labels(account.account_id).set(calls.needed)
            self.metrics.calls_allowed.labels(account.account_id).set(calls.allowed)
        return unaffordable(account, counts, self.settings)

    def _plan(self, parts: Parts) -> None:
        """Each channel's next pull: by its last complete one, or soon where there is none that recent."""
        now_ms, interval_ms = self.clock.now_ms(), round(self.settings.interval_s * 1_000)
        for number, channel in enumerate(one for account in self.accounts for one in account.channels):
            slot, last = self.slots.get(channel, 0.0), parts.arrivals.cycles.get(channel)
            soon_ms = now_ms + round(min(FIRST_APART_S, self.settings.interval_s / 20) * number * 1_000)
            due_ms = soon_ms
            if last is not None and last.phase is CyclePhase.COMPLETE:
                # One that began later than now was begun by a clock that was ahead.
                due_ms = max(soon_ms, next_due_ms(min(last.started_at_ms, now_ms), slot, interval_ms))
            # Where none is known, since now: a channel that is never compared to the end has to be told of too.
            complete_ms = parts.arrivals.complete_ms.get(channel, now_ms)
            self.metrics.last_complete.labels(channel).set(complete_ms / 1_000)
            self._plans[channel] = Plan(slot, due_ms)

    def _take(self, parts: Parts, found: Sequence[Apply]) -> None:
        parts.arrivals.apply(found)
        self.metrics.unreadable.set(parts.arrivals.unreadable)

    async def _look(self, parts: Parts) -> None:
        """Single reads are judged as they come, a bounded number at once; commands move a channel's next pull."""
        waiting = WaitingReadings(parts.knowledge.is_ahead, parts.arrivals.take_readings())
        while True:
            await self.clock.sleep(LOOK_S)
            for command in parts.arrivals.take_commands():
                plan, last = self._plans.get(command.channel), parts.arrivals.cycles.get(command.channel)
                if plan is not None and (last is None or last.started_at_ms < command.at_ms):
                    plan.due_ms, plan.reason = 0, f"asked for by {command.by}: {command.why}"
                    self._wake.set()
            writes = parts.judging.judge(waiting.take(BATCH), self.clock.now_ms(), Judgements(0))
            writes += parts.judging.second_looks(self.clock.now_ms())
            waiting.add(parts.arrivals.take_readings())
            await self.commit(writes)

    async def _serve(self, account: ReconciledAccount, cycles: Cycles, parts: Parts) -> None:
        """The account's channels, one after the other, each when it is due."""
        while True:
            self._follow_clock()
            channel = min(account.channels, key=lambda one: self._plans[one].due_ms)
            plan = self._plans[channel]
            wait_s = (plan.due_ms - self.clock.now_ms()) / 1_000
            if wait_s > 0:
                await self._sleep(min(wait_s, LOOK_S * 5))
                continue
            reason, plan.reason = plan.reason, SCHEDULED
            await self._reconcile(account, channel, cycles, parts, reason)

    def _follow_clock(self) -> None:
        """A clock that was set back puts off no pull: what is planned moves with it."""
        if self._watch is None:
            self._watch = ClockWatch(self.clock)
        by_ms = self._watch.set_by_ms()
        if by_ms < 0:
            for plan in self._plans.values():
                plan.due_ms += by_ms

    async def _reconcile(
        self, account: ReconciledAccount, channel: ChannelId, cycles: Cycles, parts: Parts, reason: str
    ) -> None:
        plan, interval_ms = self._plans[channel], round(self.settings.interval_s * 1_000)
        await self._ask_quotas()
        for why in self._unaffordable(account, parts.catalog.listings_on):
            log.error("pulls exceed the account's calls", extra={"why": why})
        if reason != SCHEDULED:
            for listing_id in parts.knowledge.written_on(channel):
                parts.knowledge.begin_anew(listing_id)
        end = await cycles.reconcile(account, channel, reason)
        if end.cycle.phase is CyclePhase.COMPLETE:
            plan.failures = 0
            plan.due_ms = next_due_ms(end.cycle.started_at_ms, plan.slot, interval_ms)
            return
        plan.failures += 1
        wait_s = self.settings.retry_s * 2.0 ** min(plan.failures - 1, RETRIES_DOUBLED_MAX)
        plan.due_ms = self.clock.now_ms() + min(round(wait_s * 1_000), interval_ms)

    async def _pull_pools(self, account: ReconciledAccount, held: HeldPools) -> None:
        pools = held.pools_of(account)
        while pools:
            well = [await held.pull(account, channel, location) for channel, location in pools.items()]
            await self.clock.sleep(
                self.settings.held_interval_s
                if all(well)
                else min(self.settings.retry_s, self.settings.held_interval_s)
            )

    async def _count(self, compare: Callable[[Callable[[], bool]], None]) -> None:
        """Once in the interval, the first time when half a minute has passed since the start."""
        await self.clock.sleep(min(FIRST_APART_S, self.settings.counts_interval_s))
        while True:
            await asyncio.get_running_loop().run_in_executor(self.threads, compare, lambda: self._stopping)
            await self.clock.sleep(self.settings.counts_interval_s)

    async def _sleep(self, seconds: float) -> None:
        """Wait, or until a command has moved a channel's next pull."""
        self._wake.clear()
        waking = asyncio.ensure_future(self._wake.wait())
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        try:
            await asyncio.wait({waking, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
            sleeping.cancel()
