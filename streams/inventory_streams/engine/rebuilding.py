"""The state computed once more from the topics, beside the running engine, and held against what that has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from inventory_domain.errors import BadRecord, InventorySyncError
from inventory_domain.identifiers import Sku
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import PartitionProgress, SkuState
from inventory_schemas.registry import Registry
from inventory_streams.engine.computing import Work
from inventory_streams.engine.inputs import InputFacts, admin_client, input_facts
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes, engine_serdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.snapshots import StateRecords, read_state
from inventory_streams.engine.values import Rules
from inventory_streams.kafka.reading import read_to_end

BATCH_RECORDS = 2_000
DIFFERENCES_TOLD_MAX = 20


class ReplayIncomplete(InventorySyncError):
    """The topics no longer have all the input that made the state, and no snapshot says what came before."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One SKU whose rebuilt state is another: what differs, in words."""

    sku: Sku
    what: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a replay. `began` says from where the state was rebuilt."""

    began: str
    skus: int
    records: int
    differences: tuple[Difference, ...]


def replay(
    settings: EngineSettings,
    policy: AllocationPolicy,
    registry: Registry,
    now_ms: int,
    snapshot: StateRecords | None,
    tell: Callable[[str], None],
) -> Comparison:
    """Rebuild every partition and compare it with the running state as of now. Writes nothing; blocks.

    Raises:
        ReplayIncomplete: input was deleted that is neither in the topics nor in the snapshot.
        InventorySyncError: the broker or the registry cannot be asked, or something cannot be read.
    """
    serdes = engine_serdes(settings.topics, registry)
    topics = settings.topics
    inputs = (topics.inventory_changes, topics.catalog_products, topics.sku_commands)
    running = read_state(settings, now_ms)
    numbers = range(settings.partitions)
    facts = input_facts(admin_client(settings.kafka), inputs, numbers, settings.partitions)
    rules = Rules(policy, topics, serdes.decoders, settings.partitions, int(settings.unknown_sku_grace_s * 1000))
    skus, records = 0, 0
    differences: list[Difference] = []
    for number in numbers:
        states, until = _state_of(serdes, running.partitions[number])
        begin_states, since = _state_of(serdes, snapshot.partitions[number] if snapshot else {})
        starts = _starts(number, facts[number], since, (topics.catalog_products,), snapshot is not None)
        found = _inputs(settings, number, starts, {topic: until.get(topic, 0) for topic in inputs})
        rebuilt = _rebuilt(rules, number, begin_states, found, now_ms)
        differences += compared(states, rebuilt, now_ms)
        skus += len({*states, *rebuilt})
        records += len(found)
        tell(f"partition {number}: {len(found)} records replayed, {len(rebuilt)} SKUs")
    return Comparison(_began(snapshot), skus, records, tuple(differences))


def _began(snapshot: StateRecords | None) -> str:
    if snapshot is None:
        return "from the first record of each topic: all of them are within retention"
    return f"from a snapshot of {snapshot.records} records"


def _state_of(serdes: EngineSerdes, records: Mapping[bytes, bytes]) -> tuple[dict[Sku, SkuState], dict[str, int]]:
    states: dict[Sku, SkuState] = {}
    progress = PartitionProgress()
    for key, value in records.items():
        try:
            if key == PROGRESS_KEY:
                progress = serdes.decode_progress(value)
            else:
                states[Sku(key.decode())] = serdes.decode_state(value)
        except BadRecord as bad:
            raise InventorySyncError(f"the state under the key {key!r} cannot be read: {bad}") from bad
    return states, {topic: at.position for topic, at in progress.positions.items()}


def _starts(
    number: int,
    facts: Mapping[str, InputFacts],
    since: Mapping[str, int],
    compacted: Sequence[str],
    has_snapshot: bool,
) -> dict[str, int]:
    """From which offset each input is replayed. A compacted topic keeps the newest of each key, which is enough."""
    starts = {topic: since.get(topic, 0) for topic in facts}
    for topic, start in starts.items():
        if topic in compacted or facts[topic].first <= start:
            continue
        beyond = "the snapshot ends before" if has_snapshot else "without a snapshot it would be needed from"
        raise ReplayIncomplete(
            f"{topic}[{number}] keeps records from offset {facts[topic].first} on, and {beyond} offset {start}:"
            " take snapshots with `inventory-sync snapshot` more often than the topic's retention, and replay from one"
        )
    return starts


def _inputs(
    settings: EngineSettings, number: int, starts: Mapping[str, int], ends: Mapping[str, int]
) -> list[InputRecord]:
    """The records of one partition that the running state has applied, in the order in which they were appended."""
    found: list[InputRecord] = []

    def keep(messages: Sequence[Message]) -> None:
        for message in messages:
            topic, offset = str(message.topic()), int(message.offset() or 0)
            if starts[topic] <= offset < ends[topic]:
                at_ms = int(message.timestamp()[1])
                found.append(InputRecord(topic, number, offset, at_ms, message.key(), message.value()))

    read_to_end(settings.kafka, [(topic, number) for topic in starts], keep)
    found.sort(key=lambda record: record.timestamp_ms)  # stable: each topic keeps its own order
    return found


class _States(dict[Sku, SkuState]):
    """The states while they are rebuilt."""


def _rebuilt(
    rules: Rules, number: int, begin: Mapping[Sku, SkuState], records: Sequence[InputRecord], now_ms: int
) -> dict[Sku, SkuState]:
    states = _States(begin)
    for first in range(0, len(records), BATCH_RECORDS):
        batch = records[first : first + BATCH_RECORDS]
        work = Work(rules, states, number, {}, now_ms=batch[-1].timestamp_ms, catching_up=False)
        for record in batch:
            work.record(record)
        _take(states, work.finish().states)
    for sku in list(states):
        work = Work(rules, states, number, {}, now_ms=now_ms, catching_up=False)
        work.wake(sku, "replay")
        _take(states, work.finish().states)
    return states


def _take(states: dict[Sku, SkuState], changed: Mapping[Sku, SkuState]) -> None:
    for sku, state in changed.items():
        if state.is_empty:
            states.pop(sku, None)
        else:
            states[sku] = state


def compared(running: Mapping[Sku, SkuState], rebuilt: Mapping[Sku, SkuState], now_ms: int) -> Iterable[Difference]:
    """Where product, stock or overrides differ. Versions and times are each system's own, and are not compared."""
    for sku in sorted({*running, *rebuilt}):
        ours = _facts(running.get(sku), now_ms)
        theirs = _facts(rebuilt.get(sku), now_ms)
        different = [name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)]
        if different:
            what = "; ".join(
                f"{name} is {ours.get(name, 'not known')} and was rebuilt as {theirs.get(name, 'not known')}"
                for name in sorted(different)
            )
            yield Difference(sku, what)


def _facts(state: SkuState | None, now_ms: int) -> dict[str, object]:
    """What input alone decides of a SKU, by name."""
    if state is None:
        return {}
    found: dict[str, object] = {}
    for location, position in state.stock.positions.items():
        if position.on_hand is not None:
            found[f"on hand at {location}"] = position.on_hand
        if reserved := position.reserved(now_ms):
            found[f"reserved at {location}"] = reserved
    for channel, units in state.stock.units_sold_unreported().items():
        found[f"sold on {channel} and not reported"] = units
    if state.product is not None:
        found["product"] = state.product
    if state.override is not None and (state.override.until_ms or now_ms + 1) > now_ms:
        found["override"] = state.override
    return found
