"""docs/quantities.md explains every number with examples; each of them is run here through the rules."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from inventory_cli.profiles import PROFILES
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
from inventory_domain.positions import Stock
from inventory_domain.targets import next_version, proposals
from tests.support.stock import NOW_MS, SKU, after

PAGE = Path(__file__).parents[3] / "docs" / "quantities.md"
LISTING = ListingId("shop/1")


@cache
def examples() -> tuple[Mapping[str, Any], ...]:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    return tuple(yaml.safe_load(block) for block in blocks)


def having(key: str) -> list[Any]:
    return [pytest.param(one, id=one["name"].replace(" ", "-")) for one in examples() if key in one]


def test_every_example_is_run_and_has_a_name_of_its_own() -> None:
    run = [one for one in examples() if {"shows", "versions", "exposure"} & set(one)]

    assert len(run) == len(examples()) == PAGE.read_text().count("```yaml\n") > 15
    assert len({one["name"] for one in run}) == len(run)


@pytest.mark.parametrize("example", having("shows"))
def test_a_channel_shows_what_the_page_says(example: Mapping[str, Any]) -> None:
    policy = a_policy(example)
    product = a_product(example)
    first = frozenset(listing.listing_id for listing in product.listings)

    found = proposals(product, a_stock(example), policy, first, NOW_MS)

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
    parts = [f"{buffer.units} units"] if buffer.units else []
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
        buffer = PROFILES[example["profile"]][name] if "profile" in example else BufferPolicy(**own.get("buffer", {}))
        channels[ChannelId(name)] = ChannelPolicy(
            channel=ChannelId(name),
            marketplace=Marketplace("harbor"),
            account=AccountId("account"),
            locations=frozenset(LocationId(location) for location in own["locations"]),
            buffer=buffer,
            percent=own.get("percent", 0),
            allow_full=own.get("allow_full", False),
        )
    return AllocationPolicy(channels, Strategy(example.get("strategy", "shared-pool")))


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
        )
        for name, own in example["channels"].items()
    ]
    locations = [
        StockingLocation(LocationId(name), known.get("safety_stock", 0)) for name, known in example["locations"].items()
    ]
    return Product(SKU, ProductStatus.ACTIVE, "toys", tuple(locations), tuple(listings))


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
