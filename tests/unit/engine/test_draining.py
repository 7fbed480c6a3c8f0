"""What is taken of the driver's answers at a time: of a backlog each partition's stretch whole, else all there is."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from faust.types import TP

from inventory_streams.engine import transport
from inventory_streams.engine.transport import BatchThread, _drained


class Answer:
    """The records of a partition as the driver holds them until they are asked for."""

    def __init__(self, count: int) -> None:
        self._left = iter(range(count))
        self.next_fetch_offset = 0

    def __iter__(self) -> Answer:
        return self

    def __next__(self) -> int:
        self.next_fetch_offset = next(self._left) + 1
        return self.next_fetch_offset - 1


class State:
    """Where a partition stands."""

    paused = False
    position = 0
    resets: object = None

    def consumed_to(self, position: int) -> None:
        self.position = position


def place(number: int) -> TopicPartition:
    return TopicPartition("changes", number)


def a_fetcher(*counts: int) -> Any:
    """The driver's fetcher with so many records waiting of each partition."""
    states = {place(number): State() for number in range(len(counts))}
    assignment = SimpleNamespace(active=True, state_value=states.__getitem__)
    subscriptions = SimpleNamespace(reassignment_in_progress=False, is_assigned=states.__contains__)
    records = {
        place(number): FetchResult(place(number), assignment=assignment, partition_records=Answer(count), backoff=0)
        for number, count in enumerate(counts)
    }
    fetcher = SimpleNamespace(
        _records=records, _subscriptions=subscriptions, _notify=lambda future: None, _wait_consume_future=None
    )
    fetcher.fetched_records = Fetcher.fetched_records.__get__(fetcher)
    return fetcher


def a_thread(states: dict[TopicPartition, State], consumer: SimpleNamespace) -> SimpleNamespace:
    """What fetches, as far as a fetch needs it."""
    return SimpleNamespace(
        consumer=consumer,
        seeks={},
        _places=lambda places: (states, {TP(*one): (states[one].position, states[one].resets) for one in places}),
    )


async def sizes(fetcher: Any, limit: int) -> dict[int, int]:
    active: Any = {place(0), place(1), place(2)}
    return {one.partition: len(found) for one, found in (await _drained(fetcher, active, 0, limit)).items()}


async def test_a_limit_cuts_no_partition_for_the_sake_of_another() -> None:
    """With one limit over all, the second would come as 2 and 5: its SKUs were decided twice."""
    fetcher = a_fetcher(6, 7, 1)

    assert await sizes(fetcher, 8) == {0: 6}
    assert await sizes(fetcher, 8) == {1: 7}
    assert await sizes(fetcher, 8) == {2: 1}
    assert await sizes(fetcher, 8) == {}


async def test_what_is_little_comes_all_at_once() -> None:
    assert await sizes(a_fetcher(1, 2, 1), 8) == {0: 1, 1: 2, 2: 1}


async def test_more_than_the_limit_of_one_partition_comes_in_pieces_of_it() -> None:
    fetcher = a_fetcher(17)

    assert [await sizes(fetcher, 8) for _ in range(3)] == [{0: 8}, {0: 8}, {0: 1}]


@pytest.mark.parametrize("counts", [(0, 3, 0), (0, 0, 3)])
async def test_an_answer_without_records_holds_nothing_up(counts: tuple[int, ...]) -> None:
    """Markers alone, as at the end of each transaction."""
    assert sum((await sizes(a_fetcher(*counts), 8)).values()) == 3


async def test_what_is_held_back_stays_with_the_driver_and_comes_when_it_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And holds up no other partition meanwhile (catalog_first.py)."""
    monkeypatch.setattr(transport, "_inputs", lambda tp, records: ())  # here records are numbers
    fetcher = a_fetcher(2, 3)
    fetcher._closed, fetcher._subscriptions.fetch_context = False, nullcontext
    states = {one: fetcher._records[one]._assignment.state_value(one) for one in (place(0), place(1))}
    consumer = SimpleNamespace(flow_active=True, held_back=frozenset({TP("changes", 0)}))
    thread = a_thread(states, consumer)
    driver: Any = SimpleNamespace(_fetcher=fetcher, _closed=False)

    async def fetched() -> list[tuple[int, int, int]]:
        batches = await BatchThread._fetch_records(cast(BatchThread, thread), driver, {TP(*place(0)), TP(*place(1))}, 0)
        return [(one.partition, one.start, one.end) for one in batches.values()]

    assert await fetched() == [(1, 0, 3)]
    assert await fetched() == []
    consumer.held_back = frozenset()
    assert await fetched() == [(0, 0, 2)]


@pytest.mark.parametrize(("reset", "start"), [(False, 0), (True, 28)], ids=["markers", "deleted"])
async def test_where_the_driver_went_elsewhere_by_itself_the_stretch_begins_there(
    monkeypatch: pytest.MonkeyPatch, reset: bool, start: int
) -> None:
    """Records were deleted before they were read: what is missing would pass for markers (rule 4)."""
    monkeypatch.setattr(transport, "_inputs", lambda tp, records: ())
    states = {place(0): State()}

    async def drained(*_: object) -> dict[TopicPartition, list[Any]]:
        if reset:
            states[place(0)].resets = object()
        states[place(0)].position = 30
        return {place(0): [SimpleNamespace(offset=28), SimpleNamespace(offset=29)]}

    monkeypatch.setattr(transport, "_drained", drained)
    thread = a_thread(states, SimpleNamespace(flow_active=True, held_back=frozenset()))
    subscriptions = SimpleNamespace(fetch_context=nullcontext)
    driver: Any = SimpleNamespace(
        _fetcher=SimpleNamespace(_closed=False, _records={}, _subscriptions=subscriptions), _closed=False
    )

    batches = await BatchThread._fetch_records(cast(BatchThread, thread), driver, {TP(*place(0))}, 0)

    assert [(one.start, one.end) for one in batches.values()] == [(start, 30)]
