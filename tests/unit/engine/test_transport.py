"""The contract with Faust 0.15.3 and aiokafka 0.14: what is overridden is there, and does what the engine counts on."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiokafka
import faust
import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from inventory_domain.changes import StockAdjusted
from inventory_domain.errors import ConfigError, InvariantBroken
from inventory_streams.engine.app import FaustInputs, create_app
from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.credentials import broker_credentials
from inventory_streams.engine.records import FetchedBatch, InputRecord
from inventory_streams.engine.settings import GAP_REFETCHES_MAX, EngineSettings
from inventory_streams.engine.transport import BatchConsumer, BatchThread
from inventory_streams.engine.watch import CommitWatch
from inventory_streams.kafka.settings import KafkaSettings
from tests.support.engine_bench import GENERATION, a_bench, selling
from tests.support.engine_work import PARTITION, TOPICS
from tests.support.stock import NOW_MS, a_change

TOPIC = TOPICS.inventory_changes
PLACE = TP(TOPIC, 0)


def a_batch(start: int, end: int, *offsets: int) -> FetchedBatch:
    records = tuple(InputRecord(TOPIC, 0, offset, 1_000, b"key", b"value") for offset in offsets)
    return FetchedBatch(TOPIC, 0, start, end, records)


@dataclass
class Handed:
    """A consumer that is not connected, and what it handed to the stream."""

    consumer: BatchConsumer
    batches: list[FetchedBatch] = field(default_factory=list)
    seeks: list[tuple[TP, int]] = field(default_factory=list)

    async def fetched(self, *batches: FetchedBatch, generation: int = 0) -> None:
        """What the driver does with the answer to a fetch."""
        for batch in batches:
            await self.consumer._hand_over({PLACE: batch}, {PLACE}, generation)

    def stretches(self) -> list[tuple[int, int, list[int]]]:
        return [(one.start, one.end, [record.offset for record in one.records]) for one in self.batches]


@pytest.fixture
async def handed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Handed]:  # type: ignore[misc]
    settings = EngineSettings(KafkaSettings("127.0.0.1:1"), TOPICS, application="app")
    app = create_app(settings)
    consumer = FaustInputs(app).consumer
    consumer.watch = CommitWatch(lambda: 0.0)
    app.consumer_generation_id = 0
    found = Handed(consumer)

    async def callback(message: object) -> None:
        found.batches.append(message.value)  # type: ignore[attr-defined]

    consumer.callback = callback
    monkeypatch.setattr(consumer._thread, "seek", lambda tp, offset: found.seeks.append((tp, offset)))
    yield found  # type: ignore[misc]
    consumer._thread.thread_loop.close()


def test_the_versions_are_those_whose_insides_are_overridden() -> None:
    assert faust.__version__ == "0.15.3"
    assert aiokafka.__version__.startswith("0.14.")


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        (BatchConsumer, driver.Consumer, name)
        for name in (
            "_new_consumer_thread",
            "_filter_tps_with_pending_acks",
            "_filter_committable_offsets",
            "_commit",
            "wait_empty",
            "perform_seek",
            "on_buffer_full",
            "on_buffer_drop",
            "_drain_messages",
        )
    ]
    + [
        (BatchThread, driver.AIOKafkaConsumerThread, name)
        for name in ("_create_worker_consumer", "_fetch_records", "seek")
    ],
)
def test_what_is_overridden_is_there_and_is_called_the_same_way(ours: type, theirs: type, name: str) -> None:
    """A method of ours under a name that Faust no longer calls would be silently of no effect."""
    mine = list(inspect.signature(getattr(ours, name)).parameters)
    base = list(inspect.signature(getattr(theirs, name)).parameters)

    assert name in vars(ours)
    assert mine == base


async def test_stretches_that_meet_are_handed_over_as_they_are(handed: Handed) -> None:
    handed.consumer._expected[PLACE] = 0

    await handed.fetched(a_batch(0, 3, 0, 1, 2), a_batch(3, 6, 4))

    assert handed.stretches() == [(0, 3, [0, 1, 2]), (3, 6, [4])]
    assert handed.seeks == []


async def test_a_gap_is_fetched_again_and_what_is_behind_it_waits(handed: Handed) -> None:
    handed.consumer._expected[PLACE] = 0

    await handed.fetched(a_batch(2, 4, 2, 3))
    await handed.fetched(a_batch(0, 4, 0, 1, 2, 3))

    assert handed.seeks == [(PLACE, 0)]
    assert handed.stretches() == [(0, 4, [0, 1, 2, 3])]


async def test_what_is_fetched_again_and_never_comes_ends_the_process(handed: Handed) -> None:
    """The driver skips what was deleted; the next start says so, and the transport would ask for it for ever."""
    handed.consumer._expected[PLACE] = 0
    for _ in range(GAP_REFETCHES_MAX):
        await handed.fetched(a_batch(2, 4, 2, 3))
    await handed.fetched(a_batch(0, 1, 0))
    for _ in range(GAP_REFETCHES_MAX):
        await handed.fetched(a_batch(2, 4, 2, 3))

    with pytest.raises(InvariantBroken, match="does not go on at offset 1 but at 2"):
        await handed.fetched(a_batch(2, 4, 2, 3))

    assert len(handed.seeks) == 2 * GAP_REFETCHES_MAX


async def test_the_rest_of_a_stretch_of_which_a_part_was_lost_is_not_handed_over(handed: Handed) -> None:
    """Each part behind the lost one is a gap for the agent, and the same gap several times ends the process."""
    consumer = handed.consumer
    consumer._expected[PLACE], consumer.one_by_one = 0, True
    plain = consumer.callback

    async def callback(message: object) -> None:
        await plain(message)  # type: ignore[arg-type]
        if len(handed.batches) == 2:
            consumer.refetch(PLACE, 1)

    consumer.callback = callback

    await handed.fetched(a_batch(0, 9, *range(9)))
    assert handed.stretches() == [(0, 1, [0]), (1, 2, [1])]

    await handed.fetched(a_batch(1, 9, *range(1, 9)))
    assert [start for start, _, _ in handed.stretches()[2:]] == list(range(1, 9))


async def test_what_was_fetched_before_a_seek_is_not_handed_over_twice(handed: Handed) -> None:
    handed.consumer._expected[PLACE] = 5

    await handed.fetched(a_batch(0, 5, 0, 1, 2, 3, 4), a_batch(3, 8, 3, 4, 5, 6, 7))

    assert handed.stretches() == [(5, 8, [5, 6, 7])]


async def test_markers_alone_are_handed_over_too(handed: Handed) -> None:
    """Else the end of a log that ends in a marker would never be reached."""
    handed.consumer._expected[PLACE] = 0

    await handed.fetched(a_batch(0, 2))

    assert handed.stretches() == [(0, 2, [])]


async def test_a_fetch_of_an_old_generation_is_dropped(handed: Handed) -> None:
    handed.consumer._expected[PLACE] = 0

    await handed.fetched(a_batch(0, 1, 0), generation=3)

    assert handed.stretches() == []


async def test_nothing_is_handed_over_while_the_flow_is_stopped(handed: Handed) -> None:
    handed.consumer.stop_flow()

    await handed.fetched(a_batch(0, 1, 0))

    assert handed.stretches() == []


@dataclass
class Drained:
    """The consumer's own loop, with a driver that gives out what it is told to."""

    handed: Handed
    answers: list[dict[TP, FetchedBatch]] = field(default_factory=list)
    standing: dict[TP, int] = field(default_factory=dict)
    asked: int = 0
    ends: asyncio.Event = field(default_factory=asyncio.Event)

    async def getmany(self, active_partitions: object, timeout: float) -> dict[TP, FetchedBatch]:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.answers:
            self.ends.set()
            return {}
        return self.answers.pop(0)

    async def until_empty(self) -> None:
        """Until every answer was given and what came of it was done."""
        self.ends.clear()
        await asyncio.wait_for(self.ends.wait(), 5)


@pytest.fixture
async def drained(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Drained]:
    consumer = handed.consumer
    found = Drained(handed)
    consumer._active_partitions = {PLACE}
    monkeypatch.setattr(consumer, "_getmany", found.getmany)
    monkeypatch.setattr(consumer._thread, "standing", lambda tps: {tp: found.standing[tp] for tp in tps})
    fetcher = SimpleNamespace(_stopped=asyncio.Event())
    running = asyncio.create_task(consumer._drain_messages(fetcher))
    yield found
    fetcher._stopped.set()
    consumer.resume_flow()
    await asyncio.wait_for(running, 5)


async def test_what_is_fetched_first_after_a_rebalance_is_of_the_new_generation(drained: Drained) -> None:
    """The loop waits for the flow through a whole rebalance. Dropped as an old one, that fetch would not be missed
    before something came behind it: a partition whose backlog fits into one fetch stood still for ever.
    """
    consumer = drained.handed.consumer
    drained.standing[PLACE] = 0
    await drained.until_empty()
    consumer.stop_flow()
    for _ in range(10):
        await asyncio.sleep(0)
    before = drained.asked
    for _ in range(10):
        await asyncio.sleep(0)
    assert drained.asked == before, "it waits"

    consumer.app.consumer_generation_id = 1
    consumer._expected[PLACE] = 0
    drained.answers.append({PLACE: a_batch(0, 2, 0, 1)})
    consumer.resume_flow()
    await drained.until_empty()

    assert drained.handed.stretches() == [(0, 2, [0, 1])]


@pytest.mark.parametrize("stops", [True, False])
async def test_a_fetch_that_the_stop_cancels_is_no_crash(
    handed: Handed, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    """At a stop in the middle of a rebalance Faust would tell of errors, though all is well."""

    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    consumer = handed.consumer
    monkeypatch.setattr(consumer, "_wait_next_records", cancelled)
    monkeypatch.setattr(type(consumer.app), "should_stop", stops, raising=False)
    reading = consumer._drain_messages(SimpleNamespace(_stopped=asyncio.Event()))

    if stops:
        await reading
    else:
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_what_was_fetched_and_did_not_arrive_is_fetched_again_though_nothing_comes_behind_it(
    drained: Drained, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = drained.handed.consumer
    consumer._expected[PLACE] = drained.standing[PLACE] = 5
    consumer._looked_s = float("-inf")
    await drained.until_empty()
    assert drained.handed.seeks == []

    drained.standing[PLACE] = 9
    consumer._looked_s = float("-inf")
    await drained.until_empty()
    await drained.until_empty()

    assert drained.handed.seeks == [(PLACE, 5)], "once, and not again at each turn"


async def test_a_driver_that_went_back_by_itself_is_noticed(drained: Drained) -> None:
    """A topic that was created anew begins at 0: all that comes passes for what was read before (rule 3)."""
    consumer = drained.handed.consumer
    consumer._expected[PLACE], drained.standing[PLACE] = 5, 2
    for _ in range(GAP_REFETCHES_MAX):
        consumer._looked_s = float("-inf")
        await drained.until_empty()
    assert drained.handed.seeks == [(PLACE, 5)] * GAP_REFETCHES_MAX

    consumer._looked_s = float("-inf")
    with pytest.raises(InvariantBroken, match="does not go on at offset 5 but at 2"):
        consumer._fetch_what_was_lost()


async def test_what_is_lost_behind_the_hand_over_with_nothing_after_it_is_missed_by_the_agent_alone(
    drained: Drained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust empties its agents' queues at will. For the transport all has arrived then, and no gap ever shows."""
    consumer, place = drained.handed.consumer, TP(TOPIC, PARTITION)
    consumer._active_partitions = {place}
    consumer.app.consumer_generation_id = GENERATION
    async with a_bench() as bench:
        await selling(bench)
        sale = bench.wire.change(a_change(StockAdjusted(-1), sequence=2))
        batch = FetchedBatch(TOPIC, PARTITION, 1, 2, (sale,))
        passed: list[FetchedBatch] = []

        async def queued(message: ConsumerMessage) -> None:
            passed.append(message.value)
            if len(passed) > 1:
                bench.hand(message.value)

        def sought(tp: TP, offset: int) -> None:
            drained.handed.seeks.append((tp, offset))
            drained.answers.append({tp: batch})

        consumer.callback = queued
        monkeypatch.setattr(consumer._thread, "seek", sought)
        monkeypatch.setattr(bench.inputs, "refetch", lambda topic, number, at: consumer.refetch(TP(topic, number), at))
        await drained.until_empty()
        consumer._expected[place] = drained.standing[place] = 1
        drained.answers.append({place: batch})
        await drained.until_empty()
        drained.standing[place] = 2
        for _ in range(3):
            consumer._looked_s = float("-inf")
            await drained.until_empty()
        assert (len(passed), drained.handed.seeks) == (1, []), "the transport misses nothing"

        bench.inputs.fetched = {TOPIC: FetchState(2, NOW_MS)}
        await bench.until(lambda: bench.inputs.positions[TOPIC] == 2, "the sale is applied", step_s=1.0)

        assert drained.handed.seeks == [(place, 1)]
        assert bench.told()[-1].quantity == 9


async def test_one_by_one_gives_a_batch_per_record(handed: Handed) -> None:
    handed.consumer.one_by_one = True
    handed.consumer._expected[PLACE] = 0

    await handed.fetched(a_batch(0, 4, 0, 2))

    assert handed.stretches() == [(0, 2, [0]), (2, 4, [2])]


async def test_only_what_is_durable_can_be_committed(handed: Handed) -> None:
    """Faust's own acks are off: an event that it skips as stale would be acknowledged too (rule 13)."""
    consumer = handed.consumer
    consumer._expected[PLACE] = 0
    await handed.fetched(a_batch(0, 10, 0, 9))
    assert list(consumer._filter_tps_with_pending_acks()) == []

    consumer.mark_durable(PLACE, 4)
    consumer.mark_durable(PLACE, 3)

    assert list(consumer._filter_tps_with_pending_acks()) == [PLACE]
    assert consumer._filter_committable_offsets([PLACE]) == {PLACE: 4}
    consumer._committed_offset[PLACE] = 4
    assert consumer._filter_committable_offsets([PLACE]) == {}


async def test_each_input_is_watched_for_its_own_commits(handed: Handed, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that Faust leaves out of every commit would not be seen beside those that it commits (rule 11)."""
    consumer, other, at_s = handed.consumer, TP(TOPIC, 1), 0.0
    consumer.watch = CommitWatch(lambda: at_s)

    async def committed(consumer: BatchConsumer, offsets: object) -> bool:
        return True

    monkeypatch.setattr(driver.Consumer, "_commit", committed)
    for position in range(1, 4):
        at_s += 10
        consumer.mark_durable(PLACE, position)
        consumer.mark_durable(other, position)
        await consumer._commit({other: position})
    assert consumer.watch.stalled_s() == 20

    await consumer._commit({PLACE: 3})
    assert consumer.watch.stalled_s() == 0


async def test_an_assignment_begins_the_watch_anew(handed: Handed) -> None:
    at_s = 0.0
    handed.consumer.watch = CommitWatch(lambda: at_s)
    handed.consumer.starts = dict
    handed.consumer.mark_durable(PLACE, 1)
    at_s += 20

    handed.consumer._thread.standing = lambda partitions: {}  # type: ignore[method-assign]
    await handed.consumer.perform_seek()
    handed.consumer.mark_durable(PLACE, 2)

    assert handed.consumer.watch.stalled_s() == 0


async def test_the_app_is_as_the_rules_ask(handed: Handed) -> None:
    conf = handed.consumer.app.conf

    assert conf.processing_guarantee.value == "at_least_once"
    assert not conf.web_enabled
    assert conf.store.scheme == "memory"
    assert conf.topic_disable_leader
    assert conf.broker_session_timeout == 10.0


def test_an_open_broker_needs_no_credentials() -> None:
    assert broker_credentials({}) is None


def test_a_user_and_password_are_handed_to_faust() -> None:
    found = broker_credentials(
        {"security.protocol": "SASL_PLAINTEXT", "sasl.username": "engine", "sasl.password": "secret"}
    )

    assert isinstance(found, faust.SASLCredentials)
    assert (found.username, found.password, found.mechanism.value) == ("engine", "secret", "SCRAM-SHA-512")
    assert found.ssl_context is None


def test_with_tls_the_certificate_is_checked() -> None:
    found = broker_credentials({"security.protocol": "sasl_ssl", "sasl.username": "engine", "sasl.password": "secret"})

    assert isinstance(found, faust.SASLCredentials)
    assert found.ssl_context is not None
    assert found.ssl_context.check_hostname


def test_a_setting_that_cannot_be_handed_on_is_refused_without_its_value() -> None:
    """Dropped silently, it would connect with less security than was asked for."""
    with pytest.raises(ConfigError) as caught:
        broker_credentials({"sasl.kerberos.keytab": "canary"})

    assert "sasl.kerberos.keytab" in str(caught.value)
    assert "canary" not in str(caught.value)
