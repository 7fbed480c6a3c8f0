"""One partition that this process owns: its states, its transactional id, and what is under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from inventory_domain.identifiers import Sku, SourceId
from inventory_domain.mass_change import MassChangePolicy
from inventory_domain.progress import EngineProgress
from inventory_domain.silence import Standing
from inventory_domain.sku_state import InputPosition, PartitionProgress, SkuState
from inventory_streams.engine.catching_up import CatchUp
from inventory_streams.engine.dead_letters import write_of
from inventory_streams.engine.guarding import MassChanges
from inventory_streams.engine.held import Held
from inventory_streams.engine.moving import GivenUp
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes
from inventory_streams.engine.settings import SOURCES_MAX
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.totals import Totals
from inventory_streams.engine.tracing import NOTHING_CARRIED, Carried, SkuSpans, Waiting, carried_by
from inventory_streams.engine.unreported import Unreported
from inventory_streams.engine.values import Computed
from inventory_streams.engine.waking import Owing, Sweep, Timers, next_wake_ms, sources_changed, sweep_cause
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from inventory_streams.topics import Topics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One transaction that is ready: what it writes, and what becomes true when it is committed.

    `read` is how many records it comes from.
    """

    writes: list[Write]
    encoded: Mapping[Sku, bytes | None]
    computed: Computed
    progress: PartitionProgress
    topic: str | None = None
    position: int = 0
    read: int = 0
    sweep_ends: bool = False
    spans: SkuSpans | None = None


@dataclass(slots=True)
class CatalogWait:
    """The partition's changes wait until its catalog is applied up to there (catalog_first.py).

    `since` and `known`: up to where it was applied, and how many products there were, when they began to wait. `over`:
    it is applied, and they were asked for again.
    """

    until: int
    since: int
    known: int
    over: bool = False


class Partition:
    """What is durable of one partition number. Changed only by `adopt`, after a commit (rule 13)."""

    def __init__(
        self,
        number: int,
        writer: TransactionalWriter,
        states: SkuStates,
        progress: PartitionProgress,
        catch_up: CatchUp,
        promise: Callable[[SkuState], str],
        mass_change: MassChangePolicy,
    ) -> None:
        self.number = number
        self.writer = writer
        self.states = states
        self.progress = progress
        self.catch_up = catch_up
        self.timers = Timers()
        self.owing = Owing()
        self.waiting = Waiting()
        self.uncounted: dict[Sku, int] = {}
        self.unreported = Unreported()
        self.held = Held()
        self.given_up = GivenUp()
        self.sweep: Sweep | None = None
        self.put_off: dict[Sku, str] = {}  # SKUs that a computation was to look at and did not; with the causes
        self._promise = promise
        self.totals = Totals((), promise)
        self.mass = MassChanges(number, mass_change)
        self.standing = Standing({}, frozenset(), frozenset())
        self.judged_s = float("-inf")
        self.watched_ms: int | None = None  # since when all input is read, so that silence is silence
        self.running: asyncio.Future[None] | None = None
        self.progress_told_s = float("-inf")
        self.newest_applied_ms: dict[str, int] = {}
        self.owned_since_ms: int | None = None
        self.gaps: dict[str, int] = {}
        self.catalog_wait: CatalogWait | None = None

    def positions(self) -> dict[str, int]:
        """Per input topic, up to where it is durably applied."""
        return {topic: known.position for topic, known in self.progress.positions.items()}

    def position(self, topic: str) -> int:
        """Up to where this input is durably applied."""
        return self.progress.positions[topic].position

    def start_sweep(self, mark: str) -> None:
        """Begin to look at every SKU once; those are decided anew that another mark than the last concerns."""
        before = self.progress.policy
        cause = None if before == mark else sweep_cause(before, mark)
        self.sweep = Sweep(self.states.skus(), mark=mark, cause=cause, only=sources_changed(before, mark))

    def recovered(self, mark: str) -> None:
        """Begin the sweep that also finds what the states owe, and adds them up."""
        self.totals = Totals(self.states.skus(), self._promise)
        self.start_sweep(mark)

    def progress_after(
        self,
        computed: Computed,
        topic: str | None,
        position: int,
        policy: str | None,
        silent: frozenset[SourceId],
    ) -> PartitionProgress:
        """The partition's progress once this is committed. `policy`: the mark that it has then; None: as before."""
        positions = self.progress.positions
        if topic is not None:
            positions = {**positions, topic: InputPosition(positions[topic].topic_id, position)}
        sources = newest_words(self.progress.sources, computed.words)
        heard = newest_heard(self.progress.heard, computed)
        applied = self.progress.policy if policy is None else policy
        newest = max([self.progress.newest_version, *[target.version for target in computed.targets]])
        return PartitionProgress(positions, sources, applied, heard, silent, newest)

    def skip(self, topic: str, position: int) -> None:
        """Go past transaction markers. Not worth a transaction: after a crash they are skipped once more."""
        known = self.progress.positions[topic]
        positions = {**self.progress.positions, topic: InputPosition(known.topic_id, position)}
        self.progress = replace(self.progress, positions=positions)
        self.catch_up.reached(topic, position)

    def adopt(self, done: Prepared, now_ms: int, unknown_sku_grace_ms: int) -> None:
        """Take over what was committed."""
        computed = done.computed
        for sku, state in computed.states.items():
            self.totals.changed(self.states.get(sku), state)
            self.states.put(sku, state, done.encoded[sku])
            self.timers.set(sku, next_wake_ms(state, now_ms, unknown_sku_grace_ms))
            self.unreported.note(sku, state)
            self.held.note(sku, state)
        self.given_up.note(computed.left, computed.states, computed.forgotten)
        self.owing.note(computed.owing)
        if done.spans is not None or self.waiting:
            carried = NOTHING_CARRIED if done.spans is None else done.spans.carried
            self.waiting.note(computed, carried, self._waits)
        for sku, count in computed.uncounted.items():
            self.note_uncounted(sku, count)
        begun = self.mass.commit(self.totals.showing, computed.zeroed, computed.computed_at_ms)
        for channel in begun:
            log.warning("mass change: falls are stamped", extra={"partition": self.number, "channel": channel})
        self.progress = done.progress
        if done.topic is not None:
            self.catch_up.reached(done.topic, done.position)
            if computed.newest_record_ms is not None:
                before_ms = self.newest_applied_ms.get(done.topic, 0)
                self.newest_applied_ms[done.topic] = max(before_ms, computed.newest_record_ms)
        if done.sweep_ends:
            self.sweep = None

    def _waits(self, sku: Sku) -> bool:
        state = self.states.get(sku)
        return state is not None and (state.owes_rise or bool(state.held))

    def note_uncounted(self, sku: Sku, count: int) -> None:
        """How many listings of the SKU wait for a count; only those that have some are kept."""
        if count:
            self.uncounted[sku] = count
        else:
            self.uncounted.pop(sku, None)


def newest_words(before: Mapping[str, int], words: Mapping[SourceId, int]) -> Mapping[str, int]:
    """Per source when it last spoke; beyond the limit the one silent longest is forgotten."""
    if not words:
        return before
    after = dict(before)
    for source, at_ms in words.items():
        after[source] = max(at_ms, after.get(source, 0))
    while len(after) > SOURCES_MAX:
        del after[min(after, key=lambda source: after[source])]
    return after


def newest_heard(before: Mapping[str, int], computed: Computed) -> Mapping[str, int]:
    """Per source that has sent a heartbeat when its newest word arrived, which is never later than its batch's last."""
    at_ms = computed.newest_record_ms
    if at_ms is None or not computed.words:
        return before
    spoke = [source for source in computed.words if source in before or source in computed.beating]
    if not spoke:
        return before
    after = dict(before)
    for source in spoke:
        after[source] = max(at_ms, before.get(source, 0))
    while len(after) > SOURCES_MAX:
        del after[min(after, key=lambda source: after[source])]
    return after


def encode_states(states: Mapping[Sku, SkuState], serdes: EngineSerdes) -> dict[Sku, bytes | None]:
    """The changelog values; None, a tombstone, for a state in which nothing is known any more."""
    return {sku: None if state.is_empty else serdes.state.encode(state) for sku, state in states.items()}


def writes_of(
    computed: Computed,
    encoded: Mapping[Sku, bytes | None],
    *,
    partition: int,
    partitions: int,
    group: str,
    topics: Topics,
    serdes: EngineSerdes,
    carried: Carried = NOTHING_CARRIED,
) -> Iterator[Write]:
    """Changelog, targets, tombstones, commands and dead letters, each made when it is asked for.

    All have this one partition number but commands, which go to where the SKUs live that they are for. `carried`: the
    trace context of each SKU whose change is traced, which its targets and its commands to other SKUs take along.
    """
    for sku, value in encoded.items():
        yield Write(topics.sku_state, partition, sku.encode(), value)
    places = {name: topics.targets(name) for name in topics.marketplaces}
    for target in computed.targets:
        topic, encode = places[target.marketplace], serdes.targets[target.marketplace]
        context = carried.get(target.sku) if carried else None
        headers = context.headers() if context is not None else ()
        yield Write(topic, partition, target.listing_id.encode(), encode(target), headers)
    for marketplace, listing_id in computed.forgotten:
        yield Write(topics.targets(marketplace), partition, listing_id.encode(), None)
    for command in computed.commands:
        where = partition_of(command.sku, partitions)
        context = carried_by(command, carried) if carried else None
        headers = context.headers() if context is not None else ()
        yield Write(topics.sku_commands, where, command.sku.encode(), serdes.commands(command), headers)
    for letter in computed.dead_letters:
        yield write_of(letter, topics.inventory_dead_letters, partition, group)


def writes_of_progress(
    progress: PartitionProgress, told: EngineProgress | None, *, partition: int, topics: Topics, serdes: EngineSerdes
) -> Iterator[Write]:
    """The partition's progress in the changelog, and what is told of it where it is time to tell."""
    yield Write(topics.sku_state, partition, PROGRESS_KEY, serdes.state.encode(progress))
    if told is not None:
        yield Write(topics.engine_progress, partition, str(partition).encode(), serdes.progress.encode(told))
