"""A traced change and the targets that follow from it are one trace; many changes are links of the newest."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.changes import StockAdjusted, StockCounted
from inventory_domain.commands import EventId, KitAvailability, KitSold, Restate, SkuCommand
from inventory_domain.identifiers import ListingId, OrderId, Sku
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.tracing import carried_by
from inventory_streams.kafka.tracing import LINKS_MAX, SpanKind, TraceContext, context_of
from inventory_streams.kafka.transactions import Write
from tests.support.engine_bench import CHANGES, Bench, a_bench, selling
from tests.support.stock import NOW_MS, SKU, a_change
from tests.support.traces import KeptTraces, a_context


def traced(record: InputRecord, *contexts: TraceContext) -> InputRecord:
    return replace(record, headers=tuple(header for one in contexts for header in one.headers()))


def targets(bench: Bench) -> list[Write]:
    return [one for all in bench.writer.transactions for one in all if one.topic.startswith("listing.targets")]


async def test_a_target_carries_the_span_of_the_change_behind_it() -> None:
    traces = KeptTraces()
    async with a_bench(traces=traces) as bench:
        await selling(bench)
        before = len(targets(bench))

        bench.feed(CHANGES, traced(bench.wire.change(a_change(StockCounted(7), sequence=2)), a_context(trace=5)))
        await bench.until(lambda: len(targets(bench)) > before, "the target is durable")
        await bench.until(lambda: traces.spans[0].ended, "its span is over")

    (span,) = traces.spans
    assert (span.parent, span.kind, span.links) == (a_context(trace=5), SpanKind.CONSUMER, ())
    assert context_of(targets(bench)[-1].headers) == span.context
    assert (span.facts["inventory.sku"], span.facts["inventory.targets"]) == (SKU, 1)
    assert targets(bench)[0].headers == ()


async def test_changes_that_are_computed_together_are_linked_to_the_newest() -> None:
    """The engine computes a SKU once per batch: one target stands for all of its changes."""
    traces = KeptTraces()
    async with a_bench(traces=traces) as bench:
        await selling(bench)
        several = [
            traced(bench.wire.change(a_change(StockAdjusted(-1), sequence=number)), a_context(trace=number))
            for number in (2, 3, 4)
        ]
        bench.feed(CHANGES, *several)
        await bench.until(lambda: traces.spans and traces.spans[0].ended, "the batch is durable")

    (span,) = traces.spans
    assert span.parent == a_context(trace=4)
    assert span.links == (a_context(trace=2), a_context(trace=3))
    assert span.facts["messaging.batch.message_count"] == 3


async def test_links_have_a_limit() -> None:
    traces = KeptTraces()
    async with a_bench(traces=traces) as bench:
        await selling(bench)
        many = [
            traced(bench.wire.change(a_change(StockAdjusted(0), sequence=number)), a_context(trace=number))
            for number in range(2, 2 + LINKS_MAX + 10)
        ]
        bench.feed(CHANGES, *many)
        await bench.until(lambda: traces.spans and traces.spans[0].ended, "the batch is durable")

    assert len(traces.spans[0].links) == LINKS_MAX


async def test_input_without_a_trace_begins_none() -> None:
    """Whoever produces decides what is traced; the engine's own work would drown it."""
    traces = KeptTraces()
    async with a_bench(traces=traces) as bench:
        await selling(bench)

    assert traces.spans == []


async def test_a_context_that_is_none_costs_nothing_but_the_trace() -> None:
    traces = KeptTraces()
    async with a_bench(traces=traces) as bench:
        await selling(bench)
        record = replace(bench.wire.change(a_change(StockCounted(7), sequence=2)), headers=(("traceparent", b"\xff"),))
        bench.feed(CHANGES, record)
        await bench.until(lambda: bench.told()[-1].quantity == 7, "it is applied")

    assert traces.spans == []


async def test_nobody_looks_at_headers_where_tracing_is_off() -> None:
    async with a_bench() as bench:
        await selling(bench)
        bench.feed(CHANGES, traced(bench.wire.change(a_change(StockCounted(7), sequence=2)), a_context()))
        await bench.until(lambda: bench.told()[-1].quantity == 7, "it is applied")

    assert all(one.headers == () for one in targets(bench))


def test_what_a_component_tells_its_kit_is_of_the_components_trace() -> None:
    carried = {Sku("part"): a_context(1), Sku("kit"): a_context(2)}
    kinds = (
        KitAvailability(Sku("part"), ()),
        KitSold(Sku("kit"), OrderId("o"), 1),
        Restate(ListingId("c/x"), 1, "drift"),
    )
    commands = [SkuCommand(EventId("e"), Sku("other"), NOW_MS, "sku", kind) for kind in kinds]

    assert [carried_by(one, carried) for one in commands] == [a_context(1), a_context(2), None]
