"""The same work in plain Faust, the usual way: an agent that takes event by event, two tables, a send per target."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from rules import apply, changed_targets, decoder, new_state

WINDOW_S = 60.0
WINDOWS_KEPT = timedelta(minutes=30)


def only_committed_input() -> None:
    """Faust reads uncommitted records outside its own exactly-once mode; the input here is fed in transactions."""
    plain = driver.AIOKafkaConsumerThread._create_worker_consumer

    def create(self: Any, transport: Any) -> Any:
        self.consumer.in_transaction = True
        try:
            return plain(self, transport)
        finally:
            self.consumer.in_transaction = False

    driver.AIOKafkaConsumerThread._create_worker_consumer = create


def create_app(job: dict[str, Any]) -> faust.App:
    """The application, with Faust's own defaults for all that is not named here."""
    app = faust.App(
        job["application"],
        broker=f"kafka://{job['bootstrap_servers']}",
        store="memory://",
        topic_partitions=job["partitions"],
        topic_disable_leader=True,
        datadir=job["folder"],
        web_enabled=False,
    )
    changes = app.topic(job["input"], key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
    targets = app.topic(job["output"], key_type=str, value_type=dict, value_serializer="json")
    positions = app.Table("positions", default=new_state, key_type=str, partitions=job["partitions"])
    velocity = app.Table("velocity", default=int, key_type=str, partitions=job["partitions"]).tumbling(
        WINDOW_S, expires=WINDOWS_KEPT
    )
    decode = decoder(job["schema"])
    locations, channels = job["locations"], job["channels"]

    @app.agent(changes)
    async def process(stream: faust.StreamT[bytes]) -> None:
        async for value in stream:
            change = decode(value)
            sku = change["sku"]
            state = positions[sku]
            sale = apply(state, change)
            if sale is not None:
                velocity[f"{sku}/{sale[0]}"] += sale[1]
            for target in changed_targets(state, change, locations, channels):
                await targets.send(key=target["listing_id"], value=target)
            positions[sku] = state

    return app


def main() -> None:
    """Runs until SIGTERM."""
    job = json.loads(Path(sys.argv[1]).read_text())
    only_committed_input()
    app = create_app(job)
    sys.argv = ["faust", "worker", "--loglevel", "warn", "--without-web"]
    app.main()


if __name__ == "__main__":
    main()
