"""A reconciliation that somebody asks for at a terminal: made here, or by the process that owns the marketplace."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry

from inventory_domain.clock import Clock
from inventory_domain.errors import InventorySyncError
from inventory_domain.identifiers import ChannelId, EventId, ListingId, Marketplace, Sku
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.reconciliation import CyclePhase, Discrepancy, ReconciliationCycle
from inventory_schemas.registry import Registry
from inventory_streams.kafka.reading import positions_at, read_to_end
from inventory_streams.kafka.transactions import TransactionalWriter, Write
from inventory_streams.reconcile.codecs import Codecs, codecs_of
from inventory_streams.reconcile.cycle import Cycles, ReconciledAccount, Waits, the_lead_of
from inventory_streams.reconcile.loading import load
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.reconciler import Parts, parts_of
from inventory_streams.reconcile.settings import ReconcileSettings

ASK_S_MAX = 30.0
FOLLOW_S = 0.5
SILENT_S_MAX = 120.0  # a process that owns the channel answers a command within this, or is taken for gone


class NotReconciled(InventorySyncError):
    """What was asked for could not be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. `read` has, for single listings, what each of them said; `cycle` is None there."""

    cycle: ReconciliationCycle | None
    found: tuple[Discrepancy, ...]
    read: tuple[tuple[ListingId, str], ...] = ()
    by_service: bool = False


@dataclass(slots=True)
class _Heard:
    """What the process that owns the marketplace has said since it was asked: of ours, and of what it does before."""

    channel: ChannelId
    asked_ms: int
    own: ReconciliationCycle | None = None
    ahead: ReconciliationCycle | None = None

    def is_news(self, cycles: Sequence[ReconciliationCycle]) -> bool:
        """Take the records since it was asked, in order; whether they say more than those before."""
        before = self.own, self.ahead
        for one in cycles:
            if one.channel == self.channel and one.started_at_ms >= self.asked_ms:
                self.own = one
            else:
                self.ahead = one
        return before != (self.own, self.ahead)


@dataclass(slots=True)
class OnDemand:
    """One channel, once. `progress` is called with the reconciliation as it goes on, `waits` as `Waits` says."""

    settings: ReconcileSettings
    marketplace: Marketplace
    account: ReconciledAccount
    registry: Registry
    clock: Clock
    progress: Callable[[ReconciliationCycle], None]
    waits: Waits

    async def look(self, channel: ChannelId, skus: Sequence[Sku], *, dry_run: bool, by: str) -> Answer:
        """Compare the channel, or these SKUs of it, with what it may show by now. `dry_run` writes nothing, except
        that where delivery borrows the pulls' part of a rate it is told to leave it.

        Raises:
            NotReconciled: nothing could be said.
        """
        codecs = codecs_of(self.settings.topics, self.marketplace, self.registry)
        whole = not skus
        if whole and not dry_run and await asyncio.to_thread(self._service_runs):
            return await self._ask_service(codecs, channel, by)
        with ThreadPoolExecutor(1) as threads:  # one, so that transactions come one after the other
            loop = asyncio.get_running_loop()
            parts = parts_of(
                self.settings,
                self.marketplace,
                [self.account],
                codecs,
                ReconcileMetrics(CollectorRegistry()),
                self.clock.now_ms,
            )
            writer = announcer = None
            if not dry_run:
                writer = announcer = await loop.run_in_executor(threads, self._writer, whole)
            elif self.account.announcing is not None:
                announcer = await loop.run_in_executor(threads, self._writer, False)
            now_ms = self.clock.now_ms()
            await loop.run_in_executor(
                threads, load, self.settings, self.marketplace, parts.arrivals, now_ms, lambda: False
            )

            async def commit(writes: list[Write]) -> None:
                if writer is not None and writes:
                    await loop.run_in_executor(threads, writer.commit_all, writes)

            async def announce(writes: list[Write]) -> None:
                if announcer is not None:
                    await loop.run_in_executor(threads, announcer.commit_all, writes)

            cycles = self._cycles(parts, commit, announce)
            if whole:
                end = await cycles.reconcile(self.account, channel, f"asked for by {by}")
                return Answer(end.cycle, end.found)
            listings = self._listings(parts, channel, skus)
            for one in listings:
                parts.knowledge.begin_anew(one)
            read, found = await cycles.look_at(self.account, channel, listings)
            return Answer(None, found, tuple(read))

    def _cycles(
        self, parts: Parts, commit: Callable[[list[Write]], object], announce: Callable[[list[Write]], object]
    ) -> Cycles:
        return Cycles(
            self.settings,
            parts.catalog,
            parts.knowledge,
            parts.judging,
            parts.records,
            ReconcileMetrics(CollectorRegistry()),
            self.clock,
            commit,  # type: ignore[arg-type]  # a coroutine function
            self.progress,
            announce,  # type: ignore[arg-type]  # the same
            self.waits,
        )

    def _listings(self, parts: Parts, channel: ChannelId, skus: Sequence[Sku]) -> list[ListingId]:
        found = []
        for sku in skus:
            own = [one.listing_id for one in parts.catalog.of_sku(sku) if one.channel == channel]
            if not own:
                raise NotReconciled(f"the catalog has no listing of SKU {sku} on channel {channel}")
            found.extend(own)
        return found

    def _writer(self, whole: bool) -> TransactionalWriter:
        """With the owner's id for a whole channel, so that an owner that starts meanwhile takes over from us."""
        own_id = f"{self.settings.group}-asked-{uuid.uuid4().hex[:12]}"
        writer = TransactionalWriter(
            self.settings.kafka, self.settings.transactional_id(self.marketplace) if whole else own_id
        )
        writer.take_over()
        return writer

    def _service_runs(self) -> bool:
        """Whether a process is a member of the group, so that the channel is somebody's already."""
        admin = AdminClient({**self.settings.kafka.admin(), "log_level": 0})
        try:
            groups = admin.describe_consumer_groups([self.settings.group], request_timeout=ASK_S_MAX)
            return bool(groups[self.settings.group].result().members)
        except KafkaException as error:
            raise NotReconciled(f"Kafka was asked who reconciles: {error.args[0].str()}") from error

    async def _ask_service(self, codecs: Codecs, channel: ChannelId, by: str) -> Answer:
        at_ms = self.clock.now_ms()
        command = OperatorCommand(
            EventId(str(uuid.uuid4())), channel, OperatorAction.RECONCILE, by, "asked for at a terminal", at_ms
        )
        await asyncio.to_thread(self._send, codecs.operator_commands.encode(command), channel)
        place = (self.settings.topics.reconciliations(self.marketplace), 0)
        heard = _Heard(channel, at_ms)
        heard_s = self.clock.monotonic_s()
        while True:
            if heard.is_news(await asyncio.to_thread(self._cycles_since, codecs, place, at_ms)):
                heard_s = self.clock.monotonic_s()
                self._tell(heard)
            cycle = heard.own
            if cycle is not None and cycle.phase is not CyclePhase.PULLING:
                found = await asyncio.to_thread(self._discrepancies, codecs, channel, cycle)
                return Answer(cycle, found, by_service=True)
            if self.clock.monotonic_s() - heard_s > SILENT_S_MAX:
                raise NotReconciled(
                    f"the process that reconciles {channel} was asked, and has said nothing for {SILENT_S_MAX:.0f} s"
                )
            await self.clock.sleep(FOLLOW_S)

    def _tell(self, heard: _Heard) -> None:
        cycle, ahead = heard.own, heard.ahead
        if cycle is not None:
            self.progress(cycle)
            if self.account.announcing is not None and cycle.phase is CyclePhase.PULLING and not cycle.found:
                self.waits(the_lead_of(cycle.channel))  # the process that pulls does
        elif ahead is not None:
            seen = f"{ahead.found:,} of {ahead.listings:,} listings"
            self.waits(f"for the reconciliation of {ahead.channel} that is under way, {seen}")

    def _send(self, value: bytes, channel: ChannelId) -> None:
        producer = Producer({**self.settings.kafka.producer(), "acks": "all", "delivery.timeout.ms": 30_000})
        refused: list[str] = []
        producer.produce(
            self.settings.topics.operator_commands,
            value,
            channel.encode(),
            on_delivery=lambda error, _: refused.append(error.str()) if error is not None else None,
        )
        left = producer.flush(ASK_S_MAX + 1)
        if refused or left:
            raise NotReconciled(f"Kafka did not take the command: {refused[0] if refused else 'no answer in time'}")

    def _cycles_since(self, codecs: Codecs, place: tuple[str, int], since_ms: int) -> list[ReconciliationCycle]:
        found: list[ReconciliationCycle] = []
        starts = positions_at(self.settings.kafka, [place], since_ms)
        read_to_end(
            self.settings.kafka,
            [place],
            lambda messages: found.extend(codecs.cycles.decode(one.value()) for one in messages),
            starts=starts,
        )
        return [one for one in found if not one.announces]

    def _discrepancies(self, codecs: Codecs, channel: ChannelId, cycle: ReconciliationCycle) -> tuple[Discrepancy, ...]:
        places = [(self.settings.topics.inventory_discrepancies, one) for one in range(self.settings.partitions)]
        found: list[Discrepancy] = []
        starts = positions_at(self.settings.kafka, places, cycle.started_at_ms)
        read_to_end(
            self.settings.kafka,
            places,
            lambda messages: found.extend(codecs.discrepancies.decode(one.value()) for one in messages),
            starts=starts,
        )
        return tuple(one for one in found if one.channel == channel)
