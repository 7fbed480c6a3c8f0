"""A reconciling process, from start to exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from inventory_domain.clock import Clock
from inventory_domain.errors import ConfigError, OwnershipLost
from inventory_domain.identifiers import AccountId, ChannelId, Marketplace
from inventory_domain.ports import MarketplaceAdapter
from inventory_domain.sharing_limits import lent_operations
from inventory_schemas.registry import Registry, RegistryUnavailable
from inventory_streams.kafka.login import check_login
from inventory_streams.kafka.probes import Probe, ProbeServer
from inventory_streams.kafka.reading import ReadStalled
from inventory_streams.kafka.refusals import NotAuthenticated
from inventory_streams.kafka.stopping import ExitCode, end_process
from inventory_streams.kafka.transactions import TransactionFailed
from inventory_streams.reconcile.account_metrics import PullQuotas
from inventory_streams.reconcile.announcing import Announcing
from inventory_streams.reconcile.budget import PullBudget
from inventory_streams.reconcile.codecs import codecs_of
from inventory_streams.reconcile.counting import CountsUnreadable, compare, report
from inventory_streams.reconcile.cycle import ReconciledAccount
from inventory_streams.reconcile.membership import Membership
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.reconcile.reconciler import Reconciler
from inventory_streams.reconcile.settings import ReconcileSettings
from inventory_streams.token_ages import TokenAges

TURN_S_MAX = 60.0  # a loop that has not turned for so long hangs
TURN_S = 1.0
LEAVE_S_MAX = 40.0
THREADS = 8

FORESEEN: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (ConfigError, ExitCode.CANNOT_WORK),
    (NotAuthenticated, ExitCode.NOT_AUTHENTICATED),
    (OwnershipLost, ExitCode.OWNERSHIP_LOST),
    (TransactionFailed, ExitCode.TRANSACTION_FAILED),
    (ReadStalled, ExitCode.RECOVERY_FAILED),
    (KafkaException, ExitCode.RECOVERY_FAILED),
    (RegistryUnavailable, ExitCode.RECOVERY_FAILED),
)
"""What a process ends for in good order, and how."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountToReconcile:
    """An account as it is put together from the settings: its adapter, and the channels that it serves."""

    account_id: AccountId
    marketplace: Marketplace
    adapter: MarketplaceAdapter
    channels: tuple[ChannelId, ...]


def reconciled(
    accounts: Sequence[AccountToReconcile], settings: ReconcileSettings, clock: Clock
) -> dict[Marketplace, list[ReconciledAccount]]:
    """The accounts by marketplace, each with the budget of its pulls."""
    found: dict[Marketplace, list[ReconciledAccount]] = {}
    for one in accounts:
        lent = lent_operations(one.adapter)
        announcing = Announcing(clock) if lent else None
        traits, share, reserve = one.adapter.traits, settings.pull_share, settings.reserve
        budget = PullBudget(traits, share, reserve, clock, lent=lent, turn=announcing)
        account = ReconciledAccount(one.account_id, one.adapter, one.channels, budget, announcing)
        found.setdefault(one.marketplace, []).append(account)
    return found


def slots_of(accounts: Sequence[AccountToReconcile]) -> dict[ChannelId, float]:
    """Each channel's place within the interval: evenly apart over all accounts, so that pulls are staggered."""
    channels = [channel for account in accounts for channel in account.channels]
    return {channel: number / len(channels) for number, channel in enumerate(channels)}


@dataclass(slots=True)
class Service:
    """Starts a reconciler for each marketplace that this process is given, and ends it when it is taken away."""

    settings: ReconcileSettings
    accounts: Mapping[Marketplace, Sequence[ReconciledAccount]]
    slots: Mapping[ChannelId, float]
    registry: Registry
    metrics: ReconcileMetrics
    clock: Clock
    threads: ThreadPoolExecutor
    turned_s: float = 0.0
    joined: bool = False
    running: dict[Marketplace, tuple[Reconciler, asyncio.Task[None]]] = field(default_factory=dict)

    async def gained(self, marketplaces: Sequence[Marketplace]) -> None:
        """See `membership.Owner`."""
        self.joined = True
        for one in marketplaces:
            reconciler = Reconciler(
                self.settings,
                one,
                self.accounts[one],
                self.slots,
                codecs_of(self.settings.topics, one, self.registry),
                self.clock,
                self.metrics,
                self.threads,
                end_for,
                # The comparison is of all marketplaces, so one owner makes it: whoever has the first.
                self._compare_counts if one == min(self.accounts) else None,
            )
            task = asyncio.create_task(reconciler.run(), name=f"reconcile-{one}")
            task.add_done_callback(_ended)
            self.running[one] = (reconciler, task)
        self.metrics.owned.set(len(self.running))

    async def parted(self, marketplaces: Sequence[Marketplace]) -> None:
        """See `membership.Owner`."""
        parting = [self.running.pop(one) for one in marketplaces if one in self.running]
        for reconciler, task in parting:
            reconciler.stop()
            task.cancel()
        if parting:
            await asyncio.wait([task for _, task in parting])
        self.metrics.owned.set(len(self.running))

    def _compare_counts(self, abandoned: Callable[[], bool]) -> None:
        file = self.settings.counts_file
        try:
            found = compare(self.settings, self.registry, self.clock.now_ms(), Path(file) if file else None, abandoned)
        except CountsUnreadable as error:
            log.error("positions not compared", extra={"why": str(error)})
            return
        if found is not None:
            report(found[1], found[0], self.metrics)

    async def turn(self) -> None:
        """Notes that the loop turns, for the probe."""
        while True:
            self.turned_s = self.clock.monotonic_s()
            await self.clock.sleep(TURN_S)


def run(
    settings: ReconcileSettings,
    accounts: Sequence[AccountToReconcile],
    registry: Registry,
    metrics: CollectorRegistry,
    clock: Clock,
) -> int:
    """Reconcile until SIGTERM or SIGINT; the exit code. Closes the adapters.

    Ends the process itself, uncommitted, when its right to write is lost or something cannot be made durable.

    Raises:
        NotAuthenticated: Kafka does not let us in.
        ConfigError: a schema is not registered.
        RegistryUnavailable: the schema registry cannot be asked.
    """
    check_login(settings.kafka)
    by_marketplace = reconciled(accounts, settings, clock)
    for one in by_marketplace:
        codecs_of(settings.topics, one, registry).prepare()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="reconcile") as threads:
        shown = ReconcileMetrics(metrics)
        shown.interval.set(settings.interval_s)
        metrics.register(TokenAges("reconcile", {one.account_id: one.adapter for one in accounts}))
        budgets = {one.account_id: one.budget for all_of in by_marketplace.values() for one in all_of}
        metrics.register(PullQuotas(budgets))
        service = Service(settings, by_marketplace, slots_of(accounts), registry, shown, clock, threads)
        return asyncio.run(_until_stopped(service, settings, accounts, metrics))


async def _until_stopped(
    service: Service,
    settings: ReconcileSettings,
    accounts: Sequence[AccountToReconcile],
    metrics: CollectorRegistry,
) -> int:
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    service.turned_s = service.clock.monotonic_s()
    probes = ProbeServer(
        metrics,
        live=lambda: _live(service),
        ready=lambda: _ready(service),
        host=settings.probe_host,
        port=settings.probe_port,
    )
    probes.start()
    log.info("probes served", extra={"port": probes.port})
    turning = asyncio.create_task(service.turn())
    membership = Membership(settings, list(service.accounts), service, loop, end_for)
    membership.start()
    await asked_to_stop.wait()
    log.info("asked to stop")
    # 1. Leaving the group parts with every marketplace, which ends what is done for it.
    membership.stop()
    if not await asyncio.to_thread(membership.join, LEAVE_S_MAX):
        end_process(ExitCode.STALLED, "the group could not be left in time")
    await service.parted(list(service.running))
    # 2. Only then is nothing under way that needs an adapter.
    turning.cancel()
    for account in accounts:
        await account.adapter.aclose()
    await asyncio.to_thread(probes.close)
    return 0


def end_for(error: BaseException) -> None:
    """End the process for this error, at once and uncommitted; from whichever thread it is told."""
    cause = cause_of(error)
    for kind, code in FORESEEN:
        if isinstance(cause, kind):
            end_process(code, str(cause))
    log.critical("a bug, or something nobody foresaw", exc_info=error)
    end_process(ExitCode.INVARIANT_BROKEN, f"{type(error).__name__}: {error}")


def cause_of(error: BaseException) -> BaseException:
    """What a group of errors came from: all that wait for one commit fail with it, and the first stands for them.

    A group with something in it that nobody foresaw stays as it is, so that all of it is logged.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [cause_of(one) for one in error.exceptions]
    foreseen = all(isinstance(one, tuple(kind for kind, _ in FORESEEN)) for one in causes)
    return causes[0] if foreseen or len(causes) == 1 else error


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        end_for(error)


def _live(service: Service) -> Probe:
    silent_s = service.clock.monotonic_s() - service.turned_s
    return Probe(silent_s < TURN_S_MAX, f"the loop turned {silent_s:.1f} s ago")


def _ready(service: Service) -> Probe:
    """A member that was given nothing is ready: it stands by."""
    if not service.joined and not service.running:
        return Probe(True, "stands by: other processes have the marketplaces, or the group is being joined")
    reading = [one for one, (reconciler, _) in service.running.items() if not reconciler.loaded]
    return Probe(not reading, f"reads {', '.join(reading)}" if reading else f"owns {len(service.running)} marketplaces")
