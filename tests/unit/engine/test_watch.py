"""Whether offsets follow what is durable."""

from __future__ import annotations

import threading

from inventory_streams.engine.settings import STALL_LIMIT_S
from inventory_streams.engine.watch import CommitWatch, Watcher


class Time:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_input_that_goes_on_without_a_commit_is_a_stall() -> None:
    time = Time()
    watch = CommitWatch(time)
    watch.durable()
    time.now_s += STALL_LIMIT_S + 1

    watch.durable()

    assert watch.stalled_s() == STALL_LIMIT_S + 1


def test_a_commit_ends_the_count() -> None:
    time = Time()
    watch = CommitWatch(time)
    watch.durable()
    time.now_s += 29
    watch.committed()
    time.now_s += 29

    watch.durable()

    assert watch.stalled_s() == 0


def test_a_pause_of_the_input_is_no_stall() -> None:
    """A broker that is away lets nothing become durable: that is waited for, not a crash loop."""
    time = Time()
    watch = CommitWatch(time)
    watch.durable()

    time.now_s += 3_600

    assert watch.stalled_s() == 0


def test_the_watcher_tells_once() -> None:
    time = Time()
    watch = CommitWatch(time)
    watch.durable()
    time.now_s += STALL_LIMIT_S + 1
    watch.durable()
    told: list[str] = []
    heard = threading.Event()

    def stalled(why: str) -> None:
        told.append(why)
        heard.set()

    watcher = Watcher(watch, stalled)
    watcher.start()
    assert heard.wait(10)
    watcher.close()

    assert len(told) == 1
    assert "no offset was committed" in told[0]
