"""What tests of delivery share: targets, a clock that moves, a marketplace, and a worker on a real broker."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # these are re-exported without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from fastavro.types import Schema
from prometheus_client import CollectorRegistry

from inventory_domain.errors import UndecodableRecord
from inventory_domain.identifiers import AccountId, ChannelId, ListingId, Marketplace, NodeId, Sku
from inventory_domain.outcomes import Accepted, PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, OperationLimit, Push, ReadAnswer, Shown
from inventory_domain.progress import EngineProgress
from inventory_domain.retry import RetrySchedule
from inventory_domain.targets import Target
from inventory_schemas.avsc import parse, schema_text
from inventory_schemas.codec import Serde
from inventory_schemas.records import ENGINE_PROGRESS, LISTING_TARGET
from inventory_streams.delivery.run import Delivery, assemble
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.kafka.admin import apply
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.reading import read_to_end
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

MARKETPLACE = Marketplace("harbor")
CHANNEL = ChannelId("harbor-us")
ACCOUNT = AccountId("harbor-main")
PARTITIONS = 3
WAIT_LIMIT_S = 30.0

SCHEMAS = (
    "listing_target",
    "listing_exposure",
    "listing_outcome",
    "listing_observation",
    "channel_report",
    "channel_health",
    "operator_command",
    "engine_progress",
    "operator_command",
)
OURS = ("listing.", "channel.", "engine.progress", "operator.")


def a_target(
    own_id: str = "A",
    quantity: int = 5,
    version: int = 1,
    *,
    channel: ChannelId = CHANNEL,
    sku: str | None = None,
    nodes: Mapping[NodeId, int] | None = None,
    changed_at_ms: int = 0,
) -> Target:
    """A target of a listing whose id and SKU come from `own_id`."""
    return Target(
        listing_id=ListingId(f"{channel}/{own_id}"),
        sku=Sku(sku or own_id),
        channel=channel,
        marketplace=MARKETPLACE,
        version=version,
        quantity=quantity,
        nodes=nodes or {},
        marketplace_ids={"id": own_id},
        atp=quantity,
        allocation=quantity,
        buffer=0,
        strategy="shared-pool",
        cause="count",
        derivation="",
        changed_at_ms=changed_at_ms,
        computed_at_ms=changed_at_ms,
    )


class FixedRegistry:
    """A registry whose ids follow from the schemas' texts, so that processes agree without asking anyone."""

    def __init__(self) -> None:
        self._schemas = {self.id_of("", schema_text(name)): parse(schema_text(name)) for name in SCHEMAS}

    def id_of(self, subject: str, schema_text: str) -> int:
        return zlib.crc32(schema_text.encode())

    def schema_of(self, schema_id: int) -> Schema:
        if schema_id not in self._schemas:
            raise UndecodableRecord("unknown-schema-id", f"no schema has the id {schema_id}")
        return self._schemas[schema_id]


class SystemClock:
    """The machine's time."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class MovableClock:
    """Time that moves only when it is told to. A sleep moves it, so that a lone waiter comes through at once."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.at_s = 0.0
        self._start_ms = now_ms

    def now_ms(self) -> int:
        return self._start_ms + round(self.at_s * 1000)

    def monotonic_s(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds
        await asyncio.sleep(0)

    def move(self, seconds: float) -> None:
        """Let so much time pass."""
        self.at_s += seconds


def traits(**changes: object) -> AdapterTraits:
    """A marketplace that takes one quantity per call, quickly."""
    limits = (OperationLimit("write", 1000.0, 1000.0), OperationLimit("read", 1000.0, 1000.0))
    base: dict[str, object] = {
        "marketplace": MARKETPLACE,
        "limits": limits,
        "push_operation": "write",
        "read_operation": "read",
        "settling_s_max": 600.0,
    }
    return AdapterTraits(**{**base, **changes})  # type: ignore[arg-type]


Answer = Callable[[Push], PushOutcome]


def accepted(push: Push) -> PushOutcome:
    """The answer of a marketplace that takes what it is told."""
    return Accepted(listing_id=push.listing_id, api="write", reason="ok")


@dataclass
class FakeMarketplace:
    """An adapter and its marketplace in one: keeps every push, shows the last one, and answers as it is told."""

    traits: AdapterTraits = field(default_factory=traits)
    answer: Answer = accepted
    pushes: list[Push] = field(default_factory=list)
    calls: list[list[Push]] = field(default_factory=list)
    shown: dict[ListingId, int] = field(default_factory=dict)
    reads: list[ListingId] = field(default_factory=list)
    open: asyncio.Event | None = None
    closed: bool = False

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        self.calls.append(list(pushes))
        self.pushes.extend(pushes)
        if self.open is not None:
            await self.open.wait()
        outcomes = [self.answer(push) for push in pushes]
        for push, outcome in zip(pushes, outcomes, strict=True):
            if type(outcome).__name__ in ("Accepted", "Applied"):
                self.shown[push.listing_id] = push.quantity
        return outcomes

    async def read(self, listing: ListingRef) -> ReadAnswer:
        self.reads.append(listing.listing_id)
        return Shown(listing_id=listing.listing_id, quantity=self.shown.get(listing.listing_id, 0), api="read")

    async def aclose(self) -> None:
        self.closed = True

    def quantities(self, own_id: str) -> list[int]:
        """What was sent for the listing, in order."""
        return [push.quantity for push in self.pushes if push.listing_id == f"{CHANNEL}/{own_id}"]

    def versions(self, own_id: str) -> list[int]:
        """The versions that were sent for the listing, in order."""
        return [push.version for push in self.pushes if push.listing_id == f"{CHANNEL}/{own_id}"]


class Bus:
    """The topics of one marketplace on a real broker, as producers of targets and readers of results see them."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.kafka = KafkaSettings(bootstrap_servers)
        self.topics = Topics((MARKETPLACE,), prefix)
        self.registry = FixedRegistry()
        self._targets = Serde(LISTING_TARGET, "targets", self.registry)
        self._producer = Producer({**self.kafka.producer(), "linger.ms": 0})

    def create(self) -> None:
        """Create the topics that delivery uses."""
        wanted = [
            one for one in self.topics.declarations() if one.name.removeprefix(self.topics.prefix).startswith(OURS)
        ]
        apply(self.kafka, wanted, PARTITIONS)
        self.progress(int(time.time() * 1000) + 3_600_000)

    def progress(self, complete_until_ms: int) -> None:
        """Write the engine's word on every partition."""
        serde = Serde(ENGINE_PROGRESS, "progress", self.registry)
        for number in range(PARTITIONS):
            told = EngineProgress(number, complete_until_ms, complete_until_ms, False, 0, 0, {})
            value = serde.encode(told)
            self._producer.produce(self.topics.engine_progress, key=b"%d" % number, value=value, partition=number)
        self._producer.flush(10)

    def send(self, *targets: Target) -> None:
        """Write targets as the engine does."""
        for target in targets:
            self.send_raw(target.sku, target.listing_id, self._targets.encode(target))
        self._producer.flush(10)

    def send_raw(self, sku: str, listing_id: str, value: bytes | None) -> None:
        """Write these bytes for the listing."""
        topic = self.topics.targets(MARKETPLACE)
        partition = partition_of(sku, PARTITIONS)
        self._producer.produce(topic, key=listing_id.encode(), value=value, partition=partition)
        self._producer.flush(10)

    def read(self, topic: str) -> list[Message]:
        """All committed records of the topic."""
        single = topic.endswith(("channel.health", "operator.commands")) or "channel.reports" in topic
        count = 1 if single else PARTITIONS
        found: list[Message] = []
        read_to_end(self.kafka, [(topic, number) for number in range(count)], found.extend)
        return found

    def committed(self, group: str, topic: str, partition: int) -> int:
        """The group's committed offset."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap_servers, "group.id": group})
        try:
            return int(consumer.committed([TopicPartition(topic, partition)], timeout=10)[0].offset)
        finally:
            consumer.close()


def set_refusing(bus: Bus, topics: Sequence[str], *, refusing: bool) -> None:
    """Whether the broker refuses all that is written to these topics, though it answers."""
    admin = AdminClient(bus.kafka.admin())
    entry = ConfigEntry(
        "max.message.bytes", str(1 if refusing else 1 << 20), incremental_operation=AlterConfigOpType.SET
    )
    resources = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry]) for topic in topics]
    for done in admin.incremental_alter_configs(resources).values():
        done.result(10)


def settings(bus: Bus, app: str, **changes: object) -> DeliverySettings:
    """Settings with waits short enough to be waited for."""
    base: dict[str, object] = {
        "app": app,
        "marketplace": MARKETPLACE,
        "kafka": bus.kafka,
        "topics": bus.topics,
        "retry": RetrySchedule((0.2, 0.4), 0.8),
        "report_interval_s": 0.5,
        "offset_commit_interval_s": 0.2,
        "session_timeout_s": 6.0,
    }
    return DeliverySettings(**{**base, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def delivering(bus: Bus, marketplace: FakeMarketplace, app: str, **changes: object) -> AsyncIterator[Delivery]:
    """A worker on the real broker, in this process, for as long as the block runs."""
    broken: list[BaseException] = []
    with ThreadPoolExecutor(16) as threads:
        delivery = assemble(
            settings(bus, app, **changes),
            {ACCOUNT: marketplace},
            {CHANNEL: ACCOUNT},
            bus.registry,
            CollectorRegistry(),
            SystemClock(),
            threads,
            broken.append,
        )
        delivery.start()
        try:
            yield delivery
        finally:
            left = await delivery.stop(40)
    if broken:
        raise broken[0]
    assert left, "the group could not be left"


async def until(holds: Callable[[], bool], what: str, limit_s: float = WAIT_LIMIT_S, *, every_s: float = 0.02) -> None:
    """Wait until this holds, at most so long."""
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit_s:.0f} s: {what}")
        await asyncio.sleep(every_s)
