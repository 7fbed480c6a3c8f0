"""The same with the typed client, which keeps the producers' contract for you.

python examples/02_typed_producer.py BOOTSTRAP_SERVERS SCHEMA_REGISTRY [TOPIC_PREFIX]
"""

import sys
import time

from inventory_domain.catalog import Listing, Product, ProductStatus, StockingLocation
from inventory_domain.identifiers import (
    ChannelId,
    LocationId,
    Marketplace,
    OrderId,
    ReservationId,
    Sku,
    SourceId,
    listing_id,
)
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.producer import InventoryProducer
from inventory_streams.topics import Topics

MAIN = LocationId("main")
AMAZON = ChannelId("amazon-us")


def main(bootstrap_servers: str, schema_registry: str, prefix: str = "") -> None:
    """A product, its count, a sale, and the order's way through the warehouse."""
    sku, order, reservation = Sku("TSHIRT-BLUE-M"), OrderId("111-2"), ReservationId("res-1")
    producer = InventoryProducer(
        KafkaSettings(bootstrap_servers),
        Topics((Marketplace("amazon"),), prefix),
        ConfluentRegistry(schema_registry),
        SourceId("my-erp"),
        now_ms=lambda: time.time_ns() // 1_000_000,
    )
    with producer:  # leaving the block waits until Kafka has everything, or raises what it has not
        producer.product(
            Product(
                sku,
                ProductStatus.ACTIVE,
                "shirts",
                (StockingLocation(MAIN, safety_stock=2),),
                (Listing(listing_id(AMAZON, sku), AMAZON, {"seller_sku": sku, "product_type": "SHIRT"}),),
            )
        )
        producer.count(sku, MAIN, 40)
        producer.sold(sku, AMAZON, order, 1)  # netted at once from what every channel may show
        producer.reserve(sku, MAIN, reservation, 1, order_id=order)  # the same unit, now known to the warehouse
        producer.ship(sku, MAIN, 1, reservation_id=reservation, order_id=order)
        producer.heartbeat()


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("6 events sent")  # noqa: T201
