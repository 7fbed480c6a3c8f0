"""A real delivery process on a Kafka that stands still for longer than its numbers can be vouched for."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from inventory_domain.operations import OperatorAction
from inventory_sandbox.stack import LocalStack
from inventory_schemas.codec import Serde
from inventory_schemas.records import OPERATOR_COMMAND
from inventory_streams.kafka.stopping import ExitCode
from tests.support.campaign import say
from tests.support.delivery import CHANNEL, MARKETPLACE, Bus, a_target, set_refusing, until
from tests.support.delivery_process import a_process, standing_in

SILENT_S = 8.0
VOUCHES_S = 2.0
SHORT = {"attempt_valid_s": 1.0, "request_s_max": 2.0, "handover_wait_s": 3.0, "engine_silent_s": SILENT_S}


@dataclass
class FreezableKafka:
    """A broker of this test alone."""

    bootstrap_servers: str
    pid: int

    def freeze(self) -> None:
        """From now on nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on as if nothing had been."""
        os.kill(self.pid, signal.SIGCONT)


@pytest.fixture
def broker() -> Iterator[FreezableKafka]:
    """Kafka from its jars: a container's process cannot be frozen from here."""
    folder = Path(tempfile.mkdtemp(prefix="inventory-sync-frozen-"))
    stack = LocalStack(folder)
    try:
        info = stack.up()
        kafka = FreezableKafka(info.bootstrap_servers, info.kafka_pid)
        yield kafka
        kafka.thaw()
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)


def commands(bus: Bus) -> list[tuple[str, OperatorAction, str]]:
    """What was asked of channels: which, what, and by whom."""
    serde = Serde(OPERATOR_COMMAND, "commands", bus.registry)
    found = [serde.decode(one.value()) for one in bus.read(bus.topics.operator_commands)]
    return [(one.channel, one.action, one.by) for one in found]


@asynccontextmanager
async def vouching(bus: Bus) -> AsyncIterator[None]:
    """The engine says again and again that it is there; each word holds from when it is heard."""

    async def vouch() -> None:
        while True:
            await asyncio.to_thread(bus.progress, time.time_ns() // 1_000_000)
            await asyncio.sleep(VOUCHES_S)  # not a wait of the test's: it is how often an engine speaks

    speaking = asyncio.create_task(vouch())
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.wait({speaking})


@pytest.mark.timeout(600)
async def test_zeros_while_kafka_is_gone_and_a_full_reconciliation_when_it_is_back(
    broker: FreezableKafka, tmp_path: Path
) -> None:
    bus = Bus(broker.bootstrap_servers, "gone.")
    bus.create()
    bus.send(a_target("A", 5, version=1), a_target("B", 3, version=1))
    with standing_in() as market:
        with a_process(bus, "gone", market, tmp_path / "first.log", **SHORT) as first:
            async with vouching(bus):
                await until(lambda: sorted(market.shown.values()) == [3, 5], "all is shown", 60)
                bus.send(a_target("C", 2, version=1))
                # Everything is durable: a commit under way would be waited for as long as Kafka's client waits.
                await until(lambda: len(bus.read(bus.topics.listing_outcomes)) == 3, "all outcomes are durable", 60)
            broker.freeze()
            say("Kafka stands still")
            await until(lambda: set(market.shown.values()) == {0}, "all is set to zero", 200)
            say("all is set to zero")
            broker.thaw()
            await until(lambda: first.poll() is not None, "it ends for its successor", 120)
            say("Kafka is back, and the process has ended for its successor")
        asked = commands(bus)
        with a_process(bus, "gone", market, tmp_path / "second.log", **SHORT):
            async with vouching(bus):
                bus.send(*(a_target(own_id, 4, version=2) for own_id in "ABC"))
                await until(lambda: set(market.shown.values()) == {4}, "all is shown again", 90)

    assert first.returncode == int(ExitCode.RECOVERY_FAILED), (tmp_path / "first.log").read_text()
    # By who wrote the zeros, and perhaps by who took the channels' health over meanwhile and saw how old it was.
    assert set(asked) == {(CHANNEL, OperatorAction.RECONCILE, "system")}


@pytest.mark.timeout(600)
async def test_zeros_while_kafka_answers_and_takes_nothing(broker: FreezableKafka, tmp_path: Path) -> None:
    """As with two of three brokers away: a worker that ended for it would leave nobody who knows the listings."""
    bus = Bus(broker.bootstrap_servers, "waits.")
    bus.create()
    ours = [bus.topics.exposure(MARKETPLACE), bus.topics.listing_outcomes, bus.topics.channel_health]
    ours += [bus.topics.reports(MARKETPLACE), bus.topics.observations(MARKETPLACE), bus.topics.operator_commands]
    with standing_in() as market, a_process(bus, "waits", market, tmp_path / "waits.log", **SHORT) as process:
        vouched_ms = time.time_ns() // 1_000_000 + 20_000
        bus.progress(vouched_ms)
        bus.send(a_target("A", 5, version=1), a_target("B", 3, version=1))
        await until(lambda: sorted(market.shown.values()) == [3, 5], "all is shown", 60)
        await until(lambda: time.time_ns() // 1_000_000 > vouched_ms - 5_000, "the engine's word is of before", 60)
        set_refusing(bus, ours, refusing=True)
        say("Kafka takes nothing")
        bus.send(a_target("C", 2, version=1))
        await until(lambda: set(market.shown.values()) == {0}, "all is set to zero", 200)
        say("all is set to zero")
        set_refusing(bus, ours, refusing=False)
        await until(lambda: process.poll() is not None, "it ends for its successor", 120)

    assert process.returncode == int(ExitCode.RECOVERY_FAILED), (tmp_path / "waits.log").read_text()
    assert set(commands(bus)) == {(CHANNEL, OperatorAction.RECONCILE, "system")}
