"""The engine on a real broker for as long as it takes: kills with a backlog, frozen workers, three workers under load.

CAMPAIGN_ROUNDS (50) and CAMPAIGN_SEED choose how many kills there are and where they hit.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_streams.kafka.stopping import ExitCode
from tests.support.campaign import say
from tests.support.commands import wait_until
from tests.support.engine import PARTITIONS, EngineBus
from tests.support.engine_process import Engines, all_owned, owned, share
from tests.support.engine_traffic import Traffic

ROUNDS = int(os.environ.get("CAMPAIGN_ROUNDS", "50"))
SEED = int(os.environ.get("CAMPAIGN_SEED", "31007"))
FROZEN_S = 60.0
LIMIT_S = 180.0
TEST_LIMIT_S = 3_600 + 90 * ROUNDS  # a round takes half a minute where nothing else runs
EXACT_EVERY = 10
WOKEN = (None, ExitCode.OWNERSHIP_LOST, ExitCode.TRANSACTION_FAILED)
"""A woken worker has lost its partitions, or has ended: the group or its open transaction refused it."""

pytestmark = pytest.mark.timeout(TEST_LIMIT_S, func_only=True)


@pytest.fixture
def bus(kafka: str, topic_prefix: str) -> EngineBus:
    bus = EngineBus(kafka, topic_prefix)
    bus.create()
    return bus


@pytest.fixture
def engines(bus: EngineBus, application_id: str, tmp_path: Path) -> Iterator[Engines]:
    engines = Engines(bus, application_id, tmp_path)
    yield engines
    engines.close()


def test_killed_round_after_round_with_a_backlog_waiting_it_stays_exact(bus: EngineBus, engines: Engines) -> None:
    """Rule 10 above all: Faust's own recovery skips input on such restarts."""
    chance = random.Random(SEED)
    traffic = Traffic(bus, SEED)
    traffic.catalog()
    settings = {"batch_records_max": 100, "instance_id": "worker-1"}
    engine = engines.start(name="killed", **settings)
    for round_number in range(1, ROUNDS + 1):
        traffic.burst(1_500)
        time.sleep(chance.random() * 0.8)  # not a wait for anything: it chooses where the kill hits

        engine.kill()

        traffic.burst(500)
        engine = engines.start(name="killed", **settings)
        exact = round_number % EXACT_EVERY == 0
        if exact:
            traffic.wait_until_shown()
        say(f"seed {SEED}: {round_number} of {ROUNDS} kills{', exact so far' if exact else ''}")
    traffic.wait_until_shown()


def test_a_worker_frozen_for_a_minute_under_load_writes_nothing_when_it_wakes(bus: EngineBus, engines: Engines) -> None:
    traffic = Traffic(bus, SEED + 1)
    traffic.catalog()
    frozen = engines.start(session_timeout_s=6.0)
    for turn in range(3):
        traffic.burst(2_000)
        frozen.signal(signal.SIGSTOP)
        successor = engines.start(ready=False, session_timeout_s=6.0)
        began_s = time.monotonic()
        wait_until(lambda heir=successor: all_owned(heir), "the other owns everything", LIMIT_S)  # type: ignore[misc]
        while time.monotonic() - began_s < FROZEN_S:
            traffic.burst(500)
            time.sleep(2)  # load while it is frozen

        frozen.signal(signal.SIGCONT)

        wait_until(
            lambda zombie=frozen: zombie.process.poll() is not None or len(owned(zombie)) < PARTITIONS,  # type: ignore[misc]
            "the woken one is not the owner",
            LIMIT_S,
        )
        assert frozen.process.poll() in WOKEN
        frozen.kill()
        wait_until(lambda heir=successor: all_owned(heir), "one owner is left", LIMIT_S)  # type: ignore[misc]
        traffic.wait_until_shown()
        say(f"seed {SEED + 1}: woken and refused {turn + 1} of 3")
        frozen = successor


def test_three_workers_scale_up_down_and_restart_one_by_one_under_load(bus: EngineBus, engines: Engines) -> None:
    traffic = Traffic(bus, SEED + 2)
    traffic.catalog()
    workers = [engines.start()]
    for count in (2, 3):
        traffic.burst(2_000)
        workers.append(engines.start())
        wait_until(lambda: share(*workers), f"{count} workers share", LIMIT_S)
    say(f"seed {SEED + 2}: three workers share")
    for index in range(3):
        traffic.burst(2_000)
        assert workers[index].stop() == 0
        workers[index] = engines.start(ready=False)
        wait_until(lambda: share(*workers), "they share again", LIMIT_S)
    traffic.wait_until_shown()
    say(f"seed {SEED + 2}: each restarted")
    while len(workers) > 1:
        traffic.burst(2_000)
        assert workers.pop().stop() == 0
        wait_until(lambda: share(*workers), "those that are left share", LIMIT_S)
    traffic.wait_until_shown()
