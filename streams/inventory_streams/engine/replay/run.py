"""A replay: an engine apart is fed with what the running one has read, and what came of it in both is compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, TypeAlias

from confluent_kafka import OFFSET_END, Message

from inventory_domain.commands import KitAvailability, KitRegistered, KitRemoved, KitSold, Override, SaleSettled
from inventory_domain.errors import BadRecord, InventorySyncError
from inventory_domain.identifiers import Sku
from inventory_domain.sku_state import PartitionProgress, SkuState
from inventory_schemas.registry import Registry
from inventory_streams.engine.inputs import InputFacts, admin_client, input_facts
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.replay import apart as places_apart
from inventory_streams.engine.replay.comparing import Difference, compared
from inventory_streams.engine.replay.copying import Copying, EngineApart
from inventory_streams.engine.replay.originals import first_products, merged, slices
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes, engine_serdes
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.engine.snapshots import StateRecords, read_state
from inventory_streams.kafka.reading import Place, positions_at, read_to_end
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from inventory_streams.letters import read_letters

SLICE_MAX: Final = 2_000
LOADED_AT_ONCE: Final = 10_000
TELL_INTERVAL_S: Final = 5.0
READING_MS: Final = 60_000  # a command sent while a state was read may be in the state of one side only
BEFORE_MS: Final = 5_000
_OF_KITS: Final = (KitAvailability, KitRegistered, KitRemoved, KitSold)


class ReplayIncomplete(InventorySyncError):
    """The topics no longer have all the input that made the state, and no snapshot says what came before."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a replay. `began` says from where the state was rebuilt, `application` by which application id.

    `under_way` is of how many SKUs the relations to kits could not be compared, because of what was being said.
    """

    began: str
    application: str
    skus: int
    records: int
    under_way: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Cut:
    """The running state as it was read, and the input that has made it."""

    read_at_ms: int
    states: Mapping[int, Mapping[Sku, bytes]]
    ends: Mapping[Place, int]
    topic_ids: Mapping[Place, str]
    silent: bool


def replay(
    settings: EngineSettings,
    registry: Registry,
    now_ms: Callable[[], int],
    name: str,
    start: Callable[[EngineSettings], EngineApart],
    snapshot: StateRecords | None,
    tell: Callable[[str], None],
) -> Comparison:
    """Rebuild the state by an engine with a fresh application id, and compare it with the running one. Blocks.

    `start` starts an engine process with the settings given. Whatever happens, that process is ended and its topics
    are removed. Nothing of the running system is written.

    Raises:
        ReplayIncomplete: input was deleted that is neither in the topics nor in the snapshot.
        ReplayRefused: the name is in use.
        InventorySyncError: the broker or the registry cannot be asked, or something cannot be read or applied.
    """
    own = places_apart.apart(settings, name)
    serdes = engine_serdes(settings.topics, registry)
    # 1. The running state first: it says up to where input is wanted, and what is read later is newer.
    cut = _cut(settings, serdes, now_ms())
    starts = _starts(settings, serdes, snapshot, cut)
    # 2. Topics, then what the snapshot knows, and only then the engine: it reads its changelog once, at its start.
    places_apart.check_free(own)
    try:
        places_apart.make(own)
        if snapshot is not None:
            _load(own, serdes, snapshot)
        engine = start(own)
        try:
            copied, states = _rebuilt(settings, own, serdes, engine, cut, starts, snapshot, tell)
        finally:
            engine.stop()
    finally:
        places_apart.remove(own)
    # 3. What kits and components were saying when the running state was read, read now that it must be there.
    under_way = _under_way(settings, serdes, cut)
    pairs = [
        (sku, running.get(sku), states[number].get(sku))
        for number, running in cut.states.items()
        for sku in sorted({*running, *states[number]})
    ]
    differences = tuple(_differences(serdes, cut, pairs, under_way))
    return Comparison(_began(snapshot), own.application, len(pairs), copied, len(under_way), differences)


def _differences(
    serdes: EngineSerdes, cut: _Cut, pairs: Iterable[tuple[Sku, bytes | None, bytes | None]], under_way: Set[Sku]
) -> Iterator[Difference]:
    """SKU by SKU, so that never more than two states are decoded at a time."""
    for sku, ours, theirs in pairs:
        running = {sku: _state_of(serdes, sku, ours)} if ours is not None else {}
        rebuilt = {sku: _state_of(serdes, sku, theirs)} if theirs is not None else {}
        yield from compared(running, rebuilt, cut.read_at_ms, under_way=under_way, answers=not cut.silent)


def _state_of(serdes: EngineSerdes, sku: Sku, value: bytes) -> SkuState:
    try:
        return serdes.decode_state(value)
    except BadRecord as bad:
        raise InventorySyncError(f"the state of {sku} cannot be read: {bad}") from bad


def _began(snapshot: StateRecords | None) -> str:
    if snapshot is None:
        return "from the first record of each topic: all of them are within retention"
    return f"from a snapshot of {snapshot.records} records"


def _cut(settings: EngineSettings, serdes: EngineSerdes, now_ms: int) -> _Cut:
    records = read_state(settings, now_ms).partitions
    states: dict[int, Mapping[Sku, bytes]] = {}
    ends: dict[Place, int] = {}
    ids: dict[Place, str] = {}
    silent = False
    for number, found in records.items():
        progress = _progress_of(serdes, found)
        states[number] = {Sku(key.decode()): value for key, value in found.items() if key != PROGRESS_KEY}
        silent = silent or bool(progress.silent)
        for topic in _copied(settings):
            at = progress.positions.get(topic)
            ends[topic, number] = at.position if at is not None else 0
            if at is not None:
                ids[topic, number] = at.topic_id
    return _Cut(now_ms, states, ends, ids, silent)


def _copied(settings: EngineSettings) -> tuple[str, str, str]:
    """What decides a state; what listings may be showing changes no stock."""
    topics = settings.topics
    return (topics.catalog_products, topics.inventory_changes, topics.sku_commands)


def _starts(
    settings: EngineSettings, serdes: EngineSerdes, snapshot: StateRecords | None, cut: _Cut
) -> dict[Place, int]:
    """From which offset each input is copied. A compacted topic keeps the newest of each key, which is enough."""
    numbers = range(settings.partitions)
    facts = input_facts(admin_client(settings.kafka), _copied(settings), numbers, settings.partitions)
    starts: dict[Place, int] = {}
    for number in numbers:
        known = _progress_of(serdes, snapshot.partitions[number]) if snapshot is not None else PartitionProgress()
        for topic, fact in facts[number].items():
            at = known.positions.get(topic)
            starts[topic, number] = at.position if at is not None else 0
            if cut.topic_ids.get((topic, number), fact.topic_id) != fact.topic_id:
                raise ReplayIncomplete(f"{topic}[{number}] was created anew since the running state was made of it")
            if at is not None and (at.topic_id != fact.topic_id or at.position > fact.end):
                raise ReplayIncomplete(f"{topic}[{number}] is not the topic that it was when the snapshot was taken")
            if topic != settings.topics.catalog_products:
                _check_kept((topic, number), fact, starts[topic, number], snapshot is not None)
    return starts


def _progress_of(serdes: EngineSerdes, records: Mapping[bytes, bytes]) -> PartitionProgress:
    value = records.get(PROGRESS_KEY)
    try:
        return PartitionProgress() if value is None else serdes.decode_progress(value)
    except BadRecord as bad:
        raise InventorySyncError(f"the progress of a partition cannot be read: {bad}") from bad


def _check_kept(place: Place, fact: InputFacts, start: int, has_snapshot: bool) -> None:
    if fact.first <= start:
        return
    beyond = "the snapshot ends before" if has_snapshot else "without a snapshot it would be needed from"
    raise ReplayIncomplete(
        f"{place[0]}[{place[1]}] keeps records from offset {fact.first} on, and {beyond} offset {start}:"
        " take snapshots with `inventory-sync snapshot` more often than the topic's retention, and replay from one"
    )


def _load(own: EngineSettings, serdes: EngineSerdes, snapshot: StateRecords) -> None:
    """The snapshot as the changelog that the engine apart begins with; its inputs are new, so it has no positions."""
    for number, records in snapshot.partitions.items():
        known = _progress_of(serdes, records)
        bare = PartitionProgress({}, known.sources, known.policy, known.heard, frozenset(), known.newest_version)
        progress = serdes.state.encode(bare)
        topic = own.topics.sku_state
        writes = [Write(topic, number, key, value) for key, value in records.items() if key != PROGRESS_KEY]
        writes.append(Write(topic, number, PROGRESS_KEY, progress))
        writer = TransactionalWriter(own.kafka, f"{own.application}-{number}")
        writer.take_over()
        for first in range(0, len(writes), LOADED_AT_ONCE):
            writer.commit_all(writes[first : first + LOADED_AT_ONCE])


def _rebuilt(
    settings: EngineSettings,
    own: EngineSettings,
    serdes: EngineSerdes,
    engine: EngineApart,
    cut: _Cut,
    starts: Mapping[Place, int],
    snapshot: StateRecords | None,
    tell: Callable[[str], None],
) -> tuple[int, dict[int, dict[Sku, bytes]]]:
    """How many records were copied, and what the engine apart made of them."""
    copying = Copying(own, serdes, engine)
    topics = dict(zip(_copied(settings), _copied(own), strict=True))
    total = sum(max(0, cut.ends[place] - at) for place, at in starts.items())
    copied, told_s = 0, time.monotonic()
    try:
        catalog = {place: at for place, at in starts.items() if place[0] == settings.topics.catalog_products}
        known = _with_product(serdes, snapshot)
        refused = _refused(settings)
        first = first_products(_taken(merged(settings.kafka, catalog, cut.ends), refused), lambda key: key in known)
        for products in slices(first, SLICE_MAX):
            copying.copy(products, topics)
        kit_commands_until_ms = snapshot.taken_at_ms + READING_MS if snapshot is not None else 0
        taken = _taken(merged(settings.kafka, starts, cut.ends), refused)
        originals = _wanted(settings, serdes, taken, kit_commands_until_ms)
        for records in slices(originals, SLICE_MAX):
            copying.copy(records, topics)
            copied += len(records)
            if time.monotonic() - told_s > TELL_INTERVAL_S:
                told_s = time.monotonic()
                tell(f"{copied} records of at most {total} are applied")
        copying.settle()
        tell(f"all {copied} records are applied")
        return copied, copying.states
    finally:
        copying.close()


def _with_product(serdes: EngineSerdes, snapshot: StateRecords | None) -> set[bytes]:
    if snapshot is None:
        return set()
    return {
        key
        for records in snapshot.partitions.values()
        for key, value in records.items()
        if key != PROGRESS_KEY and serdes.decode_state(value).product is not None
    }


_RecordId: TypeAlias = tuple[str, int, int, bytes]


def _refused(settings: EngineSettings) -> set[_RecordId]:
    """What the running engine has put aside, by the settings and the catalog of that time: it changed nothing there."""
    letters = read_letters(settings.kafka, settings.topics.inventory_dead_letters, settings.partitions)
    return {
        (one.origin_topic, one.origin_partition, one.origin_offset, one.key)
        for one in letters
        if one.origin_topic != settings.topics.sku_commands  # one that is refused may have changed something
    }


def _taken(records: Iterator[InputRecord], refused: Set[_RecordId]) -> Iterator[InputRecord]:
    for record in records:
        if (record.topic, record.partition, record.offset, record.key or b"") not in refused:
            yield record


def _wanted(
    settings: EngineSettings, serdes: EngineSerdes, records: Iterator[InputRecord], kit_commands_until_ms: int
) -> Iterator[InputRecord]:
    """All but the commands that follow from states: the engine apart says its own to kits and components.

    Up to a time those are wanted too: what was said and not heard yet when a snapshot was taken is in no state.
    """
    for record in records:
        if record.topic != settings.topics.sku_commands:
            yield record
            continue
        try:
            kind = serdes.decoders.command(record.value or b"").kind
        except BadRecord:
            continue  # a dead letter, which changed nothing
        of_kits = isinstance(kind, _OF_KITS) and record.timestamp_ms <= kit_commands_until_ms
        if of_kits or isinstance(kind, Override | SaleSettled):
            yield record


def _under_way(settings: EngineSettings, serdes: EngineSerdes, cut: _Cut) -> set[Sku]:
    """SKUs to and from which something was said while the running state was read: one side may know it, one not."""
    topic = settings.topics.sku_commands
    places = [(topic, number) for number in range(settings.partitions)]
    since = positions_at(settings.kafka, places, cut.read_at_ms - BEFORE_MS)
    starts = {place: cut.ends[place] if at == OFFSET_END else min(at, cut.ends[place]) for place, at in since.items()}
    found: set[Sku] = set()

    def keep(messages: Sequence[Message]) -> None:
        for message in messages:
            if int(message.timestamp()[1]) > cut.read_at_ms + READING_MS:
                continue
            try:
                command = serdes.decoders.command(message.value() or b"")
            except BadRecord:
                continue
            kind = command.kind
            if isinstance(kind, KitAvailability):
                found.update((command.sku, kind.component))
            elif isinstance(kind, KitRegistered | KitRemoved | KitSold):
                found.update((command.sku, kind.kit))

    read_to_end(settings.kafka, places, keep, starts=starts)
    return found
