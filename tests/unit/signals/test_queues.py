"""Queues that accounts are told by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_domain.bulk import CallFailed
from inventory_domain.signals import ListingChanged, Message, Notice, NoticeRefused, Queued
from inventory_streams.signals.queues import QueueReader
from tests.support.signals import Bench, a_bench


@dataclass
class FakeQueue:
    """Gives what waits; what is not acknowledged comes again."""

    waiting: dict[str, Message] = field(default_factory=dict)
    fails: CallFailed | None = None
    has_queue: bool = True

    async def receive(self) -> Sequence[Queued] | CallFailed:
        if self.fails is not None:
            return self.fails
        return [Queued(message=message, handle=handle) for handle, message in self.waiting.items()]

    async def acknowledge(self, handles: Sequence[str]) -> CallFailed | None:
        for handle in handles:
            self.waiting.pop(handle, None)
        return None


def a_reader(bench: Bench, queue: FakeQueue) -> QueueReader:
    return QueueReader(bench.account, queue, bench.intake, bench.metrics, bench.clock)


def queued(bench: Bench, *bodies: bytes) -> FakeQueue:
    changed = ListingChanged(marketplace_ids={"sku": "A"}, quantity=50)
    for body in bodies:
        bench.adapter.notices[body] = Notice(
            notice_id=body.decode(), topic="changes", occurred_at_ms=None, signals=(changed,)
        )
    return FakeQueue({body.decode(): Message({}, body) for body in bodies})


async def test_what_was_taken_is_acknowledged() -> None:
    bench = a_bench()
    queue = queued(bench, b"1")

    assert await a_reader(bench, queue).turn()
    assert queue.waiting == {} and len(bench.hints()) == 1


async def test_what_kafka_did_not_take_stays_in_the_queue() -> None:
    bench = a_bench()
    queue = queued(bench, b"1")
    bench.published.refuses = 1
    reader = a_reader(bench, queue)

    well = await reader.turn()
    kept = dict(queue.waiting)
    await reader.turn()

    assert not well and list(kept) == ["1"] and queue.waiting == {} and len(bench.hints()) == 1


async def test_what_cannot_be_read_does_not_come_back_for_ever() -> None:
    bench = a_bench()
    queue = queued(bench, b"2")
    queue.waiting["bad"] = Message({}, b"garbage")
    bench.adapter.notices[b"garbage"] = NoticeRefused(reason="unreadable", status=400)

    assert await a_reader(bench, queue).turn()
    assert queue.waiting == {} and bench.count("messages_refused", account="acc", reason="unreadable") == 1


async def test_a_queue_that_cannot_be_read_is_counted() -> None:
    bench = a_bench()
    queue = FakeQueue(fails=CallFailed(kind="unauthorized", api="sqs", reason="AccessDenied"))

    assert not await a_reader(bench, queue).turn()
    assert bench.count("queue_failures", account="acc") == 1
