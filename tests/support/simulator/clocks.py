"""Clocks of machines that are wrong for a while, by minutes or hours, until somebody sets them right."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from tests.support.simulator.virtual_time import LoopClock

if TYPE_CHECKING:
    from tests.support.simulator.world import World

WRONG_BY_MS = (-3_600_000, -600_000, -60_000, 60_000, 600_000, 3_600_000)
STARTS_WRONG = 0.15
EVERY_S = (3.0, 20.0)


class Clocks:
    """Sets the wall clocks of processes, which go on measuring by their monotonic ones. Its chances are its own."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._set: list[LoopClock] = []

    async def run(self) -> None:
        """While there is trouble one clock after the other is set."""
        while self._world.troubled:
            await asyncio.sleep(self._chance.uniform(*EVERY_S))
            if self._world.troubled:
                self._set_one()

    def started(self, clock: LoopClock, name: str) -> None:
        """A process begins, now and then on a machine that has the wrong time."""
        if self._world.troubled and self._chance.random() < STARTS_WRONG:
            self._wrong(clock, name)

    def set_right(self) -> None:
        """All of them."""
        for clock in self._set:
            clock.skew_ms = 0
        if self._set:
            self._world.promises.clocks_are(right=True)
        self._set.clear()

    def _set_one(self) -> None:
        if not (there := self._world.clocks()):
            return
        name, clock = self._chance.choice(there)
        if clock.skew_ms and self._chance.random() < 0.7:
            clock.skew_ms = 0
            self._world.promises.note(f"the clock of {name} is set right")
            self._world.promises.fired("clock set right")
        else:
            self._wrong(clock, name)

    def _wrong(self, clock: LoopClock, name: str) -> None:
        by_ms = self._chance.choice(WRONG_BY_MS)
        clock.skew_ms = by_ms
        self._set.append(clock)
        self._world.promises.note(f"the clock of {name} is wrong by {by_ms / 1_000:.0f} s")
        self._world.promises.clocks_are(right=False)
        self._world.promises.fired("clock ahead" if by_ms > 0 else "clock behind")
