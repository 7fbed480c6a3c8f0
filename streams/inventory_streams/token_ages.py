"""How old the access tokens of a process's accounts are: computed when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inventory_domain.identifiers import AccountId
from inventory_domain.ports import HoldsToken


class TokenAges(Collector):
    """One series per account whose adapter has fetched a token; `process` names the kind of process."""

    def __init__(self, process: str, adapters: Mapping[AccountId, object]) -> None:
        self._name = f"inventory_sync_{process}_token_age_seconds"
        self._adapters = adapters

    def describe(self) -> Iterable[Metric]:
        """The name."""
        return self._families({})

    def collect(self) -> Iterable[Metric]:
        """What holds now."""
        return self._families(self._adapters)

    def _families(self, adapters: Mapping[AccountId, object]) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, "Age of the access token in use.", labels=["account"])
        for name, adapter in adapters.items():
            held_s = adapter.token_age_s if isinstance(adapter, HoldsToken) else None
            if held_s is not None:
                family.add_metric([name], held_s)
        yield family
