"""When work without input is done: not while catching up, not oftener than it must, and not where nothing is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from inventory_domain.identifiers import Sku, SourceId
from inventory_domain.silence import SilencePolicy
from inventory_streams.engine.due import Due, DueWork
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.settings import JUDGE_INTERVAL_S
from inventory_streams.engine.waking import InForce
from tests.support.engine_bench import Clock, a_bench
from tests.support.engine_work import Memory, a_velocity, selling
from tests.support.stock import NOW_MS, SKU

ERP = SourceId("erp")
LIMIT_MS, GRACE_MS = 200_000, 100_000


@dataclass
class Found:
    """What is due in one partition, whose source has said nothing for long."""

    due: DueWork
    partition: Partition
    memory: Memory
    clock: Clock
    asked: int = 0
    until_ms: int | None = NOW_MS

    def add(self, *, catching_up: bool = False) -> tuple[Due, dict[Sku, str]]:
        """Add it to a computation; also what that is to look at."""
        work = self.memory.work(catching_up=catching_up)
        return self.due.add(self.partition, work, self._until), dict(work.woken)

    def _until(self) -> int | None:
        self.asked += 1
        return self.until_ms


@asynccontextmanager
async def overdue() -> AsyncIterator[Found]:
    async with a_bench(silence=SilencePolicy(LIMIT_MS, GRACE_MS)) as bench:
        partition, clock = bench.partition, Clock()
        heard: dict[str, int] = {ERP: NOW_MS - LIMIT_MS - GRACE_MS - 1}
        partition.progress = replace(partition.progress, heard=heard)
        due = DueWork(bench.settings, a_velocity(), clock, InForce(partition.progress.policy, ()))
        yield Found(due, partition, Memory(), clock)


async def test_no_source_is_judged_before_all_input_is_read() -> None:
    """Its word may be in what is not read yet; and the grace in which somebody could act begins only then."""
    async with overdue() as found:
        due, _ = found.add(catching_up=True)

        assert due.silent == frozenset()
        assert (found.asked, found.partition.watched_ms) == (0, None)
        found.memory.now_ms += GRACE_MS + 1
        found.until_ms = found.memory.now_ms
        found.add()
        assert found.partition.watched_ms == found.memory.now_ms
        assert found.partition.standing.overdue == {ERP}
        assert found.partition.standing.silent == frozenset()


async def test_a_source_falls_silent_when_it_was_overdue_for_the_grace() -> None:
    async with overdue() as found:
        found.partition.watched_ms = 0

        due, _ = found.add()

        assert due.silent == {ERP}


async def test_a_source_falls_silent_in_time_though_the_clock_was_ahead_when_all_was_read() -> None:
    """Else its grace would begin when the clock is there again: hours too late."""
    async with overdue() as found:
        found.memory.now_ms += 3_600_000
        found.add()
        found.memory.now_ms = NOW_MS
        found.clock.at_s += JUDGE_INTERVAL_S
        found.add()
        found.memory.now_ms = found.until_ms = NOW_MS + GRACE_MS + 1
        found.clock.at_s += JUDGE_INTERVAL_S

        assert found.add()[0].silent == {ERP}


async def test_of_a_source_nothing_is_said_while_it_is_not_known_how_far_the_input_is_read() -> None:
    async with overdue() as found:
        found.partition.watched_ms = 0
        found.until_ms = None

        due, _ = found.add()

        assert due.silent == frozenset()
        assert found.partition.standing.overdue == frozenset()


async def test_sources_are_judged_once_a_second() -> None:
    """The loop turns twenty times as often, and each judgement asks about every input."""
    async with overdue() as found:
        for _ in range(3):
            found.add()
        assert found.asked == 1

        found.clock.at_s += JUDGE_INTERVAL_S
        found.add()

        assert found.asked == 2


async def test_what_is_owed_waits_until_all_input_is_read() -> None:
    """It would be withheld once more, again and again, while the backlog waits for it."""
    async with overdue() as found:
        selling(found.memory)
        found.partition.owing.note({SKU: True})

        assert found.add(catching_up=True)[1] == {}
        assert found.add()[1] == {SKU: "caught-up"}
