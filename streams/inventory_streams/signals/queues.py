"""Reads the queues that accounts are told by, for as long as it runs; what was taken is acknowledged, nothing else."""

from __future__ import annotations

import logging

from inventory_domain.bulk import CallFailed
from inventory_domain.clock import Clock
from inventory_domain.retry import doubled_s
from inventory_domain.signals import ReadsQueue
from inventory_streams.signals.intake import COME_AGAIN, Intake, SignalingAccount
from inventory_streams.signals.metrics import SignalsMetrics

PAUSE_FIRST_S = 1.0
PAUSE_S_MAX = 60.0
BREATH_S = 0.0

log = logging.getLogger(__name__)


class QueueReader:
    """The queue of one account."""

    def __init__(
        self, account: SignalingAccount, queue: ReadsQueue, intake: Intake, metrics: SignalsMetrics, clock: Clock
    ) -> None:
        self._account = account
        self._queue = queue
        self._intake = intake
        self._metrics = metrics
        self._clock = clock
        self._failures = 0

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            if await self.turn():
                self._failures = 0
                await self._clock.sleep(BREATH_S)
            else:
                self._failures += 1
                await self._clock.sleep(doubled_s(PAUSE_FIRST_S, self._failures, PAUSE_S_MAX))

    async def turn(self) -> bool:
        """Read once and act on what came; False when something was refused.

        A message that cannot be published stays in the queue and comes again; one that is nobody's or cannot be read
        never gets better, so it is acknowledged and counted.
        """
        found = await self._queue.receive()
        if isinstance(found, CallFailed):
            return self._failed(found)
        done: list[str] = []
        for queued in found:
            reply = await self._intake.take(self._account, queued.message)
            if reply.status != COME_AGAIN:
                done.append(queued.handle)
        if done:
            failed = await self._queue.acknowledge(done)
            if failed is not None:
                return self._failed(failed)
        return len(done) == len(found)

    def _failed(self, failed: CallFailed) -> bool:
        self._metrics.queue_failures.labels(self._account.account_id).inc()
        facts = {"account": self._account.account_id, "api": failed.api, "why": failed.reason}
        log.warning("queue not read", extra=facts)
        return False
