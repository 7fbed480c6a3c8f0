"""Looks whether a marketplace still tells what it was asked to, for as long as it runs. Tells it, and mends nothing."""

from __future__ import annotations

import logging

from inventory_domain.bulk import CallFailed
from inventory_domain.clock import Clock
from inventory_domain.retry import doubled_s
from inventory_domain.signals import NOT_SET, KeepsSubscriptions, Subscriptions, SubscriptionState
from inventory_streams.signals.intake import SignalingAccount
from inventory_streams.signals.metrics import SignalsMetrics

LOOK_INTERVAL_S = 3_600.0  # a look is one to a few calls of the account's, and no endpoint is given up within hours
AGAIN_FIRST_S = 60.0

log = logging.getLogger(__name__)


class SubscriptionWatch:
    """The subscriptions of one account. What was seen last stands until something else is seen."""

    def __init__(
        self, account: SignalingAccount, keeper: KeepsSubscriptions, metrics: SignalsMetrics, clock: Clock
    ) -> None:
        self._account = account
        self._keeper = keeper
        self._metrics = metrics
        self._clock = clock
        self._seen_s = clock.monotonic_s()
        self._wrong: dict[str, SubscriptionState] = {}
        self._failures = 0

    async def run(self) -> None:
        """Look until cancelled; an account that is to be told nothing is not looked at again."""
        unseen = self._metrics.subscriptions_unseen
        unseen.labels(self._account.account_id).set_function(lambda: self._clock.monotonic_s() - self._seen_s)
        while (wait_s := await self.look()) is not None:
            await self._clock.sleep(wait_s)
        unseen.remove(self._account.account_id)

    async def look(self) -> float | None:
        """Look once; in how many seconds to look again. None: never, the account has no place to be told at."""
        found = await self._keeper.subscriptions()
        if isinstance(found, Subscriptions):
            self._saw(found)
            return LOOK_INTERVAL_S
        return None if found.reason == NOT_SET else self._failed(found)

    def _saw(self, found: Subscriptions) -> None:
        self._failures = 0
        self._seen_s = self._clock.monotonic_s()
        wrong: dict[str, SubscriptionState] = {one.topic: one.state for one in found.subscriptions if one.state != "on"}
        for topic, state in wrong.items():
            if self._wrong.get(topic) != state:
                mend = f"inventory-sync signals subscribe {next(iter(self._account.channels), 'CHANNEL')}"
                facts = {"account": self._account.account_id, "topic": topic, "state": state, "mend": mend}
                log.warning("the marketplace does not tell what it should", extra=facts)
        for topic in self._wrong.keys() - wrong.keys():
            log.info("the marketplace tells it again", extra={"account": self._account.account_id, "topic": topic})
        self._wrong = wrong
        self._metrics.subscriptions_missing.labels(self._account.account_id).set(len(wrong))

    def _failed(self, failed: CallFailed) -> float:
        self._failures += 1
        facts = {"account": self._account.account_id, "api": failed.api, "why": failed.reason}
        log.warning("subscriptions not seen", extra=facts)
        return doubled_s(AGAIN_FIRST_S, self._failures, LOOK_INTERVAL_S)
