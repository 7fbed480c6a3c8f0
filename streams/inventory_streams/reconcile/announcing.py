"""Announces an account's pulls to delivery before they begin, and for as long as they last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from inventory_domain.clock import Clock
from inventory_domain.pull_leases import AGAIN_S, PullsAnnounced
from inventory_streams.reconcile.budget import LOOK_S

Announce = Callable[[], Awaitable[None]]
"""Makes one announcement durable."""


class Announcing:
    """Of one account, whose channels are pulled one after the other. It is the `Turn` of its throttles."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._announced = PullsAnnounced()
        self._again: asyncio.Task[None] | None = None

    def may_call(self) -> bool:
        """As `Turn` says."""
        if self._again is not None and self._again.done():
            self._again.result()  # it ends by its failure only
        return self._announced.may_call(self._clock.monotonic_s())

    @asynccontextmanager
    async def around(self, announce: Announce) -> AsyncIterator[None]:
        """Enter when every worker of delivery has left the pulls their part, and hold it meanwhile."""
        again = self._again = asyncio.create_task(self._again_and_again(announce))
        try:
            while not self.may_call():
                await self._clock.sleep(LOOK_S)
            yield
        finally:
            self._again = None
            again.cancel()
            await asyncio.wait({again})

    async def _again_and_again(self, announce: Announce) -> None:
        while True:
            began_s = self._clock.monotonic_s()
            await announce()
            self._announced.announced(began_s, self._clock.monotonic_s())
            await self._clock.sleep(AGAIN_S)
