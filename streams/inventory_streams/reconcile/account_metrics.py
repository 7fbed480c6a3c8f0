"""What is left of each account's quotas for pulls: computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inventory_domain.identifiers import AccountId
from inventory_streams.reconcile.budget import PullBudget


class PullQuotas(Collector):
    """The quotas of this process's pulls. Where a marketplace has no daily quota there is no series."""

    def __init__(self, budgets: Mapping[AccountId, PullBudget]) -> None:
        self._budgets = budgets

    def describe(self) -> Iterable[Metric]:
        """The name."""
        return self._families({})

    def collect(self) -> Iterable[Metric]:
        """What holds now."""
        return self._families(self._budgets)

    def _families(self, budgets: Mapping[AccountId, PullBudget]) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "inventory_sync_reconcile_quota_left_calls",
            "Calls left of the part of today's quota that is for pulls.",
            labels=["account", "operation"],
        )
        for name, budget in budgets.items():
            for throttle in budget.all:
                if (left := throttle.left_today) is not None:
                    family.add_metric([name, throttle.operation], left)
        yield family
