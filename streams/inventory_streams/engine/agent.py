"""The one loop of the engine: batches of input, and between them timers, owed rises, sweeps and progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any, Literal, Protocol

from inventory_domain.clock import Clock
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, Sku, SourceId
from inventory_domain.progress import EngineProgress
from inventory_domain.velocity import Demand
from inventory_streams.engine.aside import Aside
from inventory_streams.engine.catalog_first import CatalogFirst, waiting
from inventory_streams.engine.catching_up import FetchState, applied_until_ms, complete_until_ms
from inventory_streams.engine.committing import Committer
from inventory_streams.engine.computing import Work
from inventory_streams.engine.continuity import Fit, fit
from inventory_streams.engine.due import Due, DueWork
from inventory_streams.engine.live_times import LiveTimes
from inventory_streams.engine.measuring import measure, measure_lag
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.engine.ownership import Ownership
from inventory_streams.engine.partition import Partition, Prepared, writes_of_progress
from inventory_streams.engine.preparing import Preparation
from inventory_streams.engine.records import FetchedBatch
from inventory_streams.engine.serdes import EngineSerdes
from inventory_streams.engine.settings import (
    GAP_REFETCHES_MAX,
    PROGRESS_INTERVAL_S,
    TURN_BUSY_S,
    TURN_IDLE_S,
    EngineSettings,
)
from inventory_streams.engine.standing_still import StandingInputs
from inventory_streams.engine.tracing import spans_of
from inventory_streams.engine.values import Computed, RecordEffect, Rules, Surroundings
from inventory_streams.engine.velocity import SalesVelocity
from inventory_streams.engine.waking import InForce
from inventory_streams.engine.windows import WindowRecord
from inventory_streams.kafka.transactions import Write

MEASURE_INTERVAL_S = 1.0
OVERDUE_INTERVAL_S = 30.0  # how often all orders are looked through for those that the source should have by now
RECORDS_IN_PART = 250  # so that a large batch does not hold up the commits of other partitions

log = logging.getLogger(__name__)


class Inputs(Protocol):
    """The consumer, as far as the agent needs it. No call blocks."""

    def flows(self, generation: int | None) -> bool:
        """Whether input flows, and in that generation of the group: else nothing may be written now."""
        ...

    def refetch(self, topic: str, partition: int, position: int) -> None:
        """Fetch again from there: what followed it was lost on its way here."""
        ...

    def hold_back(self, topic: str, partitions: frozenset[int]) -> None:
        """Hand over nothing of these partitions of the topic until another call; of its other ones as ever."""
        ...

    def fetch_states(self, topics: Iterable[str], partition: int) -> Mapping[str, FetchState]:
        """Per topic what the last answer to a fetch said of the partition's end."""
        ...

    def durable(self, topic: str, partition: int, position: int) -> None:
        """The group's offset may follow to there."""
        ...


class EngineAgent:
    """Computes and submits; everything it knows of the outside was handed to it."""

    def __init__(
        self,
        settings: EngineSettings,
        rules: Rules,
        serdes: EngineSerdes,
        ownership: Ownership,
        committer: Committer,
        inputs: Inputs,
        clock: Clock,
        metrics: EngineMetrics,
        policy: InForce,
        velocity: SalesVelocity,
    ) -> None:
        """`policy` tells when the rules' policy, or what holds of its schedule, is another one."""
        self._settings = settings
        self._rules = rules
        self._serdes = serdes
        self._ownership = ownership
        self._committer = committer
        self._inputs = inputs
        self._clock = clock
        self._metrics = metrics
        self._velocity = velocity
        self._due = DueWork(settings, velocity, clock, policy)
        self._live_times = LiveTimes(rules.policy)
        self._standing = StandingInputs()
        self._aside = Aside()
        self._catalog_first = CatalogFirst(settings.topics.inventory_changes, settings.topics.catalog_products)
        self._traces = settings.kafka.traces
        topics = settings.topics
        self._of_skus = frozenset((topics.inventory_changes, topics.catalog_products, topics.sku_commands))
        self._turned_s = float("-inf")
        self._measured_s = float("-inf")
        self._overdue_s = float("-inf")
        self._idle_s = 0.0  # how long it has waited in all
        self.looped_s = clock.monotonic_s()

    def waited(self, since_s: float) -> None:
        """The loop goes on, and had nothing to do since then."""
        self.looped_s = self._clock.monotonic_s()
        self._idle_s += self.looped_s - since_s

    async def run(self, stream: AsyncIterator[FetchedBatch]) -> None:
        """Until the stream ends. Also turns when nothing comes."""
        coming: asyncio.Task[FetchedBatch] | None = None
        after: asyncio.Task[Literal[True]] | None = None
        try:
            while True:
                # The pending call is kept and never cancelled: cancelling would lose the batch it is about to give.
                coming = coming or asyncio.create_task(_next(stream))
                after = after or asyncio.create_task(self._committer.after.wait())
                both: set[asyncio.Task[Any]] = {coming, after}
                began_s = self._clock.monotonic_s()
                await asyncio.wait(both, timeout=self._pause_s(), return_when=asyncio.FIRST_COMPLETED)
                self.waited(began_s)
                if after.done():
                    after = None
                    self._committer.after.clear()
                await self._go_on()
                if coming.done():
                    batch, coming = coming, None
                    try:
                        fetched = batch.result()
                    except StopAsyncIteration:
                        return
                    await self._arrived(fetched)
                if self.looped_s - self._turned_s >= TURN_BUSY_S:
                    self._turn()
        finally:
            for one in (coming, after):
                if one is not None:
                    one.cancel()

    def _pause_s(self) -> float:
        """How long to wait for input: shortly while there is work that does not come from input."""
        busy = any(
            one.sweep is not None or (one.catch_up.done and len(one.owing))
            for one in self._ownership.partitions.values()
        )
        return TURN_BUSY_S if busy else TURN_IDLE_S

    def _is_free(self, partition: int) -> bool:
        owned = self._ownership.partitions.get(partition)
        return owned is None or owned.running is None

    async def _go_on(self) -> None:
        """With what waited for a transaction that has ended."""
        while (waited := self._aside.take(self._is_free)) is not None:
            await self._batch(waited)

    async def _arrived(self, batch: FetchedBatch) -> None:
        number = batch.partition
        busy = not self._is_free(number) or self._aside.holds(number)
        if busy and self._settings.micro_batches and self._aside.put(batch):
            return
        while (earlier := self._aside.take(lambda one: one == number)) is not None:
            await self._batch(earlier)
        await self._batch(batch)

    async def _batch(self, batch: FetchedBatch) -> None:
        partition = self._ownership.partitions.get(batch.partition)
        while partition is not None and partition.running is not None:
            await asyncio.wait({partition.running})
            partition = self._ownership.partitions.get(batch.partition)
        if not self._inputs.flows(batch.generation):
            log.debug("batch dropped at a rebalance", extra={"topic": batch.topic, "partition": batch.partition})
            return
        if partition is None:
            raise InvariantBroken(f"{batch.topic}[{batch.partition}] came and the partition is not owned")
        if self._catalog_first.puts_off(partition, batch, self._catalog_end):
            self._hold_back()
            return
        if not self._follows(partition, batch):
            return
        started_s = self._clock.monotonic_s()
        if not batch.records:
            partition.skip(batch.topic, batch.end)
            self._inputs.durable(batch.topic, batch.partition, batch.end)
            return
        traces, waiting = self._traces, partition.waiting
        spans = spans_of(traces, batch, self._of_skus, waiting) if traces is not None else None
        work = self._work(partition, batch.topic, batch.end)
        for first in range(0, len(batch.records), RECORDS_IN_PART):
            if first:
                await asyncio.sleep(0)
            work.records(batch.records[first : first + RECORDS_IN_PART])
        if not self._inputs.flows(batch.generation):
            return  # a rebalance while computing; nothing was touched but copies
        due = self._add_due(partition, work)
        prepared = Preparation(partition, work, self._settings, self._serdes, spans)
        for _ in prepared.parts():
            await asyncio.sleep(0)
            if not self._inputs.flows(batch.generation):
                partition.put_off |= work.woken  # what was due is due still; the records come again
                return
        self._submit(partition, prepared, due, batch)
        self._metrics.batch_seconds.observe(self._clock.monotonic_s() - started_s)
        self._metrics.batch_records.observe(len(batch.records))

    def _catalog_end(self, partition: Partition) -> int | None:
        catalog = self._settings.topics.catalog_products
        state = self._inputs.fetch_states([catalog], partition.number).get(catalog)
        known = [state.end if state is not None else None, partition.catch_up.end_of(catalog)]
        return max([one for one in known if one is not None], default=None)

    def _hold_back(self) -> None:
        """Have no changes fetched that would be put off."""
        held_back = waiting(self._ownership.partitions.values())
        self._inputs.hold_back(self._settings.topics.inventory_changes, held_back)

    def _let_go(self) -> None:
        """Fetch the changes that were put off, where the catalog is read far enough."""
        changes = self._settings.topics.inventory_changes
        ended = self._catalog_first.ended(self._ownership.partitions.values())
        self._hold_back()
        for partition in ended:
            self._inputs.refetch(changes, partition.number, partition.position(changes))

    def _follows(self, partition: Partition, batch: FetchedBatch) -> bool:
        """Rule 4: what was lost after the transport handed it over shows only here."""
        expected = partition.position(batch.topic)
        how = fit(expected, batch.start, batch.end)
        if how is Fit.FOLLOWS:
            partition.gaps.pop(batch.topic, None)
            return True
        if how is Fit.STALE:
            count = len(batch.records)
            self._metrics.records_read.labels(batch.topic).inc(count)
            self._metrics.records.labels(batch.topic, RecordEffect.DUPLICATE.value).inc(count)
            return False
        again = partition.gaps[batch.topic] = partition.gaps.get(batch.topic, 0) + 1
        place = {"topic": batch.topic, "partition": batch.partition, "expected": expected, "start": batch.start}
        if again > GAP_REFETCHES_MAX:
            raise InvariantBroken(f"the same gap in an input after {GAP_REFETCHES_MAX} refetches: {place}")
        log.warning("gap in an input, fetched again", extra=place)
        self._metrics.gaps.labels(batch.topic).inc()
        self._inputs.refetch(batch.topic, batch.partition, expected)
        return False

    def _work(self, partition: Partition, topic: str | None = None, position: int = 0) -> Work:
        catch_up, now_ms = partition.catch_up, self._clock.now_ms()
        caught_up = catch_up.done or (topic is not None and catch_up.done_at(topic, position))
        return Work(
            self._rules,
            partition.states,
            partition.number,
            partition.positions(),
            now_ms=now_ms,
            catching_up=not caught_up,
            beside=self._beside(partition, now_ms),
        )

    def _beside(self, partition: Partition, now_ms: int) -> Surroundings:
        def guards(zeroed: Mapping[ChannelId, int]) -> Mapping[ChannelId, str]:
            totals = partition.totals
            return partition.mass.guards(totals.showing, zeroed, now_ms) if totals.whole else {}

        demand, progress = partial(self._demand, partition.number), partition.progress
        newest, held, given_up = progress.newest_version or None, partition.held.records, partition.given_up.by_listing
        return Surroundings(demand, progress.silent, guards, newest, held, given_up)

    def _demand(self, partition: int, sku: Sku) -> Demand | None:
        """How fast the SKU sells, with the times to live that the risk rule goes by."""
        return self._live_times.within(self._velocity.demand(partition, sku))

    def _turn(self) -> None:
        """What is due without input, one transaction per partition at most."""
        self._turned_s = self._clock.monotonic_s()
        if not self._inputs.flows(self._ownership.ready_generation):
            return
        self._let_go()
        measures = self._turned_s - self._measured_s >= MEASURE_INTERVAL_S
        if measures:  # before anything is submitted: a partition whose transaction runs is not judged
            self._measured_s = self._turned_s
            self._fetch_what_stands_still()
        for partition in self._ownership.partitions.values():
            if partition.running is None:
                work = self._work(partition)
                due = self._add_due(partition, work)
                self._submit(partition, Preparation(partition, work, self._settings, self._serdes).whole(), due)
        if measures:
            self._measure()

    def _add_due(self, partition: Partition, work: Work) -> Due:
        return self._due.add(partition, work, lambda: self._until_ms(partition, partition.positions()))

    def _submit(self, partition: Partition, done: Preparation, due: Due, batch: FetchedBatch | None = None) -> None:
        topic, position, read = (batch.topic, batch.end, len(batch.records)) if batch is not None else (None, 0, 0)
        computed = done.computed
        told = self._told(partition, topic, position)
        windows = self._windows(partition, computed)
        wanted = (
            topic is not None
            or windows
            or computed.states
            or computed.dead_letters
            or due.applied is not None
            or told is not None
        )
        if not wanted and due.silent == partition.progress.silent:
            return
        progress = partition.progress_after(computed, topic, position, due.applied, due.silent)
        topics, number = self._settings.topics, partition.number
        writes = done.writes
        writes += writes_of_progress(progress, told, partition=number, topics=topics, serdes=self._serdes)
        writes += [Write(topics.sku_velocity, number, one.key(), one.value()) for one in windows]
        self._committer.submit(
            partition, Prepared(writes, done.encoded, computed, progress, topic, position, read, due.ends, done.spans)
        )

    def _windows(self, partition: Partition, computed: Computed) -> list[WindowRecord]:
        """Count what was sold; the records go into this transaction."""
        now_ms = self._clock.now_ms()
        self._velocity.note(partition.number, computed.sales, now_ms)
        self._live_times.note(computed.live)
        return self._velocity.flush(partition.number, now_ms, self._clock.monotonic_s())

    def _told(self, partition: Partition, topic: str | None, position: int) -> EngineProgress | None:
        """The partition's `engine.progress`, when it is time to tell it and there is something to tell."""
        if self._clock.monotonic_s() - partition.progress_told_s < PROGRESS_INTERVAL_S:
            return None
        positions = partition.positions()
        if topic is not None:
            positions[topic] = position
        until_ms = self._until_ms(partition, positions)
        if until_ms is None:
            return None
        partition.progress_told_s = self._clock.monotonic_s()
        return EngineProgress(
            partition=partition.number,
            complete_until_ms=until_ms,
            written_at_ms=self._clock.now_ms(),
            catching_up=not partition.catch_up.done,
            uncounted=sum(partition.uncounted.values()),
            skus=len(partition.states),
            sources={SourceId(name): at for name, at in partition.progress.sources.items()},
        )

    def _until_ms(self, partition: Partition, positions: Mapping[str, int]) -> int | None:
        fetched = self._inputs.fetch_states(positions, partition.number)
        partition.newest_applied_ms = applied_until_ms(positions, fetched, partition.newest_applied_ms)
        return complete_until_ms(positions, fetched, partition.newest_applied_ms)

    def _fetch_what_stands_still(self) -> None:
        overdue = self._standing.overdue(self._ownership.partitions.values(), self._inputs.fetch_states, self._idle_s)
        held_back = waiting(self._ownership.partitions.values())
        for topic, number, position in overdue:
            if topic == self._settings.topics.inventory_changes and number in held_back:
                continue
            place = {"topic": topic, "partition": number, "position": position}
            log.warning("an input stands still though there is more of it, fetched again", extra=place)
            self._metrics.gaps.labels(topic).inc()
            self._inputs.refetch(topic, number, position)

    def _measure(self) -> None:
        owned = self._ownership.partitions.values()
        measure(self._metrics, owned, self._velocity, self._live_times)
        if self._turned_s - self._overdue_s >= OVERDUE_INTERVAL_S:
            self._overdue_s = self._turned_s
            before_ms = self._clock.now_ms() - int(self._settings.unreported_sale_limit_s * 1000)
            self._metrics.overdue_sales.set(sum(one.unreported.overdue(before_ms) for one in owned))
        inputs = self._settings.topics.engine_inputs()
        measure_lag(self._metrics, owned, inputs, lambda topic, one: self._inputs.fetch_states([topic], one).get(topic))
        now_ms = self._clock.now_ms()
        until_ms = [self._until_ms(one, one.positions()) or one.owned_since_ms for one in owned]
        oldest_ms = min([one for one in until_ms if one is not None], default=now_ms)
        self._metrics.lag_seconds.set(max(0, now_ms - oldest_ms) / 1000)


async def _next(stream: AsyncIterator[FetchedBatch]) -> FetchedBatch:
    return await anext(stream)
