"""A marketplace on virtual time that is late, loses answers, throttles and is down, all from one seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_domain.identifiers import ListingId
from inventory_domain.outcomes import Accepted, LimitSeen, Outage, PushOutcome, Throttled, Transient
from inventory_domain.ports import AdapterTraits, ListingRef, Push, ReadAnswer, Shown
from tests.support.delivery import traits
from tests.support.delivery_bench import VirtualClock

SETTLING_S = 8.0
ANSWER_S_MAX = 3.0


@dataclass
class Faults:
    """How often each thing goes wrong, as a share of the calls.

    `slow_way`: the request itself takes long to arrive. `dropped`: a fall is accepted and never applied (a rise that
    was dropped looks like a sale, and is for reconciliation to find).
    """

    lost_answer: float = 0.0
    refused: float = 0.0
    throttled: float = 0.0
    down: float = 0.0
    hangs: float = 0.0
    slow_way: float = 0.0
    dropped: float = 0.0


@dataclass
class LateMarketplace:
    """Applies what it takes within its settling time, in the order of its taking, and tells or does not tell."""

    clock: VirtualClock
    seed: int
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.received: list[Push] = []
        self.shown: dict[ListingId, int] = {}
        self._applying: set[asyncio.Task[None]] = set()
        self._last_live_s: dict[ListingId, float] = {}

    @property
    def traits(self) -> AdapterTraits:
        return traits(settling_s_max=SETTLING_S, push_group_max=3)

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        """Each push of a call has a fate of its own; the call takes a while."""
        if self.dice.random() < self.faults.slow_way:
            await self.clock.sleep(self.dice.uniform(0.0, 14.0))
        self.received.extend(pushes)
        outcomes = [self._take(push) for push in pushes]
        hangs = self.dice.random() < self.faults.hangs
        await self.clock.sleep(60.0 if hangs else self.dice.uniform(0.0, ANSWER_S_MAX))
        return outcomes

    def _take(self, push: Push) -> PushOutcome:
        told = {"listing_id": push.listing_id, "api": "write"}
        chance = self.dice.random
        if chance() < self.faults.throttled:
            seen = LimitSeen(operation="write", wait_s=self.dice.uniform(0.1, 2.0))
            return Throttled(**told, reason="429", seen=seen)
        if chance() < self.faults.down:
            return Outage(**told, reason="down")
        if chance() < self.faults.refused:
            return Transient(**told, reason="busy")
        falls = push.quantity < self.shown.get(push.listing_id, 0)
        if not (falls and chance() < self.faults.dropped):
            self._apply_later(push)
        if chance() < self.faults.lost_answer:
            return Transient(**told, reason="cut-off", effect_unknown=True)
        return Accepted(**told, reason="ok")

    def _apply_later(self, push: Push) -> None:
        """In the order in which they were taken, each within the settling time."""
        earliest_s = self._last_live_s.get(push.listing_id, 0.0)
        live_s = max(earliest_s, self.clock.monotonic_s() + self.dice.uniform(0.0, SETTLING_S))
        self._last_live_s[push.listing_id] = live_s
        task = asyncio.create_task(self._apply(push, live_s - self.clock.monotonic_s()))
        self._applying.add(task)
        task.add_done_callback(self._applying.discard)

    async def _apply(self, push: Push, wait_s: float) -> None:
        await self.clock.sleep(wait_s)
        self.shown[push.listing_id] = push.quantity

    async def read(self, listing: ListingRef) -> ReadAnswer:
        shown = self.shown.get(listing.listing_id, 0)
        await self.clock.sleep(self.dice.uniform(0.0, 1.0))
        if self.dice.random() < self.faults.down:
            return Outage(listing_id=listing.listing_id, api="read", reason="down")
        return Shown(listing_id=listing.listing_id, quantity=shown, api="read")

    async def aclose(self) -> None:
        return

    async def stop(self) -> None:
        """Whatever was not live yet never will be."""
        for task in self._applying:
            task.cancel()
        if self._applying:
            await asyncio.wait(self._applying)
