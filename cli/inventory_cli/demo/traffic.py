"""The demo's minute: the ERP's day at a steady pace, buyers at the marketplaces, and a few records that are wrong."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Producer

from inventory_cli.demo.catalog import DemoCatalog
from inventory_cli.demo.erp import Erp
from inventory_cli.demo.journal import ListedAs
from inventory_cli.demo.sandbox_control import SandboxControl
from inventory_cli.demo.watch import DeadLetterSeen
from inventory_domain.changes import InventoryChange, StockCounted
from inventory_domain.identifiers import EventId, LocationId, Sku, SourceId
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE
from inventory_schemas.registry import Registry
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.producer import InventoryProducer
from inventory_streams.topics import Topics

log = logging.getLogger(__name__)

UNKNOWN_SKU: Final = "SKU-NOBODY-LISTED"
HEARTBEAT_EVERY_S: Final = 1.0
SALES_SHARE: Final = 0.2  # of all that happens
FLUSH_LIMIT_S: Final = 20.0
STOP_LIMIT_S: Final = 3.0
FIRST_LIVE_LIMIT_S: Final = 20.0
FIRST_LIVE_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """How much happens: for how many seconds, and how many events in each."""

    seconds: float
    events_per_s: float


def buyable(catalog: DemoCatalog) -> list[tuple[str, ListedAs]]:
    """What buyers may buy: listings that we write, and whose number has no cap of its own."""
    return [
        (sku, listing)
        for sku, facts in catalog.facts.items()
        for listing in facts.listings
        if listing.written and listing.max_shown is None
    ]


class Spoiler:
    """Sends what no producer should: bytes that are no record, a count below nothing, a SKU that nobody listed."""

    def __init__(self, kafka: KafkaSettings, topics: Topics, registry: Registry) -> None:
        self._topic = topics.inventory_changes
        self._serde = Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", registry)
        self._producer = Producer({**kafka.producer(), "logger": log, "acks": "all", "enable.idempotence": True})

    def send(self, sku: str, location: str, now_ms: int) -> list[DeadLetterSeen]:
        """Send all three; returns what must then be in the dead letters. Why each is there: `dead.MEANINGS`."""
        self._producer.produce(self._topic, b"this is not a record", sku.encode())
        source, place = SourceId("erp"), LocationId(location)
        below = EventId("demo-below-nothing")
        invalid = InventoryChange(below, source, None, now_ms, Sku(sku), place, StockCounted(-5))
        self._producer.produce(self._topic, self._serde.encode(invalid), sku.encode())
        nobody = EventId("demo-unknown-sku")
        unknown = InventoryChange(nobody, source, 1, now_ms, Sku(UNKNOWN_SKU), place, StockCounted(5))
        self._producer.produce(self._topic, self._serde.encode(unknown), UNKNOWN_SKU.encode())
        self._producer.flush(FLUSH_LIMIT_S)
        return [
            DeadLetterSeen(sku, "not-confluent-framed"),
            DeadLetterSeen(sku, "bad-quantity"),
            DeadLetterSeen(UNKNOWN_SKU, "unknown-sku"),
        ]


class Traffic:
    """Everything that happens from outside, on a thread of its own."""

    def __init__(
        self,
        erp: Erp,
        producer: InventoryProducer,
        spoiler: Spoiler,
        control: SandboxControl,
        buyable: Sequence[tuple[str, ListedAs]],
        pace: Pace,
        chance: random.Random,
    ) -> None:
        self._erp = erp
        self._producer = producer
        self._spoiler = spoiler
        self._control = control
        self._buyable = buyable
        self._pace = pace
        self._chance = chance
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="traffic")
        self._running: Future[None] | None = None
        self.opened_at_ms = 0
        self.ended_at_ms = 0
        self.must_be_dead: list[DeadLetterSeen] = []

    def start(self) -> None:
        """Open the catalog, count, and begin the day."""
        self._running = self._pool.submit(self._day)

    @property
    def error(self) -> BaseException | None:
        """What ended the thread too early, if anything has."""
        return self._running.exception() if self._running is not None and self._running.done() else None

    def stop(self) -> None:
        """End early, without the closing."""
        self._stop.set()
        if self._running is not None:
            wait([self._running], STOP_LIMIT_S)
        self._pool.shutdown(wait=False)

    @property
    def is_over(self) -> bool:
        """Whether the last event was sent and Kafka has it."""
        return self.ended_at_ms > 0

    def _day(self) -> None:
        self._erp.list_products()
        self._erp.count_everything()
        self._producer.flush(FLUSH_LIMIT_S)
        self._wait_for_the_first_listing()
        self.opened_at_ms = _now_ms()
        self._trade()
        if self._stop.is_set():
            return
        self._erp.finish_orders()
        self._erp.close_the_day()
        self._erp.heartbeat()
        self._producer.flush(FLUSH_LIMIT_S)
        self.ended_at_ms = _now_ms()

    def _wait_for_the_first_listing(self) -> None:
        """Buyers come when there is something to buy; without it a short day would be one without sales."""
        end = time.monotonic() + FIRST_LIVE_LIMIT_S
        for_sale = {(listing.marketplace, listing.sandbox_key) for _, listing in self._buyable}
        while time.monotonic() < end and not self._stop.is_set():
            shown = self._control.shown()
            if any(one.live > 0 for key, one in shown.items() if key in for_sale):
                return
            self._stop.wait(FIRST_LIVE_POLL_S)

    def _trade(self) -> None:
        began = time.monotonic()
        next_heartbeat = spoiled = relisted = 0.0
        done = 0
        while not self._stop.is_set():
            now = time.monotonic() - began
            if now >= self._pace.seconds:
                return
            self._erp.do_what_is_due(now)
            if now >= next_heartbeat:
                self._erp.heartbeat()
                next_heartbeat = now + HEARTBEAT_EVERY_S
            if not spoiled and now >= 0.2 * self._pace.seconds:
                spoiled = now
                sku, _ = self._buyable[0]
                self.must_be_dead = self._spoiler.send(sku, "dallas", _now_ms())
            if not relisted and now >= 0.6 * self._pace.seconds:
                relisted = now
                self._erp.change_catalog()
            while done < now * self._pace.events_per_s:
                done += 1
                if self._chance.random() < SALES_SHARE:
                    self._buy(now)
                else:
                    self._erp.do_something()
            self._stop.wait(0.01)

    def _buy(self, now_s: float) -> None:
        sku, listing = self._chance.choice(self._buyable)
        units = self._chance.randint(1, 3)
        place, key = listing.marketplace, listing.sandbox_key
        if self._control.buy(place, key, units):
            self._erp.channel_sold(listing, sku, units, now_s, lambda: self._control.ship(place, key, units))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
