"""Reconciling processes that end in the middle of a cycle: it is made once more, and nothing is corrected twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from inventory_domain.commands import Restate
from inventory_domain.exposure import Attempt, AttemptState, Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.reconciliation import CyclePhase, ReconciliationCycle
from inventory_schemas.codec import RecordKind, Serde
from inventory_schemas.records import (
    DISCREPANCY,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_TARGET,
    PRODUCT,
    RECONCILIATION_CYCLE,
    SKU_COMMAND,
)
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics
from tests.support.commands import wait_until
from tests.support.ledger import PARTITIONS, REGISTRY, TopicWriter, a_target, create_topics, encoded
from tests.support.pulls import CHANNEL, MARKETPLACE, a_product
from tests.support.reconcile_process import PAGE, Reconcilers, a_pulled_market

T = TypeVar("T")

LISTINGS = 4_000
WRITTEN, EDITED = 10, 90
LIMIT_S = 90.0
END_S_MAX = 20.0  # of a clean end, which waits for nothing of a marketplace's; the page is kept back for 60


def sku_of(number: int) -> str:
    return f"S{number:05}"


def edited(number: int) -> bool:
    """Somebody has set it to ninety at the marketplace."""
    return number % 2 == 0


def settling(number: int) -> bool:
    """Ninety was written a moment ago and is live early: no drift."""
    return number % 7 == 1 and not edited(number)


@pytest.fixture
def topics(kafka: str, topic_prefix: str) -> Topics:
    """A catalog whose listings were written an hour ago."""
    topics = Topics((MARKETPLACE,), topic_prefix)
    create_topics(kafka, topics)
    writer, now_ms = TopicWriter(kafka), time.time_ns() // 1_000_000
    hour_ago_ms = now_ms - 3_600_000
    for number in range(LISTINGS):
        sku = sku_of(number)
        target = a_target(sku=sku, channel=CHANNEL, version=1, quantity=WRITTEN)
        confirmed = Confirmed(WRITTEN, 1, hour_ago_ms, Proof.READ)
        last = LastAttempt(1, 1, WRITTEN, {}, None, hour_ago_ms, Result.ACCEPTED)
        exposure = Exposure(target.listing_id, target.sku, confirmed, last)
        if settling(number):
            path, accepted = "single", AttemptState.ACCEPTED
            rise = Attempt(2, 1, EDITED, {}, None, path, None, now_ms, now_ms + 900_000, accepted, fall=False)
            newest = LastAttempt(2, 1, EDITED, {}, None, now_ms, Result.ACCEPTED)
            exposure = Exposure(target.listing_id, target.sku, confirmed, newest, (rise,))
        for topic, key, value in (
            (topics.catalog_products, sku, encoded(PRODUCT, a_product(sku))),
            (topics.targets(MARKETPLACE), target.listing_id, encoded(LISTING_TARGET, target)),
            (topics.exposure(MARKETPLACE), target.listing_id, encoded(LISTING_EXPOSURE, exposure)),
        ):
            writer.write(topic, key, value, sku=sku)
    writer.flush()
    return topics


@pytest.fixture
def processes(kafka: str, topics: Topics, application_id: str, tmp_path: Path) -> Iterator[Reconcilers]:
    shown = {sku_of(number): EDITED if edited(number) or settling(number) else WRITTEN for number in range(LISTINGS)}
    with a_pulled_market(shown, held_from=LISTINGS // 2) as market:
        found = Reconcilers(kafka, topics, application_id, market, tmp_path / "reconcile.log")
        yield found
        found.close()


def read(kafka: str, topic: str, partitions: int, kind: RecordKind[T]) -> list[T]:
    """Everything committed on the topic."""
    serde, raw = Serde(kind, "any-value", REGISTRY), list[Message]()
    read_to_end(KafkaSettings(kafka), [(topic, number) for number in range(partitions)], raw.extend)
    return [serde.decode(one.value()) for one in raw]


def wait_for_a_correction(kafka: str, topics: Topics) -> None:
    """Returns as soon as the first batch of corrections is committed: the others are still being judged."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "none", "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topics.sku_commands, number, 0) for number in range(PARTITIONS)])
    seen: list[Message] = []
    wait_until(lambda: bool(seen.extend(consumer.consume(1, 0.05)) or seen), "the first correction", LIMIT_S)
    consumer.close()


def test_a_cycle_whose_process_is_killed_is_made_once_more_and_corrects_nothing_twice(
    kafka: str, topics: Topics, processes: Reconcilers
) -> None:
    """Killed while it pulls, and its successor between two batches of judging; another stands by all the time."""
    market = processes.market
    market.gate.clear()
    processes.start()
    processes.start()
    wait_until(lambda: any(start >= LISTINGS // 2 for _, start in market.pages), "half of it is pulled", LIMIT_S)
    first = market.pages[-1][0]
    processes.kill(first)
    after_first = read(kafka, topics.sku_commands, PARTITIONS, SKU_COMMAND)
    market.gate.set()
    wait_for_a_correction(kafka, topics)
    second = market.pages[-1][0]
    processes.kill(second)
    after_second = read(kafka, topics.sku_commands, PARTITIONS, SKU_COMMAND)
    processes.start()

    def cycles() -> list[ReconciliationCycle]:
        return read(kafka, topics.reconciliations(MARKETPLACE), 1, RECONCILIATION_CYCLE)

    wait_until(lambda: any(one.phase is CyclePhase.COMPLETE for one in cycles()), "a cycle ends", LIMIT_S)
    statuses = processes.stop()

    wrong = {Sku(sku_of(number)) for number in range(LISTINGS) if edited(number)}
    commands = read(kafka, topics.sku_commands, PARTITIONS, SKU_COMMAND)
    told = read(kafka, topics.inventory_discrepancies, PARTITIONS, DISCREPANCY)
    # Both were killed in the middle: nothing is concluded from half a pull, and some of what was judged is there.
    assert after_first == []
    assert 0 < len(after_second) < len(wrong)
    # What is wrong is corrected once, and what settles never, however often it was looked at.
    assert Counter(one.sku for one in commands) == Counter(dict.fromkeys(wrong, 1))
    assert all(isinstance(one.kind, Restate) and one.kind.judged_version == 1 for one in commands)
    assert Counter((one.listing_id, one.action) for one in told) == Counter(
        {(ListingId(f"{CHANNEL}/{sku}"), "restate"): 1 for sku in wrong}
    )
    # Each pulled the whole of it, one at a time, and only the last one came to the end.
    assert len(market.pullers) == len(set(market.pullers)) == 3
    assert market.pullers[:2] == [first, second] and first != second
    last = [start for process, start in market.pages if process == market.pullers[-1]]
    assert last == list(range(0, LISTINGS, PAGE))
    ended = [one for one in cycles() if one.phase is not CyclePhase.PULLING]
    assert [(one.phase, one.listings, one.found) for one in ended] == [(CyclePhase.COMPLETE, LISTINGS, LISTINGS)]
    assert statuses == [0]


def test_a_process_that_is_asked_to_end_in_the_middle_of_a_pull_judges_nothing_and_its_successor_pulls_anew(
    kafka: str, topics: Topics, processes: Reconcilers
) -> None:
    """Rule 32 at SIGTERM: half of the pages are there, the answer to the next is waited for, and it ends at once."""
    market = processes.market

    def told() -> tuple[list[CyclePhase], int, int, int]:
        cycles = read(kafka, topics.reconciliations(MARKETPLACE), 1, RECONCILIATION_CYCLE)
        commands = read(kafka, topics.sku_commands, PARTITIONS, SKU_COMMAND)
        discrepancies = read(kafka, topics.inventory_discrepancies, PARTITIONS, DISCREPANCY)
        seen = read(kafka, topics.observations(MARKETPLACE), PARTITIONS, LISTING_OBSERVATION)
        return [one.phase for one in cycles], len(commands), len(discrepancies), len(seen)

    market.gate.clear()
    processes.start()
    wait_until(lambda: any(start >= LISTINGS // 2 for _, start in market.pages), "half of it is pulled", LIMIT_S)
    asked_s = time.monotonic()
    first_statuses = processes.stop()
    took_s = time.monotonic() - asked_s
    phases, *after_first = told()
    market.gate.set()
    processes.start()
    wait_until(lambda: CyclePhase.COMPLETE in told()[0], "the successor's cycle ends", LIMIT_S)
    statuses = processes.stop()

    assert (first_statuses, statuses) == ([0], [0])
    assert took_s < END_S_MAX
    assert set(phases) == {CyclePhase.PULLING} and after_first == [0, 0, 0]
    first, second = market.pullers
    assert [start for process, start in market.pages if process == first] == list(range(0, LISTINGS // 2 + 1, PAGE))
    assert [start for process, start in market.pages if process == second] == list(range(0, LISTINGS, PAGE))
    wrong = sum(edited(number) for number in range(LISTINGS))
    assert told()[1:] == (wrong, wrong, LISTINGS)
