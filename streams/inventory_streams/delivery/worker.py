"""One delivery worker: owns its partitions, and everything that happens to their listings, on one loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor

from inventory_domain.bulk import ReportsStatus
from inventory_domain.clock import Clock
from inventory_domain.health import ChannelState
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_streams.delivery.account import Accounts
from inventory_streams.delivery.accounting import Accounting
from inventory_streams.delivery.announcing import AlertSink, Announcing
from inventory_streams.delivery.arrivals import (
    Arrival,
    Arrivals,
    CommandArrival,
    HealthArrival,
    HintArrival,
    ProgressArrival,
    ReportArrival,
    RetryArrival,
    TargetArrival,
)
from inventory_streams.delivery.assignment import LoadedPartition, load
from inventory_streams.delivery.attempts import Attempts
from inventory_streams.delivery.book import Book, TrackedListing
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.consumption import Assignment, Committable, Positions
from inventory_streams.delivery.dispatch import Dispatcher
from inventory_streams.delivery.fall_watch import FallWatch
from inventory_streams.delivery.feeds import Feeds
from inventory_streams.delivery.following import Follows
from inventory_streams.delivery.gaps import AsksReconciliation
from inventory_streams.delivery.health_owner import HealthOwner
from inventory_streams.delivery.health_post import HealthPost
from inventory_streams.delivery.intake import Intake
from inventory_streams.delivery.last_resort import CutOff, LastResort
from inventory_streams.delivery.late_requests import AsksForReads, LateRequests
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.picking import Picking
from inventory_streams.delivery.probing import Probing, StatusWatch
from inventory_streams.delivery.pulls import Announcements, PullsWatch
from inventory_streams.delivery.quotas import Quotas
from inventory_streams.delivery.readbacks import ReadBacks
from inventory_streams.delivery.readiness import ReadinessWatch
from inventory_streams.delivery.records import Records
from inventory_streams.delivery.reporting import Reporting
from inventory_streams.delivery.reports import ReportTopic, Tallies
from inventory_streams.delivery.scheduling import Scheduler
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.writer import PartitionWriter
from inventory_streams.tasks import end

BREATH = 1_000  # listings that are looked at before the loop may do something else
DRAIN_TICK_S = 0.02
WATCH_S = 1.0

log = logging.getLogger(__name__)


class Worker:
    """Decides for one marketplace. `failed` is told of what must end the process, and is expected to do so.

    `pulls`: where pulls are announced; without it no part of a rate is borrowed from them. Set before `start`.
    """

    pulls: Announcements | None = None

    def __init__(
        self,
        settings: DeliverySettings,
        codecs: Codecs,
        arrivals: Arrivals,
        accounts: Accounts,
        reports: ReportTopic,
        name: str,
        clock: Clock,
        metrics: DeliveryMetrics,
        threads: Executor,
        failed: Callable[[BaseException], None],
        *,
        statuses: Mapping[AccountId, ReportsStatus] | None = None,
        sink: AlertSink | None = None,
        answers: Callable[[], bool] = lambda: True,
        reconciliation: AsksReconciliation | None = None,
        reads: AsksForReads | None = None,
    ) -> None:
        self._settings = settings
        self._codecs = codecs
        self._arrivals = arrivals
        self._accounts = accounts
        self._reports = reports
        self._name = name
        self._clock = clock
        self._metrics = metrics
        self._threads = threads
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []
        self._health: HealthOwner | None = None
        of_health = (settings, codecs, clock, metrics, accounts.channels, threads, failed)
        self._post = HealthPost(*of_health, worker=name, sink=sink, reconciliation=reconciliation)
        self.stopping = self.ready = False
        self.turned_s = clock.monotonic_s()
        self.book = Book(clock)
        self.accounting = Accounting(metrics)
        self._records = records = Records(settings, codecs)
        self._tallies = Tallies(accounts.channels, clock)
        self.masks = Masks(settings, clock, metrics)
        cut_off = (settings, clock, metrics, threads, answers, failed, sink, reconciliation)
        self._last_resort = LastResort(accounts, self.masks, *cut_off)
        self._announcing = Announcing(self.masks, clock, metrics, sink)
        self._redo: set[ChannelId] = set()
        self.following: Follows | None = None
        self._scheduler = Scheduler(settings, clock, self.book, accounts, self.accounting, self.masks)
        self._intake = Intake(self.book, self._scheduler, accounts, records, self.accounting, self.masks, metrics)
        self._attempts = Attempts(settings, self.book, records, self.accounting, self.masks.holds, metrics)
        self._quotas = Quotas(settings, codecs, accounts, name, clock, threads)
        self._falls = FallWatch(settings, clock, self.book, accounts, self._scheduler, self.masks, metrics, sink)
        self.late = LateRequests(settings, clock, metrics, threads, reads)
        shared = (settings, clock, self.book, self._scheduler, self._attempts, self._intake, self.masks, metrics)
        pickings = [Picking(account, *shared, self.late) for account in accounts.all]
        self._dispatchers = [Dispatcher(one, settings, clock, self._tallies, metrics, failed) for one in pickings]
        self._feeds = [Feeds(one, settings, clock, self._scheduler, self._tallies, metrics, failed) for one in pickings]
        self._read_backs = [
            ReadBacks(
                account, settings, clock, self.book, self._scheduler, self._intake, records, self.masks, metrics, failed
            )
            for account in accounts.all
        ]
        around = (name, settings, clock, self.book, accounts, self.masks, self._tallies)
        waiting = self._scheduler.waiting
        self._reporting = Reporting(*around, waiting, self._read_backs, reports, metrics, threads)
        senders = {account.account_id: one.probe for account, one in zip(accounts.all, self._dispatchers, strict=True)}
        self._probing = Probing(*around, metrics, senders)
        owner = self._owner
        asking = (settings.status_poll_s, clock, settings.request_s_max)
        self._statuses = StatusWatch(statuses or {}, accounts, *asking, owner)
        self._readiness = ReadinessWatch(accounts, settings, clock, self.masks, metrics, owner)

    def start(self) -> None:
        """Begin to send, read, wait and report, as far as there is anything."""
        runs = [*(one.run() for one in self._dispatchers), *(one.run() for one in self._read_backs)]
        runs += [*(one.run() for one in self._feeds), self._falls.run(), self._quotas.run()]
        if self.pulls is not None:
            runs.append(PullsWatch(self._accounts, self.pulls, self._clock, self._threads).run())
        for run in (
            *runs,
            self._wake_waiting(),
            self._reporting.run(),
            self._probing.run(),
            self._statuses.run(),
            self._readiness.run(),
            self._last_resort.run(),
            self._watch(),
        ):
            self._begin(run)

    def _begin(self, run: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(run)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def close(self) -> None:
        """Stop everything that `start` began. Partitions are given up before, by `revoked`."""
        for feeds in self._feeds:
            feeds.reports.close()
        await end(self._tasks)

    async def assigned(self, assignment: Assignment) -> Positions | None:
        """Take over, read, and only then send (rules 21 and 25)."""
        loop, began_s = asyncio.get_running_loop(), self._clock.monotonic_s()
        arguments = (self._settings, self._codecs, self._arrivals, assignment.partitions, self._is_stopping)
        loaded = await loop.run_in_executor(self._threads, load, *arguments)
        health = await self._post.taken(self._is_stopping) if assignment.owns_reports and loaded is not None else None
        if loaded is None or (assignment.owns_reports and health is None) or self.stopping:
            return None
        if assignment.partitions:
            self._accounts.share(len(assignment.partitions) / assignment.partition_count)
            await self._quotas.resume()
        self._tell(loaded.told)
        with self.book.takeover():
            for part in loaded.partitions:
                await self.own(part, assignment.committed.get(part.partition) or 0)
        reports = None
        if health is not None:
            self._health = await self._post.owner(health)
            reports = self._health.start
            loaded.places[self._arrivals.commands, 0] = self._health.commands_start
        if self.following is not None:
            self.following.follow(loaded.places)
        if assignment.partitions:
            self._last_resort.forget()
        self.ready = True
        self._metrics.partitions.set(len(self.book.partitions))
        self._metrics.takeover_seconds.set(self._clock.monotonic_s() - began_s)
        facts = {"partitions": list(assignment.partitions), "owns_health": assignment.owns_reports}
        log.info("partitions taken over", extra=facts)
        return Positions({part.partition: part.position for part in loaded.partitions}, reports)

    def _is_stopping(self) -> bool:
        return self.stopping

    async def own(self, part: LoadedPartition, finished_below: int) -> None:
        """A partition that was taken over and read is this worker's from now on.

        `finished_below`: the offset of targets below which a former owner has finished.
        """
        writer = PartitionWriter(
            part.writer, self._threads, self._clock, self._settings.commit_linger_s, self._metrics, self._failed
        )
        owned = self.book.add(part, writer)
        self.masks.forget(part.partition)
        held_until_s = self._clock.monotonic_s() + self._settings.handover_wait_s
        gone = [listing_id for listing_id in part.exposures if listing_id not in part.targets]
        for listing_id in gone:
            tracked = owned.tracked(listing_id)
            tracked.taken_over(part.exposures[listing_id], held_until_s)
            tracked.forgotten = True
            self._intake.forgotten(owned, tracked)
        for number, arrival in enumerate((*part.faulty, *part.targets.values())):
            exposure = part.exposures.get(arrival.listing_id) if arrival.fault is None else None
            if exposure is not None:
                owned.tracked(arrival.listing_id).taken_over(exposure, held_until_s)
            self._intake.target(arrival, finished_below)
            if exposure is not None:
                self._rejoin_feed(owned.listings.get(arrival.listing_id))
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)

    def _rejoin_feed(self, tracked: TrackedListing | None) -> None:
        """A row of a feed that a former owner handed in: this worker answers for it now."""
        if tracked is None or tracked.target is None:
            return
        account = self._accounts.of(tracked.target.channel)
        for feeds in self._feeds:
            if feeds.account is account:
                feeds.rejoin(tracked)

    async def take(self, arrivals: Sequence[Arrival]) -> None:
        """Records that were read, in their order."""
        for arrival in arrivals:
            if isinstance(arrival, ReportArrival):
                if self._health is not None:
                    self._health.take(arrival)
            elif isinstance(arrival, RetryArrival):
                self._intake.retry(arrival)
            elif isinstance(arrival, TargetArrival):
                self._intake.target(arrival)
                self._rejoin_feed(self.book.listing((arrival.partition, arrival.listing_id)))
            elif isinstance(arrival, CommandArrival) and self._health is not None:
                self._health.take_command(arrival)
            elif isinstance(arrival, HintArrival):
                self._intake.hint(arrival)
        if told := [one for one in arrivals if isinstance(one, HealthArrival | ProgressArrival | CommandArrival)]:
            self._tell(told)
            await self._look_again()

    def _tell(self, told: Sequence[HealthArrival | ProgressArrival | CommandArrival]) -> None:
        for one in told:
            if isinstance(one, CommandArrival):
                if one.command is not None and self.masks.holds.follow(one.command):
                    self._redo.add(one.command.channel)
            elif isinstance(one, ProgressArrival):
                if one.progress is not None:
                    self.masks.follow_progress(one.progress)
            elif one.record is not None and self._accounts.of(one.record.health.channel) is not None:
                self.masks.follow_health(one)
                channel = one.record.health.channel
                self._tallies.watch(channel, one.record.health.state is not ChannelState.SELLING)

    def _owner(self) -> HealthOwner | None:
        return self._health

    async def _look_again(self) -> None:
        """Look at each listing whose masks or modes have changed, since its target or what holds it may be due now."""
        here = [(one, number) for one in self._accounts.channels for number in self.book.partitions]
        changed = self.masks.refresh(here)
        redo, self._redo = self._redo, set()
        if not changed and not redo:
            return
        self._announcing.changed(changed, here)
        places = {*changed, *(place for place in here if place[0] in redo)}
        for number, tracked in enumerate(list(self.book)):
            if tracked.target is not None and (tracked.target.channel, tracked.partition) in places:
                self._scheduler.reconsider(tracked)
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)

    async def committable(self) -> Committable:
        """Offsets below which everything is finished; none where nothing was read yet."""
        targets = {number: owned.targets.committable() for number, owned in self.book.partitions.items()}
        retries = {number: owned.retries.committable() for number, owned in self.book.partitions.items()}
        observations = {number: owned.observed() for number, owned in self.book.partitions.items()}
        return Committable(
            {number: offset for number, offset in targets.items() if offset > 0},
            {number: offset for number, offset in retries.items() if offset > 0},
            self._health.committable if self._health else None,
            {number: offset for number, offset in observations.items() if offset is not None},
        )

    async def revoked(self) -> Committable:
        """Give everything up in good order."""
        # 1. Nothing new is begun, and what was committed but not sent is withdrawn.
        for owned in self.book.partitions.values():
            owned.stopping = True
            for tracked in owned.listings.values():
                self._scheduler.drop(tracked)
        # 2. Requests under way may end, within a limit that is no shorter than theirs.
        deadline_s = self._clock.monotonic_s() + self._settings.drain_s_max
        while self._under_way() and self._clock.monotonic_s() < deadline_s:
            await self._clock.sleep(DRAIN_TICK_S)
        # 3. Their outcomes are durable before the offsets are told; then nobody writes here any more.
        for owned in self.book.partitions.values():
            await owned.writer.flush()
        if self._health is not None:
            await self._health.flush()
        finished = await self.committable()
        left = self._under_way()
        await self._part(finished_well=True)
        log.info("partitions given up", extra={"requests_left": left})
        return finished

    def cut_off(self, error: BaseException) -> None:
        """Kafka does not answer and something could not be made durable: nothing more is begun, what we had is kept."""
        self._last_resort.keep(self.book, error, broken=True)
        for owned in self.book.partitions.values():
            owned.stopping = True
            for tracked in owned.listings.values():
                self._scheduler.drop(tracked)
        self._accounts.let_go()  # else what waits for a commit that failed keeps the zeros of last resort waiting

    async def lost(self) -> None:
        """Somebody else owns everything already: drop it."""
        log.warning("partitions lost", extra={"partitions": sorted(self.book.partitions)})
        self._last_resort.keep(self.book, CutOff("the group's session has ended"))
        await self._part(finished_well=False)

    async def _part(self, *, finished_well: bool) -> None:
        parting = list(self.book.partitions.values())
        for owned in parting:
            owned.stopping = owned.closed = True
            for tracked in owned.listings.values():
                self._scheduler.drop(tracked)
                self.accounting.hand_over(tracked)
        self.book.partitions.clear()
        health, self._health = self._health, None
        if health is not None:
            await health.close()
        for owned in parting:
            await owned.writer.close()
        self._accounts.let_go()
        if finished_well:  # else Kafka may be gone, and the zeros of last resort go by the part that was ours
            self._accounts.share(0.0)
        self._metrics.partitions.set(0)

    def _under_way(self) -> int:
        return sum(owned.in_flight() for owned in self.book.partitions.values())

    async def _wake_waiting(self) -> None:
        """Look again at each listing whose wait is over."""
        while True:
            self.turned_s = self._clock.monotonic_s()
            key = self._scheduler.waiting.pop_due(self.turned_s)
            if key is None:
                await self._clock.sleep(self._settings.tick_s)
            elif (tracked := self.book.listing(key)) is not None:
                self._wake(tracked)

    def _wake(self, tracked: TrackedListing) -> None:
        held = tracked.held_until_s
        owned = self.book.writable(tracked)
        if held is not None and held <= self._clock.monotonic_s() and owned is not None and not owned.stopping:
            tracked.held_until_s = None
            self._attempts.abandon(owned, tracked)
        if owned is not None and tracked.leaves_s is not None and not owned.stopping:
            self._intake.forgotten(owned, tracked)
        else:
            self._scheduler.reconsider(tracked)

    async def _watch(self) -> None:
        """What holds changes also by time alone: silence grows."""
        while True:
            await self._clock.sleep(WATCH_S)
            self.book.now_ms()
            if self._health is not None:
                self._health.tick()
            await self._look_again()
