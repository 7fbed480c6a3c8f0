"""From the queue of an account to its marketplace: throttled, committed, compared once more, sent, concluded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from inventory_domain.clock import Clock
from inventory_domain.due import Urgency
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import PushOutcome, Transient
from inventory_domain.ports import Push
from inventory_streams.delivery.attempts import Begun
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.in_flight import InFlight
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.picking import Picking
from inventory_streams.delivery.reports import Tallies
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.within import within


class Dispatcher:
    """Sends for one account until it is cancelled. A bug in what it does is told to `failed`, and ends the process."""

    def __init__(
        self,
        picking: Picking,
        settings: DeliverySettings,
        clock: Clock,
        tallies: Tallies,
        metrics: DeliveryMetrics,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._account = picking.account
        self._picking = picking
        self._settings = settings
        self._clock = clock
        self._tallies = tallies
        self._metrics = metrics
        self._failed = failed
        self._slots = asyncio.Semaphore(settings.requests_in_flight_max)
        self._sending: dict[asyncio.Task[list[PushOutcome]], ChannelId] = {}
        self._in_flight = InFlight(settings.requests_in_flight_max, picking.account.channels)

    async def run(self) -> None:
        """Take what is most urgent whenever the throttle allows a call."""
        account, throttles = self._account, self._account.throttles
        while True:
            await self._slots.acquire()
            await self._something_waits()
            kept_for_zeros = await throttles.acquire_push(self._zero_first)
            group = self._take(only_with_zero=kept_for_zeros)
            if not group:
                throttles.give_back_push()
                self._slots.release()
                continue
            self._metrics.tokens_used.labels(account.account_id, throttles.push.operation).inc(account.traits.push_cost)
            target = group[0].target
            assert target is not None  # it was picked for what it is to show
            goes = throttles.push.hold(account.traits.push_cost)
            task = asyncio.create_task(self._send(group, goes), name=f"push-{account.account_id}")
            self._sending[task] = target.channel
            self._in_flight.begin(target.channel)
            task.add_done_callback(self._sent)

    async def _something_waits(self) -> None:
        """Until a listing waits of a channel that has not all of its part of the requests under way."""
        while self._account.queue.first(self._in_flight.full) is None:
            self._account.work.clear()
            await self._account.work.wait()

    def _zero_first(self) -> bool:
        first = self._account.queue.first(self._in_flight.full)
        return first is not None and first.rank[0] is Urgency.FALL_TO_ZERO

    def _sent(self, task: asyncio.Task[list[PushOutcome]]) -> None:
        self._in_flight.end(self._sending.pop(task))
        self._account.work.set()
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _take(self, *, only_with_zero: bool) -> list[TrackedListing]:
        """The next call's listings, all still due and none of them under way.

        `only_with_zero`: the call is kept for falls to zero; what else has room in one goes along.
        """
        now_s, full = self._clock.monotonic_s(), self._in_flight.full
        entries = self._account.queue.take(
            self._account.traits.push_group_max, now_s, full, aged=not only_with_zero, alone=self._picking.goes_alone
        )
        group = [tracked for entry in entries if (tracked := self._picking.pick(entry.key)) is not None]
        if not only_with_zero or any(self._picking.want(tracked).quantity == 0 for tracked in group):
            return group
        for tracked in group:
            self._picking.over(tracked)
        return []

    async def probe(self, tracked: TrackedListing) -> PushOutcome | None:
        """Send what the listing is to show now, alone and though the circuit is open; None where it was not sent."""
        await self._account.throttles.acquire_probe()
        if self._picking.claim(tracked) is None:
            self._account.throttles.give_back_push()
            return None
        self._account.queue.discard(tracked.key)
        goes = self._account.throttles.push.hold(self._account.traits.push_cost)
        sending = asyncio.create_task(self._send([tracked], goes, probe=True), name=f"probe-{self._account.account_id}")
        await asyncio.wait({sending})  # being cancelled here cancels no request
        if sending.cancelled():
            return None  # the listing was given away: nothing is made durable here any more
        answers = sending.result()
        return answers[0] if answers else None

    async def _send(
        self, group: Sequence[TrackedListing], goes: Callable[[], None], *, probe: bool = False
    ) -> list[PushOutcome]:
        """One call. The order matters: commit, compare, send, conclude; only then may the listing go again.

        `goes` is told when it leaves, or does not.
        """
        try:
            # 1. The attempts are durable before anything leaves: whoever comes after us knows of them.
            begun = [begun for tracked in group if (begun := self._picking.begin(tracked)) is not None]
            if not begun:
                self._account.throttles.give_back_push()
                return []
            committed_s = await asyncio.gather(*(one.committed for one in begun))
            for one in begun:
                one.owned.targets.finish(one.offset)  # from here on what is due is derived from the attempt
            # 2. Compared right before sending: what was replaced, given away or kept waiting too long stays here.
            oldest_s = min(committed_s)
            ready = [one for one in begun if not self._picking.kept_back(one, oldest_s, probe=probe)]
            if not ready:
                self._account.throttles.give_back_push()
                return []
            # 3. The call, and what became of it.
            sent_at_ms = self._clock.now_ms()
            request = self._picking.late.sent(ready, oldest_s, self._account.traits.settling_s_max)
            goes()
            answers = await self._push(ready)
            await self._picking.late.ended(request)
            await self._conclude(ready, answers, oldest_s, sent_at_ms, probe=probe)
            return answers
        finally:
            # 4. Now a newer target, or the same one, may go.
            goes()
            for tracked in group:
                self._picking.over(tracked)

    async def _push(self, ready: Sequence[Begun]) -> list[PushOutcome]:
        account = self._account
        pushes = [self._picking.push_of(one) for one in ready]
        gauge = self._metrics.requests_in_flight.labels(account.account_id)
        gauge.inc()
        began_s = self._clock.monotonic_s()
        try:
            answers = list(await within(self._clock, self._settings.request_s_max, account.adapter.push(pushes)))
        except TimeoutError:
            answers = [_timed_out(one, self._settings.request_s_max) for one in pushes]
        finally:
            gauge.dec()
        took_s = self._clock.monotonic_s() - began_s
        self._metrics.request_seconds.labels(account.account_id, account.traits.push_operation).observe(took_s)
        self._metrics.call_listings.labels(account.account_id, account.traits.push_operation).observe(len(pushes))
        if [one.listing_id for one in answers] != [one.listing_id for one in pushes]:
            raise InvariantBroken(f"{account.account_id}: {len(answers)} outcomes for {len(pushes)} pushes, or others")
        account.learn(account.throttles.push, list(answers))
        return answers

    async def _conclude(
        self,
        ready: Sequence[Begun],
        answers: Sequence[PushOutcome],
        committed_s: float,
        sent_at_ms: int,
        *,
        probe: bool,
    ) -> None:
        done = []
        for one, answer in zip(ready, answers, strict=True):
            last = one.tracked.exposure.last if one.tracked.exposure else None
            failures = (last.failures if last else 0) + 1
            self._tallies.note(one.target.channel, answer, failures, probe=probe)
            if self._picking.book.writable(one.tracked) is None:
                continue  # given away meanwhile: its new owner takes the outcome for unknown
            done.append(
                self._picking.attempts.conclude(
                    one, answer, self._account.traits, committed_s=committed_s, sent_at_ms=sent_at_ms
                )
            )
        await asyncio.gather(*done)


def _timed_out(push: Push, limit_s: float) -> Transient:
    return Transient(
        listing_id=push.listing_id,
        api="",
        reason="too-slow",
        error=f"no answer within {limit_s:g} s",
        effect_unknown=True,
    )
