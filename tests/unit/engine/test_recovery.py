"""Taking one partition over: what is asked in which order, and what stops it; without a broker."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from inventory_domain.errors import InvariantBroken, OwnershipLost
from inventory_domain.sku_state import InputPosition, PartitionProgress, SkuState
from inventory_streams.engine import recovery
from inventory_streams.engine.inputs import InputFacts, InputReplaced
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.recovery import Opener
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes, engine_serdes
from inventory_streams.kafka.reading import ReadStalled
from inventory_streams.kafka.transactions import Write
from tests.support.engine_bench import CHANGES, Bench, a_bench
from tests.support.engine_work import PARTITION, TOPICS
from tests.support.stock import SKU, a_policy

Record = tuple[bytes | None, bytes | None]
AS_EVER = {topic: InputFacts("id", 0, 0) for topic in TOPICS.engine_inputs()}


def never() -> bool:
    return False


@dataclass
class Broker:
    """What recovery asks of Kafka, in order; the changelog that it reads."""

    asked: list[str] = field(default_factory=list)
    changelog: list[Record] = field(default_factory=list)
    fenced: bool = False
    reading: Callable[[], None] = lambda: None

    def writer(self, settings: object, transactional_id: str) -> Any:
        return SimpleNamespace(take_over=lambda: self.asked.append(f"take over {transactional_id}"))

    def commit_all(self, writes: list[Write]) -> None:
        self.asked.append("commit by the old producer")
        if self.fenced:
            raise OwnershipLost("fenced")

    def read_to_end(
        self, settings: object, places: object, keep: Any, *, abandoned: Callable[[], bool], stall_limit_s: float
    ) -> int | None:
        self.asked.append("read the changelog")
        self.reading()
        if abandoned():
            return None
        keep([SimpleNamespace(key=lambda k=key: k, value=lambda v=value: v) for key, value in self.changelog])
        return len(self.changelog)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(recovery, "TransactionalWriter", broker.writer)
    monkeypatch.setattr(recovery, "read_to_end", broker.read_to_end)
    return broker


@pytest.fixture
async def bench(broker: Broker) -> AsyncIterator[Bench]:
    async with a_bench() as bench:
        bench.writer.commit_all = broker.commit_all  # type: ignore[method-assign]
        yield bench


def serdes_of(bench: Bench) -> EngineSerdes:
    return engine_serdes(TOPICS, bench.registry)


def opener_of(bench: Bench) -> Opener:
    return Opener(bench.settings, serdes_of(bench), a_policy())


def opened(
    bench: Bench, former: Partition | None = None, *, changes: InputFacts = AS_EVER[CHANGES]
) -> Partition | None:
    return opener_of(bench).open(PARTITION, {**AS_EVER, CHANGES: changes}, never, former)


async def test_the_id_is_taken_over_before_the_changelog_is_read(bench: Bench, broker: Broker) -> None:
    """Read before, the former owner could still commit behind what was read (rule 13)."""
    assert opened(bench) is not None

    assert broker.asked == [f"take over app-{PARTITION}", "read the changelog"]


async def test_a_recovery_that_was_abandoned_while_it_waited_takes_nothing_from_its_successor(
    bench: Bench, broker: Broker
) -> None:
    """Its thread goes on when the handler of the rebalance is cancelled (rule 10)."""
    assert opener_of(bench).open(PARTITION, AS_EVER, lambda: True, bench.partition) is None

    assert broker.asked == []


async def test_nor_does_one_that_is_abandoned_while_its_old_producer_is_refused(bench: Bench, broker: Broker) -> None:
    broker.fenced = True

    found = opener_of(bench).open(PARTITION, AS_EVER, lambda: bool(broker.asked), bench.partition)

    assert found is None
    assert broker.asked == ["commit by the old producer"]


async def test_one_that_is_abandoned_while_it_reads_gives_nothing(bench: Bench, broker: Broker) -> None:
    assert opener_of(bench).open(PARTITION, AS_EVER, lambda: "read the changelog" in broker.asked, None) is None


async def test_two_recoveries_of_one_partition_never_overlap(bench: Bench, broker: Broker) -> None:
    """The second would be fenced by the first, in the same process."""
    opener, going, go = opener_of(bench), threading.Event(), threading.Event()

    def slowly() -> None:
        going.set()
        assert go.wait(10)

    broker.reading = slowly
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(opener.open, PARTITION, AS_EVER, never, None)
        assert going.wait(10)
        second = threads.submit(opener.open, PARTITION, AS_EVER, never, None)
        assert broker.asked.count(f"take over app-{PARTITION}") == 1
        assert opener._locks[PARTITION].locked()
        go.set()
        assert first.result(10) is not None
        assert second.result(10) is not None

    assert broker.asked == 2 * [f"take over app-{PARTITION}", "read the changelog"]


async def test_what_nobody_took_over_meanwhile_is_kept(bench: Bench, broker: Broker) -> None:
    assert opened(bench, bench.partition) is bench.partition

    assert broker.asked == ["commit by the old producer"]


async def test_what_somebody_took_over_meanwhile_is_read_anew(bench: Bench, broker: Broker) -> None:
    broker.fenced = True

    assert opened(bench, bench.partition) not in (None, bench.partition)


async def test_a_partition_is_not_kept_when_its_input_was_created_anew(bench: Bench, broker: Broker) -> None:
    """The rebalance is what shows it; going on would skip the first records of the new topic (rule 3)."""
    with pytest.raises(InputReplaced, match="engine adopt"):
        opened(bench, bench.partition, changes=InputFacts("another id", 0, 3))

    assert broker.asked == []


async def test_a_partition_whose_unread_input_was_deleted_is_read_anew_and_says_so(
    bench: Bench, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    progress = PartitionProgress(bench.partition.progress.positions)
    broker.changelog = [(PROGRESS_KEY, serdes_of(bench).state.encode(progress))]

    found = opened(bench, bench.partition, changes=InputFacts("id", 7, 9))

    assert found not in (None, bench.partition)
    assert found is not None
    assert found.position(CHANGES) == 7
    assert "input was deleted before it was read" in caplog.messages


async def test_the_newest_record_of_each_key_counts_and_a_tombstone_forgets(bench: Bench, broker: Broker) -> None:
    encode = serdes_of(bench).state.encode
    progress = PartitionProgress({CHANGES: InputPosition("id", 3)}, policy="p")
    broker.changelog = [
        (SKU.encode(), encode(SkuState(SKU, changed_at_ms=1))),
        (b"GONE", encode(SkuState(SKU))),
        (PROGRESS_KEY, encode(progress)),
        (SKU.encode(), encode(SkuState(SKU, changed_at_ms=2))),
        (b"GONE", None),
    ]

    found = opened(bench, changes=InputFacts("id", 0, 5))

    assert found is not None
    assert found.states.skus() == [SKU]
    state = found.states.get(SKU)
    assert state is not None
    assert state.changed_at_ms == 2
    assert (found.position(CHANGES), found.progress.policy) == (3, "p")
    assert not found.catch_up.done
    assert found.catch_up.end_of(CHANGES) == 5


async def test_a_progress_that_was_deleted_begins_at_the_first_record(bench: Bench, broker: Broker) -> None:
    progress = PartitionProgress({CHANGES: InputPosition("id", 3)})
    broker.changelog = [(PROGRESS_KEY, serdes_of(bench).state.encode(progress)), (PROGRESS_KEY, None)]

    found = opened(bench, changes=InputFacts("id", 1, 5))

    assert found is not None
    assert found.position(CHANGES) == 1


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ((PROGRESS_KEY, b"no progress"), "progress of partition"),
        ((None, b"value"), "a record without key"),
    ],
    ids=["progress", "no-key"],
)
async def test_a_changelog_that_cannot_be_read_stops_the_start(
    bench: Bench, broker: Broker, record: Record, why: str
) -> None:
    """Whatever is left out of it would be lost with the next record of that key (rule 15)."""
    broker.changelog = [record]

    with pytest.raises(InvariantBroken, match=why):
        opened(bench)


@pytest.mark.parametrize("stalls", [True, False], ids=["stalled", "out-of-time"])
async def test_windows_that_cannot_be_read_hold_up_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stalls: bool
) -> None:
    """They may be lost (rule 8)."""

    def read(*_: object, **__: object) -> None:
        if stalls:
            raise ReadStalled("the broker is gone")

    monkeypatch.setattr(recovery, "read_to_end", read)
    caplog.set_level(logging.WARNING, "inventory_streams.engine.recovery")

    assert recovery.read_windows(bench.settings, [0, 1]) == {0: [], 1: []}
    assert "windows of sales begin anew where they were not read" in caplog.messages
