"""One simulation: a seed decides what happens, then everything heals, and what came out is held against the sums."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from unittest.mock import patch

from inventory_domain import decisions
from inventory_domain.changes import InventoryChange
from inventory_domain.identifiers import EventId, Marketplace
from inventory_domain.positions import Effect
from inventory_domain.stock_draft import StockDraft
from inventory_domain.targets import Target
from inventory_streams.engine import committing, computing
from tests.support import engine_work
from tests.support.engine_work import TOPICS, Wire
from tests.support.simulator.books import WITHHELD_UNITS
from tests.support.simulator.kafka import ModeledKafka
from tests.support.simulator.sharing import codecs, forget
from tests.support.simulator.switches import Off
from tests.support.simulator.traffic import PARTITIONS, Traffic
from tests.support.simulator.worker import POLICY, Crash, VirtualClock, Worker
from tests.support.stock import NOW_MS, a_channel, a_policy

STEPS = 110
WITHHELD_LATER_UNITS = 3
SILENT_S_MAX = 200  # until a source counts as silent, also where its last word came before the clock was set back
SKUS = 4
CLOCK_WRONG_SHARE = 0.2  # of the runs, by dice of its own, so that all others stay what they were
WRONG_BY_MS = (-3_600_000, -600_000, -60_000, 60_000, 600_000, 3_600_000)


@dataclass
class _BrokersClock:
    """The broker has the right time, whatever the engine's machine has."""

    clock: VirtualClock

    def now_ms(self) -> int:
        return NOW_MS + round(self.clock.elapsed_s * 1000)


class Violation(AssertionError):
    """A run ended otherwise than the sums say; the seed repeats it."""


class Simulation:
    """What happens by one seed."""

    def __init__(self, seed: int, off: Off) -> None:
        self.seed = seed
        self._off = off
        self._chance = random.Random(seed)
        self._clock = VirtualClock(NOW_MS)
        self._clock_chance = random.Random(f"{seed}/clock")
        self._right = _BrokersClock(self._clock) if self._clock_chance.random() < CLOCK_WRONG_SHARE else None
        self._kafka = ModeledKafka(self._right or self._clock)
        self._wire = Wire()
        self._traffic = Traffic(self._kafka, self._wire, self._chance, SKUS, catalog=True)
        self._policy = POLICY
        changed = self._chance.randrange(2 * STEPS)
        self._changes = {
            changed: self._reconfigure,
            changed + self._chance.randrange(1, 12): self._roll_back,
            self._chance.randrange(2 * STEPS): self._quiet,
        }
        self._workers: list[Worker] = []
        self._owners: dict[int, Worker] = {}
        self.fired: Counter[str] = Counter()

    async def run(self) -> None:
        """Let it happen, heal, and check."""
        for step in range(STEPS):
            self._pass_time()
            if step in self._changes:
                self._changes[step]()
            await self._chance.choices(
                (self._produce, self._fetch, self._turn, self._react, self._move, self._wake, self._commit_offsets),
                (8, 14, 3, 5, 1, 1, 1),
            )[0]()
            for worker in [one for one in self._workers if not one.alive]:
                self.fired["crashed"] += 1
                self._workers.remove(worker)
                worker.end()
        await self._heal()
        for worker in self._workers:
            worker.end()
        await asyncio.sleep(0)
        self._check()
        self.fired.update(self._traffic.fired)

    def _pass_time(self) -> None:
        seconds = self._chance.choice((0.0, 0.001, 0.05, 1.0, 3.0))
        self._clock.elapsed_s += seconds
        self._clock.wall_ms += round(seconds * 1000)
        if self._chance.random() < 0.02:
            self.fired["clock set back"] += 1
            self._clock.wall_ms -= 10_000
        if self._right is not None and self._clock_chance.random() < 0.03:
            by_ms = self._clock_chance.choice((0, *WRONG_BY_MS))
            self.fired["clock ahead" if by_ms > 0 else "clock behind" if by_ms < 0 else "clock set right"] += 1
            self._clock.wall_ms = self._right.now_ms() + by_ms

    def _reconfigure(self) -> None:
        """Processes that start from now on withhold more."""
        self._policy = a_policy(a_channel(locations=("dallas", "reno"), units=WITHHELD_LATER_UNITS))
        self._traffic.reconfigured(WITHHELD_LATER_UNITS)

    def _roll_back(self) -> None:
        """Processes that start from now on are configured as at first."""
        self.fired["rolled back"] += 1
        self._policy = POLICY
        self._traffic.reconfigured(WITHHELD_UNITS)

    def _quiet(self) -> None:
        """The source of Dallas says nothing more."""
        self._traffic.erp_quiet = True

    async def _produce(self) -> None:
        for _ in range(self._chance.randrange(1, 4)):
            self._traffic.act()

    def _working(self) -> list[tuple[Worker, int]]:
        return [(worker, number) for worker in self._workers for number in worker.owns()]

    async def _fetch(self) -> None:
        for worker in self._workers:
            if self._chance.random() < 0.4:
                worker.open()
        working = self._working()
        if working:
            worker, number = self._chance.choice(working)
            await worker.fetch(number)
            if worker.puts_off(number):
                self.fired["changes put off"] += 1
        else:
            await self._move()

    async def _turn(self) -> None:
        if self._workers:
            await self._chance.choice(self._workers).turn()

    async def _react(self) -> None:
        newest = [target for target in self._newest().values() if target is not None]
        if newest:
            target = self._chance.choice(newest)
            self._chance.choice(
                (self._traffic.confirmed, self._traffic.confirmed, self._traffic.confirmed, self._traffic.judged)
            )(target)

    async def _move(self) -> None:
        """A partition goes to another process. The former owner is not told: it is a zombie until it writes."""
        self.fired["moved"] += 1
        number = self._chance.randrange(PARTITIONS)
        worker = self._worker()
        worker.begin_to_open(number)
        self._workers.append(worker)
        self._owners[number] = worker

    def _worker(self) -> Worker:
        """A sweep of its may be so slow that it is interrupted."""
        return Worker(
            self._kafka,
            self._wire,
            self._clock,
            self._chance,
            self._off,
            policy=self._policy,
            sweep_skus_per_s=self._chance.choice((1, 5_000)),
        )

    async def _wake(self) -> None:
        """Transactions that hung go on, those of zombies too."""
        for worker in self._workers:
            if worker.hangs():
                self.fired["hung"] += 1
            await worker.go_on()

    async def _commit_offsets(self) -> None:
        for worker in self._workers:
            worker.commit_offsets()

    def _targets(self) -> Iterator[tuple[str, Target | None]]:
        for number in range(PARTITIONS):
            for record in self._kafka.read(TOPICS.targets(Marketplace("market")), number):
                listing = (record.key or b"").decode()
                yield listing, None if record.value is None else codecs().targets.decode(record.value)

    def _newest(self) -> dict[str, Target | None]:
        return dict(self._targets())

    async def _heal(self) -> None:
        """One sound process for all partitions; every zombie has written its last."""
        await self._wake()
        last = self._worker()
        last.heal()
        self._traffic.flush()
        for number in range(PARTITIONS):
            last.begin_to_open(number)
        last.open()
        await self._catch_up(last)
        if self._right is not None:  # while this one runs
            self._clock.wall_ms = self._right.now_ms()
        self._traffic.recount()
        silent = self._traffic.falls_silent()
        await self._catch_up(last)
        if silent:
            await self._fall_silent(last)
        await self._turn_for(last, 3)  # what was said of a source is judged once a second, and swept after that
        await self._catch_up(last)
        self._check_kits(last)

    async def _fall_silent(self, last: Worker) -> None:
        for _ in range(SILENT_S_MAX):
            await self._turn_for(last, 1)
            if all(last.thinks_silent(number) for number in range(PARTITIONS)):
                return
        self._fail("nobody noticed that a source fell silent")

    async def _turn_for(self, last: Worker, seconds: int) -> None:
        for _ in range(seconds):
            self._clock.elapsed_s += 1.0
            self._clock.wall_ms += 1_000
            for number in range(PARTITIONS):
                await last.fetch(number)
            await last.turn()

    async def _catch_up(self, last: Worker) -> None:
        for _ in range(400):
            await self._turn_for(last, 1)
            if all(last.caught_up(number) for number in range(PARTITIONS)):
                return
        self._fail("it did not catch up")

    def _check_kits(self, last: Worker) -> None:
        """Also what changes no number reaches the kit: why its parts have nothing."""
        for kit, expected in self._traffic.kits.items():
            state = last.state(kit)
            links = state.links if state is not None else None
            answers = links.answers if links is not None else {}
            said = {part: [one.locations for one in answer.silent] for part, answer in answers.items()}
            if said != expected.silent():
                self._fail(f"{kit} was told of silent sources {said} and must have been of {expected.silent()}")

    def _check(self) -> None:
        versions: dict[str, int] = {}
        for listing, target in self._targets():
            if target is None:
                continue
            if target.version <= versions.get(listing, 0):
                self._fail(f"{listing}: version {target.version} after {versions[listing]}")
            versions[listing] = target.version
        newest = self._newest()
        for sku, expected in {**self._traffic.expected, **self._traffic.kits}.items():
            target = newest.get(f"market-us/{sku}")
            shown = target.quantity if target is not None else None
            if expected.listed and shown != expected.shown():
                self._fail(f"{sku} shows {shown} and must show {expected.shown()}")
            if not expected.listed and shown:
                self._fail(f"{sku} is not listed any more and shows {shown}")

    def _fail(self, what: str) -> NoReturn:
        raise Violation(f"seed {self.seed}, switched off: {self._off.value}: {what}")


def _ended(code: object, why: str) -> NoReturn:
    raise Crash(f"{code}: {why}")


def _without_newest(*given: Any, **named: Any) -> decisions.Decision:
    return decisions.decide(*given, **{**named, "newest_version": None})


@contextmanager
def switched_off(off: Off) -> Iterator[None]:
    """What cannot be handed in: the end of a process, and rules inside the domain."""
    plain, numbers = StockDraft.apply, itertools.count()

    def without_sequence(draft: StockDraft, change: InventoryChange) -> Effect:
        return plain(draft, replace(change, sequence=None))

    def without_ids(draft: StockDraft, change: InventoryChange) -> Effect:
        unguarded = change if change.sequence is not None else replace(change, event_id=EventId(f"u{next(numbers)}"))
        return plain(draft, unguarded)

    with ExitStack() as stack:
        stack.enter_context(patch.object(committing, "end_process", _ended))
        if off in (Off.SEQUENCE_GUARD, Off.EVENT_ID_GUARD):  # both are switched off in what takes a whole change
            stack.enter_context(patch.object(engine_work, "plain_of", lambda change: None))
        if off is Off.SEQUENCE_GUARD:
            stack.enter_context(patch.object(StockDraft, "apply", without_sequence))
        if off is Off.EVENT_ID_GUARD:
            stack.enter_context(patch.object(StockDraft, "apply", without_ids))
        if off is Off.VERSION_FLOOR:
            stack.enter_context(patch.object(decisions, "next_version", lambda last, now_ms: now_ms))
        if off is Off.VERSION_MEMORY:
            stack.enter_context(patch.object(computing, "decide", _without_newest))
            stack.enter_context(patch.object(decisions, "next_version", lambda last, now_ms: (last or 0) + 1))
        yield


def simulate(seeds: Iterable[int], off: Off = Off.NOTHING) -> Counter[str]:
    """Run each seed. Returns how often each kind of fault happened.

    Raises:
        Violation: with the seed that repeats it.
    """
    fired: Counter[str] = Counter()
    quiet = logging.getLogger("inventory_streams")
    before = quiet.level
    quiet.setLevel(logging.CRITICAL + 1)
    try:
        with switched_off(off), asyncio.Runner() as runner:
            for seed in seeds:
                one = Simulation(seed, off)
                runner.run(one.run())
                forget()
                fired.update(one.fired)
    finally:
        quiet.setLevel(before)
        forget()
    return fired
