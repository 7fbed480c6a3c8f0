"""A real delivery process against the sandbox, killed while a feed of thousands of listings is under way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer

from inventory_cli.demo.catalog import demo_catalog
from inventory_domain.catalog import Listing
from inventory_domain.identifiers import ChannelId, Marketplace
from inventory_domain.progress import EngineProgress
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.records import ENGINE_PROGRESS, LISTING_TARGET
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.topics import Topics
from tests.support import delivery
from tests.support.asking import local
from tests.support.own_system import Started, a_system, wait_for

AMAZON, CHANNEL = Marketplace("amazon"), ChannelId("amazon-us")
SKUS = 2_600  # more than 2,000 are on Amazon in the US, so that more than 1,000 wait when the first look is over
FACTOR = 0.02  # a feed takes 12 s
PARTITIONS = 3
SEED = 7


def amazon_listings() -> list[tuple[str, Listing]]:
    """The sandbox's listings that may be written there, with their SKUs."""
    products = demo_catalog(SKUS, SEED).products
    return [
        (sku, listing)
        for sku, product in products.items()
        for listing in product.listings
        if listing.channel == CHANNEL and listing.is_written
    ]


def a_target(sku: str, listing: Listing, quantity: int, now_ms: int) -> Target:
    return replace(
        delivery.a_target(sku, quantity, version=now_ms, channel=CHANNEL, changed_at_ms=now_ms),
        listing_id=listing.listing_id,
        marketplace=AMAZON,
        marketplace_ids=listing.marketplace_ids,
    )


def say(kafka: str, registry_url: str, topics: Topics, targets: list[Target]) -> None:
    """What the engine would have written: its progress, and these targets."""
    with closing(ConfluentRegistry(registry_url)) as registry:
        progress = Serde(ENGINE_PROGRESS, f"{topics.engine_progress}-value", registry)
        serde = Serde(LISTING_TARGET, f"{topics.targets(AMAZON)}-value", registry)
        _produce(kafka, topics, targets, progress, serde)


def _produce(
    kafka: str, topics: Topics, targets: list[Target], progress: Serde[EngineProgress], serde: Serde[Target]
) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    until_ms = time.time_ns() // 1_000_000 + 3_600_000
    for number in range(PARTITIONS):
        told = progress.encode(EngineProgress(number, until_ms, until_ms, False, 0, 0, {}))
        producer.produce(topics.engine_progress, told, b"%d" % number, partition=number)
    for target in targets:
        place = partition_of(target.sku, PARTITIONS)
        producer.produce(topics.targets(AMAZON), serde.encode(target), target.listing_id.encode(), partition=place)
    assert producer.flush(60) == 0


def shown(control_url: str, keys: Mapping[str, str]) -> dict[str, int]:
    """What each of these listings shows, by listing id."""
    found = local().get(f"{control_url}/listings", params={"marketplace": "amazon"}, timeout=30).json()["listings"]
    live = {one["key"]: one["live_quantity"] for one in found}
    return {listing_id: live[key] for listing_id, key in keys.items()}


def feeds_handed_in(control_url: str) -> int:
    """Feeds that the sandbox was given."""
    counters = local().get(f"{control_url}/counters", timeout=30).json()
    return int(sum(count for name, count in flat(counters) if name.endswith("createFeed.202")))


def flat(tree: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number in a tree of mappings, with its path."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from flat(value, f"{name}.{key}")
    elif isinstance(tree, int | float):
        yield name, tree


def logged(log: Path, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.timeout(600)
def test_a_feed_under_way_is_taken_up_by_the_next_process_and_handed_in_once(
    started: Started, kafka: str, registry_url: str, topic_prefix: str, application_id: str, tmp_path: Path
) -> None:
    facts = a_system(
        started,
        tmp_path,
        kafka,
        registry_url,
        topic_prefix,
        application_id,
        skus=SKUS,
        factor=FACTOR,
        partitions=PARTITIONS,
    )
    file = tmp_path / "sync.yaml"
    file.write_text(file.read_text().replace("format: auto", "format: json"))
    control, now_ms = facts["control_url"], time.time_ns() // 1_000_000
    listings = amazon_listings()
    targets = [a_target(sku, one, 3 + number % 40, now_ms) for number, (sku, one) in enumerate(listings)]
    facts_of = demo_catalog(SKUS, SEED).facts
    keys = {one.listing_id: one.sandbox_key for facts in facts_of.values() for one in facts.listings if one.written}
    keys = {target.listing_id: keys[target.listing_id] for target in targets}
    say(kafka, registry_url, Topics((AMAZON,), topic_prefix), targets)

    started.start("first", "deliver", "amazon", "--config", "sync.yaml")
    wait_for(lambda: bool(logged(tmp_path / "first.log", "feed handed in")))
    started.kill("first")
    given = feeds_handed_in(control)
    started.start("second", "deliver", "amazon", "--config", "sync.yaml")
    wanted = {target.listing_id: target.quantity for target in targets}
    wait_for(lambda: shown(control, keys) == wanted)

    rows = [int(str(line["rows"])) for line in logged(tmp_path / "first.log", "feed handed in")]
    assert sum(rows) > 1_000, "the feed was large"
    assert given == len(rows)
    again = logged(tmp_path / "second.log", "feed handed in")
    assert feeds_handed_in(control) == given + len(again)
    assert not again, "what was in the feed of the first process is in no other"
    assert started.end() == {"sandbox": 0, "second": 0}
