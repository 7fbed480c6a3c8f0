"""A push is a span of its target's trace, also after failures, in feeds and where targets were replaced unsent."""

from __future__ import annotations

from inventory_domain.exposure import Confirmed, Exposure, Proof
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import Accepted, PushOutcome, Rejected, Transient
from inventory_domain.ports import LimitSeen, Push
from inventory_streams.delivery.retries import RetryNote, note_of
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.kafka.tracing import SpanKind, context_of
from tests.support.delivery import CHANNEL, MARKETPLACE, FakeMarketplace, a_target, accepted
from tests.support.delivery_bench import a_bench
from tests.support.delivery_feeds import FeedMarketplace
from tests.support.traces import KeptTraces, a_context


def kafka(traces: KeptTraces) -> KafkaSettings:
    return KafkaSettings("nowhere:1", traces=traces)


async def test_a_push_is_a_span_of_its_targets_trace() -> None:
    traces = KeptTraces()
    async with a_bench(kafka=kafka(traces)) as bench:
        await bench.send(a_target("A", 5, version=1), trace=a_context(trace=9))
        await bench.send(a_target("B", 5, version=1))

    (span,) = traces.spans
    assert (span.name, span.kind, span.parent) == (f"push {CHANNEL}", SpanKind.CLIENT, a_context(trace=9))
    assert (span.ended, span.failed, span.facts["inventory.outcome"]) == (True, None, "accepted")
    assert len(bench.market.pushes) == 2


async def test_a_target_that_was_replaced_unsent_is_linked() -> None:
    traces = KeptTraces()
    async with a_bench(kafka=kafka(traces)) as bench:
        bench.account.throttles.push.refused(LimitSeen(operation="write", wait_s=5.0))
        for version in (1, 2, 3):
            await bench.send(a_target("A", 5 + version, version=version), trace=a_context(trace=version))
        await bench.clock.pass_s(6)
        await bench.send(a_target("A", 3, version=4), trace=a_context(trace=4))

    first, second = traces.spans
    assert (first.parent, first.links) == (a_context(trace=3), (a_context(trace=1), a_context(trace=2)))
    assert (second.parent, second.links) == (a_context(trace=4), ())


async def test_a_retry_stays_in_the_trace_and_names_the_attempt_that_failed() -> None:
    answers = iter([Transient, Accepted])

    def once_busy(push: Push) -> PushOutcome:
        return next(answers)(listing_id=push.listing_id, api="write", reason="busy")

    traces = KeptTraces()
    async with a_bench(FakeMarketplace(answer=once_busy), kafka=kafka(traces)) as bench:
        await bench.send(a_target("A", 5, version=1), trace=a_context(trace=9))
        (retry,) = bench.written(bench.settings.topics.retries(MARKETPLACE))
        await bench.bring_retries()
        await bench.clock.pass_s(7)

    failed, done = traces.spans
    assert (failed.failed, failed.facts["inventory.attempt"]) == ("busy", 1)
    assert context_of(retry.headers) == failed.context
    assert (done.parent, done.links, done.failed) == (a_context(trace=9), (failed.context,), None)


async def test_a_dead_letter_carries_the_attempt_that_was_refused() -> None:
    def rejected(push: Push) -> PushOutcome:
        return Rejected(listing_id=push.listing_id, api="write", reason="not-found")

    traces = KeptTraces()
    async with a_bench(FakeMarketplace(answer=rejected), kafka=kafka(traces)) as bench:
        await bench.send(a_target("A", 5, version=1), trace=a_context(trace=9))

    (letter,) = bench.dead_letters()
    assert context_of(letter.headers) == traces.spans[0].context
    assert traces.spans[0].failed == "not-found"


async def test_a_row_of_a_feed_has_a_span_until_it_is_handed_in_and_one_at_its_report() -> None:
    traces, market = KeptTraces(), FeedMarketplace()
    own_ids = [f"L{number:02}" for number in range(30)]
    shown = Confirmed(3, 0, 1_600_000_000_000, Proof.READ)
    known = [Exposure(ListingId(f"{CHANNEL}/{one}"), Sku(one), shown) for one in own_ids]
    backlog = [a_target(one, 5) for one in own_ids]
    async with a_bench(
        market, targets=backlog, trace=a_context(trace=9), exposures=known, kafka=kafka(traces)
    ) as bench:
        await bench.clock.pass_s(30)
        market.work_on("feed-1")
        await bench.clock.pass_s(60)

    told = [one for one in traces.spans if one.facts["inventory.sku"] == "L20"]
    assert [one.facts["inventory.outcome"] for one in told] == ["handed-in", "accepted"]
    assert {one.parent for one in told} == {a_context(trace=9)}
    assert {one.facts["inventory.path"] for one in told} == {"feed"}


async def test_nothing_is_traced_where_tracing_is_off() -> None:
    async with a_bench(FakeMarketplace(answer=accepted)) as bench:
        await bench.send(a_target("A", 5, version=1), trace=a_context())

    assert len(bench.market.pushes) == 1
    assert all(context_of(one.headers) is None for commit in bench.transactions.commits for one in commit)


def test_the_trace_of_a_retry_comes_back_from_its_headers() -> None:
    note = RetryNote(attempt=3, not_before_ms=1_700_000_000_000, reason="busy", error="x", trace=a_context())

    assert note_of(note.headers()) == note
