from __future__ import annotations

from collections.abc import Sequence

import pytest

from inventory_domain.health import ChannelReport
from inventory_domain.identifiers import ChannelId
from inventory_domain.ports import OperationLimit
from inventory_streams.delivery.quotas import Quotas, used_by_others
from inventory_streams.delivery.throttle import Throttle
from tests.support.delivery import CHANNEL, FakeMarketplace, MovableClock, traits
from tests.support.delivery_bench import VirtualClock, a_bench

LIMIT = OperationLimit("write", 1_000.0, 1_000.0, per_day=1_000)


def a_throttle(clock: MovableClock, part: float = 1.0, reserve: float = 0.0) -> Throttle:
    throttle = Throttle(LIMIT, clock, zero_reserve=reserve)
    throttle.share(part)
    clock.move(10.0)
    return throttle


def taken(throttle: Throttle, *, zero: bool = False) -> int:
    """How many calls go before the day's end."""
    count = 0
    while count < 2_000 and throttle.wait_s(1.0, zero=zero) < 1.0:
        throttle.take(1.0)
        throttle._tokens = 10.0  # the rate is not what this is about
        count += 1
    return count


def test_a_day_goes_on_where_a_former_worker_left_it() -> None:
    throttle = a_throttle(MovableClock())

    throttle.told_quota(left=300)

    assert taken(throttle) == 300


def test_a_worker_has_its_part_of_what_is_left() -> None:
    throttle = a_throttle(MovableClock(), part=0.25)

    throttle.told_quota(left=400)

    assert taken(throttle) == 100


def test_what_was_used_before_a_rebalance_is_not_given_twice() -> None:
    throttle = a_throttle(MovableClock())
    throttle.told_quota(left=300)
    first = taken(throttle)

    throttle.share(0.5)
    throttle.told_quota(left=0)

    assert (first, taken(throttle)) == (300, 0)


def test_a_reserve_is_kept_for_falls_to_zero() -> None:
    throttle = a_throttle(MovableClock(), reserve=0.05)
    throttle.told_quota(left=300)

    assert (taken(throttle), taken(throttle, zero=True)) == (250, 50)


def test_the_marketplaces_word_on_the_whole_day_counts() -> None:
    throttle = a_throttle(MovableClock())

    throttle.told_quota(left=1_500, calls=2_000)

    assert (throttle.day_limit, taken(throttle)) == (2_000, 1_500)


def test_a_new_day_begins_with_the_whole_quota() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock)
    throttle.told_quota(left=0)
    left_s = throttle.wait_s(1.0)

    clock.move(left_s)

    assert left_s > 1.0 and taken(throttle) == 1_000


async def test_the_newest_report_of_each_other_worker_counts_once() -> None:
    def report(worker: str, used: int, channel: ChannelId = CHANNEL) -> ChannelReport:
        return ChannelReport(channel, worker, 0, 0, {}, 0, None, 0, {"write": used})

    other = ChannelId("harbor-ca")
    async with a_bench(channels=(CHANNEL, other)) as bench:
        accounts = bench.worker._accounts
        reports = [
            report("a", 10),
            report("a", 30),
            report("a", 30, other),  # both channels are of one account
            report("b", 5),
            report("me", 900),
            report("c", 7, ChannelId("elsewhere")),
        ]

        assert used_by_others(reports, accounts, bench.account, "write", "me") == 35.0


def reported(monkeypatch: pytest.MonkeyPatch, clock: VirtualClock, used: int, *, read_s: float = 0.0) -> None:
    """Another worker has used so much, and reading of it takes so long."""

    def found(quotas: Quotas, since_ms: int) -> Sequence[ChannelReport]:
        report = ChannelReport(CHANNEL, "other", clock.now_ms(), 0, {}, 0, None, 0, {"write": used})
        clock.jump_s(read_s)
        return [report] if report.at_ms >= since_ms else []

    monkeypatch.setattr(Quotas, "_reports_since", found)


async def left_after_resuming(limit: OperationLimit, clock: VirtualClock) -> float:
    """What a worker that has half of the account may use of its day."""
    declared = traits(limits=(limit, OperationLimit("read", 100.0, 100.0)))
    async with a_bench(FakeMarketplace(declared), clock=clock) as bench:
        bench.account.throttles.share(0.5)
        await bench.worker._quotas.resume()
        return bench.account.throttles.push._allowed_today or 0.0


async def test_what_a_killed_worker_used_after_its_last_report_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have had the whole account, and have sent what it had saved up besides."""
    clock = VirtualClock()
    reported(monkeypatch, clock, 30)

    left = await left_after_resuming(OperationLimit("write", 2.0, 20.0, per_day=100), clock)

    assert left == (100 - 30 - 20 - 2.0 * 5.0) * 0.5


async def test_what_a_killed_worker_used_of_a_day_that_has_just_begun_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its last report is of the day before, and says nothing of the calls that it made since midnight."""
    clock = VirtualClock(start_ms=86_400_000 * 20_000 - 2_000)
    reported(monkeypatch, clock, 99, read_s=4.0)

    left = await left_after_resuming(OperationLimit("write", 2.0, 20.0, per_day=100), clock)

    assert left == (100 - 20 - 2.0 * 5.0) * 0.5


async def test_a_worker_that_had_used_nothing_may_have_used_some_since(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    reported(monkeypatch, clock, 0)

    left = await left_after_resuming(OperationLimit("write", 2.0, 20.0, per_day=100), clock)

    assert left == (100 - 20 - 2.0 * 5.0) * 0.5


async def test_a_day_that_begins_while_reports_are_read_begins_with_the_whole_quota(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was used the day before is not taken from it."""
    clock = VirtualClock(start_ms=86_400_000 * 20_000 - 20_000)  # so long before, that its worker is gone by then
    reported(monkeypatch, clock, 99, read_s=21.0)

    left = await left_after_resuming(OperationLimit("write", 2.0, 20.0, per_day=100), clock)

    assert left == 50.0
