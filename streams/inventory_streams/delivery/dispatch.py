"""From the queue of an account to its marketplace: throttled, committed, compared once more, sent, concluded."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence

from inventory_domain.clock import Clock
from inventory_domain.due import Urgency, due_from_ms, wanted
from inventory_domain.errors import InvariantBroken
from inventory_domain.outcomes import PushOutcome, Transient
from inventory_domain.ports import Push
from inventory_streams.delivery.account import Account
from inventory_streams.delivery.attempts import Attempts, Begun
from inventory_streams.delivery.book import Book, TrackedListing
from inventory_streams.delivery.intake import Intake
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.queue import Entry
from inventory_streams.delivery.reports import Tallies
from inventory_streams.delivery.scheduling import Scheduler
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.within import within

TAKEN_WAIT_S = 0.1  # until a listing is looked at again of which an id is taken by a request under way
KEYS = uuid.UUID("6f0d8a52-5f0e-4f0e-9a44-0c5a4b8f7e11")  # the namespace of our idempotency keys


class Dispatcher:
    """Sends for one account until it is cancelled. A bug in what it does is told to `failed`, and ends the process."""

    def __init__(
        self,
        account: Account,
        settings: DeliverySettings,
        clock: Clock,
        book: Book,
        scheduler: Scheduler,
        attempts: Attempts,
        intake: Intake,
        tallies: Tallies,
        masks: Masks,
        metrics: DeliveryMetrics,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._account = account
        self._settings = settings
        self._clock = clock
        self._book = book
        self._scheduler = scheduler
        self._attempts = attempts
        self._intake = intake
        self._tallies = tallies
        self._masks = masks
        self._metrics = metrics
        self._failed = failed
        self._slots = asyncio.Semaphore(settings.requests_in_flight_max)
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take what is most urgent whenever the throttle allows a call."""
        account, throttles = self._account, self._account.throttles
        while True:
            await self._slots.acquire()
            await self._something_waits()
            await throttles.acquire_push(self._zero_first)
            group = self._take()
            if not group:
                throttles.give_back_push()
                self._slots.release()
                continue
            self._metrics.tokens_used.labels(account.account_id, throttles.push.operation).inc(account.traits.push_cost)
            task = asyncio.create_task(self._send(group), name=f"push-{account.account_id}")
            self._sending.add(task)
            task.add_done_callback(self._sent)

    async def _something_waits(self) -> None:
        while not len(self._account.queue):
            self._account.work.clear()
            await self._account.work.wait()

    def _zero_first(self) -> bool:
        first = self._account.queue.first()
        return first is not None and first.rank[0] is Urgency.FALL_TO_ZERO

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _take(self) -> list[TrackedListing]:
        """The next call's listings, all still due and none of them under way."""
        entries = self._account.queue.take(self._account.traits.push_group_max, self._clock.monotonic_s())
        return [tracked for entry in entries if (tracked := self._due(entry)) is not None]

    def _due(self, entry: Entry) -> TrackedListing | None:
        tracked = self._book.listing(entry.key)
        if tracked is None or tracked.target is None or tracked.in_flight:
            return None
        owned = self._book.writable(tracked)
        if owned is None or owned.stopping:
            return None
        claims = self._account.claims(tracked.target.marketplace_ids)
        # A listing may have moved to another SKU while its old place is being served.
        if tracked.listing_id in self._book.in_flight or claims & self._account.claimed:
            self._scheduler.waiting.put(tracked.key, self._clock.monotonic_s() + TAKEN_WAIT_S)
            return None
        standing = self._masks.standing(tracked)
        want = wanted(tracked.target, standing.mask)
        due_ms = due_from_ms(want, tracked.exposure, self._settings.retry)
        if due_ms is None or due_ms > self._clock.now_ms() or standing.held(want, tracked.exposure) is not None:
            self._scheduler.reconsider(tracked)
            return None
        tracked.in_flight = True
        tracked.claims = claims
        self._account.claimed |= claims
        self._book.in_flight.add(tracked.listing_id)
        return tracked

    async def _send(self, group: Sequence[TrackedListing]) -> None:
        """One call. The order matters: commit, compare, send, conclude; only then may the listing go again."""
        try:
            # 1. The attempts are durable before anything leaves: whoever comes after us knows of them.
            begun = [self._begin(tracked) for tracked in group]
            committed_s = await asyncio.gather(*(one.committed for one in begun))
            for one in begun:
                one.owned.targets.finish(one.offset)  # from here on what is due is derived from the attempt
            # 2. Compared right before sending: what was replaced, given away or kept waiting too long stays here.
            oldest_s = min(committed_s)
            ready = [one for one in begun if not self._kept_back(one, oldest_s)]
            if not ready:
                self._account.throttles.give_back_push()
                return
            # 3. The call, and what became of it.
            sent_at_ms = self._clock.now_ms()
            answers = await self._push(ready)
            await self._conclude(ready, answers, oldest_s, sent_at_ms)
        finally:
            # 4. Now a newer target, or the same one, may go.
            for tracked in group:
                self._over(tracked)

    def _begin(self, tracked: TrackedListing) -> Begun:
        owned = self._book.partitions[tracked.partition]
        assert tracked.target is not None
        want = wanted(tracked.target, self._masks.standing(tracked).mask)
        return self._attempts.begin(owned, tracked, want, self._account.traits)

    def _kept_back(self, begun: Begun, committed_s: float) -> bool:
        tracked, newest = begun.tracked, begun.tracked.target
        if self._book.writable(tracked) is None:
            return True
        if begun.owned.stopping:
            reason = "stopping"
        elif newest is None or newest.version != begun.target.version:
            reason = "superseded"
        elif self._clock.monotonic_s() - committed_s >= self._settings.attempt_valid_s:
            reason = "late"
        elif begun.attempt.mask is None and self._held_meanwhile(begun):
            reason = "masked"
        else:
            return False
        self._attempts.withdraw(begun, reason)
        return True

    def _held_meanwhile(self, begun: Begun) -> bool:
        """Whether the listing was masked, or such a change of it held, between the commit of its attempt and now."""
        standing, exposure = self._masks.standing(begun.tracked), begun.tracked.exposure
        fall = begun.attempt.fall and exposure is not None and exposure.confirmed is not None
        held = standing.falls_held or (None if fall or begun.attempt.quantity == 0 else standing.rises_held)
        return standing.mask is not None or held is not None

    async def _push(self, ready: Sequence[Begun]) -> list[PushOutcome]:
        account = self._account
        pushes = [_push_of(one) for one in ready]
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
        if [one.listing_id for one in answers] != [one.listing_id for one in pushes]:
            raise InvariantBroken(f"{account.account_id}: {len(answers)} outcomes for {len(pushes)} pushes, or others")
        account.learn(account.throttles.push, list(answers))
        return answers

    async def _conclude(
        self, ready: Sequence[Begun], answers: Sequence[PushOutcome], committed_s: float, sent_at_ms: int
    ) -> None:
        done = []
        for one, answer in zip(ready, answers, strict=True):
            self._tallies.note(one.target.channel, answer)
            if self._book.writable(one.tracked) is None:
                continue  # given away meanwhile: its new owner takes the outcome for unknown
            done.append(
                self._attempts.conclude(
                    one, answer, self._account.traits, committed_s=committed_s, sent_at_ms=sent_at_ms
                )
            )
        await asyncio.gather(*done)

    def _over(self, tracked: TrackedListing) -> None:
        tracked.in_flight = False
        self._account.claimed -= tracked.claims
        self._book.in_flight.discard(tracked.listing_id)
        owned = self._book.writable(tracked)
        if owned is not None and tracked.forgotten and not tracked.reading:
            self._intake.forgotten(owned, tracked)
        else:
            self._scheduler.reconsider(tracked)


def _push_of(begun: Begun) -> Push:
    """The request of an attempt. Nothing but the newest attempt of a listing may ever become one (P2)."""
    target, attempt, exposure = begun.target, begun.attempt, begun.tracked.exposure
    if exposure is None or exposure.last is None or exposure.last.number != attempt.number:
        raise InvariantBroken(f"listing {target.listing_id}: attempt {attempt.number} is not the newest")
    if attempt.version != target.version:
        raise InvariantBroken(f"listing {target.listing_id}: attempt of {attempt.version} for {target.version}")
    return Push(
        listing_id=target.listing_id,
        channel=target.channel,
        quantity=attempt.quantity,
        nodes=attempt.nodes,
        marketplace_ids=target.marketplace_ids,
        version=attempt.version,
        key=str(uuid.uuid5(KEYS, f"{target.listing_id}|{attempt.version}|{attempt.number}")),
    )


def _timed_out(push: Push, limit_s: float) -> Transient:
    return Transient(
        listing_id=push.listing_id,
        api="",
        reason="too-slow",
        error=f"no answer within {limit_s:g} s",
        effect_unknown=True,
    )
