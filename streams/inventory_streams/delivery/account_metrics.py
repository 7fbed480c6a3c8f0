"""What is left of each account's quotas, and how long it lasts: computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inventory_domain.clock import Clock
from inventory_domain.identifiers import AccountId
from inventory_streams.delivery.account import Account

DAY_S: Final = 86_400.0
PREFIX: Final = "inventory_sync_delivery"


class AccountCollector(Collector):
    """The quotas of this worker's accounts. Where a marketplace has no daily quota there is no series."""

    def __init__(self, accounts: Mapping[AccountId, Account], clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """The names."""
        return self._families({})

    def collect(self) -> Iterable[Metric]:
        """What holds now."""
        return self._families(self._accounts)

    def _families(self, accounts: Mapping[AccountId, Account]) -> Iterator[Metric]:
        left = GaugeMetricFamily(
            f"{PREFIX}_quota_left_calls",
            "Calls left of today's quota, this worker's part.",
            labels=["account", "operation"],
        )
        lasts = GaugeMetricFamily(
            f"{PREFIX}_quota_lasts_seconds",
            "How long the rest of today's quota lasts at today's pace so far.",
            labels=["account", "operation"],
        )
        day = GaugeMetricFamily(
            f"{PREFIX}_quota_day_left_seconds", "Until today's quota begins anew.", labels=["account", "operation"]
        )
        for name, account in accounts.items():
            for throttle in account.throttles.all:
                if throttle.per_day is None:
                    continue
                labels, day_left_s = [name, throttle.operation], throttle.day_left_s()
                rest = max(0.0, throttle.per_day - throttle.used_today)
                pace = throttle.used_today / max(1.0, DAY_S - day_left_s)
                left.add_metric(labels, rest)
                lasts.add_metric(labels, rest / pace if pace > 0 else float("inf"))
                day.add_metric(labels, day_left_s)
        yield from (left, lasts, day)
