"""What all processes of a run share to be quick: codecs that remember what they have read, and metrics of no weight."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar, cast

from inventory_domain.identifiers import Marketplace
from inventory_schemas.codec import Serde
from inventory_schemas.registry import LocalRegistry
from inventory_streams.delivery.codecs import Codecs, codecs_of
from inventory_streams.delivery.metrics import DeliveryMetrics
from inventory_streams.engine.metrics import EngineMetrics
from tests.support.engine_work import TOPICS

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


def forget() -> None:
    """A run is over: its records are not read again."""
    for one in fields(codecs()):
        cast("_Remembering[object]", getattr(codecs(), one.name)).known.clear()


class _NoMetric:
    """Counts, sets and observes nothing; any metric with any labels is this one."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *values: object, **named: object) -> _NoMetric:
        return self


NO_DELIVERY_METRICS = cast(DeliveryMetrics, _NoMetric())
NO_ENGINE_METRICS = cast(EngineMetrics, _NoMetric())
