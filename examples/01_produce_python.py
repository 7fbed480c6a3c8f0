"""Your own producer, with nothing but confluent-kafka: a product, a count, a sale.

    inventory-sync stack up && inventory-sync topics apply && inventory-sync schemas register
    python examples/01_produce_python.py BOOTSTRAP_SERVERS SCHEMA_REGISTRY [TOPIC_PREFIX]

What the contract asks of it (docs/producers.md) is marked with a number.
"""

import sys
import time
import uuid

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def main(bootstrap_servers: str, schema_registry: str, prefix: str = "") -> None:
    """Send one product and two changes of its stock, and wait until Kafka has them."""
    # This client waits for ever unless it is told a limit: a request that got no answer is made again after it.
    registry = SchemaRegistryClient({"url": schema_registry, "timeout": 10})
    changes, products = f"{prefix}inventory.changes", f"{prefix}catalog.products"
    # 1. Values are Avro in Confluent's wire format, in the registered schema; never register one here.
    as_avro = {"auto.register.schemas": False, "use.latest.version": True}
    encode = {topic: AvroSerializer(registry, conf=as_avro) for topic in (changes, products)}
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            # 2. librdkafka's own default is another hash: with it a SKU would go to the wrong partition.
            "partitioner": "murmur2_random",
            # 3. Nothing is lost, nothing is doubled, on the way to Kafka.
            "acks": "all",
            "enable.idempotence": True,
        }
    )
    failures: list[str] = []

    def send(topic: str, sku: str, value: dict[str, object]) -> None:
        # 4. The key is the SKU that stands in the value.
        data = encode[topic](value, SerializationContext(topic, MessageField.VALUE))
        producer.produce(topic, data, sku.encode(), on_delivery=lambda error, _: error and failures.append(str(error)))

    def change(sku: str, location: str | None, sequence: int | None, kind: str, facts: dict[str, object]) -> None:
        send(
            changes,
            sku,
            {
                "event_id": str(uuid.uuid4()),  # 5. Send it again under the same id, and it counts once.
                "source": "my-erp",
                "sequence": sequence,  # 6. Grows with every change of one SKU at one location; keep it with the stock.
                "occurred_at_ms": time.time_ns() // 1_000_000,
                "sku": sku,
                "location": location,
                "kind": (f"inventory_sync.{kind}", facts),
            },
        )

    send(
        products,
        "TSHIRT-RED-M",
        {
            "sku": "TSHIRT-RED-M",
            "status": "ACTIVE",
            "category": "shirts",
            "locations": [{"location": "main", "safety_stock": 2}],
            "listings": [
                {
                    "listing_id": "amazon-us/TSHIRT-RED-M",
                    "channel": "amazon-us",
                    "marketplace_ids": {"seller_sku": "TSHIRT-RED-M", "product_type": "SHIRT"},
                }
            ],
        },
    )
    # 7. A count is of what is physically there, reserved units included.
    change("TSHIRT-RED-M", "main", 1, "StockCounted", {"on_hand": 40, "includes_orders_until_ms": None})
    change("TSHIRT-RED-M", None, None, "UnitsSold", {"channel": "amazon-us", "order_id": "111-1", "units": 1})
    # 8. Only after this does Kafka have everything.
    if producer.flush(30) or failures:
        sys.exit(f"not delivered: {failures or 'no answer from Kafka'}")
    print("3 records sent")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
