"""The engine as a process on a real broker: from a change to a committed target."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inventory_domain.catalog import Component
from inventory_domain.changes import OrderShipped, StockAdjusted, StockCounted, StockReserved, UnitsSold
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import ChannelId, OrderId, ReservationId, Sku
from inventory_streams.engine.inputs import admin_client, topic_ids
from inventory_streams.kafka.partitioner import partition_of
from tests.support.commands import wait_until
from tests.support.engine import (
    CHANNEL,
    MARKETPLACE,
    PARTITIONS,
    EngineBus,
    change_of,
    listing_of,
    product_of,
)
from tests.support.engine_process import EngineProcess, Engines

QUIET = "wms-quiet"
"""A source that counts as silent after a moment."""


@pytest.fixture(scope="module")
def bus(kafka: str) -> EngineBus:
    bus = EngineBus(kafka, f"t{uuid.uuid4().hex[:10]}.")
    bus.create()
    return bus


@pytest.fixture(scope="module")
def engines(bus: EngineBus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    engines = Engines(bus, f"app-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("engine"))
    yield engines
    engines.close()


@pytest.fixture(scope="module")
def engine(engines: Engines) -> EngineProcess:
    """One engine that most tests share; each test has SKUs of its own."""
    return engines.start(unknown_sku_grace_s=1.0, silence={"by_source": {QUIET: 2_000}, "grace_ms": 500})


@pytest.fixture
def sku() -> str:
    return f"SKU-{uuid.uuid4().hex[:8]}"


def test_a_change_becomes_a_target_in_its_skus_partition(engine: EngineProcess, bus: EngineBus, sku: str) -> None:
    bus.products(product_of(sku))

    bus.changes(change_of(sku, StockCounted(10), sequence=1), change_of(sku, StockAdjusted(-3), sequence=2))

    wait_until(lambda: bus.quantity(sku) == 7, "the target follows the change")
    told = [one for one in bus.told() if one.listing_id == listing_of(sku)]
    assert {one.partition for one in told} == {partition_of(sku, PARTITIONS)}
    assert told[-1].target is not None
    assert told[-1].target.cause in ("stock-adjusted", "stock-counted")


def test_an_undecodable_record_becomes_a_dead_letter_and_holds_nothing_up(
    engine: EngineProcess, bus: EngineBus, sku: str
) -> None:
    bus.raw(bus.topics.inventory_changes, sku, b"not avro")
    bus.products(product_of(sku))
    bus.changes(change_of(sku, StockCounted(4), sequence=1))

    wait_until(lambda: bus.quantity(sku) == 4, "the records behind it are applied")

    mine = [letter for letter in bus.dead_letters() if letter[0] == sku.encode()]
    assert [value for _, value, _ in mine] == [b"not avro"]
    headers = mine[0][2]
    assert headers["reason"] == "not-confluent-framed"
    assert headers["origin-topic"] == headers["__dlq.errors.topic"] == bus.topics.inventory_changes
    assert headers["origin-offset"] == headers["__dlq.errors.offset"]


def test_a_change_of_an_unknown_sku_waits_and_then_becomes_a_dead_letter(
    engine: EngineProcess, bus: EngineBus, sku: str
) -> None:
    bus.changes(change_of(sku, StockCounted(4), sequence=1))

    def reasons() -> list[str]:
        return [headers["reason"] for key, _, headers in bus.dead_letters() if key == sku.encode()]

    wait_until(lambda: reasons() == ["unknown-sku"], "the grace time is over")
    wait_until(lambda: sku not in bus.states(), "nothing of the SKU is kept")


def test_a_restatement_gives_the_same_number_a_new_version(engine: EngineProcess, bus: EngineBus, sku: str) -> None:
    bus.products(product_of(sku))
    bus.changes(change_of(sku, StockCounted(5), sequence=1))
    wait_until(lambda: bus.quantity(sku) == 5, "the first target")
    first = bus.newest()[listing_of(sku)]
    assert first is not None

    bus.restate(sku, first.version)

    wait_until(lambda: (now := bus.newest()[listing_of(sku)]) is not None and now.version > first.version, "again")
    again = bus.newest()[listing_of(sku)]
    assert again is not None
    assert (again.quantity, again.cause) == (5, "restate")


def test_a_kit_and_its_components_talk_across_partitions(engine: EngineProcess, bus: EngineBus, sku: str) -> None:
    plate, basket = (next(parts_elsewhere(sku)) for _ in range(2))
    kit = replace(product_of(sku), components=(Component(Sku(plate), 4), Component(Sku(basket), 1)))

    bus.products(kit, product_of(plate), product_of(basket))
    bus.changes(change_of(plate, StockCounted(22), sequence=1), change_of(basket, StockCounted(9), sequence=1))
    wait_until(lambda: bus.quantity(sku) == 5, "the scarcest component bounds the kit")
    bus.changes(change_of(sku, UnitsSold(ChannelId(CHANNEL), OrderId(f"o-{sku}"), 2), location=None))

    wait_until(lambda: [bus.quantity(one) for one in (sku, plate, basket)] == [3, 14, 7], "the sale reaches all")
    bus.changes(change_of(plate, StockReserved(ReservationId("r"), 8, OrderId(f"o-{sku}")), sequence=2))
    bus.changes(change_of(basket, OrderShipped(2, None, OrderId(f"o-{sku}")), sequence=2))
    wait_until(lambda: not bus.states()[sku].stock.sales, "both told of the order, so nobody nets it any more")
    assert [bus.quantity(one) for one in (sku, plate, basket)] == [3, 14, 7]


def test_a_kit_elsewhere_says_which_source_of_its_part_is_silent(
    engine: EngineProcess, bus: EngineBus, sku: str
) -> None:
    plate = next(parts_elsewhere(sku))
    bus.products(replace(product_of(sku), components=(Component(Sku(plate), 4),)), product_of(plate))
    bus.changes(change_of(plate, StockCounted(22), sequence=1, source=QUIET))
    bus.heartbeat(QUIET)
    wait_until(lambda: bus.quantity(sku) == 5, "the part's number is known")

    wait_until(lambda: bus.quantity(sku) == 0, "its source has said nothing more")

    target = bus.newest()[listing_of(sku)]
    assert target is not None
    assert target.derivation.endswith(
        f"; scarcest dallas={plate} for 0; source {QUIET} of {plate} silent, so nothing at dallas"
    )


def parts_elsewhere(sku: str) -> Iterator[str]:
    """New SKUs that live in other partitions than this one."""
    while True:
        part = f"PART-{uuid.uuid4().hex[:8]}"
        if partition_of(part, PARTITIONS) != partition_of(sku, PARTITIONS):
            yield part


def test_an_operators_zero_holds_and_ends_with_its_release(engine: EngineProcess, bus: EngineBus, sku: str) -> None:
    bus.products(product_of(sku))
    bus.changes(change_of(sku, StockCounted(5), sequence=1))
    wait_until(lambda: bus.quantity(sku) == 5, "the first target")
    commander = bus.commander()

    commander.send(Sku(sku), Override(OverrideKind.ZERO, None, None, "ann", "recall"), "ann")
    wait_until(lambda: bus.quantity(sku) == 0, "zeroed")
    commander.send(Sku(sku), Override(OverrideKind.RELEASE, None, None, "ann", "recall is over"), "ann")
    wait_until(lambda: bus.quantity(sku) == 5, "released")

    assert bus.states()[sku].override is None


def test_a_listing_that_left_is_zeroed_and_forgotten_when_the_zero_is_confirmed(
    engine: EngineProcess, bus: EngineBus, sku: str
) -> None:
    bus.products(product_of(sku))
    bus.changes(change_of(sku, StockCounted(5), sequence=1))
    wait_until(lambda: bus.quantity(sku) == 5, "the first target")

    bus.raw(bus.topics.catalog_products, sku, None)
    bus.flush()
    wait_until(lambda: bus.quantity(sku) == 0, "the listing goes to zero")
    zero = bus.newest()[listing_of(sku)]
    assert zero is not None
    bus.confirm(sku, 0, zero.version)

    wait_until(lambda: bus.newest()[listing_of(sku)] is None, "its target has a tombstone")
    wait_until(lambda: sku not in bus.states(), "and so has its state")


def test_progress_is_told_while_nothing_comes(engine: EngineProcess, bus: EngineBus) -> None:
    """Whoever sends zeros when the engine is silent must see that it lives."""
    before = {one.partition: one.complete_until_ms for one in bus.progress()}

    def advanced() -> bool:
        newest = {one.partition: one for one in bus.progress()}
        return len(newest) == PARTITIONS and all(
            one.complete_until_ms >= before.get(number, 0) + 2_000 and not one.catching_up
            for number, one in newest.items()
        )

    wait_until(advanced, "every partition's progress goes on", 15)


def test_a_heartbeat_is_told_on_as_the_sources_last_word(engine: EngineProcess, bus: EngineBus) -> None:
    bus.heartbeat("wms-7")

    wait_until(
        lambda: {one.partition for one in bus.progress() if "wms-7" in one.sources} == set(range(PARTITIONS)),
        "each partition knows of the source",
        15,
    )


def test_the_groups_offsets_follow_what_is_durable(engine: EngineProcess, engines: Engines, bus: EngineBus) -> None:
    topic = bus.topics.inventory_changes

    ends = {number: end for (_, number), end in bus.ends([topic]).items()}

    wait_until(
        lambda: all(bus.committed(engines.application, topic)[n] == end for n, end in ends.items() if end), "committed"
    )


def test_every_record_that_was_read_is_accounted_for(engine: EngineProcess, bus: EngineBus, sku: str) -> None:
    bus.products(product_of(sku))
    bus.changes(change_of(sku, StockCounted(5), sequence=9))
    bus.changes(change_of(sku, StockCounted(6), sequence=3))
    wait_until(lambda: bus.quantity(sku) == 5, "the target")

    def sums() -> tuple[float, float]:
        read = applied = 0.0
        for line in engine.probe("/metrics")[1].splitlines():
            if line.startswith("inventory_sync_engine_records_read_total{"):
                read += float(line.rpartition(" ")[2])
            elif line.startswith("inventory_sync_engine_records_total{"):
                applied += float(line.rpartition(" ")[2])
        return read, applied

    wait_until(lambda: sums()[0] == sums()[1] > 0, "read = applied + duplicate + superseded + dead-lettered + held")
    assert 'effect="superseded"' in engine.probe("/metrics")[1]


def test_it_says_that_it_is_live_and_ready(engine: EngineProcess) -> None:
    assert engine.probe("/livez")[0] == 200
    assert engine.probe("/readyz")[0] == 200


def test_one_record_at_a_time_gives_the_same(
    kafka: str, tmp_path: Path, topic_prefix: str, application_id: str
) -> None:
    """The setting for finding out whether batching is at fault must not be another engine."""
    bus = EngineBus(kafka, topic_prefix)
    bus.create()
    bus.products(product_of("A"), product_of("B"))
    for number in range(20):
        bus.changes(change_of("A", StockCounted(number), sequence=number), change_of("B", StockAdjusted(1)))
    bus.changes(change_of("B", StockCounted(100)))
    engines = Engines(bus, application_id, tmp_path)
    try:
        engines.start(micro_batches=False)

        wait_until(lambda: (bus.quantity("A"), bus.quantity("B")) == (19, 100), "the same numbers")
    finally:
        engines.close()


def test_a_start_without_topics_names_them(kafka: str, topic_prefix: str) -> None:
    bus = EngineBus(kafka, topic_prefix)

    with pytest.raises(ConfigError, match=r"inventory.changes: .*topics apply"):
        topic_ids(admin_client(bus.kafka), bus.topics.engine_inputs(), PARTITIONS)


def test_a_start_with_another_partition_count_is_refused(bus: EngineBus) -> None:
    with pytest.raises(ConfigError, match="has 3 partitions and must have 6"):
        topic_ids(admin_client(bus.kafka), [bus.topics.exposure(MARKETPLACE)], 6)
