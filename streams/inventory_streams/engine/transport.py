"""Faust's aiokafka driver, changed to hand over one event per fetched stretch of a partition.

What is overridden here is private to Faust 0.15.3 and aiokafka 0.14; tests hold the contract. The reasons:

- The cost of Faust is per event, so an event carries a whole stretch (design.md section 3).
- aiokafka says nothing of transaction markers and aborted records that it skips, so offsets jump; fetch positions
  do not, and only they show a loss (rule 4).
- Faust ties read_committed to its own exactly_once, and assigns partitions of topics one by one unless it has tables.
- Records are made once, as the engine reads them: made by aiokafka and then by us they cost as much again.
- Only positions that the engine declared durable are ever committed (rule 13).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from inventory_domain.errors import InvariantBroken
from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.continuity import Fit, fit, in_parts, singly, trimmed
from inventory_streams.engine.records import FetchedBatch, InputRecord
from inventory_streams.engine.settings import BATCH_SKUS_MAX, FETCH_BYTES_MAX, GAP_REFETCHES_MAX
from inventory_streams.engine.watch import CommitWatch

FETCH_WAIT_MS = 250  # an idle broker answers that often, so that the end of an input is known to be current
POLL_S = 0.5

log = logging.getLogger(__name__)


class BatchThread(driver.AIOKafkaConsumerThread):
    """The thread that fetches: a read_committed consumer whose partitions of all inputs go together."""

    mundane_level = "debug"
    seeks: dict[TP, int]  # how often each partition was moved; of this thread alone

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seeks = {}

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = RangePartitionAssignor  # equal counts and subscriptions: partition i of all has one owner
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            check_crcs=conf.broker_check_crcs,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def _fetch_records(  # type: ignore[override]  # stretches instead of lists of records
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, FetchedBatch]:
        """What was fetched, with the fetch positions before and after it: they cover markers, offsets do not."""
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        for result in fetcher._records.values():
            _read_as_input(result)
        active_partitions = active_partitions - cast(BatchConsumer, self.consumer).held_back
        seeks = dict(self.seeks)
        assignment, before = self._places(active_partitions)
        with fetcher._subscriptions.fetch_context():
            drained = await _drained(fetcher, active_partitions, timeout, max_records)
        again, after = self._places(active_partitions)
        if again is not assignment:
            return {}  # another assignment: its positions have nothing to do with the former ones
        batches = {}
        for tp, (end, reset) in after.items():
            if end is None:
                continue
            start, last_reset = before.get(tp, (None, None))
            if reset is not last_reset:
                start = None
            records = drained.get(tp, ())
            if seeks.get(tp) != self.seeks.get(tp):
                continue  # moved meanwhile: the stretch is not known, and what is dropped here shows as a gap
            if start is None:
                start = records[0].offset if records else end
            if end > start:
                raw = _inputs(tp, records)
                batches[TP(tp.topic, tp.partition)] = FetchedBatch(tp.topic, tp.partition, start, end, raw)
        return batches

    def driven(self) -> Any:
        """The driver's assignment; None while there is none."""
        subscription = self._ensure_consumer()._subscription.subscription
        return subscription.assignment if subscription is not None else None

    def _places(self, partitions: Iterable[TP]) -> tuple[object, dict[TP, tuple[int | None, object]]]:
        """The driver's assignment, and per partition its position, if it has one, with what is another one after the
        driver went elsewhere by itself: the records were deleted."""
        assignment = self.driven()
        states = {tp: assignment.state_value(tp) for tp in partitions} if assignment is not None else {}
        return assignment, {
            tp: (state.position if state.has_valid_position else None, state._position_fut)
            for tp, state in states.items()
            if state is not None
        }

    def standing(self, partitions: Iterable[TP]) -> dict[TP, int]:
        """Where the next records would come from, as far as that is known."""
        _, places = self._places(partitions)
        return {TP(tp.topic, tp.partition): position for tp, (position, _) in places.items() if position is not None}

    def seek(self, partition: TP, offset: int) -> None:
        """Fetch from that offset next. Runs in the fetching thread, whose futures are not safe to touch from here."""
        self.thread_loop.call_soon_threadsafe(self._seek_here, partition, offset)

    def _seek_here(self, partition: TP, offset: int) -> None:
        consumer = self._ensure_consumer()
        if partition in consumer.assignment():
            self.seeks[partition] = self.seeks.get(partition, 0) + 1
            consumer.seek(TopicPartition(partition.topic, partition.partition), offset)


class BatchConsumer(driver.Consumer):
    """Hands stretches to the stream, fetches gaps again, and commits what the engine declared durable.

    Set by the engine before the app starts: `starts` says from where each partition is read after an assignment,
    `drain` waits for running transactions, `watch` is told what is durable and what is committed.
    """

    mundane_level = "debug"
    _thread: BatchThread
    watch: CommitWatch

    starts: Callable[[], Mapping[TP, int]]
    drain: Callable[[], Awaitable[None]]
    one_by_one: bool = False
    held_back: frozenset[TP] = frozenset()  # what was fetched of these stays with the driver; replaced, never changed

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._expected: dict[TP, int] = {}
        self._sought: dict[TP, int] = {}  # how often what is expected was fetched again without coming
        self._looked_s = float("-inf")
        self._durable: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    # Offsets.

    def mark_durable(self, tp: TP, position: int) -> None:
        """All input below this position is in committed transactions, so the group's offset may follow."""
        if position > self._durable.get(tp, -1):
            self._durable[tp] = position
            self.watch.durable(tp)

    def _filter_tps_with_pending_acks(self, topics: object = None) -> Iterator[TP]:
        return iter(list(self._durable))

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        found = {}
        for tp in tps:
            position = self._durable.get(tp)
            if position is not None and position > (self._committed_offset[tp] or 0):
                found[tp] = position
        return found

    def uncommitted(self) -> bool:
        """Whether the group's offset is behind what is durable."""
        return bool(self._filter_committable_offsets(list(self._durable)))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done = bool(await super()._commit(offsets))
        if done:
            self.watch.committed(offsets)
        return done

    async def wait_empty(self) -> None:
        """At a revocation and at the stop: running transactions end, then their positions are committed (rule 13)."""
        await self.drain()
        await self.commit()
        if self.uncommitted():
            await self.commit()  # the first call may only have waited for one that was under way

    # Positions.

    async def perform_seek(self) -> None:
        """After an assignment every input begins at the position that the changelog has applied.

        Where the driver stands there already, what it has fetched meanwhile is kept.
        """
        self._expected.clear()
        self._sought.clear()
        self._durable.clear()
        self.watch.assigned()
        starts = self.starts()
        standing = self._thread.standing(starts)
        for tp, position in starts.items():
            self._expected[tp] = position
            if standing.get(tp) != position:
                self._thread.seek(tp, position)

    def refetch(self, tp: TP, position: int) -> None:
        """Fetch again from there: what followed it was lost on its way to the agent."""
        self._expected[tp] = position
        self._thread.seek(tp, position)

    def fetch_states(self, tps: Iterable[TP]) -> dict[TP, FetchState]:
        """Per partition what the last answer to a fetch said of its end."""
        assignment = self._thread.driven()
        if assignment is None:
            return {}
        found = {}
        for tp in tps:
            state = assignment.state_value(tp)
            if state is not None and state.lso is not None and state.timestamp is not None:
                found[tp] = FetchState(state.lso, state.timestamp)
        return found

    # Back pressure is the bounded queue alone: Faust's own would pause partitions.

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: the queue holds few batches, and putting into it waits."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing, as above."""

    async def _drain_messages(self, fetcher: object) -> None:
        stopped, fetcher_stopped = self._stopped.is_set, fetcher._stopped.is_set  # type: ignore[attr-defined]
        try:
            while not (stopped() or fetcher_stopped()):
                if not self.flow_active:
                    # Before the generation is looked at: it is another one when the flow opens again, and the first
                    # fetch then would be dropped as one of the generation before.
                    await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # any event will do
                generation = self.app.consumer_generation_id
                batches, active = await self._wait_next_records(POLL_S)
                await asyncio.sleep(0)
                if batches and not self.should_stop:
                    await self._hand_over(cast(Mapping[TP, FetchedBatch], batches), active, generation)
                self._fetch_what_was_lost()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:  # else Faust tells of a crash where the stop falls into a rebalance
                raise

    async def _hand_over(self, batches: Mapping[TP, FetchedBatch], active: set[TP] | None, generation: int) -> None:
        for tp, batch in batches.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return  # a rebalance: the flow begins anew at the applied positions
            if active is not None and tp not in active:
                continue
            fitting = self._fitting(tp, batch)
            if fitting is None:
                continue
            self._expected[tp] = fitting.end
            for one in singly(fitting) if self.one_by_one else in_parts(fitting, BATCH_SKUS_MAX):
                if self._expected.get(tp) != fitting.end:
                    break  # asked for again meanwhile: the rest would be a gap, and several end the process
                await self.callback(_message(tp, replace(one, generation=generation)))

    def _fetch_what_was_lost(self) -> None:
        """Fetch again what the driver gave out and nobody got. No fetch is under way when this is called.

        A gap shows with the next record behind it (rule 4); where nothing comes any more it would never show. Nor would
        that the driver went back to the first record of a topic that was created anew.
        """
        now_s = self.loop.time()
        if not self.flow_active or now_s - self._looked_s < POLL_S:
            return
        self._looked_s = now_s
        for tp, position in self._thread.standing(self._expected).items():
            expected = self._expected[tp]
            if position != expected:
                place = {"topic": tp.topic, "partition": tp.partition, "expected": expected, "position": position}
                log.warning("input was fetched and did not arrive, fetched again", extra=place)
                self._seek_again(tp, expected, position)

    def _seek_again(self, tp: TP, expected: int, position: int) -> None:
        """Fetch again from where it must go on; the driver goes elsewhere by itself where nothing is there any more.

        Raises:
            InvariantBroken: it never comes. The next start says why (`begin_at`).
        """
        self._sought[tp] = self._sought.get(tp, 0) + 1
        if self._sought[tp] > GAP_REFETCHES_MAX:
            raise InvariantBroken(
                f"{tp.topic}[{tp.partition}] does not go on at offset {expected} but at {position}: records were"
                " deleted before they were read, or the topic was created anew"
            )
        self.refetch(tp, expected)

    def _fitting(self, tp: TP, batch: FetchedBatch) -> FetchedBatch | None:
        expected = self._expected.get(tp)
        if expected is None:
            return batch
        how = fit(expected, batch.start, batch.end)
        if how is Fit.FOLLOWS:
            self._sought.pop(tp, None)
            return trimmed(batch, expected)
        if how is Fit.GAP:
            self._seek_again(tp, expected, batch.start)
        return None


class BatchTransport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer = BatchConsumer


async def _drained(
    fetcher: Any, active: set[TP], timeout: float | None, max_records: int | None
) -> dict[TopicPartition, list[Any]]:
    """What waits, each partition's whole up to the limit, until half a limit is together; else what comes first.

    The driver's own limit is over all partitions, and cuts the one in two that it runs out in: a backlog would come in
    pieces, and what is done once for each SKU of a batch would be done more often.
    """
    drained: dict[TopicPartition, list[Any]] = {}
    together = 0
    for place in [one for one in fetcher._records if one in active]:
        found = await fetcher.fetched_records({place}, timeout=0, max_records=max_records)
        drained.update(found)
        together += sum(map(len, found.values()))
        if max_records is not None and together > max_records // 2:
            return drained
    return drained or await fetcher.fetched_records(active, timeout=timeout, max_records=max_records)


def _read_as_input(result: object) -> None:
    """Let aiokafka make our records of what was fetched, instead of its own of which ours would be made."""
    fetched = getattr(result, "_partition_records", None)
    if fetched is not None:
        fetched._consumer_record = _input_record


def _inputs(tp: TopicPartition, records: Sequence[Any]) -> tuple[InputRecord, ...]:
    """The records as ours; those that came while the call waited were made by aiokafka still."""
    if records and not isinstance(records[0], InputRecord):
        return tuple([_input_record(tp, record) for record in records])
    return tuple(records)


def _input_record(tp: TopicPartition, record: Any) -> InputRecord:
    headers = tuple(record.headers)
    return InputRecord(tp.topic, tp.partition, record.offset, record.timestamp, record.key, record.value, headers)


def _message(tp: TP, batch: FetchedBatch) -> ConsumerMessage:
    newest_s = batch.records[-1].timestamp_ms / 1000 if batch.records else time.time()
    return ConsumerMessage(
        batch.topic,
        batch.partition,
        batch.end - 1,
        newest_s,
        0,
        [],
        b"",
        cast(bytes, batch),  # "raw" hands it through as it is
        None,
        None,
        None,
        tp,
        generation_id=batch.generation,
    )
