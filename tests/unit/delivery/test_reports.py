"""What a worker saw of each channel, and what the owner makes of it."""

from __future__ import annotations

import pytest

from inventory_domain.errors import InvariantBroken
from inventory_domain.health import ChannelReport, ChannelState
from inventory_domain.identifiers import ChannelId
from inventory_domain.outcomes import PushOutcome, Rejected, Throttled, Transient
from inventory_domain.ports import Push
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.arrivals import ReportArrival
from inventory_streams.delivery.health_owner import HealthOwner
from inventory_streams.delivery.reports import Backlog, Tallies
from tests.support.delivery import CHANNEL, FakeMarketplace, MovableClock, a_target, accepted
from tests.support.delivery_bench import AtOnce, Bench, KeptTransactions, a_bench

OTHER = ChannelId("harbor-ca")


def busy(push: Push) -> PushOutcome:
    return Transient(listing_id=push.listing_id, api="write", reason="busy")


def a_report(failures: int = 0, successes: int = 0, channel: ChannelId = CHANNEL) -> ChannelReport:
    return ChannelReport(
        channel=channel,
        worker="w",
        at_ms=5_000,
        successes=successes,
        failures={"transient": failures} if failures else {},
        failures_since_success=failures,
        last_success_ms=None,
        backlog=0,
        quota_used={},
    )


def no_queue(channel: ChannelId) -> Backlog:
    return Backlog(0, 0, 0, 1)


def no_quota(channel: ChannelId) -> dict[str, int]:
    return {}


def test_a_report_tells_what_was_seen_since_the_last_one() -> None:
    tallies, push = Tallies([CHANNEL], MovableClock()), a_push()
    tallies.note(CHANNEL, accepted(push))
    tallies.note(CHANNEL, busy(push))
    tallies.note(CHANNEL, Throttled(listing_id=push.listing_id, api="write", reason="429"))

    (first,), (second,) = (tallies.reports("w", no_queue, no_quota, no_quota) for _ in range(2))

    assert (first.successes, first.failures, first.failures_since_success) == (1, {"transient": 1}, 1)
    assert (second.successes, second.failures, second.failures_since_success) == (0, {}, 1)


def test_a_rejection_proves_the_path() -> None:
    tallies, push = Tallies([CHANNEL], MovableClock()), a_push()
    tallies.note(CHANNEL, busy(push))
    tallies.note(CHANNEL, Rejected(listing_id=push.listing_id, api="write", reason="unknown"))

    (report,) = tallies.reports("w", no_queue, no_quota, no_quota)

    assert (report.successes, report.failures_since_success) == (1, 0)
    assert report.last_success_ms is not None


def a_push() -> Push:
    target = a_target()
    return Push(target.listing_id, target.channel, 5, {}, {}, 1, "k")


async def test_each_channel_is_reported_every_few_seconds() -> None:
    async with a_bench(channels=(CHANNEL, OTHER), report_interval_s=5.0) as bench:
        await bench.send(a_target("A"))
        await bench.clock.pass_s(10.5)

    assert [one.channel for one in bench.reports.sent] == [CHANNEL, OTHER, CHANNEL, OTHER]
    assert [one.successes for one in bench.reports.sent] == [1, 0, 0, 0]


async def test_what_was_seen_is_reported_when_all_partitions_are_known() -> None:
    async with a_bench(report_interval_s=5.0) as bench:
        await bench.send(a_target("A"))
        with bench.worker.book.takeover():
            await bench.clock.pass_s(12)
        early = len(bench.reports.sent)
        await bench.clock.pass_s(5)

    assert early == 0
    assert [(one.successes, one.listings) for one in bench.reports.sent] == [(1, 1)]


async def test_the_third_failure_in_a_row_is_reported_at_once() -> None:
    async with a_bench(FakeMarketplace(answer=busy), report_interval_s=60.0) as bench:
        await bench.send(a_target("A"), a_target("B"))
        await bench.clock.pass_s(1)
        two = len(bench.reports.sent)
        await bench.send(a_target("C"))
        await bench.clock.pass_s(1)

    assert two == 0
    assert [one.failures for one in bench.reports.sent] == [{"transient": 3}]


def an_owner(bench: Bench, transactions: KeptTransactions, known: list[HealthRecord] | None = None) -> HealthOwner:
    return HealthOwner(
        bench.settings,
        bench.codecs,
        bench.clock,
        bench.worker._metrics,
        [CHANNEL],
        known or [],
        transactions,
        AtOnce(),
        bench.failures.append,
    )


async def test_a_change_of_state_is_written_at_once_with_the_offset_that_is_in_it() -> None:
    async with a_bench() as bench:
        written = KeptTransactions()
        owner = an_owner(bench, written)
        for offset in range(3):
            owner.take(ReportArrival(offset, a_report(failures=1)))
        await bench.clock.pass_s(0.1)
        await owner.close()

    ((write,),) = written.commits
    assert write.value is not None
    record = bench.codecs.health.decode(write.value)
    assert (record.health.state, record.health.epoch) == (ChannelState.FAILING, 1)
    assert record.folded == {bench.settings.topics.reports(bench.settings.marketplace): 3}
    assert owner.committable == 3


async def test_a_former_owner_shows_nothing_of_the_channels_any_more() -> None:
    """It runs on, and would be heard beside the successor: a channel that was stopped then would be for good."""
    async with a_bench() as bench:
        owner = an_owner(bench, KeptTransactions())
        owner.take(ReportArrival(0, a_report(failures=3)))
        shown = of_channel(bench)
        await owner.close()
        left = of_channel(bench)

    assert {"channel_state", "channel_failures_in_a_row", "channel_stop_sale_in_seconds"} <= shown
    assert left == set()


def of_channel(bench: Bench) -> set[str]:
    """What is shown of the channel's health, by name."""
    metrics = bench.worker._metrics
    owned = (
        metrics.channel_state,
        metrics.channel_failing,
        metrics.failures_in_a_row,
        metrics.credentials_lost,
        metrics.flooded,
        metrics.without_success,
        metrics.stop_sale_in,
    )
    found = [sample.name for gauge in owned for family in gauge.collect() for sample in family.samples]
    return {name.removeprefix("inventory_sync_delivery_") for name in found}


async def test_a_successor_goes_on_where_the_record_ends_and_folds_nothing_twice() -> None:
    async with a_bench() as bench:
        written = KeptTransactions()
        owner = an_owner(bench, written)
        for offset in range(2):
            owner.take(ReportArrival(offset, a_report(failures=1)))
        await flushed(bench, owner)
        assert written.commits[-1][0].value is not None
        known = bench.codecs.health.decode(written.commits[-1][0].value)

        successor = an_owner(bench, written, [known])
        start = successor.start
        for offset in range(2):
            successor.take(ReportArrival(offset, a_report(failures=1)))
        after_replay = successor.health(CHANNEL).failures_in_a_row
        successor.take(ReportArrival(2, a_report(failures=1)))
        await successor.close()

    assert (start, after_replay) == (2, 2)
    assert successor.health(CHANNEL).state is ChannelState.FAILING


async def flushed(bench: Bench, owner: HealthOwner) -> None:
    import asyncio

    flushing = asyncio.create_task(owner.flush())
    await bench.clock.pass_s(0.1)
    await flushing
    await owner.close()


async def test_reports_of_channels_that_are_not_ours_are_passed_over() -> None:
    async with a_bench() as bench:
        owner = an_owner(bench, KeptTransactions())
        owner.take(ReportArrival(0, a_report(failures=9, channel=OTHER)))
        owner.take(ReportArrival(1, None))
        await owner.close()

    assert owner.health(CHANNEL).failures_in_a_row == 0


async def test_reports_of_a_topic_that_was_created_anew_are_not_taken_for_old_ones() -> None:
    """What is below the offset that was folded last would be passed over, for as long as the topic is shorter."""
    async with a_bench() as bench:
        owner = an_owner(bench, KeptTransactions())
        owner.take(ReportArrival(7, a_report(failures=1)))
        with pytest.raises(InvariantBroken, match="created anew"):
            owner.take(ReportArrival(0, a_report(failures=1)))
        await owner.close()
