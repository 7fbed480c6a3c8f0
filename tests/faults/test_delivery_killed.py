"""Delivery processes that are killed, frozen and stopped in the middle of a push, on a real broker."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from inventory_domain.exposure import AttemptState, Exposure
from inventory_schemas.codec import Serde
from inventory_schemas.records import LISTING_EXPOSURE
from inventory_streams.kafka.stopping import ExitCode
from tests.support.delivery import MARKETPLACE, Bus, a_target, until
from tests.support.delivery_process import a_process, standing_in

SHORT = {"attempt_valid_s": 1.0, "request_s_max": 2.0, "handover_wait_s": 3.0}


@pytest.fixture
def bus(kafka: str, topic_prefix: str) -> Bus:
    """The topics of this test alone."""
    bus = Bus(kafka, topic_prefix)
    bus.create()
    return bus


def exposures_of(bus: Bus, listing: str) -> list[Exposure]:
    """What was written of the listing's exposure, in order."""
    serde = Serde(LISTING_EXPOSURE, "exposure", bus.registry)
    records = bus.read(bus.topics.exposure(MARKETPLACE))
    return [serde.decode(one.value()) for one in records if one.key() == listing.encode()]


async def test_a_successor_waits_out_a_killed_owners_request_and_sends_only_the_newest(
    bus: Bus, application_id: str, tmp_path: Path
) -> None:
    """Nobody knows whether the killed process' request arrived, so it stays open until it is read."""
    bus.send(a_target("A", quantity=9, version=1), a_target("B", quantity=8, version=1))
    with standing_in() as market:
        market.gate.clear()
        with a_process(bus, application_id, market, tmp_path / "first.log", settling_s_max=6.0, **SHORT) as first:
            await until(lambda: len(market.received) == 2, "both requests are under way")
            first.kill()
            first.wait(10)
        bus.send(a_target("A", quantity=4, version=2))
        market.gate.set()
        with a_process(bus, application_id, market, tmp_path / "second.log", settling_s_max=6.0, **SHORT):
            await until(lambda: market.versions("A") == [1, 2], "the newest is sent")
            await until(lambda: market.versions("B") == [1, 1], "what is not known to have arrived is sent anew")
            await until(lambda: len(set(market.reads)) == 2, "both are read back", limit_s=60)

    states = [[(one.version, one.state) for one in written.open] for written in exposures_of(bus, "harbor-us/A")]
    assert [(1, AttemptState.UNKNOWN), (2, AttemptState.SENT)] in states
    assert market.versions("A") == [1, 2]


async def test_a_frozen_owner_that_wakes_up_sends_nothing_old(bus: Bus, application_id: str, tmp_path: Path) -> None:
    bus.send(a_target("A", quantity=9, version=1))
    with standing_in() as market, a_process(bus, application_id, market, tmp_path / "first.log", **SHORT) as first:
        await until(lambda: market.versions("A") == [1], "the first owner sends")
        first.send_signal(signal.SIGSTOP)
        with a_process(bus, application_id, market, tmp_path / "second.log", **SHORT) as second:
            bus.send(a_target("A", quantity=4, version=2))
            await until(lambda: market.versions("A") == [1, 2], "the second owner sends", limit_s=40)
            first.send_signal(signal.SIGCONT)
            bus.send(a_target("A", quantity=3, version=3))
            await until(lambda: market.versions("A") == [1, 2, 3], "one of them sends", limit_s=40)
            assert second.poll() is None

        ended = first.poll()

    assert ended in (None, int(ExitCode.OWNERSHIP_LOST))
    assert market.versions("A") == [1, 2, 3]


async def test_what_a_frozen_owners_request_did_late_is_read_and_set_right(
    bus: Bus, application_id: str, tmp_path: Path
) -> None:
    """Its successor has waited, sent a lower number and seen it live; then the marketplace applies the old request."""
    bus.send(a_target("A", quantity=9, version=1))
    quick = {"settling_s_max": 1.0, **SHORT}
    with standing_in() as market:
        held = market.gate
        held.clear()
        with a_process(bus, application_id, market, tmp_path / "first.log", **quick) as first:  # type: ignore[arg-type]
            await until(lambda: market.versions("A") == [1], "the first owner's request is under way")
            market.gate = threading.Event()
            market.gate.set()
            first.send_signal(signal.SIGSTOP)
            bus.send(a_target("A", quantity=4, version=2))
            with a_process(bus, application_id, market, tmp_path / "second.log", **quick) as second:  # type: ignore[arg-type]
                await until(lambda: market.versions("A") == [1, 2], "the second owner sends", limit_s=40)
                await until(lambda: exposures_of(bus, "harbor-us/A")[-1].open == (), "it has seen it live", limit_s=40)
                held.set()
                await until(lambda: market.shown["harbor-us/A"] == 9, "the old request undoes it")
                first.send_signal(signal.SIGCONT)
                await until(lambda: market.versions("A") == [1, 2, 2], "it is read and sent again", limit_s=40)
                assert second.poll() is None

    assert market.shown["harbor-us/A"] == 4


async def test_a_process_that_is_asked_to_stop_finishes_its_requests(
    bus: Bus, application_id: str, tmp_path: Path
) -> None:
    bus.send(a_target("A", quantity=9, version=1))
    with standing_in() as market:
        market.gate.clear()
        with a_process(bus, application_id, market, tmp_path / "first.log") as first:
            await until(lambda: market.versions("A") == [1], "the request is under way")
            first.terminate()
            market.gate.set()
            await until(lambda: first.poll() is not None, "it ends")

    assert first.returncode == 0, (tmp_path / "first.log").read_text()
    assert [one.state for one in exposures_of(bus, "harbor-us/A")[-1].open] == [AttemptState.ACCEPTED]
