"""What every listing must show at the end, calculated from the events alone.

This is written apart from the engine, from the words of docs/producers.md, and imports nothing of the pipeline: a
mistake in the rules would otherwise judge itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from inventory_cli.demo.journal import Journal, ListedAs, ProductFacts, Said
from inventory_cli.demo.verdict_kits import Books
from inventory_cli.demo.verdict_stock import Stock


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """How a channel is set: where it sells from, what it withholds, and its share where stock is divided."""

    locations: frozenset[str]
    buffer_units: int
    buffer_percent: int
    share_percent: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a listing must show. `at_most` bounds each part; None: it may not have been touched at all."""

    listing: ListedAs
    sku: str
    quantity: int | None
    at_most: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the sandbox shows of a listing now."""

    live: int
    submitted: int
    sold: int
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A listing that shows something else than it must, and why that is wrong."""

    listing_id: str
    sku: str
    expected: int
    live: int
    why: str


def expectations(
    journal: Journal, channels: Mapping[str, ChannelFacts], divided_categories: frozenset[str]
) -> list[Expected]:
    """What each listing that ever was in the catalog must show now."""
    with journal.lock:
        by_sku: dict[str, list[Said]] = defaultdict(list)
        for one in journal.said:
            by_sku[one.sku].append(one)
        products, removed = dict(journal.products), dict(journal.removed)
    books = Books(by_sku, products)
    found: list[Expected] = []
    for sku, product in products.items():
        stock = books.stock(sku)
        given = _given(product, stock, channels, divided_categories)
        found.extend(_expected(product, one, stock, given, channels) for one in product.listings)
    named = {one.listing.listing_id for one in found}
    for listing_id, gone in removed.items():
        if listing_id not in named:
            found.append(Expected(gone, "", 0 if gone.written else None, {}))
    return found


def _given(
    product: ProductFacts, stock: Stock, channels: Mapping[str, ChannelFacts], divided: frozenset[str]
) -> dict[str, int]:
    """Units each channel is given, before its buffer."""
    listed = sorted({one.channel for one in product.listings if one.written})
    pool = {
        name: max(0, sum(_promisable(product, stock, channels[name].locations).values()) - stock.unreserved)
        for name in listed
    }
    if product.category not in divided:
        return pool
    # The demo's channels all sell from the same locations, so there is one pool to divide.
    total = max(pool.values(), default=0)
    percents = {name: channels[name].share_percent for name in listed}
    to_give = total * sum(percents.values()) // 100
    return _divided(to_give, percents)


def _divided(total: int, percents: Mapping[str, int]) -> dict[str, int]:
    """Whole units in proportion; what is left goes one each to the largest fractions, by name where they are equal."""
    whole = sum(percents.values())
    if not whole:
        return dict.fromkeys(percents, 0)
    exact = {name: Fraction(total * percent, whole) for name, percent in percents.items()}
    units = {name: int(part) for name, part in exact.items()}
    by_fraction = sorted(percents, key=lambda name: (-(exact[name] - units[name]), name))
    for name in by_fraction[: total - sum(units.values())]:
        units[name] += 1
    return units


def _promisable(product: ProductFacts, stock: Stock, locations: frozenset[str]) -> dict[str, int]:
    """Units by location that may be promised: free, less the safety stock there, never below nothing."""
    return {
        location: max(0, stock.free[location] - safety)
        for location, safety in product.safety_stock.items()
        if location in locations and location in stock.free
    }


def _expected(
    product: ProductFacts,
    listing: ListedAs,
    stock: Stock,
    given: Mapping[str, int],
    channels: Mapping[str, ChannelFacts],
) -> Expected:
    if not listing.written:
        return Expected(listing, product.sku, None, {})
    nothing = {node: 0 for node, _ in listing.nodes}
    if not product.sold:
        return Expected(listing, product.sku, 0, nothing)
    channel, units = channels[listing.channel], given[listing.channel]
    percent_of_it = (units * channel.buffer_percent + 99) // 100
    shown = max(0, units - max(channel.buffer_units, percent_of_it))
    if listing.max_shown is not None:
        shown = min(shown, listing.max_shown)
    at_most: dict[str, int] = {}
    if listing.nodes:
        there = _promisable(product, stock, channel.locations)
        at_most = {node: there.get(location, 0) for node, location in listing.nodes}
        shown = min(shown, sum(at_most.values()))
    if shown < listing.min_shown:
        shown, at_most = 0, nothing
    return Expected(listing, product.sku, shown, at_most)


def compare(
    expected: Iterable[Expected], shown: Mapping[tuple[str, str], Shown], untouched: Mapping[tuple[str, str], int]
) -> list[Mismatch]:
    """Every listing that does not show what it must. `untouched` is what listings showed before anything began."""
    found: list[Mismatch] = []
    for one in expected:
        key = (one.listing.marketplace, one.listing.sandbox_key)
        now = shown.get(key)
        wanted = untouched.get(key, 0) if one.quantity is None else one.quantity
        if now is None:
            found.append(Mismatch(one.listing.listing_id, one.sku, wanted, 0, "the sandbox does not know it"))
        elif now.live != wanted:
            why = "shows units that are not there" if now.live > wanted else "shows too little"
            found.append(Mismatch(one.listing.listing_id, one.sku, wanted, now.live, why))
        else:
            found.extend(
                Mismatch(one.listing.listing_id, one.sku, one.at_most[node], units, f"node {node} has not that many")
                for node, units in now.parts.items()
                if node in one.at_most and units > one.at_most[node]
            )
    return found
