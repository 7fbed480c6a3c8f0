"""Taking partitions over: with progress, and nothing of them serves before all of them are whole."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client import CollectorRegistry

from inventory_streams.engine import ownership
from inventory_streams.engine.inputs import InputFacts
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.recovery import Changelog
from inventory_streams.engine.run import probe_server
from inventory_streams.engine.states import SkuStates
from inventory_streams.kafka.probes import ProbeServer
from tests.support.engine_bench import GENERATION, Bench, a_bench
from tests.support.engine_work import PARTITION, TOPICS

ASSIGNED = [(topic, PARTITION) for topic in TOPICS.engine_inputs()]
NEXT = GENERATION + 1


@dataclass
class SlowOpener:
    """Opens the bench's partition when it is told to; half of its changelog is read until then."""

    partition: Partition
    read: dict[int, Changelog] = field(default_factory=dict)
    go: threading.Event = field(default_factory=threading.Event)

    def open(
        self, number: int, facts: dict[str, InputFacts], abandoned: Callable[[], bool], former: Partition | None
    ) -> Partition | None:
        self.read[number] = Changelog(SkuStates(lambda data: pytest.fail("nothing is decoded"), 1), records=500)
        assert self.go.wait(10)
        return None if abandoned() else self.partition


def recovering(bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> SlowOpener:
    """The bench's partition is given up, and is to be recovered slowly."""
    caplog.set_level(logging.INFO, "inventory_streams.engine.ownership")
    monkeypatch.setattr(ownership, "RECOVERY_LOG_S", 0.01)
    monkeypatch.setattr(ownership, "input_facts", lambda *_: {PARTITION: {}})
    monkeypatch.setattr(ownership, "read_windows", lambda _, numbers: {number: [] for number in numbers})
    opener = SlowOpener(bench.partition)
    bench.ownership.partitions.clear()
    bench.ownership._opener = opener  # type: ignore[assignment]
    return opener


def told(caplog: pytest.LogCaptureFixture, text: str) -> list[dict[str, object]]:
    return [record.__dict__ for record in caplog.records if record.message == text]


async def test_a_recovery_tells_how_far_it_is_and_nothing_is_served_before_it_is_complete(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_bench() as bench:
        opener = recovering(bench, monkeypatch, caplog)

        taking = asyncio.create_task(bench.ownership.take(ASSIGNED, NEXT, lambda: NEXT))
        await bench.until(lambda: len(told(caplog, "recovering")) > 1, "progress is told again and again")

        assert (bench.ownership.ready_generation, bench.ownership.partitions) == (None, {})
        first = told(caplog, "recovering")[0]
        assert (first["partitions_left"], first["records_read"]) == (1, 500)
        opener.go.set()
        assert await taking
        assert (bench.ownership.ready_generation, list(bench.ownership.partitions)) == (NEXT, [PARTITION])


async def test_what_a_recovery_has_freed_is_given_back_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_bench() as bench:
        opener = recovering(bench, monkeypatch, caplog)
        ready: list[int | None] = []
        give_back = "give_back_what_is_free"
        monkeypatch.setattr(ownership, give_back, lambda: ready.append(bench.ownership.ready_generation))
        opener.go.set()

        assert await bench.ownership.take(ASSIGNED, NEXT, lambda: NEXT)

        assert ready == [None]


async def test_a_recovery_that_another_rebalance_overtook_serves_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its partitions may be somebody else's by now."""
    async with a_bench() as bench:
        opener = recovering(bench, monkeypatch, caplog)
        generation = NEXT

        taking = asyncio.create_task(bench.ownership.take(ASSIGNED, NEXT, lambda: generation))
        await bench.until(lambda: bool(told(caplog, "recovering")), "it has begun")
        generation += 1
        opener.go.set()

        assert not await taking
        assert (bench.ownership.ready_generation, bench.ownership.partitions) == (None, {})


async def test_readyz_says_no_until_the_partitions_of_this_generation_are_recovered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A rolling update goes on to the next worker when this one says yes."""
    async with a_bench() as bench:
        opener = recovering(bench, monkeypatch, caplog)
        bench.ownership.ready_generation = None
        generation = NEXT
        probes = probe_server(
            CollectorRegistry(), bench.settings, bench.clock, bench.agent, bench.ownership, lambda: generation
        )
        probes.start()
        try:
            assert await readyz(probes) == (503, "recovering, or not assigned yet")
            taking = asyncio.create_task(bench.ownership.take(ASSIGNED, NEXT, lambda: NEXT))
            await bench.until(lambda: bool(told(caplog, "recovering")), "it has begun")
            assert (await readyz(probes))[0] == 503

            opener.go.set()
            assert await taking
            assert await readyz(probes) == (200, "1 partitions recovered")

            generation += 1
            assert (await readyz(probes))[0] == 503
        finally:
            probes.close()


async def readyz(probes: ProbeServer) -> tuple[int, str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{probes.port}/readyz")
    return answer.status_code, answer.json()["why"]
