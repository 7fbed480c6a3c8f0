"""Pulls all that a channel shows, page by page or in the background, within the account's limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from inventory_domain.bulk import (
    TOO_MANY_LISTINGS,
    BulkTraits,
    CallFailed,
    Found,
    Page,
    PullDone,
    PullRunning,
    PullsInBackground,
    PullsListings,
    PullStarted,
)
from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId
from inventory_domain.ports import MarketplaceAdapter
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.collected import Asked

FAILURES_MAX = 5  # in a row, of one page or of asking how a pull stands; then the pull has failed
FRESH_STARTS_MAX = 3  # of a pull that cannot go on in its middle
CALL_S_MAX = 20.0  # an adapter promises 15
BREATH = 1_000  # listings after which the loop may do something else
PAUSE_FIRST_S = 2.0
NO_CALLS_LEFT = "the account has no calls left for it within pull_s_max"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PullEnd:
    """How a pull ended. Where it is not complete it has told nothing, and `reason` says why.

    `unreadable` parts may have named listings that were not found.
    """

    complete: bool
    reason: str
    started_at_ms: int
    unreadable: int = 0


class Sink:
    """What is made of a pull: `begin` is called at each fresh start, then `add` for all that is found."""

    def __init__(self, begin: Callable[[], None], add: Callable[[Found, Asked], None]) -> None:
        self.begin = begin
        self.add = add


def in_background(adapter: MarketplaceAdapter, listings: int, background_from: int) -> bool:
    """Whether a channel of so many listings is pulled in the background; else it is pulled page by page."""
    if not isinstance(adapter, PullsInBackground):
        return False
    if not isinstance(adapter, PullsListings):
        return True
    most = adapter.pull_traits.listings_max
    return listings >= background_from or (most is not None and listings >= most)


async def pull(
    adapter: MarketplaceAdapter,
    budget: PullBudget,
    channel: ChannelId,
    sink: Sink,
    clock: Clock,
    *,
    background: bool,
    limit_s: float,
) -> PullEnd:
    """Pull a channel once. Takes at most `limit_s`; cancelling it is safe, and then nothing was told."""
    started_at_ms, deadline_s = clock.now_ms(), clock.monotonic_s() + limit_s
    puller = _Puller(adapter, budget, channel, sink, clock, deadline_s)
    if background and isinstance(adapter, PullsInBackground):
        return await puller.in_background(adapter)
    if not isinstance(adapter, PullsListings):
        return PullEnd(False, "the marketplace has no pull", started_at_ms)
    for fresh_start in range(FRESH_STARTS_MAX):
        end = await puller.page_by_page(adapter)
        if puller.too_many and isinstance(adapter, PullsInBackground):  # it shows more than the catalog has
            return await puller.in_background(adapter)
        if end.complete or not adapter.pull_traits.sequential or fresh_start == FRESH_STARTS_MAX - 1:
            return end
        log.info("pull begins anew", extra={"channel": channel, "why": end.reason})
    raise AssertionError("unreachable")


class _Puller:
    def __init__(
        self,
        adapter: MarketplaceAdapter,
        budget: PullBudget,
        channel: ChannelId,
        sink: Sink,
        clock: Clock,
        deadline_s: float,
    ) -> None:
        self._age_ms = round(adapter.traits.read_age_s_max * 1_000)
        self._budget = budget
        self._channel = channel
        self._sink = sink
        self._clock = clock
        self._deadline_s = deadline_s
        self.too_many = False

    async def page_by_page(self, adapter: PullsListings) -> PullEnd:
        """From the first page to the one without a cursor."""
        traits, started_at_ms = adapter.pull_traits, self._clock.now_ms()
        self._sink.begin()
        cursor: str | None = None
        failures, seen, cost = 0, set[str](), traits.cost
        while True:
            if not await self._allowed(traits.operation, cost):
                return PullEnd(False, NO_CALLS_LEFT, started_at_ms)
            asked_at_ms = self._clock.now_ms()
            answer = await self._answer(adapter, cursor)
            self._learn(traits.operation, answer)
            if answer.seen is not None and answer.seen.cost_max is not None:
                cost = answer.seen.cost_max  # the next page is no other call
            if isinstance(answer, CallFailed):
                failures += answer.kind != "throttled"
                why = self._why_ended(answer, failures)
                # A sequential pull goes on after being told to wait, and after nothing else.
                if why is not None or (traits.sequential and answer.kind != "throttled"):
                    return PullEnd(False, why or _told(answer), started_at_ms)
                await self._pause(failures)
                continue
            failures = 0
            # A cursor of a snapshot tells what was there when the pull began, however late its pages come.
            as_of_ms = (started_at_ms if traits.sequential else asked_at_ms) - self._age_ms
            asked = Asked(as_of_ms, self._clock.now_ms(), answer.request_id or "")
            for found in answer.found:
                self._sink.add(found, asked)
            if answer.next_cursor is None:
                return PullEnd(True, "", started_at_ms)
            if answer.next_cursor in seen:
                return PullEnd(False, f"cursor {answer.next_cursor[:40]!r} came twice", started_at_ms)
            seen.add(cursor := answer.next_cursor)

    async def in_background(self, adapter: PullsInBackground) -> PullEnd:
        """Have it gathered, ask until it is there, and go through it."""
        traits, started_at_ms = adapter.background_pull_traits, self._clock.now_ms()
        self._sink.begin()
        started = await self._started(adapter, traits.start)
        if isinstance(started, str):
            return PullEnd(False, started, started_at_ms)
        wait_s, failures = started.ask_after_s, 0
        while True:
            await self._clock.sleep(wait_s)
            if not await self._allowed(traits.poll.operation, traits.poll.cost):
                return PullEnd(False, NO_CALLS_LEFT, started_at_ms)
            answer = await self._polled(adapter, started.pull_id)
            self._learn(traits.poll.operation, answer)
            if isinstance(answer, PullDone):
                asked = Asked(
                    started_at_ms - round(traits.age_s_max * 1_000),
                    self._clock.now_ms(),
                    answer.request_id or started.pull_id,
                )
                return replace(await self._through(answer, asked), started_at_ms=started_at_ms)
            if isinstance(answer, CallFailed):
                failures += answer.kind != "throttled"
                why = self._why_ended(answer, failures)
                if why is not None:
                    return PullEnd(False, why, started_at_ms)
            elif self._clock.monotonic_s() > self._deadline_s:
                return PullEnd(False, "not done within pull_s_max", started_at_ms)
            else:
                failures, wait_s = 0, answer.ask_after_s

    async def _started(self, adapter: PullsInBackground, traits: BulkTraits) -> PullStarted | str:
        failures = 0
        while True:
            if not await self._allowed(traits.operation, traits.cost):
                return NO_CALLS_LEFT
            try:
                async with asyncio.timeout(CALL_S_MAX):
                    answer = await adapter.start_pull(self._channel)
            except TimeoutError:
                answer = _too_slow(traits.operation)
            self._learn(traits.operation, answer)
            if isinstance(answer, PullStarted):
                return answer
            failures += answer.kind != "throttled"
            why = self._why_ended(answer, failures)
            if why is not None:
                return why
            await self._pause(failures)

    async def _through(self, done: PullDone, asked: Asked) -> PullEnd:
        for number, found in enumerate(done.found, 1):
            self._sink.add(found, asked)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        return PullEnd(True, "", asked.read_at_ms, done.unreadable)

    async def _answer(self, adapter: PullsListings, cursor: str | None) -> Page | CallFailed:
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await adapter.pull(self._channel, cursor)
        except TimeoutError:
            return _too_slow(adapter.pull_traits.operation)

    async def _polled(self, adapter: PullsInBackground, pull_id: str) -> PullRunning | PullDone | CallFailed:
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await adapter.poll_pull(self._channel, pull_id)
        except TimeoutError:
            return _too_slow(adapter.background_pull_traits.poll.operation)

    async def _allowed(self, operation: str, cost: float) -> bool:
        """Wait for a call's turn; False where it does not come before the pull must have ended."""
        throttle = self._budget.of(operation)
        if self._clock.monotonic_s() + throttle.wait_s(cost) > self._deadline_s:
            return False
        await throttle.acquire(cost)
        return True

    def _learn(self, operation: str, answer: Page | PullStarted | PullRunning | PullDone | CallFailed) -> None:
        refused = isinstance(answer, CallFailed) and answer.kind == "throttled"
        self._budget.of(operation).answered(answer.seen, refused=refused)

    def _why_ended(self, failed: CallFailed, failures: int) -> str | None:
        """Why the pull ends with this failure; None: the same is asked again."""
        log.info("pull failed", extra={"channel": self._channel, "api": failed.api, "why": _told(failed)})
        self.too_many = failed.reason == TOO_MANY_LISTINGS
        if failed.kind in ("rejected", "unauthorized") or failures >= FAILURES_MAX:
            return _told(failed)
        if self._clock.monotonic_s() > self._deadline_s:
            return "not done within pull_s_max"
        return None

    async def _pause(self, failures: int) -> None:
        if failures:
            await self._clock.sleep(PAUSE_FIRST_S * 2.0 ** (failures - 1))


def _told(failed: CallFailed) -> str:
    said = f"{failed.api}: {failed.kind}, {failed.reason}"
    return f"{said} ({failed.error})" if failed.error else said


def _too_slow(operation: str) -> CallFailed:
    return CallFailed(kind="transient", api=operation, reason="too-slow")
