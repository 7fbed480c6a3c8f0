"""docs/metrics.md: every metric of every process, from the objects that the processes make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from inventory_cli.certificates import CertificateEnds
from inventory_cli.clock import SystemClock
from inventory_console.metrics import ConsoleMetrics
from inventory_ledger.metrics import LedgerMetrics
from inventory_streams.delivery.account_metrics import AccountCollector
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.engine.faust_metrics import FaustStatistics
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.kafka.statistics import ClientStatistics
from inventory_streams.reconcile.account_metrics import PullQuotas
from inventory_streams.reconcile.metrics import ReconcileMetrics
from inventory_streams.signals.metrics import SignalsMetrics
from inventory_streams.token_ages import TokenAges


@dataclass(frozen=True, slots=True)
class Described:
    """One metric as its page has it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


class _Idle:
    """What Faust's monitor says before anything has happened."""

    messages_received_total = messages_active = events_total = events_active = rebalances = 0
    events_runtime_avg = rebalance_return_avg = rebalance_end_avg = 0.0


def _every(registry: CollectorRegistry) -> None:
    registry.register(ClientStatistics(lambda: 0.0))
    registry.register(CertificateEnds())


def _engine(registry: CollectorRegistry) -> None:
    EngineMetrics(registry)
    registry.register(FaustStatistics(_Idle()))


def _delivery(registry: CollectorRegistry) -> None:
    DeliveryMetrics(registry)
    registry.register(AccountCollector({}, SystemClock()))
    registry.register(TokenAges("delivery", {}))


def _reconcile(registry: CollectorRegistry) -> None:
    ReconcileMetrics(registry)
    registry.register(PullQuotas({}))
    registry.register(TokenAges("reconcile", {}))


def _signals(registry: CollectorRegistry) -> None:
    SignalsMetrics(registry)
    registry.register(TokenAges("signals", {}))


SECTIONS: Final[dict[str, tuple[str, Callable[[CollectorRegistry], object]]]] = {
    "Every process": ("Beside these, Python's own: `process_*` and `python_*`.", _every),
    "Engine": ("Compute what listings should show.", _engine),
    "Delivery": ("Tell a marketplace. The owner of a marketplace's health shows its channels.", _delivery),
    "Reconciliation": ("Compare what is shown with what may be.", _reconcile),
    "Signals": ("Take what marketplaces tell.", _signals),
    "Ledger": ("Keep what the topics say.", LedgerMetrics),
    "Console": ("The operations page.", ConsoleMetrics),
}


def described() -> dict[str, list[Described]]:
    """Every metric by the section of its process."""
    return {title: _described(fill) for title, (_, fill) in SECTIONS.items()}


def page() -> str:
    """The page."""
    lines = [
        "# Metrics",
        "",
        "Every process serves them at `/metrics`. Labels are channels, accounts, topics, operations and reasons, and",
        "never a SKU. A counter ends in `_total`; a histogram has `_bucket`, `_sum` and `_count`. The alerts are in",
        "`deploy/monitoring/rules.yaml`, each with a page in [runbooks](runbooks/), the dashboards beside them.",
        "This page is made by `make generate`.",
    ]
    for title, found in described().items():
        lines += [
            "",
            f"## {title}",
            "",
            SECTIONS[title][0],
            "",
            "| metric | kind | labels | what it says |",
            "| --- | --- | --- | --- |",
        ]
        for one in found:
            labels = ", ".join(f"`{label}`" for label in one.labels)
            lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.text} |")
    return "\n".join(lines) + "\n"


def _described(fill: Callable[[CollectorRegistry], object]) -> list[Described]:
    registry = CollectorRegistry(auto_describe=True)
    fill(registry)
    found = []
    for collector in list(registry._collector_to_names):
        for family in collector.describe():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = (
                collector._labelnames
                if isinstance(collector, MetricWrapperBase)
                else getattr(family, "_labelnames", ())
            )
            found.append(Described(name, family.type, tuple(labels), family.documentation))
    return sorted(found, key=lambda one: one.name)
