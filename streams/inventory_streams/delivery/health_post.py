"""The post of the owner of a marketplace's channel health: taken over, read, and held by one worker at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor

from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId
from inventory_streams.delivery.announcing import AlertSink
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.gaps import AsksReconciliation, was_unattended
from inventory_streams.delivery.health_owner import HealthOwner, TakenHealth, take_health_over
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.settings import DeliverySettings


class HealthPost:
    """Everything that an owner needs, known before there is one. Belongs to the loop."""

    def __init__(
        self,
        settings: DeliverySettings,
        codecs: Codecs,
        clock: Clock,
        metrics: DeliveryMetrics,
        channels: Iterable[ChannelId],
        threads: Executor,
        failed: Callable[[BaseException], None],
        *,
        worker: str,
        sink: AlertSink | None,
        reconciliation: AsksReconciliation | None,
    ) -> None:
        self._settings = settings
        self._codecs = codecs
        self._clock = clock
        self._metrics = metrics
        self._channels = tuple(channels)
        self._threads = threads
        self._failed = failed
        self._worker = worker
        self._sink = sink
        self._reconciliation = reconciliation

    async def taken(self, abandoned: Callable[[], bool]) -> TakenHealth | None:
        """The right to write, and what was written last; None when `abandoned` says that nobody wants it any more."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, take_health_over, self._settings, self._codecs, abandoned)

    async def owner(self, taken: TakenHealth) -> HealthOwner:
        """Who goes on where the former owner ended. Asks for a reconciliation where nobody was there for long.

        Raises:
            NotDelivered: Kafka did not take what is asked for.
        """
        now_ms, limit_s = self._clock.now_ms(), self._settings.engine_silent_s
        gaps = [one for one in self._channels if was_unattended(taken.written_ms.get(one), now_ms, limit_s)]
        if gaps and self._reconciliation is not None:
            why = f"no delivery was there for more than {limit_s:g} s: somebody who was cut off may have set zeros"
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self._reconciliation.ask, gaps, why)
        return HealthOwner(
            self._settings,
            self._codecs,
            self._clock,
            self._metrics,
            self._channels,
            taken.known,
            taken.writer,
            self._threads,
            self._failed,
            worker=self._worker,
            sink=self._sink,
        )
