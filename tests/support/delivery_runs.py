"""Whole lives of a partition on virtual time, from one seed each: what was wrong in them, if something was."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields

from inventory_domain.errors import InvariantBroken, OwnershipLost
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ListingId
from inventory_domain.retry import RetrySchedule
from inventory_domain.targets import Target
from tests.support.delivery import CHANNEL, MARKETPLACE, a_target
from tests.support.delivery_bench import Bench, VirtualClock, a_bench
from tests.support.delivery_market import Faults, LateFeedMarketplace, LateMarketplace

LIVES = 3
OWN_IDS = ("A", "B", "C", "D", "E")
HEALED_S = 150.0
CHANGES_MAX = 20  # until a feed goes
QUICK = RetrySchedule((1.0, 2.0), 4.0)

Mutation = Callable[[], AbstractContextManager[object]]
"""Switches a rule off for as long as it lasts."""


@dataclass
class Partition:
    """What is durable: the newest targets and exposures, as compaction would leave them; all targets there were."""

    targets: dict[ListingId, Target] = field(default_factory=dict)
    exposures: dict[ListingId, Exposure] = field(default_factory=dict)
    former: list[Target] = field(default_factory=list)

    def changed(self, own_id: str, quantity: int) -> Target:
        """The next target of the listing."""
        known = self.targets.get(ListingId(f"{CHANNEL}/{own_id}"))
        target = a_target(own_id, quantity, version=known.version + 1 if known else 1)
        self.targets[target.listing_id] = target
        if known is not None:
            self.former.append(known)
        return target

    def keep(self, bench: Bench) -> None:
        """What the worker has committed."""
        for write in bench.written(bench.settings.topics.exposure(MARKETPLACE)):
            assert write.key is not None
            if write.value is not None:
                exposure = bench.codecs.exposure.decode(write.value)
                self.exposures[exposure.listing_id] = exposure


@dataclass
class Found:
    """What was wrong in a run, and how many feeds there were in it."""

    wrong: list[str] = field(default_factory=list)
    feeds: int = 0

    def note(self, text: str) -> None:
        if text not in self.wrong:
            self.wrong.append(text)


def check_exposure(found: Found, partition: Partition, bench: Bench, market: LateMarketplace) -> None:
    """What is shown is never above what is durably said to be possible."""
    partition.keep(bench)
    for listing_id, shown in market.shown.items():
        exposure = partition.exposures.get(listing_id)
        units = exposure.units() if exposure is not None else -1
        if units is not None and shown > units:
            found.note(f"{listing_id} shows {shown}, at most {units}")


async def a_life(
    found: Found, partition: Partition, market: LateMarketplace, clock: VirtualClock, dice: random.Random, wait_s: float
) -> None:
    """A worker takes over, is sent targets (some of them older ones again), and crashes."""
    targets, exposures = list(partition.targets.values()), list(partition.exposures.values())
    async with a_bench(
        market, targets=targets, exposures=exposures, clock=clock, retry=QUICK, handover_wait_s=wait_s
    ) as bench:
        for _ in range(dice.randint(5, 15)):
            if partition.former and dice.random() < 0.2:
                await bench.worker.take([bench.arrival(dice.choice(partition.former))])
            together = dice.randint(1, len(OWN_IDS)) if isinstance(market, LateFeedMarketplace) else 1
            targets = [partition.changed(own_id, dice.randint(0, 9)) for own_id in dice.sample(OWN_IDS, together)]
            await bench.send(*targets)
            await clock.pass_s(dice.choice((0.0, 0.1, 1.0, 4.0, 15.0)))
            check_exposure(found, partition, bench, market)
        if bench.worker.accounting.pending() != bench.worker.book.pending(CHANNEL):
            found.note("targets are not accounted for")
        bench.transactions.refuses = OwnershipLost("taken over")  # from here on it is a zombie
        broken = [error for error in bench.failures if isinstance(error, InvariantBroken)]
        bench.failures.clear()
        if broken:
            found.note(f"invariant broken: {broken[0]}")
    partition.keep(bench)


async def run(seed: int, *, with_feeds: bool, faults: Faults | None = None, mutation: Mutation = nullcontext) -> Found:
    """One run; what was wrong in it. `mutation` switches a rule off."""
    dice, clock, found = random.Random(seed), VirtualClock(), Found()
    faults = faults or Faults(*(dice.choice((0.0, 0.1, 0.3)) for _ in fields(Faults)))
    kind = LateFeedMarketplace if with_feeds else LateMarketplace
    market, partition = kind(clock, seed, faults), Partition()
    with mutation():
        for _ in range(LIVES):
            await a_life(found, partition, market, clock, dice, wait_s=20.0)
        market.faults = Faults()
        targets, exposures = list(partition.targets.values()), list(partition.exposures.values())
        async with a_bench(market, targets=targets, exposures=exposures, clock=clock, retry=QUICK) as bench:
            if isinstance(market, LateFeedMarketplace):
                await overtaken_feeds(partition, bench, market, dice)
            await clock.pass_s(HEALED_S)
            check_exposure(found, partition, bench, market)
            if bench.worker.accounting.pending():
                found.note(f"{bench.worker.accounting.pending()} targets are pending at the end")
            found.wrong += [f"failed: {error!r}" for error in bench.failures]
            bench.failures.clear()
    await market.stop()
    _check_end(found, partition, market)
    return found


async def overtaken_feeds(partition: Partition, bench: Bench, market: LateFeedMarketplace, dice: random.Random) -> None:
    """Everything changes until a feed goes, and while it is under way everything changes again."""
    await bench.clock.pass_s(HEALED_S)  # from here on nothing of the past is waited for
    known = len(market.feeds)
    for _ in range(CHANGES_MAX):
        await bench.send(*(partition.changed(own_id, dice.randint(0, 9)) for own_id in OWN_IDS))
        await bench.clock.pass_s(2.0)
        if len(market.feeds) > known:
            break
    await bench.send(*(partition.changed(own_id, dice.randint(0, 9)) for own_id in OWN_IDS))


def _check_end(found: Found, partition: Partition, market: LateMarketplace) -> None:
    for own_id in OWN_IDS:
        listing_id = ListingId(f"{CHANNEL}/{own_id}")
        versions = [push.version for push in market.received if push.listing_id == listing_id]
        if versions != sorted(versions):
            found.note(f"{own_id} stepped back: {versions}")
    wanted = {target.listing_id: target.quantity for target in partition.targets.values()}
    if market.shown != wanted:
        found.note(f"shows {market.shown}, not {wanted}")
    if any(one.open for one in partition.exposures.values()):
        found.note("attempts are open at the end")
    found.feeds = len(market.feeds) if isinstance(market, LateFeedMarketplace) else 0
    if isinstance(market, LateFeedMarketplace) and (market.writes.too_many or market.handed_in.too_many):
        found.note(f"{market.writes.too_many} calls and {market.handed_in.too_many} feeds too many")
