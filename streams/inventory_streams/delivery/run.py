"""A delivery process, from start to exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from inventory_domain.bulk import ReportsStatus
from inventory_domain.clock import Clock
from inventory_domain.errors import OwnershipLost
from inventory_domain.identifiers import AccountId, ChannelId
from inventory_domain.ports import MarketplaceAdapter
from inventory_schemas.registry import Registry, RegistryUnavailable
from inventory_streams.delivery.account import Account, Accounts
from inventory_streams.delivery.account_metrics import AccountCollector
from inventory_streams.delivery.announcing import AlertSink
from inventory_streams.delivery.arrivals import Arrivals
from inventory_streams.delivery.codecs import codecs_of
from inventory_streams.delivery.consumption import Poller
from inventory_streams.delivery.following import Following
from inventory_streams.delivery.gaps import ReconciliationByCommand
from inventory_streams.delivery.last_resort import CutOff
from inventory_streams.delivery.late_requests import HintsByTopic
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.delivery.pulls import KafkaAnnouncements
from inventory_streams.delivery.reports import KafkaReports, ReportsRefused, takes_writes
from inventory_streams.delivery.settings import DeliverySettings
from inventory_streams.delivery.worker import Worker
from inventory_streams.kafka.login import check_login
from inventory_streams.kafka.probes import Probe, ProbeServer
from inventory_streams.kafka.reading import ReadStalled
from inventory_streams.kafka.refusals import NotAuthenticated
from inventory_streams.kafka.stopping import ExitCode, end_process
from inventory_streams.kafka.transactions import TransactionFailed
from inventory_streams.producer.client import NotDelivered
from inventory_streams.token_ages import TokenAges

TURN_S_MAX = 30.0  # a loop that has not turned for so long hangs
LEAVE_S_MAX = 40.0  # the bounded drain, the last commits, and leaving the group
THREADS = 32

KAFKA_MAY_BE_GONE = (TransactionFailed, ReportsRefused, ReadStalled, KafkaException)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """The parts of a delivery process: who decides, who reads, and what both know of their marketplace."""

    worker: Worker
    poller: Poller
    following: Following

    def start(self) -> None:
        """Join the group and deliver."""
        self.worker.start()
        self.following.start()
        self.poller.start()

    async def stop(self, limit_s: float) -> bool:
        """Leave the group in good order; False when that took too long."""
        # 1. Leaving revokes the partitions: requests end, outcomes and offsets are committed.
        self.worker.stopping = True
        self.poller.stop()
        left = await asyncio.to_thread(self.poller.join, limit_s)
        self.following.stop()
        await asyncio.to_thread(self.following.join, limit_s)
        # 2. Only then is nothing under way that needs the loop.
        await self.worker.close()
        return left


def assemble(
    settings: DeliverySettings,
    adapters: Mapping[AccountId, MarketplaceAdapter],
    accounts_of: Mapping[ChannelId, AccountId],
    registry: Registry,
    metrics: CollectorRegistry,
    clock: Clock,
    threads: ThreadPoolExecutor,
    failed: Callable[[BaseException], None],
    *,
    statuses: Mapping[AccountId, ReportsStatus] | None = None,
    sink: AlertSink | None = None,
    answers: Callable[[], bool] = lambda: True,
) -> Delivery:
    """Put a delivery process together on the running loop, without starting it. `failed` must end the process."""
    shown = DeliveryMetrics(metrics)
    codecs = codecs_of(settings.topics, settings.marketplace, registry)
    traced = settings.kafka.traces is not None
    arrivals = Arrivals(codecs, settings.topics, settings.marketplace, traced=traced)
    by_id = {one: Account(one, adapter, settings, clock, shown) for one, adapter in adapters.items()}
    metrics.register(AccountCollector(by_id, clock))
    metrics.register(TokenAges("delivery", adapters))
    accounts = Accounts(by_id, accounts_of)
    reports = KafkaReports(settings.kafka, arrivals.reports, codecs.reports)
    # A container that is restarted in its place has the host and the number of the one before it.
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    worker = Worker(
        settings,
        codecs,
        arrivals,
        accounts,
        reports,
        name,
        clock,
        shown,
        threads,
        failed,
        statuses=statuses,
        sink=sink,
        answers=answers,
        reconciliation=ReconciliationByCommand(settings, registry, clock),
        reads=HintsByTopic(settings.kafka, arrivals.observations, codecs.observations),
    )
    loop = asyncio.get_running_loop()
    following = Following(settings.kafka, arrivals, worker.take, loop, failed)
    worker.following = following
    reconciliations = settings.topics.reconciliations(settings.marketplace)
    worker.pulls = KafkaAnnouncements(settings.kafka, reconciliations, codecs.cycles)
    return Delivery(worker, Poller(settings, arrivals, worker, loop, failed), following)


def run(
    settings: DeliverySettings,
    adapters: Mapping[AccountId, MarketplaceAdapter],
    accounts_of: Mapping[ChannelId, AccountId],
    registry: Registry,
    metrics: CollectorRegistry,
    clock: Clock,
    *,
    statuses: Mapping[AccountId, ReportsStatus] | None = None,
    sink: AlertSink | None = None,
) -> int:
    """Deliver one marketplace's targets until SIGTERM or SIGINT; the exit code. Closes the adapters.

    Ends the process itself, uncommitted, when its right to write is lost or something cannot be made durable.

    Raises:
        ConfigError: a schema is not registered.
        RegistryUnavailable: the schema registry cannot be asked.
        NotAuthenticated: Kafka does not let us in.
    """
    check_login(settings.kafka)
    codecs_of(settings.topics, settings.marketplace, registry).prepare()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="delivery") as threads:

        def answers() -> bool:
            return takes_writes(settings.kafka, settings.topics.reports(settings.marketplace))

        async def deliver() -> int:
            loop = asyncio.get_running_loop()

            def failed(error: BaseException) -> None:
                """With Kafka gone the process lives on for its last resort; for everything else it ends."""
                if isinstance(error, KAFKA_MAY_BE_GONE) and not answers():
                    loop.call_soon_threadsafe(delivery.worker.cut_off, error)
                else:
                    delivery.worker.late.tell_now()
                    end_for(error)

            delivery = assemble(
                settings,
                adapters,
                accounts_of,
                registry,
                metrics,
                clock,
                threads,
                failed,
                statuses=statuses,
                sink=sink,
                answers=answers,
            )
            return await _until_stopped(
                delivery, settings, [*adapters.values(), *(statuses or {}).values()], metrics, clock
            )

        return asyncio.run(deliver())


async def _until_stopped(
    delivery: Delivery,
    settings: DeliverySettings,
    clients: Sequence[MarketplaceAdapter | ReportsStatus],
    metrics: CollectorRegistry,
    clock: Clock,
) -> int:
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    worker = delivery.worker
    probes = ProbeServer(
        metrics,
        live=lambda: _live(worker, clock),
        ready=lambda: _ready(worker),
        host=settings.probe_host,
        port=settings.probe_port,
    )
    probes.start()
    log.info("probes served", extra={"port": probes.port})
    delivery.start()
    await asked_to_stop.wait()
    log.info("asked to stop")
    if not await delivery.stop(LEAVE_S_MAX):
        end_process(ExitCode.STALLED, "the group could not be left in time")
    await close_all(clients)
    await asyncio.to_thread(probes.close)
    return 0


async def close_all(clients: Iterable[MarketplaceAdapter | ReportsStatus]) -> None:
    """Close each of them once; an adapter is often what tells how its marketplace is, too."""
    for client in {id(one): one for one in clients}.values():
        await client.aclose()


def end_for(error: BaseException) -> None:
    """End the process for this error, at once and uncommitted; from whichever thread it is told."""
    if isinstance(error, OwnershipLost):
        end_process(ExitCode.OWNERSHIP_LOST, str(error))
    if isinstance(error, TransactionFailed | ReportsRefused):
        end_process(ExitCode.TRANSACTION_FAILED, str(error))
    if isinstance(error, NotAuthenticated):
        end_process(ExitCode.NOT_AUTHENTICATED, str(error))
    if isinstance(error, ReadStalled | KafkaException | CutOff | NotDelivered | RegistryUnavailable):
        end_process(ExitCode.RECOVERY_FAILED, str(error))
    log.critical("a bug, or something nobody foresaw", exc_info=error)
    end_process(ExitCode.INVARIANT_BROKEN, f"{type(error).__name__}: {error}")


def _live(worker: Worker, clock: Clock) -> Probe:
    silent_s = clock.monotonic_s() - worker.turned_s
    return Probe(silent_s < TURN_S_MAX, f"the loop turned {silent_s:.1f} s ago")


def _ready(worker: Worker) -> Probe:
    if worker.stopping:
        return Probe(False, "stopping")
    return Probe(worker.ready, "partitions read" if worker.ready else "no partitions yet")
