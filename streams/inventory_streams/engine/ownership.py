"""Which partitions this process owns, and how they come and go with the consumer group's rebalances."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import TypeVar

from confluent_kafka.admin import AdminClient

from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_streams.engine.inputs import input_facts
from inventory_streams.engine.memory import give_back_what_is_free, leave_out_what_stays
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.recovery import Opener, read_windows
from inventory_streams.engine.settings import RECOVERY_LOG_S, EngineSettings
from inventory_streams.engine.velocity import SalesVelocity
from inventory_streams.engine.waking import InForce
from inventory_streams.engine.windows import WindowRecord

T = TypeVar("T")

log = logging.getLogger(__name__)


class Ownership:
    """The owned partitions by number. All calls belong to the event loop."""

    def __init__(
        self,
        settings: EngineSettings,
        opener: Opener,
        admin: AdminClient,
        executor: Executor,
        clock: Clock,
        metrics: EngineMetrics,
        policy: InForce,
        velocity: SalesVelocity,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._admin = admin
        self._executor = executor
        self._clock = clock
        self._metrics = metrics
        self._policy = policy
        self._velocity = velocity
        self.partitions: dict[int, Partition] = {}
        self.ready_generation: int | None = None  # the group's generation whose partitions are all recovered

    async def drain(self) -> None:
        """Wait for the transactions that are running."""
        running = [one.running for one in self.partitions.values() if one.running is not None]
        if running:
            await asyncio.wait(running)

    async def take(self, assigned: Iterable[tuple[str, int]], generation: int, current: Callable[[], int]) -> bool:
        """Own exactly these partitions. False when another rebalance overtook it.

        Raises:
            InvariantBroken: the inputs' partitions do not go together, so a SKU would have two owners (rule 7).
            InventorySyncError: as `Opener.open` says.
        """
        self.ready_generation = None
        numbers = _numbers(assigned, self._settings.topics.engine_inputs())
        started = self._clock.monotonic_s()
        await self.drain()
        for number in set(self.partitions) - numbers:
            # closing a producer may take a moment, so the last reference is dropped in a thread
            self._executor.submit(_dropped, self.partitions.pop(number))
            self._velocity.forget(number)
        windows, opened = await asyncio.gather(
            self._read_windows(numbers - set(self.partitions)), self._open(numbers, generation, current)
        )
        if current() != generation or any(one is None for one in opened):
            log.info("recovery overtaken by another rebalance", extra={"generation": generation})
            return False
        fresh = {one.number for one in opened if one is not None and self.partitions.get(one.number) is not one}
        windows |= await self._read_windows(fresh - windows.keys())
        for one in opened:
            if one is not None and one.number in fresh:
                await self._in_thread(one.states.pack)
        if fresh:
            await self._in_thread(give_back_what_is_free)
        for number in fresh:
            await self._in_thread(self._velocity.load, number, windows[number], self._clock.now_ms())
        if current() != generation:
            return False
        kept = 0
        for partition in opened:
            if partition is None:
                continue
            if self.partitions.get(partition.number) is partition:
                kept += 1
                continue
            partition.recovered(self._policy.mark(self._clock.now_ms(), partition.progress.silent))
            partition.owned_since_ms = self._clock.now_ms()
            self.partitions[partition.number] = partition
        if kept < len(opened):
            leave_out_what_stays()
        self.ready_generation = generation
        seconds = self._clock.monotonic_s() - started
        self._metrics.recovery_seconds.set(seconds)
        log.info(
            "partitions assigned",
            extra={
                "partitions": sorted(numbers),
                "kept": kept,
                "skus": sum(len(one.states) for one in self.partitions.values()),
                "seconds": round(seconds, 3),
                "generation": generation,
            },
        )
        return True

    async def _read_windows(self, numbers: set[int]) -> dict[int, list[WindowRecord]]:
        return await self._in_thread(read_windows, self._settings, numbers) if numbers else {}

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)

    async def _open(self, numbers: set[int], generation: int, current: Callable[[], int]) -> list[Partition | None]:
        loop = asyncio.get_running_loop()
        inputs = self._settings.topics.engine_inputs()
        self._opener.read.clear()

        def abandoned() -> bool:
            return current() != generation

        if not numbers:
            return []
        facts = await loop.run_in_executor(
            self._executor, input_facts, self._admin, inputs, numbers, self._settings.partitions
        )
        opening = [
            loop.run_in_executor(
                self._executor, self._opener.open, number, facts[number], abandoned, self.partitions.get(number)
            )
            for number in sorted(numbers)
        ]
        left: set[asyncio.Future[Partition | None]] = set(opening)
        while left:
            _, left = await asyncio.wait(left, timeout=RECOVERY_LOG_S)
            if left:
                records = sum(one.records for one in list(self._opener.read.values()))
                log.info("recovering", extra={"partitions_left": len(left), "records_read": records})
        return [one.result() for one in opening]


def _numbers(assigned: Iterable[tuple[str, int]], inputs: tuple[str, ...]) -> set[int]:
    by_topic: dict[str, set[int]] = {topic: set() for topic in inputs}
    for topic, number in assigned:
        if topic in by_topic:
            by_topic[topic].add(number)
    numbers = by_topic[inputs[0]]
    for topic, own in by_topic.items():
        if own != numbers:
            raise InvariantBroken(
                f"partitions {sorted(own)} of {topic} were assigned with {sorted(numbers)} of {inputs[0]}:"
                " all workers of the group must run the same version with the same marketplaces"
            )
    return set(numbers)


def _dropped(partition: Partition) -> None:
    log.info("partition given up", extra={"partition": partition.number})
