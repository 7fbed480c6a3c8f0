"""What all processes of a run share to be quick: codecs that remember what they have read, and metrics of no weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from typing import Any, TypeVar, cast

from inventory_domain.identifiers import Marketplace
from inventory_schemas.codec import Serde
from inventory_schemas.registry import LocalRegistry
from inventory_streams.delivery.codecs import Codecs, codecs_of
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.engine.metrics import EngineMetrics
from inventory_streams.reconcile.codecs import Codecs as ReconcileCodecs
from inventory_streams.reconcile.codecs import codecs_of as reconcile_codecs_of
from inventory_streams.reconcile.metrics import ReconcileMetrics
from tests.support.engine_work import TOPICS, WIRED, Wire

T = TypeVar("T")

MARKETPLACE = Marketplace("market")
REGISTRY = LocalRegistry()


class _Remembering(Serde[T]):
    """Values do not change, so bytes that were read once need not be read again."""

    def __init__(self, like: Serde[T]) -> None:
        super().__init__(like._kind, like._subject, REGISTRY)
        self.known: dict[bytes, T] = {}

    def decode(self, data: bytes | None) -> T:
        found = self.known.get(data) if data is not None else None
        if found is None:
            found = super().decode(data)
            self.known[data or b""] = found
        return found


@cache
def codecs() -> Codecs:
    """The codecs of all processes."""
    plain = codecs_of(TOPICS, MARKETPLACE, REGISTRY)
    return Codecs(**{one.name: _Remembering(getattr(plain, one.name)) for one in fields(plain)})


class _Wired(Serde[T]):
    """What the traffic sent is looked up; what real code wrote is decoded."""

    def __init__(self, real: Serde[T], looked_up: Callable[[bytes], T]) -> None:
        vars(self).update(vars(real))  # its schema is parsed already, and a run makes many of these
        self._real, self._looked_up = real, looked_up

    def decode(self, data: bytes | None) -> T:
        return self._looked_up(data) if data is not None and data.startswith(WIRED) else self._real.decode(data)


@cache
def _of_reconciliation() -> ReconcileCodecs:
    plain = reconcile_codecs_of(TOPICS, MARKETPLACE, REGISTRY)
    return ReconcileCodecs(**{one.name: _Remembering(getattr(plain, one.name)) for one in fields(plain)})


def reconcile_codecs(wire: Wire) -> ReconcileCodecs:
    """The codecs of the processes that reconcile, for the traffic of this wire."""
    real, ours = _of_reconciliation(), wire.decoders()
    return replace(
        real,
        products=_Wired(real.products, ours.product),
        changes=_Wired(real.changes, ours.change),
        sku_commands=_Wired(real.sku_commands, ours.command),
    )


def forget() -> None:
    """A run is over: its records are not read again."""
    for all_of in (codecs(), _of_reconciliation()):
        for one in fields(all_of):
            cast("_Remembering[object]", getattr(all_of, one.name)).known.clear()


class _NoMetric:
    """Counts, sets and observes nothing; any metric with any labels is this one."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *values: object, **named: object) -> _NoMetric:
        return self


NO_DELIVERY_METRICS = cast(DeliveryMetrics, _NoMetric())
NO_ENGINE_METRICS = cast(EngineMetrics, _NoMetric())
NO_RECONCILE_METRICS = cast(ReconcileMetrics, _NoMetric())
