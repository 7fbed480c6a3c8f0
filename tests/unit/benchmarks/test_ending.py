"""A benchmark that is told to end leaves no broker behind, whenever it is told."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import cluster as module
from benchmarks import engine
from benchmarks.cluster import cluster, end_cleanly
from benchmarks.report import Result


def told_to_end(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Stack:
    """A stack that is told to end at some moment of its life. `running` says what of it would be left behind."""

    told_in: str = ""
    running = False
    folder: Path

    def __init__(self, folder: Path) -> None:
        Stack.folder = folder

    def up(self) -> SimpleNamespace:
        Stack.running = True
        if Stack.told_in == "up":
            told_to_end()
        return SimpleNamespace(bootstrap_servers="127.0.0.1:9", schema_registry_url="http://127.0.0.1:9")

    def down(self) -> bool:
        if Stack.told_in in ("down", "twice"):
            told_to_end()
            told_to_end(signal.SIGINT)
        Stack.running = False
        return True


@pytest.fixture(params=["up", "use", "down", "twice"])
def moment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(Stack, "told_in", request.param)
    monkeypatch.setattr(module, "LocalStack", Stack)
    return str(request.param)


def test_a_broker_is_stopped_whenever_its_benchmark_is_told_to_end(moment: str) -> None:
    """In the middle of the stopping too, as by a second Ctrl-C: it is stopped first, and the benchmark ends then."""
    end_cleanly()

    with pytest.raises(KeyboardInterrupt), cluster(None, None):
        if moment in ("use", "twice"):
            told_to_end()

    assert not Stack.running
    assert not Stack.folder.exists()


def test_what_stops_by_itself_is_not_broken_off_by_a_second_word() -> None:
    end_cleanly()
    stopped = False

    with pytest.raises(KeyboardInterrupt):
        try:
            told_to_end()
        finally:
            told_to_end()
            stopped = True

    assert stopped


def test_a_comparison_that_ends_between_two_systems_stops_the_broker_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its broker waits in a generator, which would be closed when Python is half gone."""
    left: list[str] = []

    def measured(*_: object) -> Iterator[Result]:
        left.append("broker")
        try:
            yield Result("one", "what", skipped="not here")
        finally:
            left.clear()

    def saved(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "_measured", measured)
    monkeypatch.setattr(engine, "_save", saved)

    with pytest.raises(KeyboardInterrupt) as told:
        engine.main(["--results", str(tmp_path), "--only", "ours"])

    assert told.traceback and left == []  # its frames hold the generator, as they do while Python ends
