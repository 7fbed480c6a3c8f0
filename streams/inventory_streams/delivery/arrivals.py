"""What comes from the topics, decoded on the thread that reads, as values that the loop may keep."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from inventory_domain.errors import BadRecord, InvalidRecord
from inventory_domain.exposure import Exposure
from inventory_domain.health import ChannelReport
from inventory_domain.identifiers import ListingId, Marketplace
from inventory_domain.operations import OperatorCommand
from inventory_domain.progress import EngineProgress
from inventory_domain.reconciliation import ObservedBy
from inventory_domain.targets import Target
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.codecs import Codecs
from inventory_streams.delivery.retries import RetryNote, note_of
from inventory_streams.kafka.tracing import TraceContext, context_of
from inventory_streams.topics import Topics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TargetArrival:
    """A record of `listing.targets`. Without target and fault it is a tombstone: the engine forgets the listing."""

    partition: int
    offset: int
    key: bytes
    raw: bytes | None
    target: Target | None = None
    fault: BadRecord | None = None
    trace: TraceContext | None = None

    @property
    def listing_id(self) -> ListingId:
        """The listing, by the record's key."""
        return ListingId(self.key.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class RetryArrival:
    """A record of `listing.retries`; one without a note says nothing and is passed over."""

    partition: int
    offset: int
    listing_id: ListingId
    note: RetryNote | None


@dataclass(frozen=True, slots=True)
class ReportArrival:
    """A record of `channel.reports`; None: it could not be read, and is passed over."""

    offset: int
    report: ChannelReport | None


@dataclass(frozen=True, slots=True)
class HealthArrival:
    """A record of `channel.health`; None: it could not be read, and what was known before goes on to hold."""

    offset: int
    record: HealthRecord | None


@dataclass(frozen=True, slots=True)
class ProgressArrival:
    """A record of `engine.progress`; None: it could not be read, and counts as silence."""

    progress: EngineProgress | None


@dataclass(frozen=True, slots=True)
class CommandArrival:
    """A record of `operator.commands`; None: it could not be read, and asks for nothing."""

    offset: int
    command: OperatorCommand | None


@dataclass(frozen=True, slots=True)
class HintArrival:
    """A record of `listing.observations`. `signal`: something may have changed, so the listing is to be read; before
    `from_ms` nothing of it can be seen.
    """

    partition: int
    offset: int
    listing_id: ListingId
    signal: bool
    from_ms: int = 0


Arrival = TargetArrival | RetryArrival | ReportArrival | HealthArrival | ProgressArrival | CommandArrival | HintArrival


class Arrivals:
    """Decodes the three topics of one marketplace's consumer group, and those that every worker follows."""

    def __init__(self, codecs: Codecs, topics: Topics, marketplace: Marketplace, *, traced: bool = False) -> None:
        """`traced`: whether the context of a trace that a target carries is looked for."""
        self._codecs = codecs
        self._traced = traced
        self._marketplace = marketplace
        self.targets = topics.targets(marketplace)
        self.retries = topics.retries(marketplace)
        self.reports = topics.reports(marketplace)
        self.health = topics.channel_health
        self.progress = topics.engine_progress
        self.commands = topics.operator_commands
        self.observations = topics.observations(marketplace)

    @property
    def topics(self) -> tuple[str, ...]:
        """What the group reads."""
        return (self.targets, self.retries, self.reports, self.observations)

    def of(self, messages: Sequence[Message]) -> list[Arrival]:
        """The records as values, in their order. May block when a schema is seen for the first time."""
        return [self._of(message) for message in messages]

    def _of(self, message: Message) -> Arrival:
        topic = message.topic()
        if topic == self.targets:
            return self.target(message)
        if topic == self.retries:
            note = note_of(message.headers())
            return RetryArrival(_partition(message), _offset(message), ListingId(_key(message).decode()), note)
        if topic == self.observations:
            return self._hint(message)
        if topic == self.commands:
            return self._command(message)
        if topic == self.health:
            return self._health(message)
        if topic == self.progress:
            return self._progress(message)
        try:
            return ReportArrival(_offset(message), self._codecs.reports.decode(message.value()))
        except BadRecord:
            return ReportArrival(_offset(message), None)

    def _hint(self, message: Message) -> HintArrival:
        listing_id = ListingId(_key(message).decode(errors="replace"))
        try:
            observation = self._codecs.observations.decode(message.value())
        except BadRecord as fault:
            log.warning("observation cannot be read", extra={"offset": message.offset(), "error": str(fault)})
            return HintArrival(_partition(message), _offset(message), listing_id, False)
        signal = observation.observed_by is ObservedBy.SIGNAL
        return HintArrival(_partition(message), _offset(message), listing_id, signal, observation.as_of_ms)

    def _command(self, message: Message) -> CommandArrival:
        raw = message.value()
        try:
            return CommandArrival(_offset(message), None if raw is None else self._codecs.commands.decode(raw))
        except BadRecord as fault:
            log.error("operator's command cannot be read", extra={"offset": message.offset(), "error": str(fault)})
            return CommandArrival(_offset(message), None)

    def _health(self, message: Message) -> HealthArrival:
        raw = message.value()
        try:
            return HealthArrival(_offset(message), None if raw is None else self._codecs.health.decode(raw))
        except BadRecord as fault:
            log.error("channel health cannot be read", extra={"offset": message.offset(), "error": str(fault)})
            return HealthArrival(_offset(message), None)

    def _progress(self, message: Message) -> ProgressArrival:
        raw = message.value()
        try:
            return ProgressArrival(None if raw is None else self._codecs.progress.decode(raw))
        except BadRecord as fault:
            log.error("engine progress cannot be read", extra={"offset": message.offset(), "error": str(fault)})
            return ProgressArrival(None)

    def target(self, message: Message) -> TargetArrival:
        """A record of `listing.targets`, with what is wrong with it, if something is."""
        partition, offset, key, raw = _partition(message), _offset(message), _key(message), message.value()
        if raw is None:
            return TargetArrival(partition, offset, key, None)
        trace = context_of(message.headers()) if self._traced else None
        try:
            target = self._codecs.targets.decode(raw)
            self._check(key, target)
        except BadRecord as fault:
            return TargetArrival(partition, offset, key, raw, fault=fault, trace=trace)
        return TargetArrival(partition, offset, key, raw, target, trace=trace)

    def _check(self, key: bytes, target: Target) -> None:
        if target.listing_id.encode() != key:
            raise InvalidRecord("key-differs", f"key {key!r} is not the listing {target.listing_id!r}")
        if target.marketplace != self._marketplace:
            text = f"{target.listing_id} is for {target.marketplace}, not {self._marketplace}"
            raise InvalidRecord("wrong-marketplace", text)


def exposure_of(codecs: Codecs, message: Message) -> tuple[ListingId, Exposure | None]:
    """A record of `listing.exposure`; None where the listing was forgotten.

    Raises:
        BadRecord: our own record cannot be read. What may be on sale is not known then, so nothing may be sent.
    """
    raw = message.value()
    return ListingId(_key(message).decode()), None if raw is None else codecs.exposure.decode(raw)


def _partition(message: Message) -> int:
    partition = message.partition()
    assert partition is not None
    return int(partition)


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None
    return int(offset)


def _key(message: Message) -> bytes:
    key = message.key()
    return key.encode() if isinstance(key, str) else key or b""
