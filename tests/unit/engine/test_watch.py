"""Whether offsets follow what is durable."""

from __future__ import annotations

import threading

from faust.types import TP
from prometheus_client import Gauge

from inventory_streams.engine.settings import STALL_LIMIT_S
from inventory_streams.engine.watch import CommitWatch, Watcher

CHANGES, PRODUCTS = TP("inventory.changes", 0), TP("catalog.products", 0)


class Time:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def going_on(watch: CommitWatch, time: Time) -> None:
    """Changes become durable each second, for a second more than the limit."""
    watch.durable(CHANGES)
    for _ in range(int(STALL_LIMIT_S) + 1):
        time.now_s += 1
        watch.durable(CHANGES)


def test_input_that_goes_on_without_a_commit_is_a_stall() -> None:
    time = Time()
    watch = CommitWatch(time)
    going_on(watch, time)

    assert watch.stalled_s() == STALL_LIMIT_S + 1


def test_a_commit_ends_the_count() -> None:
    time = Time()
    watch = CommitWatch(time)
    watch.durable(CHANGES)
    time.now_s += 29
    watch.committed([CHANGES])
    time.now_s += 29

    watch.durable(CHANGES)

    assert watch.stalled_s() == 0


def test_commits_of_one_input_do_not_hide_another_that_is_never_committed() -> None:
    """Faust leaves out what it takes for revoked, and says so in a line of its log."""
    time = Time()
    watch = CommitWatch(time)
    for _ in range(int(STALL_LIMIT_S) + 2):
        time.now_s += 1
        watch.durable(CHANGES)
        watch.durable(PRODUCTS)
        watch.committed([PRODUCTS])

    assert watch.stalled_s() == STALL_LIMIT_S + 1


def test_an_assignment_begins_the_count_anew() -> None:
    """What was read before may be somebody else's now; where it comes back it was not behind all the time."""
    time = Time()
    watch = CommitWatch(time)
    watch.durable(CHANGES)
    time.now_s += STALL_LIMIT_S - 1
    watch.assigned()
    watch.durable(CHANGES)
    time.now_s += 2

    watch.durable(CHANGES)

    assert watch.stalled_s() == 2


def test_a_pause_of_the_input_is_no_stall() -> None:
    """A broker that is away lets nothing become durable: that is waited for, not a crash loop."""
    time = Time()
    watch = CommitWatch(time)
    watch.durable(CHANGES)

    time.now_s += 3_600

    assert watch.stalled_s() == 0
    watch.durable(CHANGES)
    assert watch.stalled_s() == 0


def test_the_watcher_tells_once_and_says_all_the_time_how_far_commits_are_behind() -> None:
    time = Time()
    watch = CommitWatch(time)
    going_on(watch, time)
    told: list[str] = []
    heard = threading.Event()

    def stalled(why: str) -> None:
        told.append(why)
        heard.set()

    behind = Gauge("behind", "Behind.", registry=None)
    watcher = Watcher(watch, behind, stalled)
    watcher.start()
    assert heard.wait(10)
    watcher.close()

    assert len(told) == 1
    assert "no offset was committed" in told[0]
    assert behind._value.get() == STALL_LIMIT_S + 1
