"""Reconciling processes, for tests that kill them: `python -m tests.support.reconcile_process JSON` is one.

Their marketplace is an HTTP stand-in that lives in the test and outlives them.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from inventory_domain.bulk import CallFailed, Page, PullTraits
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_domain.ports import OperationLimit
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.reconcile.run import AccountToReconcile, run
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.topics import Topics
from tests.support.engine import SystemClock
from tests.support.ledger import PARTITIONS, REGISTRY
from tests.support.pulls import CHANNEL, MARKETPLACE, PagedMarket, a_page, found
from tests.support.serving import QuietHandler, served

PAGE = 500
FAST = tuple(OperationLimit(name, 1_000.0, 1_000.0) for name in ("write", "read", "pull"))


class HttpMarket(PagedMarket):
    """The adapter of the stand-in."""

    def __init__(self, url: str) -> None:
        super().__init__(limits=FAST)
        self._client = httpx.AsyncClient(base_url=url, timeout=60)

    @property
    def pull_traits(self) -> PullTraits:
        return PullTraits("pull", PAGE)

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        answer = await self._client.get("/pull", params={"from": cursor or "0", "by": str(os.getpid())})
        told = answer.json()
        return a_page(*[found(sku, units) for sku, units in told["found"]], then=told["next"])

    async def aclose(self) -> None:
        await self._client.aclose()


@dataclass
class PulledStandIn:
    """A marketplace that shows these numbers. While `gate` is clear a page from `held_from` on is kept back."""

    shown: Mapping[str, int]
    held_from: int
    pages: list[tuple[int, int]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def pullers(self) -> list[int]:
        """The processes that pulled, in turn: one stands twice where another pulled between its pages."""
        return [process for process, _ in groupby(process for process, _ in self.pages)]


@contextmanager
def a_pulled_market(shown: Mapping[str, int], held_from: int) -> Iterator[PulledStandIn]:
    """A stand-in on a free port for as long as the block runs; it holds back nothing at first."""
    market = PulledStandIn(shown, held_from)
    market.gate.set()
    every = list(shown.items())

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            asked = httpx.URL(self.path).params
            start = int(asked["from"])
            market.pages.append((int(asked["by"]), start))
            if start >= market.held_from:
                market.gate.wait(60)
            then = start + PAGE
            told = {"found": every[start:then], "next": str(then) if then < len(every) else None}
            self.answer(json.dumps(told).encode())

    with served(Handler) as market.url:
        try:
            yield market
        finally:
            market.gate.set()


@dataclass
class Reconcilers:
    """Starts reconciling processes and leaves none behind."""

    kafka: str
    topics: Topics
    app: str
    market: PulledStandIn
    log: Path
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """One more."""
        given = {"kafka": self.kafka, "prefix": self.topics.prefix, "app": self.app, "url": self.market.url}
        command = [sys.executable, "-m", "tests.support.reconcile_process", json.dumps(given)]
        with self.log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self.running[process.pid] = process

    def kill(self, number: int) -> None:
        """SIGKILL, and wait until it is gone."""
        process = self.running.pop(number)
        process.kill()
        process.wait(10)

    def stop(self) -> list[int]:
        """SIGTERM to all; their exit statuses."""
        for process in self.running.values():
            process.terminate()
        statuses = [process.wait(60) for process in self.running.values()]
        self.running.clear()
        return statuses

    def close(self) -> None:
        """Kill what still runs."""
        for number in list(self.running):
            self.kill(number)


def main(told: str) -> int:
    """Reconcile until asked to stop."""
    given = json.loads(told)
    logging.basicConfig(level=logging.INFO)
    topics = Topics((MARKETPLACE,), given["prefix"])
    settings = ReconcileSettings(given["app"], KafkaSettings(given["kafka"]), topics, PARTITIONS, session_timeout_s=6.0)
    account = AccountToReconcile(AccountId("acc"), MARKETPLACE, HttpMarket(given["url"]), (CHANNEL,))
    return run(settings, [account], REGISTRY, CollectorRegistry(), SystemClock())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
