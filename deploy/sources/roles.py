"""Every process of a deployment, declared once: what it runs, needs, and may talk to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from deploy.sources.resources import RESOURCES, Resources
from inventory_cli.process_settings import default_ports
from inventory_console.run import LEAVE_S_MAX as CONSOLE_LEAVE_S_MAX
from inventory_console.settings import ConsoleSettings
from inventory_streams.delivery.run import LEAVE_S_MAX
from inventory_streams.engine.settings import STOP_LIMIT_S
from inventory_streams.reconcile.run import LEAVE_S_MAX as RECONCILE_LEAVE_S_MAX
from inventory_streams.signals.run import LEAVE_S_MAX as SIGNALS_LEAVE_S_MAX
from inventory_streams.signals.settings import SignalsSettings

APPLICATION: Final = "inventory-sync"
MARKETPLACES: Final = ("amazon", "ebay", "walmart", "shopify")
SETTINGS_FILE: Final = "/etc/inventory-sync/sync.yaml"
PARTITIONS: Final = 24  # production's; the engine is never scaled beyond it
GRACE_MARGIN_S: Final = 20  # after the drain: closing connections, and a node that is slow
SIGNALS_PORT: Final = SignalsSettings.__dataclass_fields__["port"].default
CONSOLE_PORT: Final = ConsoleSettings().port
LEDGER_STOP_S: Final = 30
CALLS: Final = {"inventory-sync/calls-marketplaces": "true"}


@dataclass(frozen=True, slots=True)
class Role:
    """One process. `drain_s` is what its clean stop may take; `marketplaces` are those whose secrets it is given."""

    process: str
    arguments: tuple[str, ...]
    replicas: int
    drain_s: float
    stateful: bool = False
    marketplaces: tuple[str, ...] = ()
    database: bool = False
    operators: bool = False
    served: tuple[int, str] | None = None
    """The port that it serves others on, and the namespace that may come in."""
    labels: dict[str, str] = field(default_factory=dict)
    optional: bool = False
    """Whether a seller may do without it."""

    @property
    def resources(self) -> Resources:
        """What it is promised and held to."""
        return RESOURCES[self.process]

    @property
    def port(self) -> int:
        """Where it serves its probes and metrics."""
        return default_ports()[self.process]

    @property
    def grace_s(self) -> int:
        """How long Kubernetes waits before it kills: longer than the drain."""
        return int(self.drain_s) + GRACE_MARGIN_S


def _delivery(marketplace: str) -> Role:
    return Role(
        f"deliver-{marketplace}",
        ("deliver", marketplace, "--config", SETTINGS_FILE),
        replicas=2,
        drain_s=LEAVE_S_MAX,
        marketplaces=(marketplace,),
        labels={"inventory-sync/marketplace": marketplace, **CALLS},
        optional=True,
    )


ROLES: Final = (
    Role(
        "engine",
        ("engine", "--config", SETTINGS_FILE),
        replicas=3,
        drain_s=STOP_LIMIT_S,
        stateful=True,
    ),
    *(_delivery(marketplace) for marketplace in MARKETPLACES),
    Role(
        "reconcile",
        ("reconcile", "run", "--config", SETTINGS_FILE),
        replicas=2,
        drain_s=RECONCILE_LEAVE_S_MAX,
        marketplaces=MARKETPLACES,
        labels=CALLS,
    ),
    Role(
        "signals",
        ("signals", "serve", "--config", SETTINGS_FILE),
        replicas=2,
        drain_s=SIGNALS_LEAVE_S_MAX,
        marketplaces=MARKETPLACES,
        served=(SIGNALS_PORT, "ingress-nginx"),
        labels=CALLS,
        optional=True,
    ),
    Role(
        "ledger",
        ("ledger", "--config", SETTINGS_FILE),
        replicas=2,
        drain_s=LEDGER_STOP_S,
        database=True,
    ),
    Role(
        "console",
        ("console", "--config", SETTINGS_FILE),
        replicas=1,  # who is signed in is known to one process
        drain_s=CONSOLE_LEAVE_S_MAX,
        database=True,
        operators=True,
        served=(CONSOLE_PORT, "ingress-nginx"),
    ),
)
