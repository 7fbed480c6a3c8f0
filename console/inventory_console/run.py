"""A console process, from start to exit code."""

from __future__ import annotations

import asyncio
import logging
import time
from types import FrameType

import uvicorn
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from inventory_console.app import Console
from inventory_console.commands import KafkaCommands
from inventory_console.events import Watchers
from inventory_console.letters import Letters
from inventory_console.metrics import ConsoleMetrics
from inventory_console.pages import Pages
from inventory_console.sessions import Sessions
from inventory_console.settings import ConsoleSettings
from inventory_domain.clock import Clock
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_ledger.asking import LedgerNotReady, answering, check
from inventory_ledger.store import opened
from inventory_schemas.registry import Registry
from inventory_streams.kafka.probes import Probe, ProbeServer
from inventory_streams.kafka.settings import KafkaSettings

LEAVE_S_MAX = 5
TURN_S_MAX = 30.0  # a loop that has not turned for so long hangs
LEDGER_WAIT_S = 60.0
LEDGER_POLL_S = 1.0

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Tells those who watch that it ends, before it waits for them."""

    def __init__(self, config: uvicorn.Config, watchers: Watchers, public_url: str | None) -> None:
        super().__init__(config)
        self._watchers = watchers
        self._public_url = public_url
        self.turned_s = time.monotonic()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in good order; uvicorn would raise the signal once more afterwards, and the process die of it."""
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """The loop turns; uvicorn asks ten times a second whether to end."""
        self.turned_s = time.monotonic()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, and say where."""
        await super().startup(sockets)  # type: ignore[arg-type]
        for one in self.servers if self.started else []:
            host, port = one.sockets[0].getsockname()[:2]
            log.info("console served", extra={"address": self._public_url or f"http://{host}:{port}", "port": port})

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """End the streams, then everything else."""
        self._watchers.stop()
        await super().shutdown(sockets)  # type: ignore[arg-type]


def wait_for_tables(engine: Engine, url: str, clock: Clock) -> None:
    """Started side by side with the ledger, the console waits until that has made its tables, and for the database."""
    end_s = clock.monotonic_s() + LEDGER_WAIT_S
    while True:
        try:
            with answering(url):
                check(engine)
        except LedgerNotReady as not_ready:
            if clock.monotonic_s() > end_s:
                raise
            log.info("the ledger's tables are waited for", extra={"why": str(not_ready)})
            time.sleep(LEDGER_POLL_S)
        else:
            return


def run(
    settings: ConsoleSettings,
    ledger_url: str,
    kafka: KafkaSettings,
    commands_topic: str,
    letters: Letters,
    registry: Registry,
    metrics: CollectorRegistry,
    clock: Clock,
) -> int:
    """Serve the pages until SIGTERM or SIGINT; the exit code. `letters` carries out what is decided on dead letters.

    Raises:
        ConfigError: nobody may use it, or the schema of commands is not registered.
        LedgerNotReady: the ledger's database does not answer, or has other tables than this program needs, also after a
            minute.
        RegistryUnavailable: the schema registry cannot be asked.
    """
    if not settings.operators:
        text = (
            "names nobody; write {alice: {env: CONSOLE_ALICE}} there, and the password into that environment variable"
        )
        raise ConfigError([ConfigFault("console.operators", text)])
    engine = opened(ledger_url)
    wait_for_tables(engine, ledger_url, clock)
    commands = KafkaCommands(kafka, commands_topic, registry)
    commands.prepare()
    shown = ConsoleMetrics(metrics)
    watchers = Watchers()
    console = Console(
        settings=settings,
        engine=engine,
        commands=commands,
        letters=letters,
        sessions=Sessions(settings.operators, settings.session_hours, time.monotonic),
        clock=clock,
        pages=Pages(),
        watchers=watchers,
        counted=lambda action, result: shown.actions.labels(action, result).inc(),
    )
    config = uvicorn.Config(
        console.app(),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=LEAVE_S_MAX,
    )
    server = _Server(config, watchers, settings.public_url)
    probes = ProbeServer(
        metrics,
        live=lambda: _live(server),
        ready=lambda: Probe(server.started, "pages are served" if server.started else "starting"),
        host=settings.probe_host,
        port=settings.probe_port,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # at INFO it tells of each step of a normal start
    probes.start()
    log.info("probes served", extra={"port": probes.port})
    try:
        asyncio.run(server.serve())
    finally:
        probes.close()
        engine.dispose()
    return 0 if server.started else 1


def _live(server: _Server) -> Probe:
    silent_s = time.monotonic() - server.turned_s
    return Probe(silent_s < TURN_S_MAX, f"the loop turned {silent_s:.1f} s ago")
