"""Signals without Kafka: what is published is kept, the catalog and our own numbers are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from inventory_domain.catalog import Fulfillment, Listing, ListingNode, Product, ProductStatus
from inventory_domain.changes import InventoryChange
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import AccountId, ChannelId, ListingId, LocationId, Marketplace, NodeId, Sku
from inventory_domain.reconciliation import Observation
from inventory_domain.signals import Message, Notice, NoticeRefused, Signal
from inventory_schemas.registry import LocalRegistry
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.signals.codecs import Codecs, codecs_of
from inventory_streams.signals.intake import Intake, SignalingAccount
from inventory_streams.signals.known import Known
from inventory_streams.signals.metrics import SignalsMetrics
from inventory_streams.signals.publishing import NotPublished, Record
from inventory_streams.signals.settings import SignalsSettings
from inventory_streams.topics import Topics
from tests.support.adapters import FakeClock

MARKETPLACE = Marketplace("market")
CHANNEL = ChannelId("market-us")
OTHER_CHANNEL = ChannelId("market-ca")
NODE = NodeId("n1")


@dataclass
class FakeAdapter:
    """Takes what it is told to take: a notice for each body."""

    notices: dict[bytes, Notice | NoticeRefused] = field(default_factory=dict)

    async def take(self, message: Message) -> Notice | NoticeRefused:
        return self.notices[message.body]

    def challenge_response(self, challenge_code: str) -> str | None:
        return f"answer to {challenge_code}"


@dataclass
class KeptRecords:
    """Records go to a list; `refuses` is how many calls fail first."""

    records: list[Record] = field(default_factory=list)
    refuses: int = 0

    async def publish(self, records: Sequence[Record]) -> None:
        if self.refuses:
            self.refuses -= 1
            raise NotPublished("no broker")
        self.records.extend(records)


@dataclass
class Bench:
    """An intake, and everything around it."""

    intake: Intake
    adapter: FakeAdapter
    account: SignalingAccount
    published: KeptRecords
    clock: FakeClock
    codecs: Codecs
    known: Known
    settings: SignalsSettings
    metrics: SignalsMetrics
    registry: CollectorRegistry
    numbers: int = 0

    async def send(self, *signals: Signal, notice_id: str | None = None, at_ms: int | None = None) -> int:
        """A genuine message with these signals; the status it is answered with."""
        self.numbers += 1
        body = f"message {self.numbers}".encode()
        self.adapter.notices[body] = Notice(
            notice_id=notice_id or f"id-{self.numbers}",
            topic="changes",
            occurred_at_ms=at_ms if at_ms is not None else self.clock.now_ms(),
            signals=signals,
        )
        return (await self.intake.take(self.account, Message({}, body))).status

    def hints(self) -> list[Observation]:
        serde = self.codecs.observations[MARKETPLACE]
        topic = self.settings.topics.observations(MARKETPLACE)
        return [serde.decode(one.value) for one in self.published.records if one.topic == topic]

    def changes(self) -> list[InventoryChange]:
        topic = self.settings.topics.inventory_changes
        return [self.codecs.changes.decode(one.value) for one in self.published.records if one.topic == topic]

    def sent(self, exposure: Exposure) -> None:
        """Delivery tells what a listing may be showing."""
        raw = self.codecs.exposures[MARKETPLACE].encode(exposure)
        apply = self.known._exposure(self.settings.topics.exposure(MARKETPLACE), exposure.listing_id.encode(), raw)
        assert apply is not None
        apply()

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"inventory_sync_signals_{name}_total", labels) or 0.0


def a_product(sku: str, *channels: ChannelId, held: bool = False, nodes: Sequence[NodeId] = ()) -> Product:
    """A product that is listed on these channels under its SKU."""
    listings = tuple(
        Listing(
            ListingId(f"{channel}/{sku}"),
            channel,
            {"sku": sku},
            fulfillment=Fulfillment.MARKETPLACE if held else Fulfillment.SELLER,
            nodes=tuple(ListingNode(node, LocationId(f"at-{node}")) for node in nodes),
        )
        for channel in channels
    )
    return Product(Sku(sku), ProductStatus.ACTIVE, "things", (), listings)


def a_bench(*products: Product, **changes: object) -> Bench:
    """An intake that knows these products."""
    topics, registry, clock = Topics((MARKETPLACE,)), LocalRegistry(), FakeClock()
    base: dict[str, object] = {"app": "app", "kafka": KafkaSettings("nowhere:1"), "topics": topics, "partitions": 4}
    settings = SignalsSettings(**{**base, **changes})  # type: ignore[arg-type]
    codecs = codecs_of(topics, [MARKETPLACE], registry)
    known = Known(settings, [MARKETPLACE], CatalogCopy(codecs.products), codecs.exposures)
    for product in products or (a_product("A", CHANNEL),):
        known.catalog.apply(product.sku.encode(), codecs.products.encode(product))
    adapter, published, collected = FakeAdapter(), KeptRecords(), CollectorRegistry()
    metrics = SignalsMetrics(collected)
    markets = {CHANNEL: "US", OTHER_CHANNEL: "CA"}
    account = SignalingAccount(AccountId("acc"), MARKETPLACE, adapter, (CHANNEL, OTHER_CHANNEL), markets)
    intake = Intake(settings, topics, known, codecs, published, metrics, clock)
    return Bench(intake, adapter, account, published, clock, codecs, known, settings, metrics, collected)
