"""Which strategy and buffer suit which product: many selling days of one SKU, simulated from a seed.

    python benchmarks/buffers.py [--runs 400] [--seed 1] [--only fast,slow] [--json FILE]

Each run sells one product on four channels until the days are over. Customers come by chance, at the product's rate
and the channels' shares of it; "bursts" come several at a time. The system knows each order at once and computes with
the rules themselves (`inventory_domain`); a marketplace shows a new number only after its settling time, half of it at
best. Told for each kind of product and policy:

- oversold: orders for which no unit was left, per thousand orders (each is cancelled, and earns nothing);
- unsold: units that customers came for and that were left at the end, in percent;
- earned: the margin of what was sold, in percent of what the first customers would have brought, one unit each.

The table of docs/quantities.md is `benchmarks/results/buffers.json`, written by this program.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from inventory_domain.buffers import BufferPolicy
from inventory_domain.catalog import Listing, Product, ProductStatus, StockingLocation
from inventory_domain.identifiers import AccountId, ChannelId, ListingId, LocationId, Marketplace, Sku
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_domain.risk import RiskPolicy
from inventory_domain.stock import Position, Stock
from inventory_domain.targets import proposals
from inventory_domain.velocity import ChannelDemand, Demand

RESULTS: Final = Path(__file__).parent / "results" / "buffers.json"
RUNS: Final = 400
SEED: Final = 1
DAY_S: Final = 86_400.0
BURST_S: Final = 120.0
MAIN: Final = LocationId("main")
Figures: TypeAlias = dict[str, float]


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's share of the customers, how long a new number takes to be seen there, and what a unit earns."""

    name: str
    percent_of_sales: int
    settling_s: float
    margin_minor: int
    guide: BufferPolicy
    simple: BufferPolicy
    chance_ppm: int


CHANNELS: Final = (
    Channel("amazon", 50, 900.0, 300, BufferPolicy(5, 15), BufferPolicy(0, 15), 10_000),
    Channel("ebay", 15, 180.0, 400, BufferPolicy(3, 10), BufferPolicy(0, 10), 10_000),
    Channel("walmart", 20, 600.0, 350, BufferPolicy(5, 12), BufferPolicy(0, 5), 1_000),
    Channel("shop", 15, 10.0, 900, BufferPolicy(0, 5), BufferPolicy(0, 5), 10_000),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of product: units there at the beginning, customers a day, how many come together, and for how long."""

    name: str
    units: int
    per_day: int
    together: int
    days: int


KINDS: Final = (
    Kind("slow", units=6, per_day=1, together=1, days=10),
    Kind("steady", units=60, per_day=30, together=1, days=3),
    Kind("fast", units=300, per_day=600, together=1, days=1),
    Kind("bursts", units=300, per_day=600, together=4, days=1),
    Kind("scarce", units=12, per_day=60, together=1, days=1),
)
NO_BUFFER: Final = BufferPolicy()
ONE_UNIT: Final = BufferPolicy(1)


def risk_of(channel: Channel) -> BufferPolicy:
    """The profile `risk`: one unit, and by the rule."""
    return BufferPolicy(1, channel.guide.percent, RiskPolicy(channel.chance_ppm, round(channel.settling_s * 1000)))


BUFFERS: Final[Mapping[str, tuple[Strategy, Callable[[Channel], BufferPolicy]]]] = {
    "pool, no buffer": (Strategy.SHARED_POOL, lambda _: NO_BUFFER),
    "pool, simple": (Strategy.SHARED_POOL, lambda channel: channel.simple),
    "pool, guide": (Strategy.SHARED_POOL, lambda channel: channel.guide),
    "pool, risk": (Strategy.SHARED_POOL, risk_of),
    "fixed, 1 unit": (Strategy.FIXED_PERCENTAGE, lambda _: ONE_UNIT),
    "velocity, 1 unit": (Strategy.VELOCITY_WEIGHTED, lambda _: ONE_UNIT),
    "margin, risk": (Strategy.MARGIN_FIRST, risk_of),
}


def policy_of(name: str, horizon_days: int) -> AllocationPolicy:
    """The four channels under this strategy and buffer; margin-first looks ahead to the end of the run."""
    strategy, buffer = BUFFERS[name]
    channels = [
        ChannelPolicy(
            channel=ChannelId(one.name),
            marketplace=Marketplace(one.name),
            account=AccountId(one.name),
            locations=frozenset({MAIN}),
            buffer=buffer(one),
            percent=25,
            allow_full=True,
            largest_percent=80 if strategy in (Strategy.VELOCITY_WEIGHTED, Strategy.MARGIN_FIRST) else None,
        )
        for one in CHANNELS
    ]
    return AllocationPolicy({one.channel: one for one in channels}, strategy, margin_horizon_days=horizon_days)


def demand_of(kind: Kind) -> Demand:
    """What the system knows of the product: its true rates, and that it sells in bursts where it does."""
    milli = {ChannelId(one.name): kind.per_day * one.percent_of_sales * 10 for one in CHANNELS}
    rates = {channel: ChannelDemand(rate, rate) for channel, rate in milli.items()}
    return Demand(rates, dispersion_percent=100 * (2 * kind.together - 1))


class Numbers:
    """What each channel should show for so many units on hand, by the rules themselves."""

    def __init__(self, kind: Kind, policy: AllocationPolicy) -> None:
        self._policy = policy
        self._demand = demand_of(kind)
        self._known: dict[int, tuple[int, ...]] = {}
        listings = tuple(
            Listing(ListingId(f"{one.name}/1"), ChannelId(one.name), {}, margin_minor=one.margin_minor)
            for one in CHANNELS
        )
        self._product = Product(Sku("SKU"), ProductStatus.ACTIVE, "", (StockingLocation(MAIN),), listings)

    def of(self, on_hand: int) -> tuple[int, ...]:
        """One number per channel, in the order of CHANNELS."""
        if on_hand not in self._known:
            stock = Stock({MAIN: Position(on_hand=on_hand)})
            found = proposals(self._product, stock, self._policy, frozenset(), 0, self._demand).listings
            self._known[on_hand] = tuple([one.quantity for one in found])
        return self._known[on_hand]


def customers(kind: Kind, chance: random.Random) -> list[tuple[float, int]]:
    """When customers come, and to which channel, in order of time."""
    weights = [one.percent_of_sales for one in CHANNELS]
    groups_per_s = kind.per_day / kind.together / DAY_S
    found: list[tuple[float, int]] = []
    at_s = 0.0
    while True:
        at_s += -math.log(1.0 - chance.random()) / groups_per_s
        if at_s >= kind.days * DAY_S:
            return sorted(found)
        size = 1
        while kind.together > 1 and chance.random() < 1.0 - 1.0 / kind.together:
            size += 1
        for _ in range(size):
            later = chance.random() * BURST_S if kind.together > 1 else 0.0
            found.append((at_s + later, chance.choices(range(len(CHANNELS)), weights)[0]))


@dataclass(slots=True)
class Day:
    """What came of the customers of one run. `possible` is what could have been sold, and what it would have earned."""

    sold: int = 0
    oversold: int = 0
    earned: int = 0
    possible: int = 0
    possible_margin: int = 0


def sell(kind: Kind, numbers: Numbers, came: Sequence[tuple[float, int]], chance: random.Random) -> Day:
    """One run: who buys, who is turned away, and who buys what is not there."""
    day, on_hand = Day(), kind.units
    live = list(numbers.of(on_hand))
    sent = list(live)
    coming: list[tuple[float, int, int, int]] = []  # numbers that are accepted and not shown yet
    for order, (at_s, index) in enumerate(came):
        while coming and coming[0][0] <= at_s:
            _, _, channel, number = heapq.heappop(coming)
            live[channel] = number
        margin = CHANNELS[index].margin_minor
        if order < kind.units:
            day.possible += 1
            day.possible_margin += margin
        if live[index] <= 0:
            continue
        live[index] -= 1  # a marketplace counts its own sales at once
        if on_hand <= 0:
            day.oversold += 1
            continue
        on_hand -= 1
        day.sold += 1
        day.earned += margin
        for channel, number in enumerate(numbers.of(on_hand)):
            if number != sent[channel]:
                sent[channel] = number
                takes_s = CHANNELS[channel].settling_s * (0.5 + 0.5 * chance.random())
                heapq.heappush(coming, (at_s + takes_s, order, channel, number))
    return day


def figures(kind: Kind, name: str, runs: int, seed: int) -> Figures:
    """All runs of one kind of product under one policy; the same customers come for every policy."""
    numbers = Numbers(kind, policy_of(name, kind.days))
    days = []
    for run in range(runs):
        came = customers(kind, random.Random(f"{seed}/{kind.name}/{run}"))
        days.append(sell(kind, numbers, came, random.Random(f"{seed}/{kind.name}/{run}/delays")))
    sold, oversold = sum(day.sold for day in days), sum(day.oversold for day in days)
    possible, possible_margin = sum(day.possible for day in days), sum(day.possible_margin for day in days)
    return {
        "oversold_per_1000": round(1000 * oversold / max(1, sold + oversold), 2),
        "unsold_percent": round(100 * (possible - sold) / possible, 1),
        "earned_percent": round(100 * sum(day.earned for day in days) / possible_margin, 1),
    }


def table(kinds: Sequence[Kind], runs: int, seed: int) -> dict[str, dict[str, Figures]]:
    """Figures by kind of product and policy; each row is told when it is ready."""
    found: dict[str, dict[str, Figures]] = {}
    for kind in kinds:
        found[kind.name] = {}
        for name in BUFFERS:
            row = found[kind.name][name] = figures(kind, name, runs, seed)
            sys.stdout.write(
                f"{kind.name:8} {name:18} oversold {row['oversold_per_1000']:6.2f} per 1,000, "
                f"unsold {row['unsold_percent']:5.1f} %, earned {row['earned_percent']:5.1f} %\n"
            )
            sys.stdout.flush()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="kinds of products, with commas")
    parser.add_argument("--json", type=Path, default=None, help=f"where to write; {RESULTS.name} keeps the docs' table")
    asked = parser.parse_args(arguments)
    only = {name for name in asked.only.split(",") if name}
    if unknown := only - {kind.name for kind in KINDS}:
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(kind.name for kind in KINDS)}")
    found = table([kind for kind in KINDS if not only or kind.name in only], asked.runs, asked.seed)
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"seed": asked.seed, "runs": asked.runs, "figures": found}, indent=2)
        asked.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
