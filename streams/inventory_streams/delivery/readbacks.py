"""Reading back what was sent: falls, unknown effects and what a takeover found are believed only when they are seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from inventory_domain.clock import Clock
from inventory_domain.due import UNSEEN_MAX
from inventory_domain.exposure import Exposure, Result, observe, settle
from inventory_domain.exposure_times import by_this_clock
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import Throttled, kind_of
from inventory_domain.ports import ListingRef, NotListed, ReadAnswer, Shown
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_domain.retry import delay_s
from inventory_domain.second_look import SecondLook
from inventory_domain.targets import Target
from inventory_streams.delivery.account import Account
from inventory_streams.delivery.book import Book, OwnedPartition, TrackedListing
from inventory_streams.delivery.in_flight import InFlight
from inventory_streams.delivery.intake import Intake
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.queue import WorkKey
from inventory_streams.delivery.records import Records
from inventory_streams.delivery.scheduling import Scheduler
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.within import within

HINT_READS_MAX = 3  # reads that say nothing, for a hint; then reconciliation finds what there is to find

log = logging.getLogger(__name__)


class ReadBacks:
    """Reads for one account until it is cancelled, within its limits and after its pushes."""

    def __init__(
        self,
        account: Account,
        settings: DeliverySettings,
        clock: Clock,
        book: Book,
        scheduler: Scheduler,
        intake: Intake,
        records: Records,
        masks: Masks,
        metrics: DeliveryMetrics,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._account = account
        self._settings = settings
        self._clock = clock
        self._book = book
        self._scheduler = scheduler
        self._intake = intake
        self._records = records
        self._masks = masks
        self._metrics = metrics
        self._failed = failed
        self._slots = asyncio.Semaphore(settings.reads_in_flight_max)
        self._reading: dict[asyncio.Task[None], ChannelId] = {}
        self._in_flight = InFlight(settings.reads_in_flight_max, account.channels)
        self._turns: dict[ChannelId, dict[WorkKey, None]] = {}
        self._somebody_waits = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Listings that are to be read, now or later."""
        return len(self._account.reads) + sum(len(turns) for turns in self._turns.values())

    async def run(self) -> None:
        """Look at each listing when its time has come; what needs a read waits its turn without holding up the rest."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._look())
            both.create_task(self._read_in_turn())

    async def _look(self) -> None:
        while True:
            key = self._account.reads.pop_due(self._clock.monotonic_s())
            if key is None:
                await self._clock.sleep(self._settings.tick_s)
            elif (tracked := self._book.listing(key)) is not None and self._wants_read(tracked):
                assert tracked.target is not None  # else it would want no read
                self._turns.setdefault(tracked.target.channel, {})[key] = None
                self._somebody_waits.set()

    async def _read_in_turn(self) -> None:
        throttles, traits = self._account.throttles, self._account.traits
        while True:
            await self._slots.acquire()
            await self._somebody_waits.wait()
            await throttles.acquire_read(lambda: len(self._account.queue) > 0)
            tracked = self._next()
            if tracked is None:
                throttles.give_back_read()
                self._slots.release()
                continue
            target = tracked.target
            assert target is not None  # else it would want no read
            tracked.reading = True
            self._metrics.tokens_used.labels(self._account.account_id, throttles.read.operation).inc(traits.read_cost)
            task = asyncio.create_task(self._read(tracked), name=f"read-{self._account.account_id}")
            self._reading[task] = target.channel
            self._in_flight.begin(target.channel)
            task.add_done_callback(self._ended)

    def _next(self) -> TrackedListing | None:
        """The first that still wants its read, of a channel that has not all of its part of the reads under way.

        Much may have happened while it waited. Channels take turns.
        """
        full = self._in_flight.full
        for channel in [one for one in self._turns if one not in full]:
            turns = self._turns.pop(channel)
            while turns:
                key = next(iter(turns))
                del turns[key]
                tracked = self._book.listing(key)
                if tracked is not None and self._wants_read(tracked):
                    if turns:
                        self._turns[channel] = turns
                    return tracked
        self._somebody_waits.clear()
        return None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.end(self._reading.pop(task))
        if self._turns:
            self._somebody_waits.set()
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _wants_read(self, tracked: TrackedListing) -> bool:
        """Whether only a read will do. An accepted rise past its settling time is taken for live without one."""
        owned = self._book.writable(tracked)
        if owned is None or owned.stopping or tracked.target is None:
            return False
        if tracked.reading or tracked.held_until_s is not None:
            return False  # the end of either plans the next read
        if self._hinted(tracked):
            return True
        if tracked.exposure is None:
            self._scheduler.reconsider(tracked)
            return False
        now_ms = self._book.now_ms()
        if not tracked.must_read:
            settled = settle(tracked.exposure, now_ms)
            if settled is not tracked.exposure:
                tracked.exposure = settled
                self._metrics.assumed.labels(tracked.target.channel).inc()
                owned.writer.add([self._records.exposure(owned.number, settled)])
        due_ms = tracked.exposure.settles_ms() if tracked.must_read else tracked.exposure.read_due_ms()
        if due_ms is None or due_ms + self._age_ms() > now_ms:
            self._scheduler.reconsider(tracked)
            return False
        return True

    def _hinted(self, tracked: TrackedListing) -> bool:
        """Whether a hint asks for a read that would say something by now."""
        return tracked.hinted and tracked.look_from_s <= self._clock.monotonic_s()

    def _age_ms(self) -> int:
        return int(self._account.traits.read_age_s_max * 1000)

    async def _read(self, tracked: TrackedListing) -> None:
        try:
            target = tracked.target
            if target is None or self._book.writable(tracked) is None:
                return
            hinted, asked_by = self._hinted(tracked), None
            if hinted:  # a hint that comes from here on asks for another read
                tracked.hinted, asked_by, tracked.hint_offset = False, tracked.hint_offset, None
            asked_at_ms = self._book.now_ms()
            answer = await self._ask(target)
            self._metrics.reads.labels(target.channel, _label(answer)).inc()
            self._account.learn(self._account.throttles.read, [answer])
            owned = self._book.writable(tracked)
            if owned is None:
                return
            if isinstance(answer, Shown):
                await self._seen(owned, tracked, target, answer, asked_at_ms)
            else:
                self._wait(tracked, answer)
                if hinted and tracked.read_failures < HINT_READS_MAX:
                    tracked.hinted = True
                    if tracked.hint_offset is None:  # else a newer one asks for the same
                        tracked.hint_offset, asked_by = asked_by, None
            owned.answered(asked_by)
        finally:
            tracked.reading = False
            owned = self._book.writable(tracked)
            if owned is not None and tracked.forgotten and not tracked.in_flight:
                self._intake.forgotten(owned, tracked)
            else:
                self._scheduler.reconsider(tracked)

    async def _ask(self, target: Target) -> ReadAnswer:
        listing = ListingRef(target.listing_id, target.channel, target.marketplace_ids, tuple(target.nodes))
        try:
            return await within(self._clock, self._settings.request_s_max, self._account.adapter.read(listing))
        except TimeoutError:
            return NotListed(listing_id=target.listing_id, api="", reason="too-slow")

    async def _seen(
        self, owned: OwnedPartition, tracked: TrackedListing, target: Target, shown: Shown, asked_at_ms: int
    ) -> None:
        now_ms = self._book.now_ms()
        before = by_this_clock(tracked.exposure or Exposure(tracked.listing_id, target.sku), now_ms)
        as_of_ms = asked_at_ms - self._age_ms()
        after = observe(before, shown.quantity, as_of_ms, self._second_look(target.channel))
        tracked.exposure = after
        tracked.read_failures = 0
        if not after.open:
            tracked.must_read = False
        self._tell(tracked, before, after, target, shown.quantity)
        observation = Observation(
            listing_id=target.listing_id,
            sku=target.sku,
            channel=target.channel,
            quantity=shown.quantity,
            nodes=shown.nodes,
            observed_by=ObservedBy.READ,
            as_of_ms=as_of_ms,
            observed_at_ms=self._clock.now_ms(),
            evidence=shown.request_id or "",
        )
        writes = [self._records.exposure(owned.number, after), self._records.observation(owned.number, observation)]
        await owned.writer.add(writes)

    def _second_look(self, channel: ChannelId) -> SecondLook:
        """Whether a number that is not there may have been sold is the marketplace's to say."""
        traits, order_delay_ms = self._account.traits, int(self._settings.order_delay_s * 1000)
        if traits.read_includes_own_sales:
            return SecondLook(order_delay_ms)
        return SecondLook(order_delay_ms, int(self._settings.seen_within(channel, traits.settling_s_max) * 1000))

    def _tell(self, tracked: TrackedListing, before: Exposure, after: Exposure, target: Target, quantity: int) -> None:
        over_shown = after.last is not None and after.last.result is Result.OVER_SHOWN
        if over_shown and not (before.last is not None and before.last.result is Result.OVER_SHOWN):
            self._metrics.over_shown.labels(target.channel).inc()
            last = after.last
            facts = {"listing": target.listing_id, "shown": quantity, "sent": last.quantity if last else None}
            log.warning("listing shows more than was sent", extra=facts)
        if not self._masks.writes(tracked):
            facts = {"listing": target.listing_id, "shown": quantity, "would_show": target.quantity}
            log.info("not written by the channel's mode", extra=facts)
        unseen = after.last.unseen if after.last is not None else 0
        if unseen > (before.last.unseen if before.last is not None else 0):
            self._metrics.rises_not_seen.labels(target.channel).inc()
            last = after.last
            facts = {"listing": target.listing_id, "shown": quantity, "sent": last.quantity if last else None}
            log.error("rise not taken", extra={**facts, "other_path": unseen < UNSEEN_MAX})
        if before.open and not after.open and after.last is not None and after.last.version == target.version:
            age_s = max(0.0, (self._clock.now_ms() - target.changed_at_ms) / 1000)
            self._metrics.freshness_confirmed.labels(target.channel).observe(age_s)

    def _wait(self, tracked: TrackedListing, answer: ReadAnswer) -> None:
        """The read said nothing: it is asked for again, later each time."""
        if isinstance(answer, Throttled):
            wait_s = self._account.throttles.read.wait_s(self._account.traits.read_cost)
        else:
            tracked.read_failures += 1
            wait_s = delay_s(tracked.read_failures, self._settings.retry, 0.0)
        facts = {"listing": tracked.listing_id, "answer": _label(answer), "wait_s": wait_s}
        log.info("read-back said nothing and is repeated", extra=facts)
        self._account.reads.put(tracked.key, self._clock.monotonic_s() + wait_s)


def _label(answer: ReadAnswer) -> str:
    if isinstance(answer, Shown):
        return "shown"
    return "not-listed" if isinstance(answer, NotListed) else kind_of(answer)
