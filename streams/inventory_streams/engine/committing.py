"""One transaction at a time per partition, in a thread, while the next partition's batch is computed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor

from inventory_domain.clock import Clock
from inventory_domain.errors import OwnershipLost
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.engine.partition import Partition, Prepared
from inventory_streams.kafka.stopping import ExitCode, end_process

log = logging.getLogger(__name__)


class Committer:
    """Commits what is prepared, then makes it visible. What cannot be committed ends the process (rule 12)."""

    def __init__(
        self,
        executor: Executor,
        clock: Clock,
        metrics: EngineMetrics,
        unknown_sku_grace_ms: int,
        durable: Callable[[str, int, int], None],
    ) -> None:
        """`durable` is told topic, partition and position when input up to there is durable."""
        self._executor = executor
        self._clock = clock
        self._metrics = metrics
        self._grace_ms = unknown_sku_grace_ms
        self._durable = durable
        self.after = asyncio.Event()  # set after every commit: there may be something to do now

    def submit(self, partition: Partition, prepared: Prepared) -> None:
        """Begin to commit; `partition.running` is done when it is visible."""
        if prepared.topic is not None:  # P4: at once, so that what was read is under way until it is accounted for
            self._metrics.records_read.labels(prepared.topic).inc(prepared.read)
            self._metrics.records_under_way.labels(prepared.topic).inc(prepared.read)
        partition.running = asyncio.ensure_future(self._commit(partition, prepared))

    async def _commit(self, partition: Partition, prepared: Prepared) -> None:
        started = self._clock.monotonic_s()
        loop = asyncio.get_running_loop()
        # 1. Durable on the broker, all of it or nothing.
        try:
            await loop.run_in_executor(self._executor, partition.writer.commit_all, prepared.writes)
        except OwnershipLost as error:
            end_process(ExitCode.OWNERSHIP_LOST, str(error))
        except Exception as error:  # noqa: BLE001 - the process ends for it, whatever it is
            end_process(ExitCode.TRANSACTION_FAILED, f"partition {partition.number}: {error!r}")
        # 2. Visible to the next computation: never before, or a failed commit would have been seen.
        partition.adopt(prepared, self._clock.now_ms(), self._grace_ms)
        partition.running = None
        # 3. The input's offset may follow: never before, or a crash between would skip the batch.
        if prepared.topic is not None:
            self._durable(prepared.topic, partition.number, prepared.position)
        if prepared.spans is not None:
            prepared.spans.end(prepared.computed)
        self._count(prepared, self._clock.monotonic_s() - started)
        self.after.set()

    def _count(self, prepared: Prepared, seconds: float) -> None:
        metrics, computed = self._metrics, prepared.computed
        metrics.batches.inc()
        metrics.transaction_seconds.observe(seconds)
        for (topic, effect), count in computed.effects.items():
            metrics.records.labels(topic, effect.value).inc(count)
        if prepared.topic is not None:
            metrics.records_under_way.labels(prepared.topic).dec(prepared.read)
        for effect, count in computed.released.items():
            metrics.records_released.labels(effect.value).inc(count)
        metrics.event_ids_forgotten.inc(computed.forgotten_ids)
        for letter in computed.dead_letters:
            metrics.dead_letters.labels(letter.reason).inc()
        for marketplace, count in Counter([target.marketplace for target in computed.targets]).items():
            metrics.targets.labels(marketplace).inc(count)
        if computed.newest_record_ms is not None:
            metrics.input_age.observe(max(0, self._clock.now_ms() - computed.newest_record_ms) / 1000)
