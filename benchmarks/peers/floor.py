"""The floor: consume and decode every change with confluent-kafka, and do nothing with it.

It writes one record at the end of each partition's input only, so that it is measured as all the others are.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from rules import decoder

BATCH = 10_000


def main() -> None:
    """Runs until SIGTERM."""
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    decode = decoder(job["schema"])
    running = True

    def stop(*_: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    consumer = Consumer(
        {
            "bootstrap.servers": job["bootstrap_servers"],
            "group.id": job["application"],
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    producer = Producer({"bootstrap.servers": job["bootstrap_servers"]})
    consumer.assign([TopicPartition(job["input"], part, OFFSET_BEGINNING) for part in range(job["partitions"])])
    while running:
        for message in consumer.consume(BATCH, 0.05):
            if message.error():
                raise SystemExit(f"consume: {message.error()}")
            change = decode(message.value())
            if change["sku"].startswith("END-") and change["location"] == "east":
                target = {"channel": "floor", "sku": change["sku"], "quantity": change["kind"][1]["on_hand"]}
                producer.produce(job["output"], json.dumps(target), f"floor/{change['sku']}")
        producer.poll(0)
    producer.flush(10)
    consumer.close()


if __name__ == "__main__":
    main()
