"""A delivery process of its own, for tests that kill it.

Its marketplace is an HTTP stand-in that lives in the test and outlives the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import Accepted, PushOutcome, Transient
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer, Shown
from inventory_streams.delivery.run import run
from tests.support.delivery import ACCOUNT, CHANNEL, Bus, SystemClock, settings, traits
from tests.support.serving import QuietHandler, served

ROOT = Path(__file__).parents[2]
# Our `tests` is a package without __init__, and some distributions install one with: named here, it is ours.
START = """
import sys, types
ours = types.ModuleType("tests")
ours.__path__ = [sys.argv[1] + "/tests"]
sys.modules["tests"] = ours
from tests.support.delivery_process import main
sys.exit(main(sys.argv[2]))
"""


class HttpMarketplace:
    """The adapter of the stand-in."""

    def __init__(self, url: str, settling_s_max: float) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=30)
        self._traits = traits(settling_s_max=settling_s_max)

    @property
    def traits(self) -> AdapterTraits:
        return self._traits

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        return [await self._push(push) for push in pushes]

    async def _push(self, push: Push) -> PushOutcome:
        body = {"listing": push.listing_id, "quantity": push.quantity, "version": push.version, "by": os.getpid()}
        try:
            answer = await self._client.post("/push", json=body)
        except httpx.HTTPError as error:
            return Transient(
                listing_id=push.listing_id, api="write", reason="no-answer", error=str(error), effect_unknown=True
            )
        if answer.status_code == 200:
            return Accepted(listing_id=push.listing_id, api="write", reason="ok")
        return Transient(listing_id=push.listing_id, api="write", reason="busy", status=answer.status_code)

    async def read(self, listing: ListingRef) -> ReadAnswer:
        answer = await self._client.get("/shown", params={"listing": listing.listing_id})
        return Shown(listing_id=listing.listing_id, quantity=int(answer.json()), api="read")

    async def aclose(self) -> None:
        await self._client.aclose()


@dataclass
class Received:
    """One request that reached the stand-in."""

    listing: str
    quantity: int
    version: int
    by: int


@dataclass
class StandIn:
    """A marketplace that shows what it was last told. While `gate` is clear it keeps requests without answering."""

    received: list[Received] = field(default_factory=list)
    shown: dict[str, int] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def versions(self, own_id: str) -> list[int]:
        """The versions received for the listing, in order."""
        return [one.version for one in self.received if one.listing == ListingId(f"{CHANNEL}/{own_id}")]


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """A stand-in on a free port for as long as the block runs."""
    market = StandIn()
    market.gate.set()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            market.received.append(Received(body["listing"], body["quantity"], body["version"], body["by"]))
            market.gate.wait(60)
            market.shown[body["listing"]] = body["quantity"]
            self.answer(b"{}")

        def do_GET(self) -> None:
            listing = str(httpx.URL(self.path).params["listing"])
            market.reads.append(listing)
            self.answer(json.dumps(market.shown.get(listing, 0)).encode())

    with served(Handler) as market.url:
        try:
            yield market
        finally:
            market.gate.set()


@contextmanager
def a_process(
    bus: Bus, app: str, market: StandIn, log: Path, *, settling_s_max: float = 600.0, **changes: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A delivery process; killed at the end of the block where it has not ended by itself."""
    told = {
        "bootstrap_servers": bus.kafka.bootstrap_servers,
        "prefix": bus.topics.prefix,
        "app": app,
        "url": market.url,
        "settling_s_max": settling_s_max,
        "changes": changes,
    }
    command = [sys.executable, "-c", START, str(ROOT), json.dumps(told)]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def main(told: str) -> int:
    """Deliver until asked to stop."""
    given = json.loads(told)
    bus = Bus(given["bootstrap_servers"], given["prefix"])
    adapter = HttpMarketplace(given["url"], given["settling_s_max"])
    chosen = settings(bus, given["app"], **given["changes"])
    return run(chosen, {ACCOUNT: adapter}, {CHANNEL: ACCOUNT}, bus.registry, CollectorRegistry(), SystemClock())
