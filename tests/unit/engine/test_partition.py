"""What a transaction writes, and what becomes true by its commit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.catalog import Component
from inventory_domain.changes import StockCounted
from inventory_domain.commands import KitRegistered
from inventory_domain.identifiers import Marketplace, Sku, SourceId
from inventory_domain.mass_change import MassChangePolicy
from inventory_domain.progress import EngineProgress
from inventory_domain.sku_state import InputPosition, PartitionProgress, SkuState
from inventory_schemas.registry import LocalRegistry
from inventory_streams.engine.catching_up import CatchUp
from inventory_streams.engine.partition import (
    Partition,
    Prepared,
    encode_states,
    newest_words,
    writes_of,
    writes_of_progress,
)
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes, engine_serdes
from inventory_streams.engine.settings import SOURCES_MAX
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.values import Computed
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from tests.support.engine_work import PARTITIONS, TOPICS, Memory
from tests.support.stock import NOW_MS, SKU, a_change, a_product

TOPIC = TOPICS.inventory_changes
POSITIONS = {name: InputPosition("id", 0) for name in TOPICS.engine_inputs()}


@pytest.fixture
def serdes() -> EngineSerdes:
    return engine_serdes(TOPICS, LocalRegistry())


def a_partition(serdes: EngineSerdes, ends: dict[str, int] | None = None) -> Partition:
    """Partition 4 without a connection: a producer connects when it first produces."""
    writer = TransactionalWriter(KafkaSettings("127.0.0.1:1"), "app-4")
    catch_up = CatchUp(ends or {}, {})
    states = SkuStates(serdes.decode_state, 10)
    return Partition(
        4, writer, states, PartitionProgress(POSITIONS), catch_up, lambda state: "shared-pool", MassChangePolicy()
    )


def a_batch(memory: Memory) -> Computed:
    """A product, its count, and a record that cannot be read."""
    wire = memory.wire
    bad = wire.record(TOPIC, SKU, b"?")
    return memory.batch(wire.product(a_product()), wire.change(a_change(StockCounted(9), sequence=1)), bad)


def prepared(partition: Partition, computed: Computed, serdes: EngineSerdes, **more: bool) -> Prepared:
    encoded = encode_states(computed.states, serdes)
    progress = partition.progress_after(computed, TOPIC, 2, None, frozenset())
    return Prepared([], encoded, computed, progress, TOPIC, 2, **more)


def written(
    computed: Computed,
    serdes: EngineSerdes,
    progress: PartitionProgress | None = None,
    told: EngineProgress | None = None,
) -> list[Write]:
    """A whole transaction of partition 4."""
    encoded = encode_states(computed.states, serdes)
    writes = writes_of(computed, encoded, partition=4, partitions=PARTITIONS, group="app", topics=TOPICS, serdes=serdes)
    ends = writes_of_progress(progress or PartitionProgress(), told, partition=4, topics=TOPICS, serdes=serdes)
    return [*writes, *ends]


def by_topic(writes: list[Write]) -> dict[str, list[Write]]:
    found: dict[str, list[Write]] = {}
    for write in writes:
        found.setdefault(write.topic, []).append(write)
    return found


def test_all_that_follows_from_a_batch_is_in_one_list_of_one_partition(serdes: EngineSerdes) -> None:
    """So it becomes readable by one commit: never a target without its state, nor a state without its position."""
    computed = a_batch(Memory())
    progress = PartitionProgress({**POSITIONS, TOPIC: InputPosition("id", 2)})
    told = EngineProgress(4, NOW_MS, NOW_MS, False, 0, 1, {})

    writes = by_topic(written(computed, serdes, progress, told))

    assert {write.partition for some in writes.values() for write in some} == {4}
    state, position = writes[TOPICS.sku_state]
    assert state.key == SKU.encode()
    assert serdes.decode_state(state.value or b"").stock == computed.states[SKU].stock
    assert position.key == PROGRESS_KEY
    assert serdes.decode_progress(position.value or b"") == progress
    assert [write.key for write in writes[TOPICS.targets(Marketplace("market"))]] == [b"market-us/1"]
    assert [write.value for write in writes[TOPICS.inventory_dead_letters]] == [b"?"]
    assert [write.key for write in writes[TOPICS.engine_progress]] == [b"4"]


def test_a_command_goes_in_the_same_transaction_to_where_its_sku_lives(serdes: EngineSerdes) -> None:
    """A component in another partition hears of its kit exactly when the kit knows that it told it."""
    part = Sku("PART-7")
    kit = replace(a_product(), components=(Component(part, 2),))
    memory = Memory()
    computed = memory.batch(memory.wire.product(kit))

    writes = written(computed, serdes)

    (command,) = by_topic(writes)[TOPICS.sku_commands]
    assert (command.partition, command.key) == (partition_of(part, PARTITIONS), part.encode())
    assert serdes.decoders.command(command.value or b"").kind == KitRegistered(SKU, 2)


def test_a_dead_letter_says_where_it_came_from_and_why(serdes: EngineSerdes) -> None:
    computed = a_batch(Memory())

    writes = written(computed, serdes)

    headers = dict(by_topic(writes)[TOPICS.inventory_dead_letters][0].headers)
    assert headers["reason"] == b"bad-avro"
    assert headers["origin-topic"] == headers["__dlq.errors.topic"] == TOPIC.encode()
    assert headers["origin-offset"] == headers["__dlq.errors.offset"] == b"0"
    assert headers["__dlq.errors.group"] == b"app"
    assert headers["error"] == headers["__dlq.errors.message"] != b""


def test_an_empty_state_is_a_tombstone(serdes: EngineSerdes) -> None:
    assert encode_states({SKU: SkuState(SKU)}, serdes) == {SKU: None}


def test_a_committed_batch_becomes_the_partitions_state(serdes: EngineSerdes) -> None:
    partition = a_partition(serdes, {TOPIC: 2})
    computed = a_batch(Memory())
    assert partition.states.get(SKU) is None
    assert not partition.catch_up.done

    partition.adopt(prepared(partition, computed, serdes), NOW_MS, 1_000)

    assert partition.states.get(SKU) == computed.states[SKU]
    assert partition.position(TOPIC) == 2
    assert partition.catch_up.done
    assert partition.newest_applied_ms == {TOPIC: NOW_MS - 5}


def test_the_highest_version_that_was_given_is_remembered_over_batches_that_give_none(serdes: EngineSerdes) -> None:
    """A listing that was forgotten goes by it when it comes back, however the clock stands then (rule 19)."""
    partition, memory = a_partition(serdes), Memory()
    partition.adopt(prepared(partition, a_batch(memory), serdes), NOW_MS, 1_000)
    nothing = memory.batch()

    partition.adopt(prepared(partition, nothing, serdes), NOW_MS, 1_000)

    assert partition.progress.newest_version == NOW_MS


def test_the_end_of_a_sweep_is_known_only_after_its_commit(serdes: EngineSerdes) -> None:
    partition = a_partition(serdes)
    partition.start_sweep("another policy")
    assert partition.sweep is not None
    assert partition.sweep.cause == "policy"

    partition.adopt(prepared(partition, a_batch(Memory()), serdes, sweep_ends=True), NOW_MS, 1_000)

    assert partition.sweep is None


def test_markers_move_the_position_without_a_transaction(serdes: EngineSerdes) -> None:
    partition = a_partition(serdes, {TOPIC: 7})

    partition.skip(TOPIC, 7)

    assert partition.position(TOPIC) == 7
    assert partition.catch_up.done


def test_the_word_of_a_source_never_goes_back() -> None:
    assert newest_words({"erp": 50}, {SourceId("erp"): 40, SourceId("wms"): 60}) == {"erp": 50, "wms": 60}


def test_of_too_many_sources_the_one_silent_longest_is_forgotten() -> None:
    before = {f"s{number}": number for number in range(1, SOURCES_MAX + 1)}

    after = newest_words(before, {SourceId("new"): 10_000})

    assert len(after) == SOURCES_MAX
    assert "s1" not in after
    assert after["new"] == 10_000
