"""Probes of channels that fail or are idle, and what platforms say of themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from inventory_domain.bulk import CheckPassed, ChecksPushes, MarketplaceStatus, ReportsStatus
from inventory_domain.clock import Clock
from inventory_domain.due import wanted
from inventory_domain.health import ChannelHealth, ChannelState
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_domain.outcomes import Outcome, Rejected, counts_against_channel, kind_of
from inventory_domain.ports import ListingRef, NotListed, Push, Shown
from inventory_domain.probes import Candidate, ProbeBy, choice
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.book import Book, TrackedListing
from inventory_streams.delivery.health_owner import HealthOwner
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.reports import Tallies
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.within import within

TICKS = 5  # of delivery's looks at what waits, to one look at what is to be probed
AGAIN_S = 5.0  # until a probe that said nothing (throttled, or no listing was free) is tried again
FOLDED_S = 30.0  # until one that said something is made again, where its owner does not plan the next one
SAID_NOTHING = frozenset({"throttled", "not-sent", "no-turn", "no-quota", "nothing-to-probe"})
CANDIDATES_MAX = 2_000  # listings that are looked at for one probe
PROBE_S_MAX = 60.0  # a probe that waits longer for its turn in the throttle is given up

log = logging.getLogger(__name__)

SendProbe = Callable[[TrackedListing], Awaitable[Outcome | None]]
"""Sends what the listing is to show now, whatever the circuit says; None: it was not sent."""


@dataclass(slots=True)
class _Asked:
    """The last probe of a channel: for which time it was planned, and when the next may be made at the earliest."""

    planned_ms: int
    again_s: float


class Probing:
    """Makes the probes that the channels' health plans for this worker. Belongs to the loop."""

    def __init__(
        self,
        name: str,
        settings: DeliverySettings,
        clock: Clock,
        book: Book,
        accounts: Accounts,
        masks: Masks,
        tallies: Tallies,
        metrics: DeliveryMetrics,
        senders: Mapping[AccountId, SendProbe],
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._book = book
        self._accounts = accounts
        self._masks = masks
        self._tallies = tallies
        self._metrics = metrics
        self._senders = senders
        self._asked: dict[ChannelId, _Asked] = {}

    async def run(self) -> None:
        """Probe each channel when it is time, all of them beside each other."""
        async with asyncio.TaskGroup() as every:
            for channel in self._accounts.channels:
                every.create_task(self._watch(channel), name=f"probe-{channel}")

    async def _watch(self, channel: ChannelId) -> None:
        while True:
            await self._clock.sleep(min(1.0, TICKS * self._settings.tick_s))
            health = self._masks.health(channel)
            if health is not None and self._is_due(channel, health):
                await self._probe(channel, health)

    def _is_due(self, channel: ChannelId, health: ChannelHealth) -> bool:
        if health.probe_by != self._name or health.probe_at_ms is None or health.probe_at_ms > self._clock.now_ms():
            return False
        if self._may_wait(channel, health):
            return False
        asked = self._asked.get(channel)
        return asked is None or asked.planned_ms != health.probe_at_ms or self._clock.monotonic_s() >= asked.again_s

    def _may_wait(self, channel: ChannelId, health: ChannelHealth) -> bool:
        """Whether the day's quota is spent, nothing has failed, and half the time to a stop-sale is not over.

        A probe then takes one of the calls that are kept for falls to zero.
        """
        account, rules = self._accounts.of(channel), self._settings.health
        if account is None or not account.throttles.spent or health.failures_in_a_row or health.credentials_lost:
            return False
        silent_s = (self._clock.now_ms() - health.without_success_since_ms) / 1000
        return health.state is not ChannelState.STOPPED and silent_s < rules.stop_after_s / 2

    async def _probe(self, channel: ChannelId, health: ChannelHealth) -> None:
        account = self._accounts.of(channel)
        assert account is not None and health.probe_at_ms is not None
        self._asked[channel] = _Asked(health.probe_at_ms, self._clock.monotonic_s() + PROBE_S_MAX)
        found = list(self._candidates(channel, account))
        listings = {one.target.listing_id: tracked for tracked, one in found}
        candidates = [one for _, one in found]
        can_check = isinstance(account.adapter, ChecksPushes)
        chosen = choice(candidates, can_check=can_check, stopped=health.state is ChannelState.STOPPED)
        by = chosen[0].value if chosen is not None else "none"
        if chosen is None:
            outcome = "nothing-to-probe"
        elif not account.throttles.may_probe(by_read=chosen[0] is ProbeBy.READ):
            outcome = "no-quota"
        else:
            try:
                probe = self._made(account, *chosen, listings[chosen[1].target.listing_id])
                outcome = await within(self._clock, PROBE_S_MAX, probe)
            except TimeoutError:
                outcome = "no-turn"
        self._metrics.probes.labels(channel, by, outcome).inc()
        again_s = AGAIN_S if outcome in SAID_NOTHING else FOLDED_S
        if account.throttles.spent:  # what is kept for zeros is not for trying again and again
            again_s = max(again_s, self._settings.health.idle_probe_s)
        self._asked[channel].again_s = self._clock.monotonic_s() + again_s
        log.info(
            "channel probed", extra={"channel": channel, "by": by, "outcome": outcome, "state": health.state.value}
        )

    def _candidates(self, channel: ChannelId, account: Account) -> Iterator[tuple[TrackedListing, Candidate]]:
        count = 0
        for tracked in self._book:
            target = tracked.target
            if target is None or target.channel != channel or tracked.in_flight or tracked.held_until_s is not None:
                continue
            if self._book.writable(tracked) is None or not self._masks.writes(tracked):
                continue
            standing = self._masks.probing((channel, tracked.partition))
            room = account.revisions.room(target.marketplace_ids)
            yield tracked, Candidate(target, tracked.exposure, standing, room)
            count += 1
            if count == CANDIDATES_MAX:
                return

    async def _made(self, account: Account, by: ProbeBy, one: Candidate, tracked: TrackedListing) -> str:
        channel = one.target.channel
        if by in (ProbeBy.DUE, ProbeBy.ZERO):
            sent = await self._senders[account.account_id](tracked)
            return "not-sent" if sent is None else kind_of(sent)
        if by is ProbeBy.CHECK and isinstance(account.adapter, ChecksPushes):
            return await self._checked(account, account.adapter, one)
        await account.throttles.acquire_read_probe()
        target = one.target
        listing = ListingRef(target.listing_id, channel, target.marketplace_ids, tuple(target.nodes))
        answer = await account.adapter.read(listing)
        account.learn(account.throttles.read, [answer])
        if isinstance(answer, Shown | NotListed):
            self._tallies.answered(channel)
            return "answered"
        return self._noted(channel, answer)

    async def _checked(self, account: Account, adapter: ChecksPushes, one: Candidate) -> str:
        want = wanted(one.target, one.standing.mask)
        push = Push(
            listing_id=one.target.listing_id,
            channel=one.target.channel,
            quantity=want.quantity,
            nodes=want.nodes,
            marketplace_ids=one.target.marketplace_ids,
            version=want.version,
            key="",
        )
        await account.throttles.acquire_probe()
        answer = await adapter.check(push)
        account.learn(account.throttles.push, [answer])
        if isinstance(answer, CheckPassed | Rejected):
            self._tallies.passed(one.target.channel)
            return "passed"
        return self._noted(one.target.channel, answer)

    def _noted(self, channel: ChannelId, answer: Outcome) -> str:
        if counts_against_channel(answer):
            self._tallies.failed(channel, kind_of(answer), 1, probe=True)
        return kind_of(answer)


class StatusWatch:
    """Asks platforms how they are, for the owner of their channels' health. Belongs to the loop."""

    def __init__(
        self,
        sources: Mapping[AccountId, ReportsStatus],
        accounts: Accounts,
        poll_s: float,
        clock: Clock,
        request_s_max: float,
        owner: Callable[[], HealthOwner | None],
    ) -> None:
        self._sources = sources
        self._accounts = accounts
        self._poll_s = poll_s
        self._clock = clock
        self._request_s_max = request_s_max
        self._owner = owner

    async def run(self) -> None:
        """Ask each source every so often. One that does not answer says nothing."""
        while True:
            for account_id, source in self._sources.items():
                try:
                    answer = await within(self._clock, self._request_s_max, source.status())
                except TimeoutError:
                    continue
                owner = self._owner()
                if owner is not None and isinstance(answer, MarketplaceStatus):
                    for channel in self._accounts.channels:
                        account = self._accounts.of(channel)
                        if account is not None and account.account_id == account_id:
                            owner.tell(channel, answer.condition)
            await self._clock.sleep(self._poll_s)
