"""What happens to a listing next: it is sent, waits, is read, or nothing. Derived anew at every change, never kept."""

from __future__ import annotations

from inventory_domain.clock import Clock
from inventory_domain.due import Wanted, due_from_ms, rises, urgency, wanted
from inventory_domain.retry import JITTER_MAX
from inventory_domain.targets import Target
from inventory_domain.write_paths import goes_by_feed, may_go_by_feed
from inventory_streams.delivery.account import Accounts
from inventory_streams.delivery.accounting import Accounting
from inventory_streams.delivery.book import Book, OwnedPartition, TrackedListing
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.ramp import Ramp
from inventory_streams.delivery.retries import Waiting
from inventory_streams.delivery.settings import DeliverySettings

LOOK_WAIT_S_MAX = 3_600.0  # whatever another clock says
STAYS_S_MAX = 86_400.0


class Scheduler:
    """Puts every listing where it belongs: into its account's queue, among those that wait, among those to be read."""

    def __init__(
        self,
        settings: DeliverySettings,
        clock: Clock,
        book: Book,
        accounts: Accounts,
        accounting: Accounting,
        masks: Masks,
    ) -> None:
        self._retry = settings.retry
        self._clock = clock
        self._book = book
        self._accounts = accounts
        self._accounting = accounting
        self._masks = masks
        self._ramp = Ramp(clock, masks, settings.health.restore_ramp_s)
        self.waiting = Waiting()

    def reconsider(self, tracked: TrackedListing) -> None:
        """Look at the listing afresh. To be called whenever its target, its exposure or a wait of it has changed."""
        owned = self._book.writable(tracked)
        if owned is None or owned.stopping:
            self.drop(tracked)
            return
        if tracked.in_flight:
            return  # its end looks at it again
        self._plan_read(tracked)
        if tracked.target is None:
            self._withdrawn(tracked)
            return
        if tracked.held_until_s is not None:
            self._hold(tracked)  # whoever wakes it decides first what became of the former owner's request
            return
        if not self._masks.writes(tracked):
            self._shadow(owned, tracked)
            return
        standing = self._masks.standing(tracked)
        want = wanted(tracked.target, standing.mask)
        at_ms = due_from_ms(want, tracked.exposure, self._retry, self._clock.now_ms())
        if at_ms is None:
            self._nothing_due(tracked, masked=standing.mask is not None)
            return
        if standing.held(want, tracked.exposure) is not None:
            self._hold(tracked)
            return
        account = self._accounts.of(tracked.target.channel)
        if account is None:
            return  # it became a dead letter when it was read
        at_s = self._not_before_s(tracked, want, at_ms)
        if rises(want, tracked.exposure):
            at_s = max(at_s, self._ramp.not_before_s(tracked.key, tracked.target.channel, account) or at_s)
        now_s = self._clock.monotonic_s()  # looked at last: "at once" must not be later than now
        if at_s > now_s:
            account.queue.discard(tracked.key)
            account.turn_back(tracked.key, tracked.target.channel)
            self.waiting.put(tracked.key, at_s)
            return
        self.waiting.discard(tracked.key)
        overdue = tracked.late_fall or standing.every_path
        by_feed = goes_by_feed(tracked.exposure, overdue=overdue) and may_go_by_feed(tracked.exposure, want.quantity)
        if by_feed and account.takes_feeds(now_s):
            account.turn_to_feed(tracked.key, tracked.target.channel)
            return
        account.turn_back(tracked.key, tracked.target.channel)
        account.queue.put(
            tracked.key, tracked.target.channel, urgency(want, tracked.exposure, _sales_per_day(tracked.target)), now_s
        )
        account.work.set()

    def _withdrawn(self, tracked: TrackedListing) -> None:
        self.drop(tracked)
        if tracked.leaves_s is not None:
            self.waiting.put(tracked.key, tracked.leaves_s)

    def stays(self, tracked: TrackedListing) -> bool:
        """Whether a feed under way may still set a number of the withdrawn listing; then it waits for the end of that.

        If it came back before and nobody knew of its row, the feed would undo what it is set to then.
        """
        lands_by_ms = tracked.exposure.feed_lands_by_ms() if tracked.exposure is not None else 0
        left_s = min(STAYS_S_MAX, (lands_by_ms - self._clock.now_ms()) / 1000)
        if left_s <= 0:
            return False
        tracked.leaves_s = self._clock.monotonic_s() + left_s
        self.reconsider(tracked)
        return True

    def wait(self, tracked: TrackedListing, not_before_ms: int) -> None:
        """A retry was told to wait until then, by a clock that may have been ahead: no longer than any has to wait."""
        longest_ms = round(max(self._retry.waits_s) * (1 + JITTER_MAX) * 1000)
        until_ms = min(not_before_ms, self._clock.now_ms() + longest_ms)
        tracked.not_before_ms = max(tracked.not_before_ms, until_ms)

    def look_at(self, tracked: TrackedListing, from_ms: int = 0) -> None:
        """The listing is to be read as soon as the limits allow, whatever is known of it.

        `from_ms`: before that a read would say nothing yet; it is waited for an hour at the most.
        """
        wait_s = min(LOOK_WAIT_S_MAX, max(0.0, (from_ms - self._clock.now_ms()) / 1000))
        from_s = self._clock.monotonic_s() + wait_s
        tracked.look_from_s = max(from_s, tracked.look_from_s) if tracked.hinted else from_s
        tracked.hinted = True
        self._plan_read(tracked)

    def _shadow(self, owned: OwnedPartition, tracked: TrackedListing) -> None:
        """Its channel's mode writes nothing of it: what it would be set to is compared with what it shows."""
        assert tracked.target is not None
        self.waiting.discard(tracked.key)
        if (account := self._accounts.of(tracked.target.channel)) is not None:
            account.queue.discard(tracked.key)
            account.turn_back(tracked.key, tracked.target.channel)
        if not tracked.settled:
            self._accounting.shadow(tracked)
            owned.targets.finish(tracked.offset)
            self.look_at(tracked)

    def drop(self, tracked: TrackedListing) -> None:
        """The listing waits for nothing more. Of a former record of one that came back nothing waits any more."""
        known = self._book.listing(tracked.key)
        if known is not None and known is not tracked:
            return
        self.waiting.discard(tracked.key)
        channel = tracked.target.channel if tracked.target is not None else None
        for account in self._accounts.all:
            account.queue.discard(tracked.key)
            if channel is not None:
                account.turn_back(tracked.key, channel)
            account.reads.discard(tracked.key)

    def _hold(self, tracked: TrackedListing) -> None:
        """It may not go now: it is looked at again when what holds it has changed."""
        assert tracked.target is not None
        if (account := self._accounts.of(tracked.target.channel)) is not None:
            account.queue.discard(tracked.key)
            account.turn_back(tracked.key, tracked.target.channel)
        until_s = tracked.held_until_s or self._masks.holds.until_s(tracked)
        if until_s is not None:
            self.waiting.put(tracked.key, until_s)
        else:
            self.waiting.discard(tracked.key)

    def _not_before_s(self, tracked: TrackedListing, want: Wanted, at_ms: int) -> float:
        """When it may be sent on the monotonic clock: after its failures' wait.

        What a retry was told to wait for does not hold for a mask that has come or gone since, nor by a clock that was
        set back.
        """
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        last = tracked.exposure.last if tracked.exposure else None
        void = last is not None and (last.mask != want.mask or last.at_ms > now_ms)
        wait_ms = max(at_ms, 0 if void else tracked.not_before_ms) - now_ms
        return now_s + wait_ms / 1000 if wait_ms > 0 else now_s

    def _nothing_due(self, tracked: TrackedListing, *, masked: bool) -> None:
        owned = self._book.partitions[tracked.partition]
        self.waiting.discard(tracked.key)
        if tracked.target is not None and (account := self._accounts.of(tracked.target.channel)) is not None:
            account.queue.discard(tracked.key)
            account.turn_back(tracked.key, tracked.target.channel)
        if tracked.target is not None and tracked.exposure is not None and tracked.exposure.feed_row() is not None:
            if tracked.exposure.last is not None and tracked.exposure.last.version == tracked.target.version:
                owned.targets.finish(tracked.offset)
            return  # it is under way in a feed: its report says what became of it
        if not masked:
            self._accounting.find_sent(tracked)  # under a mask the target itself was not sent
        owned.targets.finish(tracked.offset)
        for offset in tracked.retry_offsets:
            owned.retries.finish(offset)
        tracked.retry_offsets.clear()
        tracked.not_before_ms = 0

    def _plan_read(self, tracked: TrackedListing) -> None:
        """When the listing is to be read, or its accepted rise to be taken for live."""
        if tracked.target is None or (account := self._accounts.of(tracked.target.channel)) is None:
            return
        exposure = tracked.exposure
        settles_ms = exposure.settles_ms() if exposure is not None else None
        if settles_ms is None and not tracked.hinted:
            account.reads.discard(tracked.key)
            if not tracked.reading:
                tracked.read_failures = 0  # what it is read for next does not wait for what nobody asks any more
            return
        if tracked.reading or (tracked.read_failures and tracked.key in account.reads):
            return  # its end, or the wait after a read that said nothing, comes first
        now_s, times_s = self._clock.monotonic_s(), []
        if tracked.hinted:
            times_s.append(tracked.look_from_s)
        if settles_ms is not None:
            age_ms = int(account.traits.read_age_s_max * 1000)
            times_s.append(now_s + (settles_ms + age_ms - self._clock.now_ms()) / 1000)
        account.reads.put(tracked.key, max(now_s, min(times_s), tracked.held_until_s or 0.0))


def _sales_per_day(target: Target) -> float | None:
    milli = target.sales_milli_per_day
    return None if milli is None else milli / 1000
