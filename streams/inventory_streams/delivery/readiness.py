"""Whether an account keeps listings at zero: asked before anything is written, turned on, and looked at daily.

Each worker asks for itself, so that none writes on another's word. The owner of the channels' health writes down that a
channel went live, which outlives restarts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from inventory_domain.account_calls import ControlsOutOfStock, OutOfStockControl
from inventory_domain.bulk import CallFailed
from inventory_domain.clock import Clock
from inventory_domain.health import FAILURES_IN_A_ROW
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_domain.modes import Mode
from inventory_domain.readiness import NOT_LIVE, Kept, Readiness
from inventory_domain.retry import delay_s
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.health_owner import HealthOwner
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.within import within

TELL_S: Final = 1.0

OFF: Final = "out-of-stock control is off, so zero would end a listing"

log = logging.getLogger(__name__)


class ReadinessWatch:
    """Belongs to the loop. Does nothing for accounts whose marketplace has no such setting, or that only shadow."""

    def __init__(
        self,
        accounts: Accounts,
        settings: DeliverySettings,
        clock: Clock,
        masks: Masks,
        metrics: DeliveryMetrics,
        owner: Callable[[], HealthOwner | None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._masks = masks
        self._metrics = metrics
        self._owner = owner
        self._channels: dict[AccountId, list[ChannelId]] = {}
        self._watched: list[tuple[Account, ControlsOutOfStock]] = []
        self._failures: dict[AccountId, int] = {}
        for account in accounts.all:
            channels = [one for one in accounts.channels if accounts.of(one) is account and self._is_written(one)]
            if isinstance(account.adapter, ControlsOutOfStock) and channels:
                self._watched.append((account, account.adapter))
                self._channels[account.account_id] = channels
                self._follow(account.account_id, account.adapter, Readiness(Kept.NOT_ASKED))

    def _is_written(self, channel: ChannelId) -> bool:
        return self._settings.mode(channel).mode is not Mode.SHADOW

    async def run(self) -> None:
        """Ask at once, and again for as long as delivery runs."""
        async with asyncio.TaskGroup() as every:
            for account, adapter in self._watched:
                every.create_task(self._watch(account, adapter), name=f"readiness-{account.account_id}")
            if self._watched:
                every.create_task(self._tell(), name="readiness-told")

    async def _watch(self, account: Account, adapter: ControlsOutOfStock) -> None:
        name, failures, before = account.account_id, 0, Readiness(Kept.NOT_ASKED)
        while True:
            answer = await self._looked(name, adapter)
            after = _after(before, answer)
            failures = 0 if isinstance(answer, OutOfStockControl) and answer.on else failures + 1
            self._failures[name] = failures
            if after != before:
                facts = {"account": name, "zero_keeps_listings": after.kept.value, "why": after.why}
                log.log(logging.INFO if failures == 0 else logging.ERROR, "account readiness", extra=facts)
            elif isinstance(answer, CallFailed):
                log.warning("account readiness not told", extra={"account": name, "why": _why(answer)})
            before = after
            self._follow(name, adapter, after)
            again_s = delay_s(failures, self._settings.retry, 0.0) if failures else self._settings.readiness_check_s
            await self._clock.sleep(again_s)

    async def _looked(self, name: AccountId, adapter: ControlsOutOfStock) -> OutOfStockControl | CallFailed:
        """What the account is set to, after turning it on where the seller wants that."""
        state = await self._answer(adapter.out_of_stock_control())
        if isinstance(state, CallFailed) or state.on or not adapter.out_of_stock_policy.turn_on:
            return state
        turned = await self._answer(adapter.set_out_of_stock_control(True))
        if isinstance(turned, CallFailed):
            log.error("out-of-stock control not turned on", extra={"account": name, "why": _why(turned)})
            return state
        again = await self._answer(adapter.out_of_stock_control())  # only asking again proves that it took effect
        if isinstance(again, OutOfStockControl) and again.on:
            log.warning("out-of-stock control turned on", extra={"account": name, "request_id": turned.request_id})
        return again

    async def _answer(
        self, call: Coroutine[object, object, OutOfStockControl | CallFailed]
    ) -> OutOfStockControl | CallFailed:
        try:
            return await within(self._clock, self._settings.request_s_max, call)
        except TimeoutError:
            return CallFailed(kind="transient", api="", reason="too-slow")

    def _follow(self, name: AccountId, adapter: ControlsOutOfStock, readiness: Readiness) -> None:
        for channel in self._channels[name]:
            self._masks.follow_readiness(channel, readiness, adapter.out_of_stock_policy)

    async def _tell(self) -> None:
        """Show it, and tell whoever owns the channels' health, which may be somebody else a moment later."""
        while True:
            await self._clock.sleep(TELL_S)
            owner = self._owner()
            for account, _ in self._watched:
                failing = self._failures.get(account.account_id, 0) >= FAILURES_IN_A_ROW
                for channel in self._channels[account.account_id]:
                    self._show(channel)
                    readiness = self._masks.readiness(channel)
                    if owner is None or readiness is None:
                        continue
                    if readiness.kept is Kept.YES:
                        owner.tell_ready(channel)
                    elif readiness.kept is Kept.NO or (failing and not self._masks.went_live(channel)):
                        owner.tell_not_ready(channel, readiness.why)

    def _show(self, channel: ChannelId) -> None:
        readiness = self._masks.readiness(channel)
        standing = self._masks.readiness_of(channel)
        not_live = standing.falls_held == NOT_LIVE
        self._metrics.not_live.labels(channel).set(not_live)
        self._metrics.zero_ends.labels(channel).set(
            readiness is not None and readiness.kept is Kept.NO and not not_live
        )


def _after(before: Readiness, answer: OutOfStockControl | CallFailed) -> Readiness:
    """An answer counts until the next one; no answer changes only what was never known."""
    if isinstance(answer, OutOfStockControl):
        return Readiness(Kept.YES) if answer.on else Readiness(Kept.NO, OFF)
    if before.kept in (Kept.NOT_ASKED, Kept.UNKNOWN):
        return Readiness(Kept.UNKNOWN, f"whether zero keeps a listing cannot be asked: {_why(answer)}")
    return before


def _why(answer: CallFailed) -> str:
    return f"{answer.api}: {answer.kind}, {answer.reason}"
