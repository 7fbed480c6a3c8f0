"""Whole lives of a partition on virtual time: crashes, takeovers, lost answers, throttles, from one seed each."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from inventory_domain.errors import OwnershipLost
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ListingId
from inventory_domain.retry import RetrySchedule
from inventory_domain.targets import Target
from tests.support.delivery import CHANNEL, MARKETPLACE, a_target
from tests.support.delivery_bench import Bench, VirtualClock, a_bench
from tests.support.delivery_market import Faults, LateMarketplace

SEEDS = range(16)
LIVES = 3
OWN_IDS = ("A", "B", "C", "D", "E")
HEALED_S = 150.0


@dataclass
class Partition:
    """What is durable: the newest targets and exposures, as compaction would leave them."""

    targets: dict[ListingId, Target] = field(default_factory=dict)
    exposures: dict[ListingId, Exposure] = field(default_factory=dict)

    def keep(self, bench: Bench) -> None:
        """What the worker has committed."""
        for write in bench.written(bench.settings.topics.exposure(MARKETPLACE)):
            assert write.key is not None
            if write.value is not None:
                exposure = bench.codecs.exposure.decode(write.value)
                self.exposures[exposure.listing_id] = exposure


def check_exposure(partition: Partition, bench: Bench, market: LateMarketplace) -> None:
    """What is shown is never above what is durably said to be possible."""
    partition.keep(bench)
    for listing_id, shown in market.shown.items():
        exposure = partition.exposures.get(listing_id)
        assert exposure is not None
        units = exposure.units()
        assert units is None or shown <= units, f"{listing_id} shows {shown}, at most {units}"


async def a_life(partition: Partition, market: LateMarketplace, clock: VirtualClock, dice: random.Random) -> None:
    """A worker takes over, is sent targets, and crashes."""
    targets, exposures = list(partition.targets.values()), list(partition.exposures.values())
    async with a_bench(market, targets=targets, exposures=exposures, clock=clock, retry=QUICK) as bench:
        for _ in range(dice.randint(5, 15)):
            own_id = dice.choice(OWN_IDS)
            known = partition.targets.get(ListingId(f"{CHANNEL}/{own_id}"))
            target = a_target(own_id, dice.randint(0, 9), version=known.version + 1 if known else 1)
            partition.targets[target.listing_id] = target
            await bench.send(target)
            await clock.pass_s(dice.choice((0.0, 0.1, 1.0, 4.0, 15.0)))
            check_exposure(partition, bench, market)
        counts = bench.worker.accounting
        assert counts.pending() == bench.worker.book.pending(CHANNEL)
        bench.transactions.refuses = OwnershipLost("taken over")  # from here on it is a zombie
    bench.failures.clear()
    partition.keep(bench)


QUICK = RetrySchedule((1.0, 2.0), 4.0)


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_run_steps_back_shows_too_much_or_loses_a_target(seed: int) -> None:
    """P1, P2 and P4 hold whatever is lost on the way."""
    dice, clock = random.Random(seed), VirtualClock()
    faults = Faults(*(dice.choice((0.0, 0.1, 0.3)) for _ in range(7)))
    market, partition = LateMarketplace(clock, seed, faults), Partition()
    for _ in range(LIVES):
        await a_life(partition, market, clock, dice)
    market.faults = Faults()
    targets, exposures = list(partition.targets.values()), list(partition.exposures.values())

    async with a_bench(market, targets=targets, exposures=exposures, clock=clock, retry=QUICK) as bench:
        await clock.pass_s(HEALED_S)
        check_exposure(partition, bench, market)
        pending = bench.worker.accounting.pending()
    await market.stop()

    for own_id in OWN_IDS:
        listing_id = ListingId(f"{CHANNEL}/{own_id}")
        versions = [push.version for push in market.received if push.listing_id == listing_id]
        assert versions == sorted(versions), f"seed {seed}, {faults}: {own_id} stepped back"
    assert pending == 0
    assert market.shown == {target.listing_id: target.quantity for target in targets}, f"seed {seed}, {faults}"
    open_left = [one for one in partition.exposures.values() if one.open]
    assert open_left == [], f"seed {seed}, {faults}"
