"""This project's engine as a system to be measured: its topics and schemas, its policy, and its process."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import struct
import sys
import time
from pathlib import Path
from typing import Final

if __package__ in (None, ""):  # started as a process of its own
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cluster import Cluster
from benchmarks.workload import CHANNELS, LOCATIONS, PARTITIONS, schema
from inventory_domain.buffers import BufferPolicy
from inventory_domain.identifiers import AccountId, ChannelId, LocationId, Marketplace
from inventory_domain.policies import AllocationPolicy, ChannelPolicy
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.kafka import admin
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

RUNNER: Final = "inventory_streams.engine.run"
MARKETPLACES: Final = tuple(Marketplace(channel.marketplace) for channel in CHANNELS)


def missing() -> str | None:
    """Why our engine cannot be measured; None when it can."""
    return None if importlib.util.find_spec(RUNNER) else f"there is no {RUNNER} in this checkout"


def topics(prefix: str) -> Topics:
    """All topics of a system with this prefix."""
    return Topics(MARKETPLACES, prefix)


def target_topics(prefix: str) -> list[str]:
    """Where the engine writes its targets."""
    return [topics(prefix).targets(marketplace) for marketplace in MARKETPLACES]


def prepare(cluster: Cluster, prefix: str) -> None:
    """Create every topic and register every schema."""
    declared = topics(prefix).declarations()
    admin.apply(KafkaSettings(cluster.bootstrap_servers), declared, PARTITIONS)
    for one in declared:
        if one.schema:
            cluster.register(one.subject, schema(one.schema))


def decode_target(value: bytes) -> tuple[str, str, int]:
    """Channel, SKU and quantity of a record of `listing.targets.*`, read up to there: the rest would take longer."""
    position, texts = struct.calcsize(">bI"), []
    for _ in range(4):  # listing_id, sku, channel, marketplace
        length, position = _varint(value, position)
        texts.append(value[position : position + length].decode())
        position += length
    _, position = _varint(value, position)  # version
    quantity, _ = _varint(value, position)
    return texts[2], texts[1], quantity


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """One zigzag number of Avro, and where the next field begins."""
    shift = raw = 0
    while True:
        byte = data[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (raw >> 1) ^ -(raw & 1), position
        shift += 7


def policy() -> AllocationPolicy:
    """The four channels with their buffers, every one selling from all locations (shared pool)."""
    locations = frozenset(LocationId(name) for name in LOCATIONS)
    channels = {
        ChannelId(one.name): ChannelPolicy(
            channel=ChannelId(one.name),
            marketplace=Marketplace(one.marketplace),
            account=AccountId(one.marketplace),
            locations=locations,
            buffer=BufferPolicy(one.units, one.percent),
        )
        for one in CHANNELS
    }
    return AllocationPolicy(channels)


class SystemClock:
    """The machine's own time."""

    def now_ms(self) -> int:
        """Wall time in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)


def main() -> int:
    """Run the engine as its own command would, until SIGTERM."""
    from prometheus_client import CollectorRegistry

    from inventory_streams.engine.run import run
    from inventory_streams.engine.settings import EngineSettings

    job = json.loads(Path(sys.argv[1]).read_text())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = EngineSettings(
        kafka=KafkaSettings(job["bootstrap_servers"]),
        topics=topics(job["prefix"]),
        partitions=job["partitions"],
        application=job["application"],
        probe_port=job.get("probe_port", 0),
    )
    return run(settings, policy(), ConfluentRegistry(job["registry_url"]), CollectorRegistry(), SystemClock())


if __name__ == "__main__":
    raise SystemExit(main())
