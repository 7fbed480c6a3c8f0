"""One partition's writes: what is asked for within a few milliseconds goes out in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Protocol

from inventory_domain.clock import Clock
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.kafka.transactions import Write

WRITES_MAX = 20_000  # of one transaction; what is more goes into the next


class Transactions(Protocol):
    """The owner's right to write for one partition; `TransactionalWriter` is the real one."""

    def commit_all(self, writes: list[Write]) -> None:
        """One whole transaction. Blocks; when it returns the records are durable.

        Raises:
            OwnershipLost: another process owns the partition now.
            TransactionFailed: it had to be given up.
        """
        ...


class PartitionWriter:
    """Commits what the loop hands it, in order. Belongs to one loop; the commits themselves run on `threads`.

    A commit that fails is told to `failed` and to nobody else: the process is expected to end there.
    """

    def __init__(
        self,
        transactions: Transactions,
        threads: Executor,
        clock: Clock,
        linger_s: float,
        metrics: DeliveryMetrics,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._transactions = transactions
        self._threads = threads
        self._clock = clock
        self._linger_s = linger_s
        self._metrics = metrics
        self._failed = failed
        self._queued: list[tuple[tuple[Write, ...], asyncio.Future[float]]] = []
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="partition-writer")
        self._task.add_done_callback(self._ended)

    def add(self, writes: Sequence[Write]) -> asyncio.Future[float]:
        """Put these records into the next transaction, all into the same one.

        The answer comes when it is durable: the monotonic time just before its commit began.
        """
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._queued.append((tuple(writes), done))
        self._wake.set()
        return done

    async def flush(self) -> None:
        """Wait until all that was added is durable."""
        await asyncio.shield(self.add(()))

    async def close(self) -> None:
        """Stop. A commit under way is waited for; whoever waits for anything else is cancelled."""
        self._task.cancel()
        await asyncio.wait([self._task])
        for _, done in self._queued:
            done.cancel()
        self._queued.clear()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            await self._clock.sleep(self._linger_s)
            taken, writes = self._take()
            began_s = self._clock.monotonic_s()
            if writes:
                running = loop.run_in_executor(self._threads, self._transactions.commit_all, writes)
                try:
                    await asyncio.shield(running)
                except asyncio.CancelledError:
                    await asyncio.wait([running])  # a commit cannot be called back: its thread must end first
                    for done in taken:
                        done.cancel()
                    raise
                self._metrics.transaction_seconds.observe(self._clock.monotonic_s() - began_s)
                self._metrics.transaction_records.inc(len(writes))
            for done in taken:
                if not done.cancelled():
                    done.set_result(began_s)

    def _take(self) -> tuple[list[asyncio.Future[float]], list[Write]]:
        taken: list[asyncio.Future[float]] = []
        writes: list[Write] = []
        count = 0
        for records, done in self._queued:
            if writes and len(writes) + len(records) > WRITES_MAX:
                break
            count += 1
            taken.append(done)
            writes.extend(records)
        del self._queued[:count]
        if not self._queued:
            self._wake.clear()
        return taken, writes

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
