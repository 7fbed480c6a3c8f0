"""What a batch does to the SKUs it touches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    UnitsSold,
)
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, Sku
from inventory_streams.engine.records import InputRecord
from tests.support.engine_work import (
    LISTING,
    PARTITION,
    PARTITIONS,
    TOPICS,
    Memory,
    a_restatement,
    an_exposure,
    effects,
    reasons,
    selling,
    told,
)
from tests.support.stock import NOW_MS, SKU, a_change, a_product


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_a_sku_is_decided_once_per_batch(memory: Memory) -> None:
    selling(memory)
    changes = [memory.wire.change(a_change(StockAdjusted(-1), sequence=number)) for number in (2, 3, 4)]

    computed = memory.batch(*changes)

    assert told(computed) == {LISTING: 7}
    assert [target.cause for target in computed.targets] == ["stock-adjusted"]


def test_the_durable_state_is_not_touched_before_a_commit(memory: Memory) -> None:
    """A failed commit must leave nothing behind that the next batch would build on (rule 13)."""
    selling(memory)
    before = memory.states[SKU]
    work = memory.work()

    work.record(memory.wire.change(a_change(StockAdjusted(-1), sequence=2)))
    work.finish()

    assert memory.states[SKU] is before
    assert before.stock.positions[next(iter(before.stock.positions))].on_hand == 10


def test_a_replay_is_skipped_whole(memory: Memory) -> None:
    """After a crash between transaction and offset the batch comes again, also changes that no other guard knows."""
    wire = memory.wire
    memory.batch(wire.product(a_product()), wire.change(a_change(StockCounted(10))))
    records = [wire.change(a_change(StockAdjusted(-1))), wire.change(a_change(StockAdjusted(-1)))]
    assert told(memory.batch(*records)) == {LISTING: 8}

    computed = memory.batch(*[replace(record, value=b"as good as another event id") for record in records])

    assert effects(computed) == {"duplicate": 2}
    assert not computed.states
    assert not computed.targets


def test_an_event_sent_again_under_a_new_offset_is_a_duplicate(memory: Memory) -> None:
    selling(memory)
    change = a_change(StockAdjusted(-1), sequence=2, event_id="same")
    memory.batch(memory.wire.change(change))

    computed = memory.batch(memory.wire.change(change))

    assert effects(computed) == {"duplicate": 1}
    assert not computed.states


@pytest.mark.parametrize(("others", "left", "effect"), [(15, 84, "duplicate"), (16, 82, "applied")])
def test_so_many_event_ids_are_remembered_as_are_set(memory: Memory, others: int, left: int, effect: str) -> None:
    """What has no sequence is sent again behind other changes of the SKU: known behind 15 of them, not behind 16."""
    memory.event_ids_max = 16
    wire = memory.wire
    selling(memory, 100)
    moves = [a_change(StockAdjusted(-1), source="books", event_id=f"line-{number}") for number in range(others + 1)]
    memory.batch(*[wire.change(move) for move in moves])

    again = memory.batch(wire.change(moves[0]))

    assert effects(again) == {effect: 1}
    assert memory.states[SKU].stock.positions[LocationId("dallas")].on_hand == left


def test_a_sku_remembers_more_once_more_is_set_and_drops_what_is_too_many_once_less_is(memory: Memory) -> None:
    """The number is read at the start; the states are as they were before it."""
    wire = memory.wire
    selling(memory, 100)

    def remembered(event_ids_max: int, first: int, count: int) -> list[str]:
        memory.event_ids_max = event_ids_max
        numbers = range(first, first + count)
        moves = [a_change(StockAdjusted(-1), source="books", event_id=f"line-{number}") for number in numbers]
        memory.batch(*[wire.change(move) for move in moves])
        return [str(one) for one in memory.states[SKU].stock.event_ids]

    assert remembered(16, 0, 40) == [f"line-{number}" for number in range(24, 40)]
    assert remembered(32, 40, 20) == [f"line-{number}" for number in range(28, 60)]
    assert remembered(16, 60, 1) == [f"line-{number}" for number in range(45, 61)]


def test_an_older_count_is_superseded(memory: Memory) -> None:
    wire = memory.wire
    memory.batch(wire.product(a_product()), wire.change(a_change(StockCounted(10), sequence=5)))

    computed = memory.batch(wire.change(a_change(StockCounted(99), sequence=4)))

    assert effects(computed) == {"superseded": 1}
    assert not computed.targets


def test_a_shipment_that_comes_after_its_count_ends_the_netting_of_its_order(memory: Memory) -> None:
    """Else the order is subtracted beside the count that has it, for good."""
    wire = memory.wire
    selling(memory, 10)
    sold = a_change(UnitsSold(ChannelId("market-us"), OrderId("o1"), 4), location=None)
    assert told(memory.batch(wire.change(sold))) == {LISTING: 6}

    counted = memory.batch(wire.change(a_change(StockCounted(6), sequence=9)))
    shipped = memory.batch(wire.change(a_change(OrderShipped(4, order_id=OrderId("o1")), sequence=5)))

    assert (told(counted), told(shipped)) == ({LISTING: 2}, {LISTING: 6})


def test_a_bad_record_is_a_dead_letter_and_those_around_it_are_applied(memory: Memory) -> None:
    wire = memory.wire
    bad = wire.record(TOPICS.inventory_changes, SKU, b"\xff\xff")

    computed = memory.batch(wire.product(a_product()), bad, wire.change(a_change(StockCounted(3), sequence=1)))

    assert told(computed) == {LISTING: 3}
    assert reasons(computed) == ["bad-avro"]
    assert computed.dead_letters[0].record is bad
    assert effects(computed) == {"applied": 2, "dead-lettered": 1}


@pytest.mark.parametrize(
    ("key", "reason"),
    [(None, "no-key"), ("SKU-2", "key-mismatch"), ("", "key-mismatch")],
    ids=["none", "other", "empty"],
)
def test_a_key_that_is_not_the_sku_is_invalid(memory: Memory, key: str | None, reason: str) -> None:
    """The key chose the partition, so a SKU under another key would have two owners."""
    selling(memory)

    computed = memory.batch(memory.wire.change(a_change(StockCounted(3), sequence=2), key=key))

    assert reasons(computed) == [reason]
    assert not computed.targets


def test_a_key_that_is_not_text_is_a_dead_letter(memory: Memory) -> None:
    record = replace(memory.wire.product(a_product()), key=b"\xff")

    computed = memory.batch(record)

    assert reasons(computed) == ["undecodable-key"]


def test_a_sku_in_the_wrong_partition_is_refused(memory: Memory) -> None:
    """A producer with another partitioner would give the SKU a second owner (rule 7)."""
    stray = next(name for name in (f"X{n}" for n in range(100)) if _partition(name) != PARTITION)
    product = replace(a_product(), sku=Sku(stray))

    computed = memory.batch(memory.wire.product(product, key=stray))

    assert reasons(computed) == ["wrong-partition"]
    assert not computed.states


def _partition(sku: str) -> int:
    from inventory_streams.kafka.partitioner import partition_of

    return partition_of(sku, PARTITIONS)


def test_a_tombstone_of_a_change_is_a_dead_letter(memory: Memory) -> None:
    computed = memory.batch(memory.wire.record(TOPICS.inventory_changes, SKU, None))

    assert reasons(computed) == ["no-value"]


def test_sources_words_are_kept_and_never_from_the_future(memory: Memory) -> None:
    selling(memory)
    wire = memory.wire
    ahead = NOW_MS + 3_600_000

    computed = memory.batch(
        wire.change(a_change(StockAdjusted(1), sequence=2, occurred_at_ms=ahead)),
        wire.change(a_heartbeat("wms", NOW_MS - 7), key=None),
    )

    assert computed.words == {"erp": NOW_MS, "wms": NOW_MS - 7}
    assert computed.states[SKU].changed_at_ms == NOW_MS


def a_heartbeat(source: str, at_ms: int) -> InventoryChange:
    change = a_change(StockCounted(0), source=source, occurred_at_ms=at_ms, location=None)
    return replace(change, sku=None, kind=SourceHeartbeat())


def test_a_heartbeat_touches_no_sku(memory: Memory) -> None:
    computed = memory.batch(memory.wire.change(a_heartbeat("wms", NOW_MS), key=None))

    assert effects(computed) == {"applied": 1}
    assert not computed.states


def test_a_change_without_a_sku_is_invalid(memory: Memory) -> None:
    change = replace(a_change(StockCounted(1)), sku=None)

    assert reasons(memory.batch(memory.wire.change(change))) == ["no-sku"]


def test_what_is_not_bad_input_is_not_hidden(memory: Memory) -> None:
    """A bug of ours must end the process uncommitted, not become a dead letter (rule 14)."""

    class Broken(Memory):
        def get(self, sku: Sku) -> None:
            raise InvariantBroken("the changelog has a state that cannot be read")

    broken = Broken()
    record = broken.wire.change(a_change(StockCounted(1)))

    with pytest.raises(InvariantBroken):
        broken.batch(record)


def test_every_record_has_exactly_one_effect(memory: Memory) -> None:
    """P4: the counts of all effects add up to what was read."""
    wire = memory.wire
    change = a_change(StockCounted(5), sequence=3)
    records: list[InputRecord] = [
        wire.product(a_product()),
        wire.change(change),
        wire.change(change),
        wire.change(a_change(StockCounted(5), sequence=2)),
        wire.record(TOPICS.inventory_changes, SKU, b"?"),
        wire.change(a_heartbeat("erp", NOW_MS), key=None),
        wire.exposure(an_exposure(1, 1)),
        wire.command(a_restatement(0)),
    ]

    computed = memory.batch(*records)

    assert sum(computed.effects.values()) == len(records)
