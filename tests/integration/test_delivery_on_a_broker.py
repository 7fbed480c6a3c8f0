"""Delivery on a real broker with a marketplace in the same process."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pytest
from confluent_kafka import Message

from inventory_domain.exposure import Exposure, Result
from inventory_domain.health import ChannelState
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import AttemptOutcome, PushOutcome, Rejected, Transient
from inventory_domain.ports import Push
from inventory_schemas.codec import Serde
from inventory_schemas.records import CHANNEL_HEALTH, LISTING_EXPOSURE, LISTING_OBSERVATION, LISTING_OUTCOME
from inventory_streams.kafka.partitioner import partition_of
from tests.support.delivery import (
    MARKETPLACE,
    PARTITIONS,
    Bus,
    FakeMarketplace,
    a_target,
    accepted,
    delivering,
    settings,
    traits,
    until,
)


def outcomes(bus: Bus) -> list[AttemptOutcome]:
    serde = Serde(LISTING_OUTCOME, "outcomes", bus.registry)
    return [serde.decode(record.value()) for record in bus.read(bus.topics.listing_outcomes)]


def exposures(bus: Bus) -> dict[str, Exposure]:
    """The newest exposure of each listing."""
    serde = Serde(LISTING_EXPOSURE, "exposure", bus.registry)
    found: dict[str, Exposure] = {}
    for record in bus.read(bus.topics.exposure(MARKETPLACE)):
        if record.value() is None:
            found.pop(key_of(record), None)
        else:
            found[key_of(record)] = serde.decode(record.value())
    return found


def key_of(record: Message) -> str:
    key = record.key()
    return key.decode() if isinstance(key, bytes) else str(key)


def headers_of(record: Message) -> dict[str, str]:
    pairs: Sequence[tuple[str, bytes]] = record.headers() or []  # type: ignore[assignment]
    return {name: value.decode() for name, value in pairs}


async def test_a_target_reaches_the_marketplace_and_its_outcome_the_topic(bus: Bus, application_id: str) -> None:
    market = FakeMarketplace()
    bus.send(a_target("A", quantity=5, version=1))

    async with delivering(bus, market, application_id) as delivery:
        await until(lambda: market.quantities("A") == [5], "the target is pushed")
        bus.send(a_target("A", quantity=3, version=2))
        await until(lambda: market.quantities("A") == [5, 3], "the newer target is pushed")
        counts = delivery.worker.accounting
        await until(lambda: counts.delivered == 2, "both are taken")

    assert [(one.version, one.outcome) for one in outcomes(bus)] == [(1, "accepted"), (2, "accepted")]
    assert (counts.read, counts.delivered, counts.pending()) == (2, 2, 0)


async def test_the_attempt_is_durable_before_its_request_is_sent(bus: Bus, application_id: str) -> None:
    """Whoever takes over after a crash must know what may be under way."""
    seen: list[Exposure] = []

    def look(push: Push) -> PushOutcome:
        seen.append(exposures(bus)[push.listing_id])
        return accepted(push)

    market = FakeMarketplace(answer=look)
    bus.send(a_target("A", quantity=5, version=7))

    async with delivering(bus, market, application_id) as delivery:
        await until(lambda: delivery.worker.accounting.delivered == 1, "it is taken")

    last = seen[0].last
    assert last is not None
    assert (last.version, last.result, [one.quantity for one in seen[0].open]) == (7, Result.OPEN, [5])


async def test_only_the_newest_target_goes_while_a_request_is_under_way(bus: Bus, application_id: str) -> None:
    market = FakeMarketplace(open=asyncio.Event())
    bus.send(a_target("A", quantity=5, version=1))

    async with delivering(bus, market, application_id) as delivery:
        await until(lambda: market.versions("A") == [1], "the first request is under way")
        bus.send(*(a_target("A", quantity=10 - version, version=version) for version in range(2, 6)))
        await until(lambda: delivery.worker.accounting.read == 5, "all targets are read")
        assert market.open is not None
        market.open.set()
        await until(lambda: len(market.versions("A")) == 2, "the next request is sent")
        await until(lambda: delivery.worker.accounting.pending() == 0, "all is accounted for")
        counts = delivery.worker.accounting

        assert market.versions("A") == [1, 5]
        assert (counts.delivered, counts.superseded) == (1, 4)


async def test_a_transient_failure_goes_through_the_retry_topic_and_is_tried_again(
    bus: Bus, application_id: str
) -> None:
    failures = iter(range(2))

    def twice(push: Push) -> PushOutcome:
        if next(failures, None) is not None:
            return Transient(listing_id=push.listing_id, api="write", reason="busy", error="come back later")
        return accepted(push)

    market = FakeMarketplace(answer=twice)
    bus.send(a_target("A", quantity=5, version=1))

    async with delivering(bus, market, application_id) as delivery:
        await until(lambda: delivery.worker.accounting.delivered == 1, "the third attempt goes through")
        group = settings(bus, application_id).group
        place = (bus.topics.retries(MARKETPLACE), partition_of("A", PARTITIONS))
        await until(lambda: bus.committed(group, *place) >= 2, "finished retries are committed", every_s=0.3)

    waits = [headers_of(record) for record in bus.read(bus.topics.retries(MARKETPLACE))]
    assert [one.outcome for one in outcomes(bus)] == ["transient", "transient", "accepted"]
    assert [(wait["attempt"], wait["reason"], wait["error"]) for wait in waits] == [
        ("1", "busy", "come back later"),
        ("2", "busy", "come back later"),
    ]
    sent = [one.sent_at_ms for one in outcomes(bus)]
    assert sent[1] >= int(waits[0]["not-before"]), "never sooner than told"
    assert sent[2] >= int(waits[1]["not-before"])


async def test_a_rejected_target_becomes_a_dead_letter_with_its_raw_bytes(bus: Bus, application_id: str) -> None:
    def never(push: Push) -> PushOutcome:
        return Rejected(listing_id=push.listing_id, api="write", reason="unknown-sku", error="no such listing")

    market = FakeMarketplace(answer=never)
    bus.send(a_target("A", quantity=5, version=1))

    async with delivering(bus, market, application_id) as delivery:
        await until(lambda: delivery.worker.accounting.dead_lettered == 1, "it is given up")

    (letter,) = bus.read(bus.topics.dead_letters(MARKETPLACE))
    (target,) = bus.read(bus.topics.targets(MARKETPLACE))
    told = headers_of(letter)
    assert letter.value() == target.value()
    assert (told["reason"], told["error"], told["attempts"]) == ("unknown-sku", "no such listing", "1")
    assert told["origin-topic"] == bus.topics.targets(MARKETPLACE)
    assert (told["origin-partition"], told["origin-offset"]) == (str(target.partition()), str(target.offset()))
    assert len(market.pushes) == 1, "it is not tried again"


async def test_what_cannot_be_pushed_is_given_up_once_and_stops_nothing(bus: Bus, application_id: str) -> None:
    market = FakeMarketplace()
    elsewhere = ChannelId("harbor-moon")
    bus.send_raw("A", "harbor-us/A", b"\x00garbage")
    bus.send(a_target("A", channel=elsewhere), a_target("A", quantity=4, version=2))

    async with delivering(bus, market, application_id):
        await until(lambda: market.quantities("A") == [4], "the good one is pushed")
        group, topic = settings(bus, application_id).group, bus.topics.targets(MARKETPLACE)
        await until(
            lambda: bus.committed(group, topic, partition_of("A", PARTITIONS)) == 3, "offsets move on", every_s=0.3
        )
    async with delivering(bus, market, application_id) as second:
        await until(lambda: second.worker.ready, "partitions are read again")

    letters = [headers_of(record) for record in bus.read(bus.topics.dead_letters(MARKETPLACE))]
    assert [letter["reason"] for letter in letters] == ["unknown-schema-id", "channel-without-account"]
    assert market.quantities("A") == [4]


async def test_a_fall_is_read_back_and_sent_again_while_more_is_shown(bus: Bus, application_id: str) -> None:
    """An accepted fall that never came through would sell what is not there."""
    market = FakeMarketplace(traits=traits(settling_s_max=0.3))
    bus.send(a_target("A", quantity=2, version=1))

    async with delivering(bus, market, application_id, request_s_max=1.0, attempt_valid_s=1.0):
        await until(lambda: market.quantities("A") == [2], "the target is pushed")
        market.shown[market.pushes[0].listing_id] = 9
        await until(lambda: market.quantities("A") == [2, 2], "it is sent again")
        await until(lambda: len(market.reads) == 2, "it is read back")

    found = exposures(bus)["harbor-us/A"]
    assert (found.units(), found.open) == (2, ())
    serde = Serde(LISTING_OBSERVATION, "observations", bus.registry)
    seen = [serde.decode(one.value()).quantity for one in bus.read(bus.topics.observations(MARKETPLACE))]
    assert seen == [9, 2]


async def test_a_withdrawn_listing_is_forgotten(bus: Bus, application_id: str) -> None:
    market = FakeMarketplace()
    bus.send(a_target("A", quantity=0, version=1))

    async with delivering(bus, market, application_id) as delivery:
        await until(lambda: delivery.worker.accounting.delivered == 1, "the zero is taken")
        bus.send_raw("A", "harbor-us/A", None)
        await until(lambda: not list(delivery.worker.book), "it is forgotten")

    assert exposures(bus) == {}
    assert len(bus.read(bus.topics.exposure(MARKETPLACE))) == 3, "the attempt, its end, and the tombstone"


async def test_the_owner_of_the_reports_tells_that_a_channel_fails_and_that_it_sells_again(
    bus: Bus, application_id: str
) -> None:
    works = False

    def answer(push: Push) -> PushOutcome:
        if works:
            return accepted(push)
        return Transient(listing_id=push.listing_id, api="write", reason="busy")

    serde = Serde(CHANNEL_HEALTH, "health", bus.registry)

    def states() -> list[ChannelState]:
        return [serde.decode(one.value()).health.state for one in bus.read(bus.topics.channel_health)]

    market = FakeMarketplace(answer=answer)
    bus.send(*(a_target(own_id) for own_id in "ABC"))

    async with delivering(bus, market, application_id, report_interval_s=1.0):
        await until(lambda: ChannelState.FAILING in states(), "it fails", every_s=0.3)
        works = True
        await until(lambda: states()[-1] is ChannelState.SELLING, "it sells again", every_s=0.3)

    records = [serde.decode(one.value()) for one in bus.read(bus.topics.channel_health)]
    assert [one.health.epoch for one in records] == sorted(one.health.epoch for one in records)
    assert all(one.folded for one in records)


async def test_two_workers_share_the_listings_and_take_each_others_over(bus: Bus, application_id: str) -> None:
    """Between them no version goes back, and nothing is sent twice without need."""
    first, second = FakeMarketplace(), FakeMarketplace()
    own_ids = [f"L{number}" for number in range(40)]
    bus.send(*(a_target(own_id, quantity=5, version=1) for own_id in own_ids))

    async with delivering(bus, first, application_id) as one:
        await until(lambda: len(first.pushes) == 40, "one worker sends all")
        async with delivering(bus, second, application_id) as other:
            await until(lambda: bool(other.worker.book.partitions and one.worker.book.partitions), "both own some")
            bus.send(*(a_target(own_id, quantity=4, version=2) for own_id in own_ids))
            await until(lambda: len(first.pushes) + len(second.pushes) == 80, "both send")
            owned = set(one.worker.book.partitions) | set(other.worker.book.partitions)
            assert owned == set(range(PARTITIONS))
            assert not set(one.worker.book.partitions) & set(other.worker.book.partitions)
        await until(lambda: len(one.worker.book.partitions) == PARTITIONS, "the first owns all again")
        bus.send(*(a_target(own_id, quantity=3, version=3) for own_id in own_ids))
        await until(lambda: len(first.pushes) + len(second.pushes) == 120, "the first sends all")

    for own_id in own_ids:
        assert sorted([*first.versions(own_id), *second.versions(own_id)]) == [1, 2, 3]
        assert first.versions(own_id) == sorted(first.versions(own_id))


async def test_statistics_that_become_due_during_a_takeover_do_not_end_the_process(
    bus: Bus, application_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka tells of them in the poll in which the takeover was made. That aborted the process (SIGABRT)."""
    monkeypatch.setattr("inventory_streams.kafka.settings.STATISTICS_INTERVAL_MS", 20)
    told: list[str] = []
    market = FakeMarketplace()
    bus.send(a_target("A", quantity=5, version=1))

    async with delivering(bus, market, application_id, kafka=replace(bus.kafka, statistics=told.append)):
        await until(lambda: market.quantities("A") == [5], "the target is pushed")

    assert told


async def test_a_delivery_without_work_leaves_the_broker_alone(
    bus: Bus, application_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its consumers asks a few times a second, and is told at once all the same when something comes."""
    monkeypatch.setattr("inventory_streams.kafka.settings.STATISTICS_INTERVAL_MS", 500)
    told = defaultdict[str, list[tuple[float, int]]](list)  # of each consumer: when, and how often it has asked

    def take(text: str) -> None:
        said = json.loads(text)
        if said["type"] == "consumer":
            asked = sum(one["req"].get("Fetch", 0) for one in said["brokers"].values())
            told[said["name"]].append((said["ts"] / 1e6, asked))

    def have_waited() -> bool:
        fetching = [[at for at in each if at[1] > 0] for each in told.values()]
        return len(fetching) >= 2 and all(len(each) >= 5 for each in fetching)

    market = FakeMarketplace()
    async with delivering(bus, market, application_id, kafka=replace(bus.kafka, statistics=take)):
        bus.send(a_target("A", quantity=5, version=1))
        await until(lambda: market.quantities("A") == [5], "the target is pushed")
        told.clear()
        await until(have_waited, "both consumers have waited for two seconds")

    for name, ((began_s, first), *_, (ended_s, last)) in told.items():
        assert (last - first) / (ended_s - began_s) < 8, name
