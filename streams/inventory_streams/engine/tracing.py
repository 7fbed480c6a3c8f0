"""The spans of a batch: one for each SKU of which traced records came, from being taken up until it is durable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from inventory_domain.commands import KitAvailability, KitRegistered, KitRemoved, KitSold, SkuCommand
from inventory_domain.identifiers import Sku
from inventory_streams.engine.records import FetchedBatch
from inventory_streams.engine.values import Computed
from inventory_streams.kafka.tracing import LINKS_MAX, Span, SpanKind, TraceContext, Traces, context_of

Carried = Mapping[Sku, TraceContext]
"""What the records that follow from a SKU's change carry."""
NOTHING_CARRIED: Carried = MappingProxyType({})


class SkuSpans:
    """The newest traced change of a SKU is its span's parent, the others that went into it are linked.

    So a change that was computed alone is in one trace with its push, and one of many is found by its link.
    """

    def __init__(self, spans: Mapping[Sku, Span]) -> None:
        self._spans = spans
        self.carried: Carried = {sku: span.context for sku, span in spans.items()}

    def end(self, computed: Computed) -> None:
        """All that follows from the batch is durable."""
        targets = dict.fromkeys(self._spans, 0)
        for target in computed.targets:
            if target.sku in targets:
                targets[target.sku] += 1
        for sku, span in self._spans.items():
            span.end({"inventory.targets": targets[sku]})


def spans_of(traces: Traces, batch: FetchedBatch, of_skus: Iterable[str]) -> SkuSpans | None:
    """Begin the spans of a batch; None where no record of it is traced. `of_skus`: topics whose keys are SKUs."""
    if batch.topic not in of_skus:
        return None
    contexts: dict[bytes, list[TraceContext]] = {}
    for record in batch.records:
        if record.headers and record.key is not None and (context := context_of(record.headers)) is not None:
            contexts.setdefault(record.key, []).append(context)
    if not contexts:
        return None
    spans: dict[Sku, Span] = {}
    for key, found in contexts.items():
        sku = Sku(key.decode(errors="replace"))
        facts: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": batch.topic,
            "messaging.destination.partition.id": str(batch.partition),
            "messaging.batch.message_count": len(found),
            "inventory.sku": sku,
        }
        links = found[-1 - LINKS_MAX : -1]
        spans[sku] = traces.start(f"process {batch.topic}", SpanKind.CONSUMER, facts, found[-1], links)
    return SkuSpans(spans)


def carried_by(command: SkuCommand, carried: Carried) -> TraceContext | None:
    """What a command to another SKU carries: the context of the SKU that sends it."""
    kind = command.kind
    if isinstance(kind, KitAvailability):
        return carried.get(kind.component)
    if isinstance(kind, KitRegistered | KitRemoved | KitSold):
        return carried.get(kind.kit)
    return None
