"""From a stock change to what a marketplace shows: engine, delivery, rebalances, buyers and trouble, from one seed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from unittest.mock import patch

from inventory_domain import expected
from inventory_domain.errors import OwnershipLost
from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.operations import OperatorAction
from inventory_streams.delivery import quotas, throttle
from inventory_streams.delivery.last_resort import CutOff
from inventory_streams.delivery.run import KAFKA_MAY_BE_GONE
from inventory_streams.producer.client import NotDelivered
from tests.support.engine_work import Wire
from tests.support.simulator.books import WITHHELD_UNITS, Expected
from tests.support.simulator.catalog import CatalogActs
from tests.support.simulator.clocks import Clocks
from tests.support.simulator.delivery import HEALTH, STOP_AFTER_S, DeliveryProcess
from tests.support.simulator.failing_safe import fail_safe
from tests.support.simulator.group import Group
from tests.support.simulator.kafka import ModeledKafka
from tests.support.simulator.marketplace import DAY_MS, LIMITS, ModeledMarketplace, Weather
from tests.support.simulator.modeled_clients import modeled_clients
from tests.support.simulator.operators import replay_letters
from tests.support.simulator.process import Fates, ModeledProcess
from tests.support.simulator.promises import Promises
from tests.support.simulator.reconciling import ReconcileProcess
from tests.support.simulator.rules_off import rule_off
from tests.support.simulator.run import Violation, switched_off
from tests.support.simulator.sharing import forget
from tests.support.simulator.switches import Off
from tests.support.simulator.traffic import PARTITIONS, Traffic
from tests.support.simulator.trouble import ACTS, bring_kafka_back, command
from tests.support.simulator.virtual_time import LoopClock, TimeStandsStill, VirtualLoop
from tests.support.simulator.whole import DailyQuota, left, not_to_wait_for, step_back
from tests.support.simulator.worker import SOUND, Worker
from tests.support.simulator.worker import Fates as EngineFates
from tests.support.stock import NOW_MS, a_channel, a_policy

SKUS = 4
CHANNELS = (ChannelId("market-us"), ChannelId("market-ca"))
POLICY = a_policy(*(a_channel(one, locations=("dallas", "reno"), units=WITHHELD_UNITS) for one in CHANNELS))
TROUBLE_S = (40.0, 110.0)
RECOVERY_S = 45.0  # after the trouble, until delays are as declared again
DELAY_S = 30.0  # from a change to what buyers see: polls, a queue of eight listings, a call, settling
DELAY_WITH_FEEDS_S = 60.0
WATCHED_S = 15.0
ENDS_FOR = (OwnershipLost, CutOff, NotDelivered, *KAFKA_MAY_BE_GONE)  # a process, in good order
CALLS_A_DAY = 60  # of runs with a quota, in which a day ends when the trouble does
# A real quota is a hundred times what idle probes use of it; by the usual pace here they would use all of it.
HEALTH_WITH_QUOTA = replace(HEALTH, idle_probe_s=STOP_AFTER_S - 10.0)
WITH_QUOTA = {"health": HEALTH_WITH_QUOTA, "failing_fall_s": 30.0}
ZERO_RESERVE = 0.2
MIDNIGHT_MS = (NOW_MS // DAY_MS + 1) * DAY_MS
QUIET_S_MAX = 400.0
SELLING_S = 8.0
LETTERS_S = 10.0  # so often somebody looks at dead letters when all is well again
STEPS_TOLD = 60  # of a failure; `steps_of` gives all
LATER = ("clocks", "catalog")  # in some runs, by dice of their own, so that all others stay what they were
LATER_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Emphasis:
    """What a run is to have much of; what is None is the seed's choice."""

    weather: Weather | None = None
    fates: Fates | None = None
    acts: tuple[str, ...] | None = None
    feeds: bool | None = None
    quota: int | None = None
    zero_reserve: float = ZERO_RESERVE
    every_s: tuple[float, float] = (1.0, 8.0)
    fails_safe: str | None = None
    later: tuple[str, ...] | None = None


SEEDS_CHOICE = Emphasis()


class World:
    """What happens by one seed."""

    def __init__(self, seed: int, off: Off, emphasis: Emphasis, loop: VirtualLoop) -> None:
        self.seed = seed
        self._off = off
        self.loop = loop
        self.dice = random.Random(f"{seed}")
        self._trouble_s = self.dice.uniform(*TROUBLE_S)
        rationed = self.dice.random() < 0.2 and emphasis.fails_safe is None
        quota = emphasis.quota or (CALLS_A_DAY if rationed else None)
        self.quota = DailyQuota(quota, emphasis.zero_reserve) if quota else None
        limits = tuple(replace(one, per_day=quota) if one.operation == "write" else one for one in LIMITS)
        self._start_ms = MIDNIGHT_MS - round((self._trouble_s + 5.0) * 1_000) if quota else NOW_MS
        self.clock = LoopClock(loop, self._start_ms)
        self.kafka = ModeledKafka(self.clock)
        chosen = Weather.any(self.dice)
        self.weather = emphasis.weather or chosen
        self._feeds = self.dice.random() < 0.5 if emphasis.feeds is None else emphasis.feeds
        self._fates = emphasis.fates or Fates(self.dice.choice((0.0, 0.002, 0.01)), self.dice.choice((0.0, 0.1)))
        self._acts = tuple(one for one in ACTS if self.dice.random() < 0.5) if emphasis.acts is None else emphasis.acts
        self._emphasis = emphasis
        self._later = self._chosen_later(emphasis, quota)
        self.channels = CHANNELS
        watched = self.dice.random() < 0.3 or emphasis.fails_safe is not None
        self._watched = watched and not quota  # else calls run out again, and nothing is on time
        self.promises = Promises(loop, self.kafka, DELAY_WITH_FEEDS_S if self._feeds else DELAY_S, CHANNELS)
        self.market = ModeledMarketplace(
            loop,
            random.Random(f"{seed}/market"),
            replace(self.weather),
            self.promises,
            self.clock,
            limits,
        )
        self.market.absolute = off is not Off.ABSOLUTE
        self.promises.market = self.market
        self._wire = Wire()
        self._unreported: Counter[Sku] = Counter()
        self.traffic = Traffic(
            self.kafka, self._wire, self.dice, SKUS, channels=CHANNELS, buyers=True, noted=self.noted
        )
        self.group = Group(loop, PARTITIONS)
        self.processes: list[DeliveryProcess] = []
        self.reconcilers: list[ReconcileProcess] = []
        self.wanted = 2
        self._numbers = 0
        self._engines: list[Worker] = []
        self.owners: dict[int, Worker] = {}
        self.engine_rests_until_s = 0.0
        self._engine_fates = EngineFates(0.002, 0.01, 0.004, 0.01)
        self.troubled = True
        self._trading = True
        self._tasks: list[asyncio.Task[None]] = []
        self._clocks = Clocks(self, random.Random(f"{seed}/clocks")) if "clocks" in self._later else None
        self._catalog = CatalogActs(self, random.Random(f"{seed}/catalog")) if "catalog" in self._later else None
        self.promises.places = self.market.places = self.traffic.places

    def _chosen_later(self, emphasis: Emphasis, quota: int | None) -> tuple[str, ...]:
        """The seed's choice where nothing else is said. A clock that is wrong would have another day's quota."""
        chance = random.Random(f"{self.seed}/later")
        chosen = tuple([one for one in LATER if chance.random() < LATER_SHARE])
        if emphasis.later is not None or emphasis.acts is not None:
            chosen = emphasis.later or ()
        return tuple([one for one in chosen if one != "clocks" or quota is None])

    def clocks(self) -> list[tuple[str, LoopClock]]:
        """The clock of each process there is, by its name."""
        processes = [(one.name, one.clock) for one in (*self.processes, *self.reconcilers) if not one.doomed]
        engines = [(f"the engine of {worker.owns()}", worker.clock) for worker in self._engines]
        return [*processes, *((name, clock) for name, clock in engines if isinstance(clock, LoopClock))]

    def _clock_of(self, name: str) -> LoopClock:
        clock = LoopClock(self.loop, self._start_ms)
        if self._clocks is not None:
            self._clocks.started(clock, name)
        return clock

    async def run(self) -> None:
        """Trouble, then calm in which delays must be as declared, then rest in which everything must be right."""
        self.loop.set_exception_handler(self._unforeseen)
        for _ in range(self.wanted):
            self._start_process()
        self.start_reconciler()
        for run in (self._trade(), self._buy(), self._run_engine(), self._make_trouble(), self._look()):
            self._tasks.append(asyncio.create_task(run))
        if self._clocks is not None:
            self._tasks.append(asyncio.create_task(self._clocks.run()))
        if self._catalog is not None:
            self._tasks.append(asyncio.create_task(self._catalog.run()))
        try:
            await self.pass_time(self._trouble_s)
            self._calm()
            if self._watched:
                await self.pass_time(RECOVERY_S)
                self.promises.calm_from_s = self.loop.time() + self.promises.delay_s
                await self.pass_time(self.promises.delay_s + WATCHED_S)
                await fail_safe(self, self._emphasis.fails_safe)
            self._trading = False
            self.traffic.flush()
            await self._recount()
            await self._rest()
        finally:
            await self._end()
        if (stepped := step_back(self)) is not None:
            self._fail(f"P2: {stepped}")
        self.promises.counts.update(self.traffic.fired)
        self.promises.counts["rebalanced"] += self.group.rebalances

    async def pass_time(self, seconds: float) -> None:
        """Let it go on so long; what is broken by then ends the run."""
        until_s = self.loop.time() + seconds
        while self.loop.time() < until_s:
            await asyncio.sleep(min(1.0, until_s - self.loop.time()))
            self._check()

    def _check(self) -> None:
        for task in self._tasks:
            if task.done() and (error := task.exception()) is not None:
                raise error
        if self.promises.found:
            self._fail(self.promises.found[0])

    def _fail(self, what: str) -> NoReturn:
        raise self.violation(what)

    def violation(self, what: str) -> Violation:
        """What is wrong, with the seed that repeats it and the last steps before it."""
        steps = "\n".join(list(self.promises.steps)[-STEPS_TOLD:])
        return Violation(f"seed {self.seed}, switched off: {self._off.value}: {what}\nlast steps:\n{steps}")

    def _unforeseen(self, loop: object, context: dict[str, object]) -> None:
        if not isinstance(context.get("exception"), ENDS_FOR):  # of a process that was gone before it heard of it
            self.promises.wrong(f"unforeseen: {context.get('message')} {context.get('exception')!r}")

    # Input, and what buyers do

    def noted(self, sku: Sku, books: Expected) -> None:
        """A SKU's books have changed, or what follows from them."""
        if books.counts:
            self.promises.worth(sku, books.shown(self.clock.now_ms()), books.free() - self._unreported[sku])

    async def _trade(self) -> None:
        while self._trading:
            await asyncio.sleep(self.dice.uniform(0.2, 3.0))
            if self._trading and not self.kafka.gone:
                self.traffic.act()

    async def _buy(self) -> None:
        while self._trading:
            await asyncio.sleep(self.dice.uniform(0.5, SELLING_S))
            places = self.traffic.places
            on_sale = [one for one, units in self.market.shown.items() if units and not places[one].held]
            if not self._trading or not on_sale:
                continue
            listing_id = self.dice.choice(on_sale)
            units = self.market.sell(listing_id, self.dice.randrange(1, 3))
            sku, channel = places[listing_id].sku, places[listing_id].channel
            self.promises.note(f"sold {units} of {listing_id}")
            change = self.traffic.sold(sku, channel, units)
            self._unreported[sku] += units
            books = self.traffic.expected[sku]
            self.noted(sku, books)
            self.promises.sold(listing_id, books.free() - self._unreported[sku])
            self.loop.outside(self.dice.uniform(0.0, 3.0), self._reported, sku, units, change)

    def _reported(self, sku: Sku, units: int, change: object) -> None:
        if self.kafka.gone:  # whoever reports waits for it
            self.loop.outside(1.0, self._reported, sku, units, change)
            return
        self._unreported[sku] -= units
        self.traffic.report(change)  # type: ignore[arg-type]

    # The engine

    async def _run_engine(self) -> None:
        turns = 0
        while True:
            await asyncio.sleep(self.dice.uniform(0.1, 0.3))
            if self.loop.time() < self.engine_rests_until_s:
                continue
            turns += 1
            for number in range(PARTITIONS):
                owner = self.owners.get(number)
                if owner is None or not owner.alive:
                    self.move_engine(number)
            for worker in list(self._engines):
                await self._work(worker, turns)

    async def _work(self, worker: Worker, turns: int) -> None:
        worker.open()
        for number in worker.owns():
            if worker.alive:
                await worker.fetch(number)
        if worker.alive and turns % 3 == 0:
            await worker.turn()
            worker.commit_offsets()
            if worker.hangs():
                await worker.go_on()
        if not worker.alive:
            self.promises.fired("engine crashed")
            self._engines.remove(worker)
            worker.end()

    def move_engine(self, number: int) -> None:
        """Another process begins to work on the partition."""
        skew_ms = -10_000 if self.troubled and self.dice.random() < 0.1 else 0
        clock = LoopClock(self.loop, self._start_ms, skew_ms)
        if self._clocks is not None:
            self._clocks.started(clock, f"the engine of {number}")
        fates = self._engine_fates if self.troubled else SOUND
        worker = Worker(self.kafka, self._wire, clock, self.dice, self._off, policy=POLICY, fates=fates)
        worker.begin_to_open(number)
        self._engines.append(worker)
        self.owners[number] = worker

    # Processes of delivery

    def number(self) -> str:
        """The next one, in the order of names."""
        self._numbers += 1
        return f"{self._numbers:04}"

    def _start_process(self) -> None:
        name = f"d{self.number()}"
        self.promises.note(f"start {name}")
        process = DeliveryProcess(
            name,
            loop=self.loop,
            kafka=self.kafka,
            group=self.group,
            market=self.market,
            clock=self._clock_of(name),
            dice=random.Random(f"{self.seed}/{name}"),
            fates=self._fates if self.troubled else Fates(),
            feeds=self._feeds,
            channels=CHANNELS,
            tell=self.promises.note,
            ended=self.ended,
            off=self._off,
            changes=self._settings_changed(),
        )
        self.processes.append(process)
        process.start()

    def start_reconciler(self) -> None:
        """Another process reconciles from now on; one that was there before, and stands still, is not told."""
        name = f"r{self.number()}"
        self.promises.note(f"start {name}")
        process = ReconcileProcess(
            name,
            loop=self.loop,
            kafka=self.kafka,
            market=self.market,
            clock=self._clock_of(name),
            dice=random.Random(f"{self.seed}/{name}"),
            fates=self._fates if self.troubled else Fates(),
            channels=CHANNELS,
            wire=self._wire,
            tell=self.promises.note,
            ended=self.ended,
            corrected=self.promises.corrected,
            reported=self._mend_by_hand,
        )
        self.reconcilers.append(process)
        process.start()

    def _settings_changed(self) -> dict[str, object]:
        return {**WITH_QUOTA, "zero_reserve": self.quota.zero_reserve} if self.quota else {}

    def _mend_by_hand(self, listing_id: ListingId) -> None:
        """A ghost was reported: whoever reads of it takes it from sale, unless the catalog lists it again by then."""
        self.promises.fired("ghost")
        self.loop.outside(self.dice.uniform(1.0, 10.0), self._take_from_sale, listing_id)

    def _take_from_sale(self, listing_id: ListingId) -> None:
        # The target of zero that withdrew it may be there for long; it is not reported a second time.
        place = self.traffic.places[listing_id]
        if place.out or not self.traffic.expected[place.sku].listed:
            self.promises.note(f"{listing_id} is taken from sale by hand")
            self.market.edit(listing_id, 0)

    def ended(self, process: ModeledProcess, why: str, error: BaseException | None) -> None:
        """From within the process: it is gone as soon as the loop turns."""
        self.promises.note(f"end {process.name}: {why} {error!r}")
        if error is not None and not isinstance(error, ENDS_FOR):
            self.promises.wrong(f"{process.name} failed: {error!r}")
        process.doomed = True
        self.loop.outside(0.0, self._bury, process)

    def _bury(self, process: ModeledProcess) -> None:
        there: list[Any] = self.reconcilers if isinstance(process, ReconcileProcess) else self.processes
        if process in there:
            there.remove(process)
            self.promises.fired("died")
            self._tasks.append(asyncio.create_task(self.loop.kill(process)))
            self.loop.outside(self.dice.uniform(0.5, 6.0), self.replace_missing)

    def replace_missing(self) -> None:
        """Start what should be there and is not."""
        while len(self.processes) < self.wanted:
            self._start_process()
        if not self.reconcilers:
            self.start_reconciler()

    # Trouble

    async def _make_trouble(self) -> None:
        while self.troubled:
            await asyncio.sleep(self.dice.uniform(*self._emphasis.every_s))
            if self.troubled and self._acts:
                name = self.dice.choice(self._acts)
                self.promises.note(f"trouble: {name}")
                self.promises.fired(name)
                ACTS[name](self)

    def wake(self, process: ModeledProcess) -> None:
        """A process that stood still goes on."""
        if process.frozen:
            self.promises.note(f"wake {process.name}")
            self.loop.wake(process)

    def _calm(self) -> None:
        """Everything heals."""
        bring_kafka_back(self)
        self.troubled = False
        self.promises.note("calm")
        if self._clocks is not None:
            self._clocks.set_right()
        if self._catalog is not None:
            self._catalog.set_right()
        self.market.weather = Weather()
        self.engine_rests_until_s = 0.0
        for worker in self._engines:
            worker.heal()
        for process in (*self.processes, *self.reconcilers):
            process.fates = Fates()
            self.wake(process)
        self.replace_missing()
        for action in (OperatorAction.RESUME, OperatorAction.RESTORE):
            command(self, action)

    # Checks

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.group.expel_silent()
            self.promises.look()
            if not self.troubled and not self.kafka.gone and self.loop.time() % LETTERS_S < 1.0:
                replay_letters(self)

    async def _rest(self) -> None:
        """Until everything is right and stays so for a while; not being right for long is what is wrong."""
        unfinished = await self._come_right()
        if unfinished is not None and self.quota is not None:
            if (wrong := not_to_wait_for(self, self.quota)) is not None:
                self._fail(f"P1: {unfinished}; {wrong}")
            self.promises.fired("waited for the next day")
            await self.pass_time((DAY_MS - self.clock.now_ms() % DAY_MS) / 1_000)
            unfinished = await self._come_right()
            if not self.quota.suffices(SKUS * len(CHANNELS)):
                return
        if unfinished is not None:
            self._fail(f"P1: {unfinished}")

    async def _recount(self) -> None:
        """What came back to the catalog is counted when the engine knows that it is back."""
        if self._catalog is None:
            return
        for _ in range(round(QUIET_S_MAX)):
            if self._engine_caught_up():
                break
            await self.pass_time(1.0)
        self.traffic.recount()

    def _engine_caught_up(self) -> bool:
        owners = [(number, self.owners.get(number)) for number in range(PARTITIONS)]
        return all(one is not None and n in one.owns() and one.caught_up(n) for n, one in owners)

    async def _come_right(self) -> str | None:
        """What is not right for so long; None: everything is, and stays so."""
        until_s, right = self.loop.time() + QUIET_S_MAX, 0
        while right < 5:
            await self.pass_time(2.0)
            unfinished = left(self)
            right = right + 1 if unfinished is None else 0
            if unfinished is not None and self.loop.time() > until_s:
                return unfinished
        return None

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for process in (*self.processes, *self.reconcilers):
            await self.loop.kill(process)
        for worker in self._engines:
            worker.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)


def simulate_world(seeds: Iterable[int], off: Off = Off.NOTHING, emphasis: Emphasis = SEEDS_CHOICE) -> Counter[str]:
    """Run each seed. Returns how often each kind of fault happened.

    Raises:
        Violation: with the seed that repeats it, and the last steps before it.
    """
    fired: Counter[str] = Counter()
    with _simulated(off):
        for seed in seeds:
            fired.update(_one(seed, off, emphasis).counts)
    return fired


def steps_of(seed: int) -> list[str]:
    """Everything that a run tells of itself."""
    with _simulated(Off.NOTHING):
        return list(_one(seed, Off.NOTHING, SEEDS_CHOICE).steps)


def _one(seed: int, off: Off, emphasis: Emphasis) -> Promises:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        world = World(seed, off, emphasis, loop)
        try:
            runner.run(world.run())
        except TimeStandsStill as stuck:
            raise world.violation(str(stuck)) from stuck
        finally:
            forget()
    return world.promises


@contextmanager
def _simulated(off: Off) -> Iterator[None]:
    quiet = logging.getLogger("inventory_streams")
    before = quiet.level
    quiet.setLevel(logging.CRITICAL + 1)
    try:
        with (
            switched_off(off),
            modeled_clients(),
            rule_off(off),
            # All have one clock here, so what was reported before a write is known to have been sold before it.
            patch.object(expected, "OUR_CLOCKS_MS", 0),
            patch.object(quotas, "DAY_MS", DAY_MS),
            patch.object(throttle, "DAY_MS", DAY_MS),
        ):
            yield
    finally:
        quiet.setLevel(before)
