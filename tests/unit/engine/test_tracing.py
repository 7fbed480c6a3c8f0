"""A traced change and the targets that follow from it are one trace; many changes are links of the newest."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.changes import StockAdjusted, StockCounted
from inventory_domain.commands import EventId, KitAvailability, KitSold, Restate, SkuCommand
from inventory_domain.identifiers import ListingId, OrderId, Sku
from inventory_streams.engine.records import InputRecord
from inventory_streams.engine.tracing import WAITING_MAX, Waiting, carried_by
from inventory_streams.kafka.tracing import LINKS_MAX, SpanKind, TraceContext, context_of
from inventory_streams.kafka.transactions import Write
from tests.support.engine_bench import CHANGES, PRODUCTS, Bench, a_bench, selling
from tests.support.engine_work import Memory
from tests.support.stock import NOW_MS, SKU, a_change, a_product
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


async def test_a_change_that_waits_for_its_product_goes_on_in_its_trace() -> None:
    """The catalog may be the slower of the two topics, and who sends it traces nothing."""
    traces = KeptTraces()
    async with a_bench(traces=traces) as bench:
        bench.feed(CHANGES, traced(bench.wire.change(a_change(StockCounted(7), sequence=1)), a_context(trace=5)))
        await bench.until(lambda: traces.spans and traces.spans[0].ended, "it is kept")
        bench.feed(PRODUCTS, bench.wire.product(a_product()))
        await bench.until(lambda: len(traces.spans) == 2 and traces.spans[1].ended, "what follows is durable")
        bench.feed(CHANGES, bench.wire.change(a_change(StockCounted(9), sequence=2)))
        await bench.until(lambda: bench.told()[-1].quantity == 9, "the next change")

    kept, then = traces.spans
    assert (kept.parent, kept.facts["inventory.targets"]) == (a_context(trace=5), 0)
    assert (then.name, then.parent, then.facts["inventory.targets"]) == ("resume", kept.context, 1)
    assert [context_of(one.headers) for one in targets(bench)] == [then.context, None]


async def test_a_rise_that_is_withheld_while_catching_up_goes_on_in_the_trace_of_its_change() -> None:
    traces = KeptTraces()
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 3}, traces=traces) as bench:
        await selling(bench)
        bench.feed(CHANGES, traced(bench.wire.change(a_change(StockCounted(7), sequence=2)), a_context(trace=5)))
        await bench.until(lambda: traces.spans and traces.spans[0].ended, "it is applied")
        assert bench.told() == []
        bench.feed(CHANGES)
        await bench.until(lambda: len(traces.spans) == 2 and traces.spans[1].ended, "the rise is durable")

    assert [one.name for one in traces.spans] == [f"process {CHANGES}", "resume"]
    assert traces.spans[1].parent == traces.spans[0].context
    assert [context_of(one.headers) for one in targets(bench)] == [traces.spans[1].context]
    assert len(bench.partition.waiting) == 0


async def test_a_change_that_comes_while_another_waits_is_linked_to_it() -> None:
    traces = KeptTraces()
    async with a_bench(ends={PRODUCTS: 1, CHANGES: 4}, traces=traces) as bench:
        await selling(bench)
        for trace in (5, 6):
            record = bench.wire.change(a_change(StockCounted(trace), sequence=trace))
            bench.feed(CHANGES, traced(record, a_context(trace=trace)))
        await bench.until(lambda: len(traces.spans) == 2 and traces.spans[1].ended, "both are applied")
        bench.feed(CHANGES)
        await bench.until(lambda: len(traces.spans) == 3 and traces.spans[2].ended, "the rise is durable")

    first, second, third = traces.spans
    assert (second.links, third.parent) == ((first.context,), second.context)


def test_what_waits_in_a_partition_has_a_limit() -> None:
    waiting = Waiting()
    many = {Sku(f"S{number}"): a_context(number + 1) for number in range(WAITING_MAX + 5)}

    waiting.note(Memory().work().finish(), many, lambda _: True)

    assert len(waiting) == WAITING_MAX
    assert (waiting.of(Sku("S4")), waiting.of(Sku("S5"))) == (None, a_context(6))


def test_what_a_component_tells_its_kit_is_of_the_components_trace() -> None:
    carried = {Sku("part"): a_context(1), Sku("kit"): a_context(2)}
    kinds = (
        KitAvailability(Sku("part"), ()),
        KitSold(Sku("kit"), OrderId("o"), 1),
        Restate(ListingId("c/x"), 1, "drift"),
    )
    commands = [SkuCommand(EventId("e"), Sku("other"), NOW_MS, "sku", kind) for kind in kinds]

    assert [carried_by(one, carried) for one in commands] == [a_context(1), a_context(2), None]
