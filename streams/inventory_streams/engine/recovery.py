"""Taking a partition over: first its transactional id, then its changelog to the end, then its inputs' ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka import Message

from inventory_domain.errors import BadRecord, InvariantBroken, OwnershipLost
from inventory_domain.identifiers import Sku
from inventory_domain.overshown import promise_of
from inventory_domain.policies import AllocationPolicy
from inventory_domain.sku_state import PartitionProgress
from inventory_schemas.codec import HEADER
from inventory_streams.engine.catching_up import CatchUp
from inventory_streams.engine.inputs import InputFacts, begin_at
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.serdes import PROGRESS_KEY, EngineSerdes
from inventory_streams.engine.settings import (
    DECODED_STATES_MAX,
    RECOVERY_STALL_LIMIT_S,
    VELOCITY_RECOVERY_S_MAX,
    VELOCITY_STALL_LIMIT_S,
    EngineSettings,
)
from inventory_streams.engine.states import SkuStates
from inventory_streams.engine.windows import WindowRecord
from inventory_streams.kafka.reading import ReadStalled, read_to_end
from inventory_streams.kafka.transactions import TransactionalWriter, TransactionFailed, Write

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Changelog:
    """What was read of one partition's changelog so far."""

    states: SkuStates
    progress: PartitionProgress = field(default_factory=PartitionProgress)
    records: int = 0
    formats: dict[bytes, bytes] = field(default_factory=dict)
    """A record of each format that was met, by the header that names it."""


class Opener:
    """Opens partitions for this process. Every call blocks and belongs into a thread."""

    def __init__(self, settings: EngineSettings, serdes: EngineSerdes, policy: AllocationPolicy) -> None:
        self._settings = settings
        self._promise = partial(promise_of, policy=policy)
        self._serdes = serdes
        # A cancelled recovery goes on in its thread: it must not fence its successor in this process (rule 10).
        self._locks = [threading.Lock() for _ in range(settings.partitions)]
        self.read: dict[int, Changelog] = {}

    def open(
        self, number: int, facts: dict[str, InputFacts], abandoned: Callable[[], bool], former: Partition | None
    ) -> Partition | None:
        """The partition, ready to go on; `former` itself if nobody took it over meanwhile; None when abandoned.

        Raises:
            InputReplaced: an input is not the one that was applied.
            InventorySyncError: the id could not be taken over, or the changelog not be read.
        """
        with self._locks[number]:
            if abandoned():
                return None
            if former is not None and self._goes_on(former, facts) and self._still_ours(former):
                return former
            if abandoned():  # the last moment: taking the id over late would fence the rightful owner
                return None
            writer = TransactionalWriter(self._settings.kafka, f"{self._settings.application}-{number}")
            writer.take_over()
            changelog = self._read(number, abandoned)
            if changelog is None:
                return None
            return self._opened(number, writer, changelog, facts)

    def _goes_on(self, former: Partition, facts: dict[str, InputFacts]) -> bool:
        """Whether its inputs are those that it has read so far, with all that it has not read yet."""
        beginning = begin_at(former.progress, facts, former.number, self._settings.application)
        return beginning.progress == former.progress

    def _still_ours(self, former: Partition) -> bool:
        """Whether a record through the old producer commits: then nobody has owned the partition in between."""
        write = Write(
            self._settings.topics.sku_state, former.number, PROGRESS_KEY, self._serdes.state.encode(former.progress)
        )
        try:
            former.writer.commit_all([write])
        except (OwnershipLost, TransactionFailed) as error:
            log.info("partition was taken over meanwhile", extra={"partition": former.number, "error": str(error)})
            return False
        return True

    def _read(self, number: int, abandoned: Callable[[], bool]) -> Changelog | None:
        states = SkuStates(self._serdes.decode_state, DECODED_STATES_MAX)
        changelog = self.read[number] = Changelog(states)

        def keep(messages: Sequence[Message]) -> None:
            for message in messages:
                key, value = message.key(), message.value()
                if value is not None and (form := value[: HEADER.size]) not in changelog.formats:
                    changelog.formats[form] = value
                if key == PROGRESS_KEY:
                    changelog.progress = self._progress(number, value)
                elif key is None:
                    raise InvariantBroken(f"the changelog of partition {number} has a record without key")
                else:
                    states.load(Sku(key.decode()), value)
            changelog.records += len(messages)

        places = [(self._settings.topics.sku_state, number)]
        done = read_to_end(
            self._settings.kafka, places, keep, abandoned=abandoned, stall_limit_s=RECOVERY_STALL_LIMIT_S
        )
        if done is None:
            return None
        self._check_formats(number, changelog)
        return changelog

    def _check_formats(self, number: int, changelog: Changelog) -> None:
        """A newer program may have written what this one cannot read: better said at the start than at some SKU."""
        for header, value in changelog.formats.items():
            if found := self._serdes.state.faults_of(value):
                form = int.from_bytes(header[1:], "big")
                raise InvariantBroken(
                    f"partition {number}: the changelog has states in format {form}, which a newer version wrote and "
                    f"this one cannot read: {found[0]}; start that version again"
                )

    def _progress(self, number: int, value: bytes | None) -> PartitionProgress:
        if value is None:
            return PartitionProgress()
        try:
            return self._serdes.decode_progress(value)
        except BadRecord as bad:
            raise InvariantBroken(f"the progress of partition {number} in the changelog cannot be read: {bad}") from bad

    def _opened(
        self, number: int, writer: TransactionalWriter, changelog: Changelog, facts: dict[str, InputFacts]
    ) -> Partition:
        beginning = begin_at(changelog.progress, facts, number, self._settings.application)
        for topic in beginning.lost:
            log.error("input was deleted before it was read", extra={"topic": topic, "partition": number})
        positions = {topic: at.position for topic, at in beginning.progress.positions.items()}
        catch_up = CatchUp({topic: fact.end for topic, fact in facts.items()}, positions)
        return Partition(
            number,
            writer,
            changelog.states,
            beginning.progress,
            catch_up,
            self._promise,
            self._settings.mass_change,
        )


def read_windows(settings: EngineSettings, numbers: Iterable[int]) -> dict[int, list[WindowRecord]]:
    """The windows of sales of these partitions; empty where they cannot be read in time. Blocks.

    They may be lost and the engine must not wait for them (rule 8), so a broker that stalls here is only told of.
    """
    deadline = time.monotonic() + VELOCITY_RECOVERY_S_MAX
    newest: dict[int, dict[bytes, bytes | None]] = {number: {} for number in numbers}

    def keep(messages: Sequence[Message]) -> None:
        for message in messages:
            newest[int(message.partition() or 0)][message.key() or b""] = message.value()

    places = [(settings.topics.sku_velocity, number) for number in newest]
    try:
        done = read_to_end(
            settings.kafka,
            places,
            keep,
            abandoned=lambda: time.monotonic() > deadline,
            stall_limit_s=VELOCITY_STALL_LIMIT_S,
        )
    except ReadStalled as error:
        log.warning("windows of sales begin anew where they were not read", extra={"error": str(error)})
    else:
        if done is None:
            log.warning("windows of sales begin anew where they were not read", extra={"error": "out of time"})
    return {
        number: [found for key, value in records.items() if (found := WindowRecord.of(key, value)) is not None]
        for number, records in newest.items()
    }
