"""docs/quantities.md explains every number with examples; each of them is run here through the rules."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import buffers
from inventory_cli.profiles import PROFILES
from inventory_domain.allocation import Share, is_scarce
from inventory_domain.buffers import BufferPolicy
from inventory_domain.catalog import Listing, ListingNode, Product, ProductStatus, StockingLocation
from inventory_domain.changes import SkuChange, StockCounted, StockReserved, UnitsSold
from inventory_domain.exposure import Exposure, begin, conclude, observe, settle
from inventory_domain.identifiers import (
    AccountId,
    ChannelId,
    ListingId,
    LocationId,
    Marketplace,
    NodeId,
    OrderId,
    ReservationId,
)
from inventory_domain.outcomes import Accepted, Applied, Outcome, Rejected, Transient
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy, faults
from inventory_domain.risk import RiskPolicy
from inventory_domain.stock import Stock
from inventory_domain.surges import HighVelocity, Peak, is_high
from inventory_domain.targets import Proposals, next_version, proposals
from inventory_domain.velocity import ChannelDemand, Demand
from tests.support.stock import NOW_MS, SKU, after, available

PAGE = Path(__file__).parents[3] / "docs" / "quantities.md"
LISTING = ListingId("shop/1")
STEPS = (
    r"atp (no location|[^=]+=(\d+|uncounted)( \+ [^=]+=(\d+|uncounted))*)( - sold and not reported \d+)? = \d+",
    r"(margin-first not needed, )?(shared-pool|(fixed-percentage|velocity-weighted|margin-first)( [^= ]+=[^ ,]+)+)"
    r"(, share at most \d+ %)? = \d+(, over \d+ listings = \d+)?",
    r"buffer \d+ units, (\d+ %|risk \d+ units)(, x \d+ % for [^;]+)? = \d+",
)
LATER_STEP = r"at most \d+|nodes [^=]+=\d+( \+ [^=]+=\d+)*|none below \d+"


@cache
def examples() -> tuple[Mapping[str, Any], ...]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    return tuple(yaml.safe_load(block) for block in blocks)


def having(key: str) -> list[Any]:
    return [pytest.param(one, id=one["name"].replace(" ", "-")) for one in examples() if key in one]


def test_every_example_is_run_and_has_a_name_of_its_own() -> None:
    run = [one for one in examples() if {"shows", "versions", "exposure", "periods", "scarcity"} & set(one)]

    assert len(run) == len(examples()) == PAGE.read_text().count("```yaml\n") > 15
    assert len({one["name"] for one in run}) == len(run)


@pytest.mark.parametrize("example", having("shows"))
def test_a_channel_shows_what_the_page_says(example: Mapping[str, Any]) -> None:
    policy = a_policy(example)
    product = a_product(example)
    first = frozenset(listing.listing_id for listing in product.listings)

    found = proposed(example, product, policy, first)

    shown = {
        one.listing.channel: {
            "atp": one.atp,
            "allocation": one.allocation,
            "buffer": one.buffer,
            "shown": one.quantity,
            **({"nodes": dict(one.nodes)} if one.nodes else {}),
        }
        for one in found.listings
    }
    waiting = {listing.partition("/")[0]: "waits for a count" for listing in found.uncounted}
    assert shown | waiting == example["shows"]


def proposed(
    example: Mapping[str, Any], product: Product, policy: AllocationPolicy, first: frozenset[ListingId]
) -> Proposals:
    high = example.get("high_velocity", False)
    return proposals(product, a_stock(example), policy, first, NOW_MS, a_demand(example), high_velocity=high)


@pytest.mark.parametrize("example", having("derivations"))
def test_a_derivation_says_what_the_page_says(example: Mapping[str, Any]) -> None:
    found = proposed(example, a_product(example), a_policy(example), frozenset()).listings

    assert {one.listing.channel: one.derivation() for one in found} == example["derivations"]


@pytest.mark.parametrize("example", having("shows"))
def test_every_derivation_follows_the_grammar_of_the_page(example: Mapping[str, Any]) -> None:
    """Other programs may read it, and find the three outcomes where the page says that they are."""
    for one in proposed(example, a_product(example), a_policy(example), frozenset()).listings:
        steps = one.derivation().split("; ")

        assert [re.fullmatch(rule, step) is not None for rule, step in zip(STEPS, steps, strict=False)] == [True] * 3
        assert [int(step.rpartition("= ")[2]) for step in steps[:3]] == [one.atp, one.allocation, one.buffer]
        assert all(re.fullmatch(LATER_STEP, step) for step in steps[3:]), steps


@pytest.mark.parametrize("example", having("periods"))
def test_periods_begin_and_end_as_the_page_says(example: Mapping[str, Any]) -> None:
    high = False
    for row in example["periods"]:
        rate = row["per_day"]
        known = ChannelDemand(0 if rate == "unknown" else rate * 1000, example["usual_per_day"] * 1000)
        demand = None if rate == "unknown" else Demand({ChannelId("shop"): known})

        high = is_high(high, demand, HighVelocity())

        assert high is row["high"], row


@pytest.mark.parametrize("example", having("scarcity"))
def test_scarcity_begins_and_ends_as_the_page_says(example: Mapping[str, Any]) -> None:
    horizon_days, scarce = 7, False
    shares = {ChannelId("shop"): Share(frozenset({LocationId("dallas")}))}
    for row in example["scarcity"]:
        rate = example["expected_units"] * 1000 // horizon_days

        scarce = is_scarce(scarce, available({"dallas": row["on_hand"]}), shares, rate, horizon_days)

        assert scarce is row["scarce"], row


@pytest.mark.parametrize("kind", [kind.name for kind in buffers.KINDS])
def test_the_figures_are_those_of_the_benchmark(kind: str) -> None:
    """The table is what `benchmarks/buffers.py` wrote, and for the quickest kind what it writes today."""
    kept = json.loads(buffers.RESULTS.read_text())["figures"][kind]
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {kind} ")]
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")[1:]]

    assert cells == [
        f"{one['oversold_per_1000']:g} / {one['unsold_percent']:g} / {one['earned_percent']:g}" for one in kept.values()
    ]


def test_the_benchmark_gives_the_same_figures_again() -> None:
    told = json.loads(buffers.RESULTS.read_text())
    slow = next(kind for kind in buffers.KINDS if kind.name == "slow")

    for name, kept in told["figures"]["slow"].items():
        assert buffers.figures(slow, name, told["runs"], told["seed"]) == kept, name


@pytest.mark.parametrize("example", having("shows"))
def test_no_example_has_a_policy_that_would_be_refused(example: Mapping[str, Any]) -> None:
    assert faults(a_policy(example)) == []


@pytest.mark.parametrize("example", having("versions"))
def test_versions_grow_as_the_page_says(example: Mapping[str, Any]) -> None:
    for row in example["versions"]:
        last = None if row["last"] == "none" else row["last"]

        assert next_version(last, row["batch_ms"]) == row["next"], row


@pytest.mark.parametrize("example", having("exposure"))
def test_buyers_may_see_what_the_page_says(example: Mapping[str, Any]) -> None:
    exposure = Exposure(LISTING, SKU)

    for version, step in enumerate(example["exposure"], start=1):
        exposure = taken(exposure, step, version, example["settling_s"] * 1000)

        assert exposure.units() == step["may_show"], step


@pytest.mark.parametrize("profile", PROFILES)
def test_the_table_of_profiles_is_that_of_the_code(profile: str) -> None:
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{profile}`"))

    assert [cell.strip() for cell in row.strip("|").split("|")[1:]] == [
        buffer_text(PROFILES[profile][name]) for name in ("amazon", "ebay", "walmart", "shopify")
    ]


def buffer_text(buffer: BufferPolicy) -> str:
    parts = [f"{buffer.units} unit{'s' * (buffer.units > 1)}"] if buffer.units else []
    return " or ".join([*parts, f"{buffer.percent} %"])


def a_stock(example: Mapping[str, Any]) -> Stock:
    stock = Stock()
    for name, known in example["locations"].items():
        changes: list[SkuChange] = [] if known["on_hand"] == "unknown" else [StockCounted(known["on_hand"])]
        if known.get("reserved"):
            changes.append(StockReserved(ReservationId(f"r-{name}"), known["reserved"]))
        stock = after(stock, *changes, location=name)
    for channel, units in example.get("sold", {}).items():
        stock = after(stock, UnitsSold(ChannelId(channel), OrderId(f"o-{channel}"), units), location=None)
    return stock


def a_policy(example: Mapping[str, Any]) -> AllocationPolicy:
    channels = {}
    for name, own in example["channels"].items():
        buffer = PROFILES[example["profile"]][name] if "profile" in example else a_buffer(own.get("buffer", {}))
        channels[ChannelId(name)] = ChannelPolicy(
            channel=ChannelId(name),
            marketplace=Marketplace("harbor"),
            account=AccountId("account"),
            locations=frozenset(LocationId(location) for location in own["locations"]),
            buffer=buffer,
            percent=own.get("percent", 0),
            allow_full=own.get("allow_full", False),
            largest_percent=own.get("largest_share"),
            buffer_by_category={key: a_buffer(one) for key, one in own.get("buffer_by_category", {}).items()},
            buffer_by_sku={key: a_buffer(one) for key, one in own.get("buffer_by_sku", {}).items()},
        )
    peaks = ()
    if "peak" in example:
        named = frozenset(ChannelId(name) for name in example["peak"]["channels"])
        peaks = (Peak("peak", NOW_MS, NOW_MS + 1, round(example["peak"]["widen"] * 100), named),)
    return AllocationPolicy(
        channels,
        Strategy(example.get("strategy", "shared-pool")),
        high_velocity=HighVelocity(),
        peaks=peaks,
    )


def a_buffer(own: Mapping[str, Any]) -> BufferPolicy:
    risk = None
    if "risk" in own:
        rule = own["risk"]
        spread = round(rule.get("dispersion", 1) * 100)
        risk = RiskPolicy(round(rule["chance"] * 1_000_000), rule["time_to_live_s"] * 1000, spread)
    percent = 100 - own["show"] if "show" in own else own.get("percent", 0)
    return BufferPolicy(own.get("units", 0), percent, risk)


def a_demand(example: Mapping[str, Any]) -> Demand | None:
    if "selling" not in example:
        return None
    usual = example.get("usually", {})
    return Demand(
        {
            ChannelId(name): ChannelDemand(round(rate * 1000), usual[name] * 1000 if name in usual else None)
            for name, rate in example["selling"].items()
        }
    )


def a_product(example: Mapping[str, Any]) -> Product:
    listings = [
        Listing(
            listing_id=ListingId(f"{name}/1"),
            channel=ChannelId(name),
            marketplace_ids={},
            nodes=tuple(
                ListingNode(NodeId(node), LocationId(location), node in own.get("two_day_nodes", []))
                for node, location in own.get("nodes", {}).items()
            ),
            two_day="two_day_nodes" in own,
            min_shown=own.get("min_shown", 0),
            max_shown=own.get("max_shown"),
            margin_minor=own.get("margin"),
        )
        for name, own in example["channels"].items()
    ]
    locations = [
        StockingLocation(LocationId(name), known.get("safety_stock", 0)) for name, known in example["locations"].items()
    ]
    return Product(SKU, ProductStatus.ACTIVE, example.get("category", "toys"), tuple(locations), tuple(listings))


def taken(exposure: Exposure, step: Mapping[str, Any], version: int, settling_ms: int) -> Exposure:
    now_ms = step["at_s"] * 1000
    if "seen" in step:
        return observe(exposure, step["seen"], now_ms)
    if "settled" in step:
        return settle(exposure, now_ms)
    if "sent" in step:
        after_sending, _ = begin(
            exposure,
            version=version,
            quantity=step["sent"],
            nodes={},
            mask=None,
            path="single",
            now_ms=now_ms,
            settles_by_ms=now_ms + settling_ms,
        )
        return after_sending
    assert exposure.last is not None
    return conclude(exposure, exposure.last.number, an_outcome(step["answer"]), now_ms, now_ms + settling_ms)


def an_outcome(word: str) -> Outcome:
    kinds: Mapping[str, type[Outcome]] = {
        "accepted": Accepted,
        "applied": Applied,
        "rejected": Rejected,
        "lost": Transient,
    }
    return kinds[word](listing_id=LISTING, api="write", reason=word, effect_unknown=word == "lost")
