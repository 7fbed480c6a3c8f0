"""A limit holds whatever workers do: full backlog, late calls, rebalances; and hardly any of it is left unused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drain_market import Bucket, DrainMarket
from inventory_domain.bulk import CallFailed, Condition, Page, PullTraits
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import AccountId, ChannelId, ListingId, Sku
from inventory_domain.outcomes import Accepted, LimitSeen, Outage, PushOutcome, Throttled
from inventory_domain.ports import OperationLimit, Push
from inventory_domain.pull_leases import LEAD_S
from inventory_domain.sharing_limits import lent_operations
from inventory_streams.delivery.throttle import Throttle
from inventory_streams.reconcile.announcing import Announcing
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.pulling import Sink, pull
from tests.support.adapters import an_adapter
from tests.support.delivery import CHANNEL, FakeMarketplace, MovableClock, a_target, accepted, traits
from tests.support.delivery_bench import KeptAnnouncements, VirtualClock, a_bench
from tests.support.delivery_market import Calls
from tests.support.outages import MarketplaceWithOutages, outages

STEP_S = 0.05


@given(st.integers(0, 2**32), st.integers(1, 4), st.sampled_from([(5.0, 5.0), (10 / 3, 200.0), (0.5, 1.0)]))
@settings(max_examples=60)
def test_all_workers_together_stay_within_the_limit_through_rebalances(
    seed: int, workers: int, limit: tuple[float, float]
) -> None:
    """The marketplace's own bucket may be empty when we start; from then on no call is one too many."""
    dice, clock = random.Random(seed), MovableClock()
    allowed = OperationLimit("write", *limit)
    throttles = [Throttle(allowed, clock) for _ in range(workers)]
    bucket, calls = 0.0, 0

    def rebalance() -> None:
        parts = [dice.choice((0, 1, 2, 3)) for _ in throttles]
        for throttle, part in zip(throttles, parts, strict=True):
            throttle.share(part / max(1, sum(parts)))

    rebalance()
    for _ in range(1_200):
        clock.move(STEP_S)
        bucket = min(allowed.burst, bucket + STEP_S * allowed.rate_per_s)
        if dice.random() < 0.01:
            rebalance()
        for throttle in throttles:
            busy = dice.random() < 0.9
            while busy and throttle.wait_s(1.0) == 0:
                throttle.take(1.0)
                bucket, calls = bucket - 1, calls + 1
        assert bucket > -1e-6 or workers * 1.0 > allowed.burst, f"{-bucket:.2f} calls too many"
    assert calls <= allowed.rate_per_s * 1_200 * STEP_S + 1e-6


@pytest.mark.parametrize("marketplace", ["amazon", "ebay", "walmart", "shopify"])
async def test_a_full_backlog_uses_what_is_allowed_and_no_call_more(marketplace: str) -> None:
    """At least 98 % of the allowed rate, and no more than one refusal in 10,000 calls."""
    clock = VirtualClock()
    declared = an_adapter(marketplace, httpx.MockTransport(lambda _: httpx.Response(500))).traits
    declared = replace(declared, push_group_max=1)  # calls are what is limited, not the listings in them
    market = DrainMarket(declared, clock, None, seed=3)
    bucket = market.buckets[declared.push_operation]
    seconds = 120.0
    rate = bucket.limit.rate_per_s / declared.push_cost
    listings = int(rate * (seconds + 20) + bucket.limit.burst / declared.push_cost)
    async with a_bench(market, clock=clock, engine_silent_s=1e6) as bench:  # type: ignore[arg-type]
        owned = bench.worker.book.partitions[0]
        targets = [a_target(f"L{number}", 14) for number in range(listings)]
        for target in targets:
            confirmed = Confirmed(9, 0, 1_600_000_000_000, Proof.READ)
            exposure = Exposure(ListingId(target.listing_id), Sku(target.sku), confirmed)
            owned.tracked(target.listing_id).exposure = exposure
        await bench.worker.take([bench.arrival(target) for target in targets])
        await clock.pass_s(10.0)
        before = bucket.used
        await clock.pass_s(seconds)
        used = (bucket.used - before) / (bucket.limit.rate_per_s * seconds)

    assert used >= 0.98, f"{used:.3f} of the rate used"
    assert sum(one.refused for one in market.buckets.values()) <= bucket.asked / 10_000
    assert isinstance(bucket, Bucket)


@dataclass
class SharedMarket(FakeMarketplace):
    """Pushes and pulls call one operation here; the marketplace's own bucket counts both, and may tell what is left."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    tells: bool = False
    left: float = 20.0
    at_s: float = 0.0
    calls: int = 0
    refused: int = 0
    pages: int = 0

    def __post_init__(self) -> None:
        self.limit = OperationLimit("all", 10.0, 20.0)
        self.traits = traits(
            limits=(self.limit,), push_operation="all", read_operation="all", tells_what_is_left=self.tells
        )

    @property
    def pull_traits(self) -> PullTraits:
        return PullTraits("all", 100)

    def takes(self) -> bool:
        """Whether the call is one of those that are allowed; it is used up if so."""
        now_s = self.clock.monotonic_s()
        self.left = min(self.limit.burst, self.left + (now_s - self.at_s) * self.limit.rate_per_s)
        self.at_s = now_s
        self.calls += 1
        if self.left < 1 - 1e-6:
            self.refused += 1
            return False
        self.left -= 1
        return True

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        said = {"api": "all", "seen": self.seen(), "reason": "said"}
        if not self.takes():
            return [Throttled(listing_id=push.listing_id, **said) for push in pushes]
        self.pushes.extend(pushes)
        said["seen"] = self.seen()
        await self.clock.sleep(0.2)
        return [Accepted(listing_id=push.listing_id, **said) for push in pushes]

    async def pull(self, channel: ChannelId, cursor: str | None) -> Page | CallFailed:
        if not self.takes():
            return CallFailed(kind="throttled", api="all", reason="said", seen=self.seen())
        self.pages += 1
        return Page(found=(), next_cursor=str(self.pages), api="all", seen=self.seen())

    def seen(self) -> LimitSeen | None:
        return LimitSeen(operation="all", remaining=self.left) if self.tells else None


@pytest.mark.parametrize("tells", [False, True], ids=["announced", "told-what-is-left"])
async def test_pushes_and_pulls_of_one_operation_together_stay_within_its_limit(tells: bool) -> None:
    """Neither starves the other, and nothing lies idle while nobody pulls."""
    clock, seconds, share = VirtualClock(), 200.0, 0.2
    market = SharedMarket(clock=clock, tells=tells)
    announcing, kept = Announcing(clock), KeptAnnouncements()
    lent = lent_operations(market)  # type: ignore[arg-type]
    budget = PullBudget(market.traits, share, 0.5, clock, lent=lent, turn=announcing)

    async def announce() -> None:
        kept.announced.append(CHANNEL)

    async def pull_all() -> None:
        async with announcing.around(announce) if lent else nullcontext():
            nothing = Sink(lambda: None, lambda *_: None)
            await pull(market, budget, CHANNEL, nothing, clock, background=False, limit_s=1e6)  # type: ignore[arg-type]

    settings = {"engine_silent_s": 1e6, "pull_share": share, "rise_sample_percent": 0.0}
    async with a_bench(market, clock=clock, pulls=kept, **settings) as bench:
        await bench.worker.take([bench.arrival(a_target(f"L{number}", 14)) for number in range(4_000)])
        await clock.pass_s(10.0)
        before = len(market.pushes)
        await clock.pass_s(60.0)
        alone = len(market.pushes) - before
        pulling = asyncio.ensure_future(pull_all())
        await clock.pass_s(0.0 if tells else LEAD_S)
        before = len(market.pushes)
        await clock.pass_s(seconds)
        pushed = len(market.pushes) - before
        pulling.cancel()
        await asyncio.wait({pulling})

    rate = market.limit.rate_per_s
    assert market.refused <= market.calls / 10_000
    assert alone >= 0.98 * rate * 60.0
    assert pushed >= 0.75 * rate * seconds and market.pages >= 0.08 * rate * seconds
    assert pushed + market.pages >= 0.95 * rate * seconds


US, CA, MX = CHANNEL, ChannelId("harbor-ca"), ChannelId("harbor-mx")


async def test_a_dead_channel_delays_no_other_of_its_account() -> None:
    """Calls to the dead one hang until their time-out; the others share what it does not use."""
    clock = VirtualClock()
    limit = (OperationLimit("write", 5.0, 5.0), OperationLimit("read", 1000.0, 1000.0))

    class DeadInOneCountry(FakeMarketplace):
        async def push(self, pushes):  # type: ignore[no-untyped-def]
            if pushes[0].channel == US:
                await clock.sleep(14.0)
                return [down(push) for push in pushes]
            return await super().push(pushes)

    def down(push: Push) -> PushOutcome:
        return Outage(listing_id=push.listing_id, api="write", reason="down")

    market = DeadInOneCountry(traits=traits(limits=limit), answer=accepted)
    async with a_bench(market, channels=(US, CA, MX), clock=clock, engine_silent_s=1e6) as bench:
        targets = [
            a_target(f"{channel}-{number}", 5, channel=channel, sku=f"S{number}")
            for number in range(400)
            for channel in (US, CA, MX)
        ]
        await bench.worker.take([bench.arrival(target) for target in targets])
        await clock.pass_s(60.0)
        sent = {channel: sum(1 for push in market.pushes if push.channel == channel) for channel in (CA, MX)}

    assert abs(sent[CA] - sent[MX]) <= 2
    assert sent[CA] + sent[MX] >= 5.0 * 60 * 0.65  # the dead one takes at most its third
    assert bench.account.account_id == AccountId("harbor-main")


@pytest.mark.parametrize("known", [False, True], ids=["found", "told by the platform"])
async def test_recovery_from_an_outage_is_no_burst_above_the_limit(known: bool) -> None:
    """Half a minute's worth of calls waits behind an hour of outage, and is saved up for by nobody."""
    limit = OperationLimit("write", 4.0, 6.0)

    class Counted(MarketplaceWithOutages):
        async def push(self, pushes):  # type: ignore[no-untyped-def]
            counted.take()
            return await super().push(pushes)

    market = Counted(traits=traits(limits=(limit, OperationLimit("read", 1000.0, 1000.0))))
    async with outages(market, page=known) as around:
        bench = around.bench
        counted = Calls(bench.clock, limit.rate_per_s, limit.burst)
        await bench.send(*(a_target(f"L{number}", 5, version=1) for number in range(120)))
        await bench.clock.pass_s(60)
        market.down = True
        market.says = Condition.OUTAGE if known else Condition.OPERATIONAL
        await bench.send(*(a_target(f"L{number}", 4, version=2) for number in range(120)))
        await bench.clock.pass_s(3_600)
        market.down, market.says = False, Condition.OPERATIONAL
        began_s, before = bench.clock.monotonic_s(), len(market.pushes)
        await bench.clock.pass_s(900)
        recovery = len(market.pushes) - before

    assert counted.too_many == 0
    assert recovery >= 120 and began_s > 3_600
    assert set(market.shown.values()) == {4}
