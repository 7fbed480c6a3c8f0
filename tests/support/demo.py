"""The demo's ERP without Kafka: what it sends is kept, and can be put through the pipeline's own rules."""

from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Message

from inventory_cli.demo.catalog import DIVIDED, SHARES, channel_facts
from inventory_domain.buffers import BufferPolicy
from inventory_domain.catalog import Product
from inventory_domain.changes import InventoryChange
from inventory_domain.identifiers import AccountId, ChannelId, LocationId, Marketplace
from inventory_domain.policies import AllocationPolicy, ChannelPolicy, Strategy
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, PRODUCT
from inventory_schemas.registry import LocalRegistry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.tracing import Traces
from inventory_streams.producer import CountedSequences, InventoryProducer
from inventory_streams.topics import Topics

NOW_MS = 1_800_000_000_000
TOPICS = Topics((Marketplace("amazon"),), "t.")


@dataclass(frozen=True, slots=True)
class SentRecord:
    """One record as it would have gone to Kafka."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int
    headers: dict[str, str | bytes | None] | None = None


class KeptRecords:
    """Stands in for a confluent producer: keeps records, and confirms them at the next poll or flush."""

    def __init__(self, refuse: Callable[[SentRecord], bool] = lambda record: False) -> None:
        self.records: list[SentRecord] = []
        self._refuse = refuse
        self._unconfirmed: list[tuple[SentRecord, Callable[[object, Message | None], None]]] = []

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        on_delivery: Callable[[object, Message | None], None],
        headers: dict[str, str | bytes | None] | None = None,
    ) -> None:
        record = SentRecord(topic, key, value, partition, headers)
        self.records.append(record)
        self._unconfirmed.append((record, on_delivery))

    def poll(self, timeout: float) -> int:
        waiting, self._unconfirmed = self._unconfirmed, []
        for record, confirm in waiting:
            confirm(_Refusal() if self._refuse(record) else None, None)
        return len(waiting)

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return 0


class _Refusal:
    def str(self) -> str:
        return "the broker says no"


class HeardProducer:
    """A producer of ours over records that are kept, and what they decode to."""

    def __init__(self, kept: KeptRecords | None = None, source: str = "erp", traces: Traces | None = None) -> None:
        registry = LocalRegistry()
        self.kept = kept or KeptRecords()
        self.producer = InventoryProducer(
            KafkaSettings("127.0.0.1:1", traces=traces),
            TOPICS,
            registry,
            source,  # type: ignore[arg-type]
            now_ms=lambda: NOW_MS,
            sequences=CountedSequences(),
            client=self.kept,  # type: ignore[arg-type]
        )
        self._changes = Serde(INVENTORY_CHANGE, "changes", registry)
        self._products = Serde(PRODUCT, "products", registry)

    def changes(self) -> list[InventoryChange]:
        """Every change that was sent, in order."""
        return [self._changes.decode(one.value) for one in self.kept.records if one.topic == TOPICS.inventory_changes]

    def products(self) -> dict[str, Product]:
        """The newest record of each product."""
        found: dict[str, Product] = {}
        for one in self.kept.records:
            if one.topic == TOPICS.catalog_products and one.key is not None:
                found[one.key.decode()] = self._products.decode(one.value)
        return found


def demo_policy() -> AllocationPolicy:
    """The demo's settings as the engine gets them."""
    marketplaces = {"ebay-us": "ebay", "walmart-us": "walmart", "shop": "shopify"}
    channels = {
        ChannelId(name): ChannelPolicy(
            channel=ChannelId(name),
            marketplace=Marketplace(marketplaces.get(name, "amazon")),
            account=AccountId(marketplaces.get(name, "amazon")),
            locations=frozenset(LocationId(one) for one in facts.locations),
            buffer=BufferPolicy(facts.buffer_units, facts.buffer_percent),
            percent=SHARES[name],
        )
        for name, facts in channel_facts().items()
    }
    return AllocationPolicy(channels, by_category={DIVIDED: Strategy.FIXED_PERCENTAGE})
