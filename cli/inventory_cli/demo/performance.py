"""The demo itself, once the stage stands: traffic, chaos, settling, and the verdict."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from inventory_cli.clock import SystemClock
from inventory_cli.demo.catalog import DIVIDED, DemoCatalog, channel_facts
from inventory_cli.demo.erp import SOURCE, Erp
from inventory_cli.demo.gauges import ThrottleGauge, probe_port
from inventory_cli.demo.journal import Journal
from inventory_cli.demo.options import Chaos, DemoOptions
from inventory_cli.demo.outage import OutageShow
from inventory_cli.demo.processes import Processes
from inventory_cli.demo.report import Report, freshness_of
from inventory_cli.demo.sandbox_control import SandboxControl
from inventory_cli.demo.stage import Stage
from inventory_cli.demo.traffic import Pace, Spoiler, Traffic, buyable
from inventory_cli.demo.verdict import Expected, Mismatch, Shown, compare, expectations
from inventory_cli.demo.view import ChannelRow, Picture, View, seconds
from inventory_cli.demo.waiting import MARKETPLACES
from inventory_cli.demo.watch import DeadLetterSeen, Watcher, percentile
from inventory_cli.process_names import ENGINE, process_of
from inventory_cli.sandbox_template import SETTLING_S
from inventory_domain.identifiers import Marketplace
from inventory_schemas.registry import ConfluentRegistry
from inventory_streams.producer import CountedSequences, InventoryProducer

TICK_S: Final = 0.25
LOOK_EVERY_S: Final = 1.0
SETTLE_BASE_S: Final = 60.0
CHAOS_EXTRA_S: Final = 45.0  # a dead worker's session, the hand-over's rest, and catching up


@dataclass(frozen=True, slots=True)
class Strike:
    """A process that is killed at a time after the day began."""

    at_s: float
    process: str


class Performance:
    """Plays one run on a stage that stands, and judges it."""

    def __init__(
        self,
        options: DemoOptions,
        catalog: DemoCatalog,
        stage: Stage,
        processes: Processes,
        view: View,
        began_s: float,
    ) -> None:
        self._options = options
        self._catalog = catalog
        self._stage = stage
        self._processes = processes
        self._view = view
        self._began_s = began_s
        self._chance = random.Random(options.seed)
        self._channels = channel_facts()
        self._journal = Journal()
        registry = ConfluentRegistry(stage.connection.schema_registry_url)
        self._marketplaces = {
            listing.channel: listing.marketplace for facts in catalog.facts.values() for listing in facts.listings
        }
        self._watcher = Watcher(stage.connection, registry, self._marketplaces)
        connection = stage.connection
        producer = InventoryProducer(
            connection.kafka,
            connection.topics,
            registry,
            SOURCE,
            now_ms=SystemClock().now_ms,
            sequences=CountedSequences(),
        )
        erp = Erp(producer, self._journal, catalog, random.Random(options.seed + 1), SystemClock().now_ms)
        self._traffic = Traffic(
            erp,
            producer,
            Spoiler(connection.kafka, connection.topics, registry),
            SandboxControl(stage.control_url),
            buyable(catalog),
            Pace(options.seconds, options.events_per_s),
            random.Random(options.seed + 2),
        )
        self._control = SandboxControl(stage.control_url)
        self._gauges: dict[str, ThrottleGauge] = {
            name: ThrottleGauge(processes.get(process_of(name)).log) for name in MARKETPLACES
        }
        self._listed = Counter(
            (facts.sku, listing.channel)
            for facts in catalog.facts.values()
            for listing in facts.listings
            if listing.written
        )
        self._counted_events = 0
        self._changes: Counter[str] = Counter()
        self._restarts: dict[str, float] = {}
        self._away: dict[str, tuple[float, int | None]] = {}
        self._outage: OutageShow | None = None
        if options.outage is not None:
            say = self._say_when
            day_s = options.seconds
            self._outage = OutageShow(
                options.outage, self._marketplaces, connection, registry, self._control, day_s, say
            )

    def play(self) -> Report:
        """Everything, from the first product to the verdict."""
        self._watcher.start()
        self._traffic.start()
        strikes = self._strikes()
        day_began: float | None = None
        while not self._traffic.is_over:
            if day_began is None and self._traffic.opened_at_ms:
                day_began = time.monotonic()
                self._watcher.opened_at_ms = self._traffic.opened_at_ms
            while day_began is not None and strikes and time.monotonic() - day_began >= strikes[0].at_s:
                self._strike(strikes.pop(0))
            if self._outage is not None and day_began is not None:
                self._outage.tick(time.monotonic() - day_began)
            self._tick("trading" if day_began is not None else "opening the catalog")
        return self._judge()

    def close(self) -> None:
        """End the threads."""
        self._traffic.stop()
        self._watcher.stop()
        if self._outage is not None:
            self._outage.close()
        self._control.close()

    def verdict_rows(self, mismatches: Sequence[Mismatch]) -> list[Mapping[str, object]]:
        """The verdict's table: a row for each channel."""
        wrong = Counter(one.listing_id.partition("/")[0] for one in mismatches)
        listings = Counter(listing.channel for facts in self._catalog.facts.values() for listing in facts.listings)
        with self._watcher.lock:
            return [
                {
                    "channel": name,
                    "listings": count,
                    "wrong": wrong[name],
                    "targets": self._watcher.channels[name].targets,
                    "pushed": self._watcher.channels[name].pushed,
                    "retried": self._watcher.channels[name].retried,
                    "dead": self._watcher.channels[name].dead,
                    "fresh p50": seconds(percentile(self._watcher.channels[name].freshness_ms, 50)),
                    "p99": seconds(percentile(self._watcher.channels[name].freshness_ms, 99)),
                }
                for name, count in sorted(listings.items())
            ]

    def _strikes(self) -> list[Strike]:
        found = []
        for index, what in enumerate(self._options.chaos):
            at = self._options.seconds * (0.3 + 0.4 * index / len(self._options.chaos))
            name = ENGINE if what is Chaos.ENGINE else process_of(self._chance.choice(MARKETPLACES))
            found.append(Strike(at, name))
        return found

    def _strike(self, strike: Strike) -> None:
        log = self._processes.get(strike.process).log
        port = probe_port(log)
        pid = self._processes.kill(strike.process)
        self._view.say(f"killed {strike.process} (pid {pid}) and start it again")
        self._processes.restart(strike.process)
        self._away[strike.process] = (time.monotonic(), port)
        for name, gauge in self._gauges.items():
            if process_of(Marketplace(name)) == strike.process:
                gauge.forget()

    def _tick(self, phase: str) -> None:
        self._processes.check()
        for error in (self._traffic.error, self._watcher.error):
            if error is not None:
                raise error
        for gauge in self._gauges.values():
            gauge.refresh()
        self._note_returns()
        self._view.show(self._picture(phase))
        time.sleep(TICK_S)

    def _note_returns(self) -> None:
        """A process that was killed is back when it serves its probes, which it does on another port."""
        for name, (killed_at, port) in list(self._away.items()):
            if probe_port(self._processes.get(name).log) not in (None, port):
                self._restarts[name] = round(time.monotonic() - killed_at, 1)
                del self._away[name]

    def _picture(self, phase: str) -> Picture:
        with self._journal.lock:
            new = self._journal.said[self._counted_events :]
            self._counted_events += len(new)
        for said in new:
            for name in self._marketplaces:
                if (said.sku, name) in self._listed:
                    self._changes[name] += 1
        with self._watcher.lock:
            rows = [
                ChannelRow(
                    name,
                    self._changes[name],
                    self._watcher.channels[name].targets,
                    self._watcher.channels[name].pushed,
                    self._watcher.channels[name].retried,
                    self._watcher.channels[name].dead,
                    self._watcher.channels[name].freshness_ms or self._watcher.channels[name].opening_ms,
                    self._gauges[self._marketplaces[name]].share,
                )
                for name in sorted(self._marketplaces)
            ]
            dead = len(self._watcher.dead_letters)
        urgent = self._outage.notes() if self._outage is not None else []
        return Picture(
            phase,
            time.time() - self._began_s,
            rows,
            [f"{dead} events, sent wrong on purpose, in the dead letters"],
            urgent,
        )

    def _say_when(self, text: str) -> None:
        self._view.say(f"{time.time() - self._began_s:6.1f} s  {text}")

    def _outage_missing(self) -> list[str]:
        return self._outage.missing() if self._outage is not None else []

    def _judge(self) -> Report:
        """Wait until all has settled, or the limit; then compare."""
        expected = expectations(self._journal, self._channels, frozenset({DIVIDED}))
        ended = time.monotonic()
        limit_s = SETTLE_BASE_S + 2 * max(SETTLING_S.values()) * self._options.factor
        limit_s += CHAOS_EXTRA_S * len(self._options.chaos)
        looked = 0.0
        mismatches: list[Mismatch] = []
        settled = False
        while not settled and time.monotonic() - ended < limit_s:
            if self._outage is not None:
                self._outage.tick(math.inf)
            self._tick("settling")
            if time.monotonic() - looked < LOOK_EVERY_S:
                continue
            looked = time.monotonic()
            mismatches, waiting = self._look(expected)
            whole = self._outage is None or self._outage.is_whole
            settled = not mismatches and not waiting and self._is_complete() and not self._missing() and whole
        return self._report(expected, mismatches, time.monotonic() - ended, settled)

    def _look(self, expected: Sequence[Expected]) -> tuple[list[Mismatch], int]:
        shown: dict[tuple[str, str], Shown] = self._control.shown()
        waiting = sum(1 for one in shown.values() if one.live != one.submitted)
        return compare(expected, shown, self._catalog.untouched), waiting

    def _is_complete(self) -> bool:
        return self._watcher.complete_until_ms(self._stage.connection.partitions) >= self._traffic.ended_at_ms

    @property
    def sent_wrong(self) -> list[DeadLetterSeen]:
        """What was sent wrong on purpose, as it must be in the dead letters."""
        return self._traffic.must_be_dead

    def _missing(self) -> list[DeadLetterSeen]:
        with self._watcher.lock:
            seen = set(self._watcher.dead_letters)
        return [one for one in self._traffic.must_be_dead if one not in seen]

    def _report(
        self, expected: Sequence[Expected], mismatches: Sequence[Mismatch], settle_s: float, settled: bool
    ) -> Report:
        missing = self._missing()
        never_written = self._control.never_written()
        with self._watcher.lock:
            flows = dict(self._watcher.channels)
            first = self._watcher.first_taken_ms
            return Report(
                skus=self._options.skus,
                listings=len(expected),
                seed=self._options.seed,
                seconds=self._options.seconds,
                chaos=[str(one) for one in self._options.chaos],
                events=self._journal.events(),
                targets={name: flow.targets for name, flow in flows.items()},
                pushes={name: dict(outcomes) for name, outcomes in self._watcher.outcomes.items()},
                freshness_ms=freshness_of(flows, opening=False),
                freshness_opening_ms=freshness_of(flows, opening=True),
                listings_compared=len(expected),
                mismatches=mismatches,
                sold_units=self._journal.sold_units,
                oversold_units=self._journal.oversold_units,
                never_written=never_written,
                dead_letters=list(self._watcher.dead_letters),
                dead_letters_missing=missing,
                dead_targets=sum(flow.dead for flow in flows.values()),
                first_push_s=None if first is None else round(first / 1000 - self._began_s, 2),
                settle_s=round(settle_s, 1),
                settled=settled,
                restarts=self._restarts,
                outage_missing=self._outage_missing(),
            )
