"""The spans of a batch: one for each SKU of which traced records came, from being taken up until it is durable.

A change that has to wait goes on in its trace: its context is kept until the number that it waited with is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from inventory_domain.commands import KitAvailability, KitRegistered, KitRemoved, KitSold, SkuCommand
from inventory_domain.identifiers import Sku
from inventory_streams.engine.records import FetchedBatch
from inventory_streams.engine.values import Computed
from inventory_streams.kafka.tracing import LINKS_MAX, Span, SpanKind, TraceContext, Traces, context_of

Carried = Mapping[Sku, TraceContext]
"""What the records that follow from a SKU's change carry."""
NOTHING_CARRIED: Carried = MappingProxyType({})
WAITING_MAX: Final = 10_000  # traced changes that wait, per partition; beyond it the oldest go on without a trace
RESUMED: Final = "resume"


class Waiting:
    """What was traced and waits in one partition: for its product, or with a rise until input is caught up with.

    In memory, for as long as the partition is owned: whoever takes it over goes on without.
    """

    def __init__(self) -> None:
        self._contexts: dict[Sku, TraceContext] = {}

    def __len__(self) -> int:
        return len(self._contexts)

    def of(self, sku: Sku) -> TraceContext | None:
        """The span of the SKU's newest traced change, where that waits."""
        return self._contexts.get(sku)

    def note(self, computed: Computed, carried: Carried, waits: Callable[[Sku], bool]) -> None:
        """Take over what was committed; `waits` says of a SKU whether something of it still has to wait."""
        known = self._contexts
        if known:
            for sku in known.keys() & {*computed.states, *computed.owing}:
                if not waits(sku):
                    del known[sku]
        for sku, context in carried.items():
            if waits(sku):
                known.pop(sku, None)
                known[sku] = context
        while len(known) > WAITING_MAX:
            del known[next(iter(known))]


class SkuSpans:
    """The newest traced change of a SKU is its span's parent, the others that went into it are linked.

    So a change that was computed alone is in one trace with its push, and one of many is found by its link.
    """

    def __init__(self, spans: Mapping[Sku, Span]) -> None:
        """`spans` are under way."""
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

    def with_more(self, spans: Mapping[Sku, Span]) -> SkuSpans:
        """These and those."""
        return SkuSpans({**self._spans, **spans})


def spans_of(traces: Traces, batch: FetchedBatch, of_skus: Iterable[str], waiting: Waiting) -> SkuSpans | None:
    """Begin the spans of a batch; None where no record of it is traced. `of_skus`: topics whose keys are SKUs.

    A change of the same SKU that waits is linked: what is computed now may stand for it, too.
    """
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
        before = waiting.of(sku)
        links = [*([] if before is None else [before]), *found[:-1]][-LINKS_MAX:]
        spans[sku] = traces.start(f"process {batch.topic}", SpanKind.CONSUMER, facts, found[-1], links)
    return SkuSpans(spans)


def resumed(traces: Traces, spans: SkuSpans | None, waiting: Waiting, computed: Computed) -> SkuSpans | None:
    """With spans for changes that waited and go on now though nothing traced came of their SKUs."""
    already = NOTHING_CARRIED if spans is None else spans.carried
    more: dict[Sku, Span] = {}
    for target in computed.targets:
        sku, context = target.sku, waiting.of(target.sku)
        if context is None or sku in already or sku in more or computed.owing.get(sku, False):
            continue
        more[sku] = traces.start(RESUMED, SpanKind.CONSUMER, {"inventory.sku": sku}, context)
    if not more:
        return spans
    return SkuSpans(more) if spans is None else spans.with_more(more)


def carried_by(command: SkuCommand, carried: Carried) -> TraceContext | None:
    """What a command to another SKU carries: the context of the SKU that sends it."""
    kind = command.kind
    if isinstance(kind, KitAvailability):
        return carried.get(kind.component)
    if isinstance(kind, KitRegistered | KitRemoved | KitSold):
        return carried.get(kind.kit)
    return None
