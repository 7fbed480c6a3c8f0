"""How long 50,000 changed listings take to be visible on each marketplace, beside the least possible.

    python benchmarks/drain.py [--listings 50000] [--only amazon] [--out benchmarks/results/drain.json]

Delivery itself runs (queue, throttles, feeds, exposure), against a model of each marketplace that holds the published
limits and refuses what is one call too many; the adapters declare the limits, Kafka is a list. The least possible is
what the same limits allow when single calls, groups and feeds are used together without any loss.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx

from benchmarks.drain_market import DrainMarket, FeedDrainMarket
from inventory_adapters.catalog import MARKETPLACES
from inventory_domain.bulk import FeedTraits, TakesFeeds
from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.ports import AdapterTraits
from inventory_domain.targets import Target
from inventory_domain.write_paths import FeedPace, SinglePace, best_drain_s
from inventory_streams.reconcile.settings import PULL_SHARE
from tests.support.adapters import an_adapter
from tests.support.delivery import a_target
from tests.support.delivery_bench import Bench, KeptAnnouncements, VirtualClock, a_bench

LISTINGS: Final = 50_000
SHOWN: Final = 9
QUIET_S: Final = 1_900.0  # before the backlog comes: buckets have filled by then
GOAL: Final = 1.05
LIMIT_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Drained:
    """What was measured on one marketplace; seconds are simulated, `took_s` are this machine's."""

    marketplace: str
    listings: int
    visible_s: float
    least_s: float
    single_rows: int
    feed_rows: int
    feeds: int
    calls: int
    refused: int
    zeros_visible_s: float
    took_s: float

    @property
    def times_least(self) -> float:
        """How much longer it took than it must."""
        return self.visible_s / max(self.least_s, 1.0)  # less than a second is the calls' own time


def declared(marketplace: str) -> tuple[AdapterTraits, FeedTraits | None]:
    """What the marketplace's adapter declares with its default settings."""
    adapter = an_adapter(marketplace, httpx.MockTransport(lambda _: httpx.Response(500)))
    return adapter.traits, adapter.feed_traits if isinstance(adapter, TakesFeeds) else None


def least_s(traits: AdapterTraits, feed: FeedTraits | None, listings: int) -> float:
    """The least time by the published limits, all buckets being full at the beginning."""
    limits = {limit.operation: limit for limit in traits.limits}
    push = limits[traits.push_operation]
    group = traits.push_group_max / traits.push_cost
    single = SinglePace(push.rate_per_s * group, push.burst * group)
    if feed is None:
        return best_drain_s(listings, single, None, 0, 0.0)
    handed = limits[feed.operation]
    pace = FeedPace(0.0, feed.takes_s, feed.listings_max)
    return best_drain_s(listings, single, pace, int(handed.burst), 1 / handed.rate_per_s)


def backlog(listings: int) -> list[Target]:
    """A tenth falls to zero, the others fall and rise alike."""
    return [a_target(f"L{number:06}", _quantity(number), version=1) for number in range(listings)]


def _quantity(number: int) -> int:
    return 0 if number % 10 == 0 else 3 if number % 2 else 14


async def drain(marketplace: str, listings: int) -> Drained:
    """Run it."""
    began = time.perf_counter()
    clock = VirtualClock()
    traits, feed = declared(marketplace)
    market = FeedDrainMarket(traits, clock, feed) if feed is not None else DrainMarket(traits, clock, None)
    targets = backlog(listings)
    known = [_known(target) for target in targets]
    market.shown = {one.listing_id: SHOWN for one in known}
    market.live_at_s = {}
    settings = {"engine_silent_s": 10 * LIMIT_S, "pull_share": PULL_SHARE}  # of an operator who changes nothing
    async with a_bench(market, clock=clock, pulls=KeptAnnouncements(), **settings) as bench:  # type: ignore[arg-type]
        await clock.pass_s(QUIET_S)
        owned = bench.worker.book.partitions[0]
        for exposure in known:
            owned.tracked(exposure.listing_id).exposure = exposure
        start_s = clock.monotonic_s()
        await bench.worker.take([bench.arrival(target) for target in targets])
        await _until_all_live(bench, market, listings)
    zeros = {target.listing_id for target in targets if target.quantity == 0}
    wrong = [target for target in targets if market.shown[target.listing_id] != target.quantity]
    if wrong:
        raise AssertionError(f"{marketplace}: {len(wrong)} listings show something else, the first {wrong[0]}")
    return Drained(
        marketplace,
        listings,
        max(market.live_at_s.values()) - start_s,
        least_s(traits, feed, listings),
        market.single_rows,
        market.feed_rows,
        len(market.feeds),
        sum(bucket.asked for bucket in market.buckets.values()),
        sum(bucket.refused for bucket in market.buckets.values()),
        max(market.live_at_s[one] for one in zeros) - start_s,
        time.perf_counter() - began,
    )


def _known(target: Target) -> Exposure:
    confirmed = Confirmed(SHOWN, 0, 1_600_000_000_000, Proof.READ)
    return Exposure(ListingId(target.listing_id), Sku(target.sku), confirmed)


async def _until_all_live(bench: Bench, market: DrainMarket, listings: int) -> None:
    end_s = bench.clock.monotonic_s() + LIMIT_S
    while len(market.live_at_s) < listings:
        if bench.clock.monotonic_s() > end_s:
            raise AssertionError(f"{listings - len(market.live_at_s)} listings are not live after a day")
        await bench.clock.pass_s(5.0)


def told(one: Drained) -> dict[str, object]:
    """As it is kept."""
    return {
        "marketplace": one.marketplace,
        "listings": one.listings,
        "visible_s": round(one.visible_s, 1),
        "least_s": round(one.least_s, 1),
        "times_least": round(one.times_least, 3),
        "single_rows": one.single_rows,
        "feed_rows": one.feed_rows,
        "feeds": one.feeds,
        "calls": one.calls,
        "refused": one.refused,
        "zeros_visible_s": round(one.zeros_visible_s, 1),
    }


def main() -> None:
    """Run it for each marketplace, print a table, and keep the numbers where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listings", type=int, default=LISTINGS)
    parser.add_argument("--only", choices=tuple(MARKETPLACES), help="one marketplace only")
    parser.add_argument("--out", type=Path, help="keep the numbers as JSON here")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # a line per listing would be most of what is measured
    sys.stdout.write("marketplace   visible     least  times  single    feed  feeds  calls  refused  zeros    (took)\n")
    results = []
    for marketplace in [given.only] if given.only else list(MARKETPLACES):
        one = asyncio.run(drain(marketplace, given.listings))
        results.append(told(one))
        sys.stdout.write(
            f"{one.marketplace:11} {one.visible_s:8.1f}s {one.least_s:8.1f}s {one.times_least:6.3f} "
            f"{one.single_rows:7} {one.feed_rows:7} {one.feeds:6} {one.calls:6} {one.refused:8} "
            f"{one.zeros_visible_s:6.1f}s ({one.took_s:.0f} s)\n"
        )
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({"goal_times_least": GOAL, "drained": results}, indent=2) + "\n")
    if any(one["times_least"] > GOAL for one in results):  # type: ignore[operator]
        sys.exit(1)


if __name__ == "__main__":
    main()
