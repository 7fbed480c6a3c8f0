"""How many records a second one ledger process writes into a database, from a real Kafka, until it has all of them.

    python benchmarks/ledger.py [--records 400000] [--rounds 3] [--url URL ...] [--json FILE]

The topics are filled first, in the mix that a busy day has: for each change one state, one target, two exposures
(before and after the attempt), one outcome, and now and then an observation. Then a ledger that knows nothing reads
them to their ends: fetch, decode, rows, COPY, indexes and the offsets in the same transaction. Without --url it starts
a PostgreSQL of its own beside itself (as a package) and uses a SQLite file; both share the machine with the broker.

Other work on the machine lowers the rate. Processor time does not depend on it, so what a record costs is told as well,
and what one whole core would do for ledger and database together, one after the other.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import machine
from benchmarks.cluster import cluster, end_cleanly
from benchmarks.engine import RESULTS, say
from inventory_cli.wiring import ledger_topics
from inventory_domain.catalog import Product, ProductStatus, StockingLocation
from inventory_domain.changes import InventoryChange, StockCounted
from inventory_domain.exposure import Confirmed, Exposure, Proof, begin
from inventory_domain.identifiers import (
    ChannelId,
    EventId,
    ListingId,
    LocationId,
    Marketplace,
    NodeId,
    Sku,
    SourceId,
    listing_id,
)
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.positions import Position, Stock
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_domain.sku_state import SkuState
from inventory_domain.targets import Target
from inventory_ledger import address
from inventory_ledger.loop import LedgerLoop
from inventory_ledger.metrics import LedgerMetrics
from inventory_ledger.migrating import migrate
from inventory_ledger.settings import LedgerSettings
from inventory_ledger.store import Store, opened
from inventory_schemas.codec import Serde
from inventory_schemas.records import (
    INVENTORY_CHANGE,
    LISTING_EXPOSURE,
    LISTING_OBSERVATION,
    LISTING_OUTCOME,
    LISTING_TARGET,
    SKU_STATE,
)
from inventory_schemas.registry import LocalRegistry
from inventory_streams.kafka.admin import apply
from inventory_streams.kafka.partitioner import partition_of
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics

MARKETPLACE: Final = Marketplace("amazon")
CHANNEL: Final = ChannelId("amazon-us")
PARTITIONS: Final = 6
SKUS: Final = 20_000
SEED: Final = 7
GOAL_PER_S: Final = 20_000
NO_NODES: Final[dict[NodeId, int]] = {}


class Filling:
    """Writes a day's records to the topics."""

    def __init__(self, kafka: str, topics: Topics, registry: LocalRegistry) -> None:
        self._topics = topics
        self._producer = Producer(
            {
                "bootstrap.servers": kafka,
                "linger.ms": 50,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 500_000,
            }
        )
        self._change = Serde(INVENTORY_CHANGE, "any", registry)
        self._state = Serde(SKU_STATE, "any", registry)
        self._target = Serde(LISTING_TARGET, "any", registry)
        self._exposure = Serde(LISTING_EXPOSURE, "any", registry)
        self._outcome = Serde(LISTING_OUTCOME, "any", registry)
        self._observation = Serde(LISTING_OBSERVATION, "any", registry)
        self.sent = 0

    def fill(self, records: int) -> None:
        """At least so many records."""
        chance, number = random.Random(SEED), 0
        while self.sent < records:
            number += 1
            self._one(Sku(f"SKU-{chance.randrange(SKUS):06d}"), number, chance.randrange(500))
        self._producer.flush()

    def _one(self, sku: Sku, number: int, units: int) -> None:
        now_ms = int(time.time() * 1000)
        name, topics = listing_id(CHANNEL, sku), self._topics
        change = InventoryChange(
            EventId(f"e{number}"), SourceId("erp"), number, now_ms, sku, LocationId("main"), StockCounted(units)
        )
        self._put(topics.inventory_changes, sku, sku, self._change.encode(change))
        product = Product(sku, ProductStatus.ACTIVE, "shoes", (StockingLocation(LocationId("main")),), ())
        state = SkuState(sku, Stock({LocationId("main"): Position(units)}), product, changed_at_ms=now_ms)
        self._put(topics.sku_state, sku, sku, self._state.encode(state))
        self._put(
            topics.targets(MARKETPLACE), name, sku, self._target.encode(_target(name, sku, number, units, now_ms))
        )
        known = Exposure(name, sku, Confirmed(units, number, now_ms, Proof.READ))
        opened_, _ = begin(
            known,
            version=now_ms + number,
            quantity=units,
            nodes=NO_NODES,
            mask=None,
            path="single",
            now_ms=now_ms,
            settles_by_ms=now_ms + 900_000,
        )
        for exposure in (opened_, known):
            self._put(topics.exposure(MARKETPLACE), name, sku, self._exposure.encode(exposure))
        self._put(topics.listing_outcomes, name, sku, self._outcome.encode(_outcome(name, sku, number, units, now_ms)))
        if number % 5 == 0:
            seen = Observation(name, sku, CHANNEL, units, NO_NODES, ObservedBy.READ, now_ms, now_ms, f"req-{number}")
            self._put(topics.observations(MARKETPLACE), name, sku, self._observation.encode(seen))

    def _put(self, topic: str, key: str, sku: Sku, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, key=key, value=value, partition=partition_of(sku, PARTITIONS))
            except BufferError:
                self._producer.poll(0.1)
                continue
            break
        self.sent += 1


def _target(name: ListingId, sku: Sku, number: int, units: int, now_ms: int) -> Target:
    return Target(
        listing_id=name,
        sku=sku,
        channel=CHANNEL,
        marketplace=MARKETPLACE,
        version=now_ms + number,
        quantity=units,
        nodes=NO_NODES,
        marketplace_ids={"seller_sku": sku},
        atp=units,
        allocation=units,
        buffer=5,
        strategy="shared-pool",
        cause="StockCounted",
        derivation=f"atp main={units}; shared-pool {units}; buffer max(5, 15 %) = 5",
        changed_at_ms=now_ms,
        computed_at_ms=now_ms,
    )


def _outcome(name: ListingId, sku: Sku, number: int, units: int, now_ms: int) -> AttemptOutcome:
    return AttemptOutcome(
        listing_id=name,
        sku=sku,
        channel=CHANNEL,
        version=now_ms + number,
        attempt=number,
        quantity=units,
        mask=None,
        outcome="accepted",
        reason="",
        api="patchListingsItem",
        request_id=uuid.uuid4().hex,
        status=200,
        error=None,
        changed_at_ms=now_ms,
        committed_at_ms=now_ms,
        sent_at_ms=now_ms,
        answered_at_ms=now_ms,
    )


@dataclass(frozen=True, slots=True)
class Round:
    """One reading of everything: its rate, and what a record cost in processor time of the ledger and the database."""

    records_per_s: float
    ledger_us: float
    database_us: float


def measured(settings: LedgerSettings, registry: LocalRegistry, records: int) -> Round:
    """From the first batch until all is in the tables."""
    engine = opened(settings.url)
    migrate(engine)
    Store(engine).clear()
    loop = LedgerLoop(settings, Store(engine), registry, LedgerMetrics(CollectorRegistry()))
    marks: list[tuple[float, float, float, int]] = []

    def done() -> bool:
        at_end = loop.written >= records
        if loop.written and (at_end or not marks):  # joining the group is no work of the ledger's: from the first batch
            marks.append((time.perf_counter(), time.process_time(), database_cpu_s(), loop.written))
        return at_end

    loop.run(done)
    engine.dispose()
    took_s, cpu_s, database_s, count = (end - begin for begin, end in zip(marks[0], marks[-1], strict=True))
    return Round(count / took_s, cpu_s / count * 1e6, database_s / count * 1e6)


def database_cpu_s() -> float:
    """Processor time of PostgreSQL's processes that run under this one so far; those given by address are not seen."""
    total = 0.0
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


@contextmanager
def databases(urls: Sequence[str]) -> Iterator[list[str]]:
    """The databases given, or a PostgreSQL and a SQLite file for as long as the block runs."""
    if urls:
        yield list(urls)
        return
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="inventory-sync-bench-") as folder:
        warnings.simplefilter("ignore")
        import pgserver

        server = pgserver.get_server(Path(folder) / "pg")
        try:
            yield [server.get_uri(), f"sqlite:///{folder}/ledger.db"]
        finally:
            server.cleanup()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill, measure, and say what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", action="append", default=[], help="a database to measure; its tables are emptied")
    parser.add_argument("--json", type=Path, default=RESULTS / "ledger.json")
    given = parser.parse_args(arguments)
    end_cleanly()
    registry, topics = LocalRegistry(), Topics((MARKETPLACE,), "bench.")
    before = machine.described()
    results: dict[str, object] = {}
    with cluster(None, None) as broker, databases(given.url) as urls:
        kafka = KafkaSettings(broker.bootstrap_servers)
        apply(kafka, topics.declarations(), PARTITIONS)
        filling = Filling(broker.bootstrap_servers, topics, registry)
        filling.fill(given.records)
        say(f"{filling.sent:,} records on the topics")
        base = LedgerSettings(kafka, ledger_topics(topics))
        for url in urls:
            kind = address.kind_of(url) or url
            rounds = [
                measured(replace(base, url=url, group=f"bench-{kind}-{number}"), registry, filling.sent)
                for number in range(given.rounds)
            ]
            rates = sorted(one.records_per_s for one in rounds)
            shown = {"min": round(rates[0]), "median": round(statistics.median(rates)), "max": round(rates[-1])}
            ledger_us = statistics.median(one.ledger_us for one in rounds)
            database_us = statistics.median(one.database_us for one in rounds) if kind == address.POSTGRESQL else 0.0
            free = round(1e6 / (ledger_us + database_us))
            results[kind] = {
                "records_per_s": shown,
                "processor_us_per_record": {"ledger": round(ledger_us, 1), "database": round(database_us, 1)},
                "records_per_s_of_one_whole_core": free,
            }
            say(
                f"{kind}: {shown['median']:,} records/s (min {shown['min']:,}, max {shown['max']:,}); "
                f"a record costs {ledger_us:.0f} us of the ledger and {database_us:.0f} us of the database: "
                f"{free:,} records/s of one whole core for both"
            )
    found = {
        "machine": {**before, "load_1m_after": machine.load()},
        "records": filling.sent,
        "goal_per_s": GOAL_PER_S,
        "results": results,
    }
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
