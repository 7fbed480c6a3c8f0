"""A process as all that run here have it in common: it may end at each of its steps, and Kafka as it reaches it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from confluent_kafka import OFFSET_END, Message

from inventory_domain.errors import OwnershipLost
from inventory_streams.kafka.reading import PartitionRead, ReadStalled
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.transactions import TransactionFailed, Write
from tests.support.simulator.clients import ModeledMessage, tell
from tests.support.simulator.kafka import ModeledKafka, Place
from tests.support.simulator.virtual_time import LoopClock, Stoppable, VirtualLoop

COMMIT_S_MAX = 15.0
FROM_THE_FIRST: Mapping[Place, int] = MappingProxyType({})


@dataclass
class Fates:
    """How often a process ends at each of its steps, and how often a commit takes long."""

    dies: float = 0.0
    slow_commit: float = 0.0


@dataclass(frozen=True, slots=True)
class ModeledSettings(KafkaSettings):
    """Leads the real code's clients of Kafka to the process that they belong to."""

    process: Any = None


@dataclass(eq=False)
class ModeledProcess(Stoppable):
    """A process from its start to its end. `ended` is told of what it ended for, None for an end as it should be."""

    loop: VirtualLoop = field(kw_only=True)
    kafka: ModeledKafka = field(kw_only=True)
    clock: LoopClock = field(kw_only=True)
    dice: random.Random = field(kw_only=True)
    fates: Fates = field(kw_only=True)
    tell: Callable[[str], None] = field(kw_only=True)
    ended: Callable[[Any, str, BaseException | None], None] = field(kw_only=True)
    doomed: bool = False

    def dies(self, where: str) -> bool:
        """Whether the process ends here. It is gone when the loop turns; until then nothing of it may go on."""
        if self.doomed:
            return True
        if self.dice.random() < self.fates.dies:
            self.doomed = True
            self.ended(self, f"died {where}", None)
        return self.doomed

    async def step(self, where: str) -> None:
        """A point at which it may end; one that does never comes back from it."""
        if self.dies(where):
            await self.loop.create_future()

    def failed(self, error: BaseException) -> None:
        """Something must end it."""
        if not self.doomed:
            self.doomed = True
            self.ended(self, "failed", error)

    def is_fenced(self, transactional_id: str) -> bool:
        """Whether the broker refuses who owned this id before."""
        return True

    def wrote(self, writes: Sequence[Write]) -> None:
        """A transaction of it went through."""

    def read_on(self, positions: dict[Place, int], place: Place, limit: int) -> list[Message]:
        """The next records of a place, which are read then."""
        if self.kafka.gone:
            return []
        records, positions[place] = self.kafka.fetch(*place, positions[place], limit)
        return cast(list[Message], [ModeledMessage(record) for record in records])


@dataclass(eq=False)
class _Writer:
    """The transactional producer of one id in one process."""

    process: ModeledProcess
    transactional_id: str
    epoch: int = 0

    def take_over(self) -> None:
        if self.process.kafka.gone:
            raise TransactionFailed(f"{self.transactional_id}: nobody answers")
        self.epoch = self.process.kafka.take_over(self.transactional_id)

    def commit_all(self, writes: list[Write]) -> Future[None]:
        """It takes a while; the process may end before it, or before it hears of it."""
        process, done = self.process, Future[None]()
        if process.dies("before a commit"):
            return done
        slow = process.dice.random() < process.fates.slow_commit
        give_up_s = process.loop.time() + COMMIT_S_MAX
        process.loop.outside(process.dice.uniform(0.0, 7.0 if slow else 0.05), self._commit, writes, done, give_up_s)
        return done

    def _commit(self, writes: list[Write], done: Future[None], give_up_s: float) -> None:
        process = self.process
        if process.kafka.gone:
            if process.loop.time() < give_up_s:
                process.loop.outside(1.0, self._commit, writes, done, give_up_s)
            elif not done.done():
                done.set_exception(TransactionFailed(f"{self.transactional_id}: nobody answers"))
            return
        if process.dead and process.dice.random() < 0.5:
            return  # it ended before the broker heard of it
        fenced = process.is_fenced(self.transactional_id)
        try:
            process.kafka.commit(self.transactional_id, self.epoch, writes, fenced=fenced)
        except OwnershipLost as error:
            if not done.done():
                done.set_exception(error)
            return
        process.wrote(writes)
        if not process.dead and not process.dies("after a commit"):
            process.loop.outside(process.dice.uniform(0.0, 0.05), tell, done, None)


def writer(kafka: ModeledSettings, transactional_id: str) -> _Writer:
    """In the place of `TransactionalWriter`."""
    return _Writer(kafka.process, transactional_id)


def read_to_end(
    kafka: ModeledSettings,
    places: Sequence[Place],
    take: Callable[[Sequence[Message]], None],
    *,
    abandoned: Callable[[], bool] = lambda: False,
    starts: Mapping[Place, int] = FROM_THE_FIRST,
) -> list[PartitionRead] | None:
    """As `reading.read_to_end` does it, where the broker answers at once."""
    process: ModeledProcess = kafka.process
    if process.kafka.gone:
        raise ReadStalled("nobody answers")
    read = []
    for place in places:
        start = starts.get(place, 0)
        if start == OFFSET_END:
            start = process.kafka.end(*place)
        records, end = process.kafka.fetch(*place, start, process.kafka.end(*place) - start)
        take(cast(list[Message], [ModeledMessage(record) for record in records]))
        read.append(PartitionRead(*place, len(records), end))
    return read


def positions_at(kafka: ModeledSettings, places: Sequence[Place], at_ms: int) -> dict[Place, int]:
    """As `reading.positions_at` does it."""
    process: ModeledProcess = kafka.process
    if process.kafka.gone:
        raise ReadStalled("nobody answers")

    def first(place: Place) -> int:
        found = (one.offset for one in process.kafka.read(*place) if one.timestamp_ms >= at_ms)
        return next(found, OFFSET_END)

    return {place: first(place) for place in places}


def ends_of(kafka: ModeledSettings, places: Sequence[Place]) -> dict[Place, int]:
    """As `reading.ends_of` does it."""
    process: ModeledProcess = kafka.process
    if process.kafka.gone:
        raise ReadStalled("nobody answers")
    return {place: process.kafka.end(*place) for place in places}
