"""Zeros with Kafka gone: the one case in which something is written that no committed attempt stands for.

A worker that is cut off from Kafka knows the listings that it had. When the engine's word on them has become older
than the limit, nobody may vouch for their numbers any more: each is set to zero once, by single calls within the
limits. When Kafka answers again the process ends, so that a successor takes over in good order and reads what is shown.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from inventory_domain.clock import Clock
from inventory_domain.due import wanted
from inventory_domain.errors import InventorySyncError
from inventory_domain.health import SYSTEM
from inventory_domain.health_alerts import Alert, Severity
from inventory_domain.identifiers import AccountId, ChannelId, ListingId
from inventory_domain.masks import ENGINE_SILENT
from inventory_domain.outcomes import kind_of, proves_path
from inventory_domain.ports import Push
from inventory_domain.retry import delay_s
from inventory_domain.targets import Target
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.announcing import AlertSink
from inventory_streams.delivery.book import TrackedListing
from inventory_streams.delivery.gaps import AsksReconciliation
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.within import within
from inventory_streams.tasks import end

LOOK_S = 5.0
OTHERS_MS = 10_000  # so much later than we could not: what was under way then is not meant

log = logging.getLogger(__name__)


class CutOff(InventorySyncError):
    """Kafka was away and is back: what this process knows may be old, so another one takes over."""


@dataclass(slots=True)
class _Known:
    """A listing as it was when Kafka went away, and how often a zero for it has failed."""

    target: Target
    partition: int
    failures: int = 0
    not_before_s: float = 0.0


class LastResort:
    """Belongs to the loop. Does nothing while Kafka is there."""

    def __init__(
        self,
        accounts: Accounts,
        masks: Masks,
        settings: DeliverySettings,
        clock: Clock,
        metrics: DeliveryMetrics,
        threads: Executor,
        answers: Callable[[], bool],
        failed: Callable[[BaseException], None],
        sink: AlertSink | None,
        reconciliation: AsksReconciliation | None,
    ) -> None:
        """`answers` says whether Kafka does, and takes what is written; it may block for some seconds."""
        self._accounts = accounts
        self._masks = masks
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._threads = threads
        self._answers = answers
        self._failed = failed
        self._sink = sink
        self._reconciliation = reconciliation
        self._written: set[ChannelId] = set()
        self._known: dict[ListingId, _Known] = {}
        self._cause: BaseException | None = None
        self._alerted = self._broken = False
        self._broken_ms = 0

    def keep(self, listings: Iterable[TrackedListing], cause: BaseException, *, broken: bool = False) -> None:
        """Kafka seems to be away: these listings were ours. Those that show zero already need nothing.

        `broken`: something could not be made durable, so that this process must end when Kafka is back.
        """
        if broken and not self._broken:
            self._broken, self._broken_ms = True, self._clock.now_ms()
        for tracked in listings:
            target, exposure = tracked.target, tracked.exposure
            if target is None or not self._masks.writes(tracked):
                continue
            if exposure is None or exposure.units() != 0:
                self._known[target.listing_id] = _Known(target, tracked.partition)
        if self._cause is None:
            self._cause = cause
            log.error("kafka does not answer", extra={"listings": len(self._known), "error": str(cause)})

    def forget(self) -> None:
        """Partitions were taken over in good order: what was known before counts no more.

        Zeros that were written stay known, and so does that something could not be made durable: the channels are
        looked at, and this process ends, as without a takeover.
        """
        self._known.clear()
        if not self._written and not self._broken:
            self._cause, self._alerted = None, False

    async def run(self) -> None:
        """Look every few seconds, while Kafka is away, whether it is back or the limit has come.

        An account's round of zeros may take hours, or wait for the next day's quota: it ends when Kafka is back, and
        keeps no other account waiting.
        """
        loop = asyncio.get_running_loop()
        rounds: dict[AccountId, asyncio.Task[None]] = {}
        try:
            while True:
                await self._clock.sleep(LOOK_S)
                for account_id in [one for one, task in rounds.items() if task.done()]:
                    rounds.pop(account_id).result()
                if self._cause is None:
                    continue
                answers = await loop.run_in_executor(self._threads, self._answers)
                if not answers and not self._others_go_on():
                    self._begin(rounds)
                elif self._alerted or self._broken:
                    await end(rounds.values())
                    await self._make_way()
                    return
                # else the group gives us partitions again, or the process has ended for its error
        finally:
            await end(rounds.values())

    def _others_go_on(self) -> bool:
        """Whether the engine has spoken since something could not be made durable here: Kafka takes what others write,
        and a successor may do better."""
        partitions = {one.partition for one in self._known.values()}
        if not self._broken or not partitions:
            return False
        return self._clock.now_ms() - self._masks.word_age_s(partitions) * 1000 > self._broken_ms + OTHERS_MS

    async def _make_way(self) -> None:
        """Kafka is back, and what this process knows may be old: a successor is to look at what was written."""
        if self._written and self._reconciliation is not None:
            why = "listings were set to zero without a committed attempt while Kafka was gone"
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self._reconciliation.ask, self._written, why)
        self._failed(CutOff(f"Kafka takes writes again after: {self._cause}"))

    def _begin(self, rounds: dict[AccountId, asyncio.Task[None]]) -> None:
        """A round over the listings whose time has come, of each account that has none under way."""
        now_s = self._clock.monotonic_s()
        due = [
            one for one in self._known.values() if one.not_before_s <= now_s and self._masks.is_silent(one.partition)
        ]
        if due and not self._alerted:
            self._alerted = True
            self._alert(len(due))
        for account in self._accounts.all:
            its = [one for one in due if self._accounts.of(one.target.channel) is account]
            if its and account.account_id not in rounds:
                name = f"last-zeros-{account.account_id}"
                rounds[account.account_id] = asyncio.create_task(self._set_to_zero(account, its), name=name)

    async def _set_to_zero(self, account: Account, due: Sequence[_Known]) -> None:
        for one in due:
            if self._is_ours(one) and not self._ends_at_zero(one.target):
                await self._zero(account, one)

    def _is_ours(self, one: _Known) -> bool:
        """Whether nobody has taken the listing over since this round began: from then on its owner writes it."""
        return self._known.get(one.target.listing_id) is one

    def _ends_at_zero(self, target: Target) -> bool:
        """Whether zero would end the listing, and the seller wants it left."""
        ready = self._masks.readiness_of(target.channel)
        return ready.held(wanted(target, ENGINE_SILENT), None) is not None

    def _alert(self, count: int) -> None:
        for channel in dict.fromkeys(one.target.channel for one in self._known.values()):
            text = f"Kafka and the engine are silent: {count} listings are set to zero without a committed attempt"
            self._metrics.alerts.labels(channel, "kafka-gone", Severity.PAGE.value).inc()
            log.error("channel alert", extra={"channel": channel, "alert": "kafka-gone", "why": text})
            if self._sink is not None:
                at_ms = self._clock.now_ms()
                self._sink.post(Alert("kafka-gone", Severity.PAGE, channel, text, at_ms, 0, SYSTEM))

    async def _zero(self, account: Account, one: _Known) -> None:
        want = wanted(one.target, ENGINE_SILENT)
        push = Push(
            listing_id=one.target.listing_id,
            channel=one.target.channel,
            quantity=0,
            nodes=want.nodes,
            marketplace_ids=one.target.marketplace_ids,
            version=want.version,
            key=str(uuid.uuid4()),
        )
        await account.throttles.acquire_push(lambda: True)
        if not self._is_ours(one):
            account.throttles.give_back_push()
            return
        self._written.add(push.channel)
        try:
            (answer,) = await within(self._clock, self._settings.request_s_max, account.adapter.push([push]))
        except TimeoutError:
            outcome, proven = "too-slow", False
        else:
            account.learn(account.throttles.push, [answer])
            outcome, proven = kind_of(answer), proves_path(answer)
        self._metrics.last_zeros.labels(one.target.channel, outcome).inc()
        log.warning("zero without a committed attempt", extra={"listing": push.listing_id, "outcome": outcome})
        if proven:
            self._known.pop(push.listing_id, None)
            return
        one.failures += 1
        one.not_before_s = self._clock.monotonic_s() + delay_s(one.failures, self._settings.retry, 0.0)
