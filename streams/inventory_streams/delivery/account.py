"""One account: its adapter, its throttles, and what waits to be sent or read through it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace

from inventory_domain.bulk import TakesFeeds
from inventory_domain.clock import Clock
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_domain.outcomes import Throttled
from inventory_domain.ports import MarketplaceAdapter
from inventory_domain.pull_leases import PullsHeard
from inventory_domain.sharing_limits import day_for_delivery, delivery_limits, lent_operations
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.queue import WorkKey, WorkQueue
from inventory_streams.delivery.retries import Waiting
from inventory_streams.delivery.revisions import Revisions
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.throttle import AccountThrottles, Throttle


class Account:
    """What belongs to one set of credentials. `work` is set whenever something was put into the queue.

    `channels`: how many share it. `pulls`: what is known of them, where they and pushes share a rate that is lent.
    """

    def __init__(
        self,
        account_id: AccountId,
        adapter: MarketplaceAdapter,
        settings: DeliverySettings,
        clock: Clock,
        metrics: DeliveryMetrics,
    ) -> None:
        self.account_id = account_id
        self.adapter = adapter
        self.traits = adapter.traits
        self.channels = 0
        self.queue = WorkQueue(settings.aged_after_s)
        self.reads = Waiting()
        self._pull_share = settings.pull_share
        self._clock = clock
        self._lent = lent_operations(adapter) if settings.pull_share > 0 else frozenset[str]()
        self.pulls = PullsHeard() if self._lent else None
        ours = replace(self.traits, limits=delivery_limits(adapter, settings.pull_share))
        self.throttles = AccountThrottles(
            ours, clock, read_share=settings.read_share, zero_reserve=settings.zero_reserve, ours=self._ours
        )
        if isinstance(adapter, TakesFeeds):  # so that they fill from now on, and not from the first use
            for feed in (adapter.feed_traits, adapter.node_feed_traits):
                if feed is not None:
                    self.throttles.of(feed.operation, feed.cost)
                    self.throttles.of(feed.poll_operation)
        self.revisions = Revisions(self.traits.revisions, clock)
        self.work = asyncio.Event()
        self.by_feed: dict[ChannelId, dict[WorkKey, None]] = {}
        self.claimed: set[tuple[str, str]] = set()
        self._metrics = metrics
        self._feeds_rest_until_s = 0.0

    def told_quota(self, operation: str, left: float, calls: float) -> None:
        """The marketplace says that so many calls are left of the operation's day; pulls have their part of both."""
        part = day_for_delivery(self.adapter, operation, self._pull_share)
        self.throttles.of(operation).told_quota(left * part, calls * part)

    def _ours(self, operation: str) -> float:
        if self.pulls is None or operation not in self._lent or self.pulls.may_borrow(self._clock.monotonic_s()):
            return 1.0
        return 1.0 - self._pull_share

    def learn(self, throttle: Throttle, answers: list[object]) -> None:
        """Take from the answers of one call what they say of its limit."""
        refused = [answer for answer in answers if isinstance(answer, Throttled)]
        if refused:
            throttle.refused(refused[0].seen)
            self._metrics.throttled.labels(self.account_id, throttle.operation).inc()
            return
        seen = next((limit for answer in answers if (limit := getattr(answer, "seen", None)) is not None), None)
        throttle.answered(seen)

    def claims(self, marketplace_ids: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        """What a write to a listing with these ids keeps others from."""
        names = self.traits.exclusive_ids
        return frozenset((name, marketplace_ids[name]) for name in names if name in marketplace_ids)

    def takes_feeds(self, now_s: float) -> bool:
        """Whether a feed may be handed in, as far as the marketplace takes any and none failed or hangs."""
        return isinstance(self.adapter, TakesFeeds) and now_s >= self._feeds_rest_until_s

    def rest_feeds_until(self, at_s: float) -> None:
        """No feed is handed in before this monotonic time: everything goes by single calls."""
        self._feeds_rest_until_s = max(self._feeds_rest_until_s, at_s)

    def turn_to_feed(self, key: WorkKey, channel: ChannelId) -> None:
        """The listing is to go by a feed, though single calls could take it."""
        self.queue.discard(key)
        self.by_feed.setdefault(channel, {})[key] = None

    def turn_back(self, key: WorkKey, channel: ChannelId) -> None:
        """It is not, or no more."""
        waiting = self.by_feed.get(channel)
        if waiting is not None and key in waiting:
            del waiting[key]
            if not waiting:
                del self.by_feed[channel]

    def quota_used(self) -> dict[str, int]:
        """Tokens used today by operation, a part of one counted as a whole."""
        return {throttle.operation: math.ceil(throttle.used_today) for throttle in self.throttles.all}


class Accounts:
    """The accounts of one marketplace, and which channel is whose."""

    def __init__(self, accounts: Mapping[AccountId, Account], accounts_of: Mapping[ChannelId, AccountId]) -> None:
        self._by_id = dict(accounts)
        self.share(0.0)  # nothing is saved up before this worker owns anything
        self._of = {channel: self._by_id[account] for channel, account in accounts_of.items()}
        for account in self._of.values():
            account.channels += 1

    @property
    def all(self) -> tuple[Account, ...]:
        """Each account once."""
        return tuple(self._by_id.values())

    @property
    def channels(self) -> tuple[ChannelId, ...]:
        """Every channel that has an account."""
        return tuple(self._of)

    def of(self, channel: ChannelId) -> Account | None:
        """The channel's account; None where none is configured."""
        return self._of.get(channel)

    def share(self, part: float) -> None:
        """This worker has this part of every account's budget; 0 while it owns no partition."""
        for account in self.all:
            account.throttles.share(part)
            account.revisions.share(part)

    def let_go(self) -> None:
        """Commits that calls wait for will not end, or nobody may act upon them: none of these calls leaves."""
        for account in self.all:
            account.throttles.let_go()
