"""A process that takes signals, from start to exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import uvicorn
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from inventory_domain.clock import Clock
from inventory_domain.errors import ConfigError, ConfigFault, InventorySyncError
from inventory_domain.signals import KeepsSubscriptions, ReadsQueue
from inventory_schemas.registry import Registry, RegistryUnavailable
from inventory_streams.catalog_copy import CatalogCopy
from inventory_streams.kafka.following import Apply, Follower
from inventory_streams.kafka.login import check_login
from inventory_streams.kafka.probes import Probe, ProbeServer
from inventory_streams.kafka.reading import ReadStalled
from inventory_streams.kafka.refusals import NotAuthenticated
from inventory_streams.kafka.stopping import ExitCode, end_process
from inventory_streams.signals.codecs import codecs_of
from inventory_streams.signals.intake import Intake, SignalingAccount
from inventory_streams.signals.known import Known
from inventory_streams.signals.metrics import SignalsMetrics
from inventory_streams.signals.publishing import Publisher
from inventory_streams.signals.queues import QueueReader
from inventory_streams.signals.settings import SignalsSettings
from inventory_streams.signals.subscriptions import SubscriptionWatch
from inventory_streams.signals.web import application
from inventory_streams.tasks import end
from inventory_streams.token_ages import TokenAges

BACKLOG = 512
SHUTDOWN_S = 10
QUEUE_POLL_S = 20  # the longest that a queue is asked for at once; a call under way cannot be taken back
LEAVE_S_MAX = SHUTDOWN_S + QUEUE_POLL_S
STARTED_POLL_S = 0.01
HEADER_BYTES_MAX = 32 << 10
TURN_S = 1.0
TURN_S_MAX = 60.0  # a loop that has not turned for so long hangs

log = logging.getLogger(__name__)


class Closes(Protocol):
    """What of an adapter is needed to end it."""

    async def aclose(self) -> None:
        """Give back connections."""
        ...


@dataclass(slots=True)
class Standing:
    """What the probes tell. `turned_s`: when the loop turned last."""

    turned_s: float
    loaded: bool = False
    stopping: bool = False


def paths_of(endpoints: Mapping[str, SignalingAccount]) -> dict[str, SignalingAccount]:
    """The path of each endpoint's address, by which messages are told apart.

    Raises:
        NotAuthenticated: Kafka does not let us in.
        ConfigError: two accounts have one path.
    """
    paths: dict[str, SignalingAccount] = {}
    for endpoint, account in endpoints.items():
        rest = endpoint.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0]
        path = "/" + rest.partition("/")[2]
        if path in paths:
            text = f"has the path {path}, as account {paths[path].account_id} has: each needs its own"
            raise ConfigError([ConfigFault(f"accounts.{account.account_id}.signals.endpoint", text)])
        paths[path] = account
    return paths


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Does nothing."""
        yield


def run(
    settings: SignalsSettings,
    accounts: Sequence[SignalingAccount],
    endpoints: Mapping[str, SignalingAccount],
    adapters: Sequence[Closes],
    registry: Registry,
    metrics: CollectorRegistry,
    clock: Clock,
) -> int:
    """Take signals until SIGTERM or SIGINT; the exit code. Closes the adapters.

    Raises:
        ConfigError: two accounts have one path, or a schema is not registered.
        RegistryUnavailable: the schema registry cannot be asked.
        InventorySyncError: the port is taken.
    """
    check_login(settings.kafka)
    codecs = codecs_of(settings.topics, {one.marketplace for one in accounts}, registry)
    codecs.prepare()
    paths = paths_of(endpoints)
    shown = SignalsMetrics(metrics)
    metrics.register(TokenAges("signals", {one.account_id: one.adapter for one in accounts}))
    known = Known(
        settings,
        sorted({one.marketplace for one in accounts}),
        CatalogCopy(codecs.products, [channel for one in accounts for channel in one.channels]),
        codecs.exposures,
    )
    publisher = Publisher(settings)
    intake = Intake(settings, settings.topics, known, codecs, publisher, shown, clock)
    process = _Process(settings, accounts, paths, known, publisher, intake, shown, clock)
    return asyncio.run(process.until_stopped(metrics, adapters))


@dataclass(slots=True)
class _Process:
    settings: SignalsSettings
    accounts: Sequence[SignalingAccount]
    paths: Mapping[str, SignalingAccount]
    known: Known
    publisher: Publisher
    intake: Intake
    metrics: SignalsMetrics
    clock: Clock

    async def until_stopped(self, metrics: CollectorRegistry, adapters: Sequence[Closes]) -> int:
        asked_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked_to_stop.set)
        standing = Standing(self.clock.monotonic_s())
        probes = ProbeServer(
            metrics,
            live=lambda: _live(standing, self.clock),
            ready=lambda: _ready(standing),
            host=self.settings.probe_host,
            port=self.settings.probe_port,
        )
        probes.start()
        log.info("probes served", extra={"port": probes.port})
        turning = asyncio.create_task(self._turn(standing))
        # 1. Who the listings are must be known before the first message is answered, or it would lead to nothing.
        positions = await asyncio.to_thread(self._load, asked_to_stop)
        if positions is None:
            await asyncio.to_thread(probes.close)
            return 0
        follower = Follower(self.settings.kafka, positions, self.known.decoded, _applied, loop, end_for)
        follower.start()
        self.publisher.start()
        server, serving = await self._serve()
        others = [*self._readers(), *self._watches()]
        standing.loaded = True
        await asked_to_stop.wait()
        log.info("asked to stop")
        # 2. No new message is taken; those under way are answered.
        standing.stopping = True
        server.should_exit = True
        await asyncio.wait([serving])
        await end(others)
        # 3. What they led to is durable before Kafka is let go.
        await self.publisher.close()
        await follower.stop()
        turning.cancel()
        for adapter in adapters:
            await adapter.aclose()
        await asyncio.to_thread(probes.close)
        return 0

    async def _turn(self, standing: Standing) -> None:
        """Notes that the loop turns, for the probe."""
        while True:
            standing.turned_s = self.clock.monotonic_s()
            await self.clock.sleep(TURN_S)

    def _load(self, asked_to_stop: asyncio.Event) -> dict[tuple[str, int], int] | None:
        positions = self.known.load(asked_to_stop.is_set)
        log.info("listings known", extra={"listings": len(self.known.catalog)})
        return positions

    async def _serve(self) -> tuple[_Server, asyncio.Task[None]]:
        app = application(self.paths, self.intake, self.settings, self.metrics, self.clock)
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            timeout_graceful_shutdown=SHUTDOWN_S,
            backlog=BACKLOG,
        )
        server = _Server(config)
        listener = _listening(self.settings.host, self.settings.port)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - it tells it in no other way
            await asyncio.sleep(STARTED_POLL_S)
        facts = {"port": listener.getsockname()[1], "paths": sorted(self.paths)}
        log.info("signals taken", extra=facts)
        return server, serving

    def _readers(self) -> list[asyncio.Task[None]]:
        found = []
        for account in self.accounts:
            queue = account.adapter
            if isinstance(queue, ReadsQueue) and queue.has_queue:
                reader = QueueReader(account, queue, self.intake, self.metrics, self.clock)
                task = asyncio.create_task(reader.run(), name=f"queue-{account.account_id}")
                task.add_done_callback(_ended)
                found.append(task)
        return found

    def _watches(self) -> list[asyncio.Task[None]]:
        found = []
        for account in self.accounts:
            keeper = account.adapter
            if isinstance(keeper, KeepsSubscriptions):
                watch = SubscriptionWatch(account, keeper, self.metrics, self.clock)
                task = asyncio.create_task(watch.run(), name=f"subscriptions-{account.account_id}")
                task.add_done_callback(_unwatched)
                found.append(task)
        return found


def end_for(error: BaseException) -> None:
    """End the process for this error; from whichever thread it is told. What was answered is durable already."""
    if isinstance(error, NotAuthenticated):
        end_process(ExitCode.NOT_AUTHENTICATED, str(error))
    if isinstance(error, ReadStalled | KafkaException | RegistryUnavailable):
        end_process(ExitCode.RECOVERY_FAILED, str(error))
    log.critical("a bug, or something nobody foresaw", exc_info=error)
    end_process(ExitCode.INVARIANT_BROKEN, f"{type(error).__name__}: {error}")


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        end_for(error)


def _unwatched(task: asyncio.Task[None]) -> None:
    """Messages are taken all the same: an endpoint that does not answer is what a marketplace ends subscriptions for.

    That nothing is looked at any more shows in the time since it was.
    """
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("subscriptions are looked at no more", extra={"task": task.get_name()}, exc_info=error)


def _applied(found: Sequence[Apply]) -> None:
    for one in found:
        one()


def _live(standing: Standing, clock: Clock) -> Probe:
    silent_s = clock.monotonic_s() - standing.turned_s
    return Probe(silent_s < TURN_S_MAX, f"the loop turned {silent_s:.1f} s ago")


def _ready(standing: Standing) -> Probe:
    if standing.stopping:
        return Probe(False, "stopping")
    return Probe(standing.loaded, "messages are taken" if standing.loaded else "reads the catalog")


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's delay off; without it every answer takes 40 ms longer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InventorySyncError(f"signals cannot listen on {host}:{port}: {error}") from error
    return listener
