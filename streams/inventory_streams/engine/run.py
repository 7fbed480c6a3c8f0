"""One engine process, from its settings to its exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from prometheus_client import CollectorRegistry

from inventory_domain.clock import Clock
from inventory_domain.errors import InventorySyncError, OwnershipLost
from inventory_domain.policies import AllocationPolicy
from inventory_schemas.registry import Registry
from inventory_streams.engine.agent import EngineAgent
from inventory_streams.engine.app import EngineApp, FaustInputs, attach, create_app
from inventory_streams.engine.committing import Committer
from inventory_streams.engine.faust_metrics import FaustStatistics
from inventory_streams.engine.fingerprint import fingerprint
from inventory_streams.engine.inputs import admin_client, topic_ids
from inventory_streams.engine.memory import collect_rarely
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.engine.ownership import Ownership
from inventory_streams.engine.recovery import Opener
from inventory_streams.engine.serdes import EngineSerdes, engine_serdes
from inventory_streams.engine.settings import STOP_LIMIT_S, TURN_LIMIT_S, EngineSettings
from inventory_streams.engine.values import Rules
from inventory_streams.engine.velocity import SalesVelocity
from inventory_streams.engine.waking import InForce
from inventory_streams.engine.watch import CommitWatch, Watcher
from inventory_streams.kafka.login import check_login
from inventory_streams.kafka.probes import Probe, ProbeServer
from inventory_streams.kafka.refusals import NotAuthenticated
from inventory_streams.kafka.stopping import ExitCode, end_process

QUIET_LOGGERS = ("faust", "mode", "aiokafka", "kafka")  # at INFO they tell of each step of a normal start

log = logging.getLogger(__name__)


def run(
    settings: EngineSettings,
    policy: AllocationPolicy,
    registry: Registry,
    metrics: CollectorRegistry,
    clock: Clock,
) -> int:
    """Run until SIGTERM or SIGINT, then leave cleanly; returns the exit code. Call it in the main thread.

    Ends the process itself, uncommitted, when it may no longer write (see `kafka.stopping`).

    Raises:
        ConfigError: topics or schemas are not as they must be.
        RegistryUnavailable: the schema registry cannot be asked.
        BrokerUnavailable: Kafka cannot be asked.
        NotAuthenticated: Kafka does not let us in.
    """
    check_login(settings.kafka)
    collect_rarely()
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    serdes = engine_serdes(settings.topics, registry)
    topics = settings.topics
    outputs = [topics.sku_state, topics.sku_velocity, topics.engine_progress, topics.inventory_dead_letters]
    outputs += [topics.targets(one) for one in topics.marketplaces]
    topic_ids(admin_client(settings.kafka), (*topics.engine_inputs(), *outputs), settings.partitions)
    return asyncio.run(_Process(settings, policy, serdes, metrics, clock).serve())


class _Process:
    """What one process holds."""

    def __init__(
        self,
        settings: EngineSettings,
        policy: AllocationPolicy,
        serdes: EngineSerdes,
        registry: CollectorRegistry,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._serdes = serdes
        self._registry = registry
        self._clock = clock
        self._metrics = EngineMetrics(registry)
        self._watch = CommitWatch(time.monotonic)
        # A thread per partition for its commits, and as many for recovery, which a rebalance may leave running.
        self._executor = ThreadPoolExecutor(2 * settings.partitions + 2, thread_name_prefix="engine")

    async def serve(self) -> int:
        """Start, wait for a signal or a failure, stop."""
        app = create_app(self._settings)
        self._registry.register(FaustStatistics(app.monitor))
        inputs, ownership, agent = self._built(app)
        watcher = Watcher(self._watch, self._metrics.uncommitted, lambda why: end_process(ExitCode.STALLED, why))
        probes = probe_server(self._registry, self._settings, self._clock, agent, ownership, inputs.generation)
        probes.start()
        watcher.start()
        log.info("probes served", extra={"port": probes.port})
        try:
            return await self._until_stopped(app)
        finally:
            watcher.close()
            probes.close()
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _built(self, app: EngineApp) -> tuple[FaustInputs, Ownership, EngineAgent]:
        settings, clock, metrics = self._settings, self._clock, self._metrics
        rules = Rules.of(settings, self._policy, self._serdes.decoders)
        policy = InForce(fingerprint(self._policy), self._policy.peaks)
        velocity = SalesVelocity(app, settings.velocity_writes_per_s)
        inputs = FaustInputs(app)
        inputs.consumer.watch = self._watch
        opener = Opener(settings, self._serdes, self._policy)
        admin = admin_client(settings.kafka)
        ownership = Ownership(settings, opener, admin, self._executor, clock, metrics, policy, velocity)
        committer = Committer(self._executor, clock, metrics, rules.unknown_sku_grace_ms, inputs.durable)
        agent = EngineAgent(
            settings, rules, self._serdes, ownership, committer, inputs, clock, metrics, policy, velocity
        )
        attach(app, settings, inputs, ownership, agent, _failed)
        return inputs, ownership, agent

    async def _until_stopped(self, app: EngineApp) -> int:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        starting = asyncio.ensure_future(app.start())
        signalled = asyncio.ensure_future(asked.wait())
        crashed = asyncio.ensure_future(_crashed(app))
        while not signalled.done() and not crashed.done() and _raised(starting) is None:
            await asyncio.wait(
                [one for one in (signalled, crashed, starting) if not one.done()],
                return_when=asyncio.FIRST_COMPLETED,
            )
        failure = _raised(starting) or (app.crash_reason if crashed.done() else None)
        if failure is not None:
            _failed("Faust", failure)
        log.info("stopping")
        try:
            await asyncio.wait_for(app.stop(), STOP_LIMIT_S)
        except TimeoutError:
            end_process(ExitCode.STALLED, f"the stop took more than {STOP_LIMIT_S:.0f} s")
        for one in (signalled, crashed, starting):
            one.cancel()
        log.info("stopped")
        return 0


def probe_server(
    registry: CollectorRegistry,
    settings: EngineSettings,
    clock: Clock,
    agent: EngineAgent,
    ownership: Ownership,
    generation: Callable[[], int],
) -> ProbeServer:
    """What answers the probes: live while the loop turns, ready once all that this generation assigned is recovered."""

    def live() -> Probe:
        still_s = clock.monotonic_s() - agent.looped_s
        return Probe(still_s < TURN_LIMIT_S, f"the loop turned {still_s:.1f} s ago")

    def ready() -> Probe:
        if ownership.ready_generation is None or ownership.ready_generation != generation():
            return Probe(False, "recovering, or not assigned yet")
        return Probe(True, f"{len(ownership.partitions)} partitions recovered")

    return ProbeServer(registry, live=live, ready=ready, host=settings.probe_host, port=settings.probe_port)


async def _crashed(app: EngineApp) -> None:
    await app._crashed.wait()


def _raised(task: asyncio.Future[Any]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


def _failed(what: str, error: BaseException) -> NoReturn:
    """End the process uncommitted, with what is known of the reason."""
    if not isinstance(error, InventorySyncError):
        log.critical("unexpected failure", exc_info=error, extra={"in": what})
    if isinstance(error, OwnershipLost):
        end_process(ExitCode.OWNERSHIP_LOST, str(error))
    if isinstance(error, NotAuthenticated):
        end_process(ExitCode.NOT_AUTHENTICATED, str(error))
    if what == "recovery":
        end_process(ExitCode.RECOVERY_FAILED, str(error) or repr(error))
    end_process(ExitCode.INVARIANT_BROKEN, f"{what}: {error!r}")
