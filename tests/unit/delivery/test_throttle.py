from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inventory_domain.outcomes import LimitSeen
from inventory_domain.ports import OperationLimit
from inventory_streams.delivery.throttle import LATE_S, PENALTY_S_MAX, AccountThrottles, Throttle
from tests.support.delivery import MovableClock, traits


def a_throttle(
    clock: MovableClock,
    rate_per_s: float = 2.0,
    burst: float = 4.0,
    *,
    per_day: int | None = None,
    cost: float = 1.0,
    zero_reserve: float = 0.0,
) -> Throttle:
    limit = OperationLimit("write", rate_per_s, burst, per_day)
    return Throttle(limit, clock, cost_max=cost, zero_reserve=zero_reserve)


async def calls_within(throttle: Throttle, clock: MovableClock, seconds: float, cost: float = 1.0) -> int:
    """How many calls go within this time from now on."""
    end_s, count = clock.at_s + seconds, 0
    while True:
        await throttle.acquire(cost)
        if clock.at_s > end_s + 1e-6:
            return count
        count += 1


async def test_a_new_bucket_is_empty_and_fills_up_to_a_little_less_than_its_burst() -> None:
    """Whoever ran before may have used up what the marketplace had saved."""
    clock = MovableClock()
    throttle = a_throttle(clock)

    at_first, clock.at_s = throttle.wait_s(1.0), 100.0

    assert at_first == pytest.approx(0.5)
    assert await calls_within(throttle, clock, 0.0) == 3


async def test_calls_that_wait_long_for_their_commit_are_no_burst_with_what_was_saved_up_meanwhile() -> None:
    """The marketplace counts them when they go: three that waited and three saved up would be six where four may."""
    clock = MovableClock()
    throttle = a_throttle(clock)
    clock.at_s = 100.0
    held = []
    while throttle.wait_s(1.0) == 0:
        throttle.take(1.0)
        held.append(throttle.hold(1.0))
    clock.at_s += 7.0  # as long as the commits took
    for goes in (*held, held[0]):
        goes()

    assert len(held) == 3
    assert await calls_within(throttle, clock, 0.0) == 0
    assert await calls_within(throttle, clock, 1.0) == 2


async def test_nothing_is_kept_for_a_call_that_will_not_leave() -> None:
    """Its commit failed for good: whoever sends without one (zeros with Kafka gone) must not wait for it."""
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=2.0, burst=1.0)
    clock.at_s = 100.0
    await throttle.acquire(1.0)
    throttle.hold(1.0)
    clock.at_s += 60.0
    waits_s = throttle.wait_s(1.0)

    throttle.let_go()
    clock.at_s += 0.6

    assert waits_s > 0
    assert throttle.wait_s(1.0) == 0


async def test_a_commit_as_quick_as_usual_costs_no_call() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=2.0, burst=2.0)
    count = 0
    while clock.at_s < 20.0:
        await throttle.acquire(1.0)
        goes, count = throttle.hold(1.0), count + 1
        clock.at_s += 0.9 * LATE_S
        goes()

    assert count >= 0.98 * 2.0 * 20.0


async def test_calls_go_at_the_rate() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=2.0, burst=4.0)

    assert await calls_within(throttle, clock, 10.0) == 20


async def test_a_call_may_cost_more_than_a_token() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=50.0, burst=1000.0, cost=10.0)

    assert await calls_within(throttle, clock, 2.0, cost=10.0) == 10


@given(
    parts=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    rate_per_s=st.floats(0.5, 20),
    burst=st.floats(4, 40),
)
async def test_workers_together_never_exceed_the_account(parts: list[int], rate_per_s: float, burst: float) -> None:
    """Replicas know nothing of each other but their share of the partitions."""
    total, seconds, calls = sum(parts), 10.0, 0
    for part in parts:
        clock = MovableClock()
        throttle = a_throttle(clock, rate_per_s, burst)
        throttle.share(part / total)
        calls += await calls_within(throttle, clock, seconds)

    assert calls <= rate_per_s * seconds + burst


async def test_a_smaller_share_gives_back_what_is_above_it() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=2.0, burst=8.0)
    clock.move(100)

    throttle.share(0.5)

    assert (throttle.rate_per_s, throttle.capacity) == (1.0, 3.5)
    assert await calls_within(throttle, clock, 0.0) == 3


@given(
    late_s=st.lists(st.floats(0, LATE_S), min_size=2, max_size=30),
    rate_per_s=st.floats(0.05, 1.0),
    burst=st.floats(1.5, 6.0),
    rests_s=st.floats(0, 60),
)
async def test_calls_that_are_late_by_a_little_are_none_too_many(
    late_s: list[float], rate_per_s: float, burst: float, rests_s: float
) -> None:
    """A call that arrives late finds what has come back meanwhile lost where the marketplace's own is full."""
    clock, limit = MovableClock(), OperationLimit("write", rate_per_s, burst)
    throttle, arrivals = Throttle(limit, clock), []
    clock.move(rests_s)
    for late in late_s:
        await throttle.acquire(1.0)
        arrivals.append(clock.at_s + late)

    assert _too_many(sorted(arrivals), rate_per_s, burst) < 1e-6


@given(
    commits_s=st.lists(st.floats(0, 2 * LATE_S), min_size=2, max_size=30),
    rate_per_s=st.floats(0.05, 3.0),
    burst=st.floats(1.0, 6.0),
    rests_s=st.floats(0, 60),
)
@example(commits_s=[0.07, 0.0], rate_per_s=0.1, burst=1.0, rests_s=60.0)
async def test_calls_whose_commits_take_more_or_less_time_are_none_too_many(
    commits_s: list[float], rate_per_s: float, burst: float, rests_s: float
) -> None:
    """Where one call is the whole burst, the next one is as long after it as it says (found by the simulator)."""
    clock = MovableClock()
    throttle, departures = a_throttle(clock, rate_per_s, burst), []
    clock.move(rests_s)
    for commit_s in commits_s:
        await throttle.acquire(1.0)
        goes = throttle.hold(1.0)
        clock.at_s += commit_s
        goes()
        departures.append(clock.at_s)

    assert _too_many(departures, rate_per_s, burst) < 1e-6


def _too_many(arrivals: list[float], rate_per_s: float, burst: float) -> float:
    """By how much a marketplace's own bucket was overdrawn, which was full at the start."""
    tokens, at_s, least = burst, 0.0, burst
    for arrival in arrivals:
        tokens = min(burst, tokens + (arrival - at_s) * rate_per_s) - 1
        at_s, least = arrival, min(least, tokens)
    return -least


def test_a_refused_call_waits_as_long_as_it_was_told() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock)
    clock.move(100)

    throttle.refused(LimitSeen(operation="write", wait_s=7.0))

    assert throttle.wait_s(1.0) == pytest.approx(7.0)


@pytest.mark.parametrize("seen", [None, LimitSeen(operation="write", wait_s=0.0)], ids=["untold", "told-nothing"])
def test_refusals_in_a_row_wait_longer_each_time_and_not_for_ever(seen: LimitSeen | None) -> None:
    """`Retry-After: 0`, or a time that is past by our clock, says no more than nothing."""
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=1.0)

    waits = []
    for _ in range(10):
        throttle.refused(seen)
        waits.append(throttle.wait_s(1.0))
        clock.move(waits[-1])

    assert waits[:4] == pytest.approx([1.0, 2.0, 4.0, 8.0])
    assert max(waits) == pytest.approx(60.0)


def test_a_marketplace_may_refuse_for_days() -> None:
    """The wait is no number any more after 1,024 of them, which ended the process."""
    throttle = a_throttle(MovableClock(), rate_per_s=1.0)

    for _ in range(2_000):
        throttle.refused(LimitSeen(operation="write", wait_s=1.0))

    assert throttle.wait_s(1.0) == pytest.approx(1.0)


def test_an_answer_ends_the_row_of_refusals() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=1.0)
    throttle.refused(None)
    throttle.refused(None)

    throttle.answered(None)
    clock.move(10)
    throttle.refused(None)

    assert throttle.wait_s(1.0) == pytest.approx(1.0)


def test_a_rate_in_an_answer_replaces_what_was_declared() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=2.0, burst=4.0)

    throttle.answered(LimitSeen(operation="write", rate_per_s=10.0, burst=20.0))

    assert (throttle.rate_per_s, throttle.capacity) == (10.0, 15.0)


def test_what_is_left_by_an_answer_lowers_the_bucket_and_never_raises_it() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=1.0, burst=10.0)
    clock.move(100)

    throttle.answered(LimitSeen(operation="write", remaining=0.0))
    low = throttle.wait_s(1.0)
    throttle.answered(LimitSeen(operation="write", remaining=9.0))

    # Half a token is left there for calls under way, so half a token is owed where nothing is left.
    assert (low, throttle.wait_s(1.0)) == (pytest.approx(1.5), pytest.approx(1.5))


def test_the_limit_of_another_operation_says_nothing() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock)

    throttle.answered(LimitSeen(operation="read", rate_per_s=99.0))

    assert throttle.rate_per_s == 2.0


async def test_a_daily_quota_ends_the_day_and_keeps_a_reserve_for_zeros() -> None:
    clock = MovableClock(now_ms=86_400_000 * 20_000 + 3_600_000)
    throttle = a_throttle(clock, rate_per_s=100.0, burst=100.0, per_day=20, zero_reserve=0.1)
    for _ in range(18):
        await throttle.acquire(1.0)

    others, zeros = throttle.wait_s(1.0), throttle.wait_s(1.0, zero=True)
    await throttle.acquire(1.0, lambda: True)
    await throttle.acquire(1.0, lambda: True)

    assert zeros < 1.0
    assert others == pytest.approx(23 * 3600, abs=5)
    assert throttle.wait_s(1.0, zero=True) > 80_000
    assert throttle.used_today == 20
    clock.move(23 * 3600 + 5)
    assert (throttle.wait_s(1.0), throttle.used_today) == (0.0, 0)


async def test_a_call_that_is_not_made_costs_nothing() -> None:
    clock = MovableClock()
    throttle = a_throttle(clock)
    await throttle.acquire(1.0)

    throttle.give_back(1.0)

    assert (throttle.wait_s(1.0), throttle.used_today) == (0.0, 0.0)


async def test_reads_that_share_the_pushes_throttle_take_a_part_of_it_while_pushes_wait() -> None:
    clock = MovableClock()
    one = traits(read_operation="write", limits=(OperationLimit("write", 10.0, 10.0),))
    throttles = AccountThrottles(one, clock, read_share=0.2, zero_reserve=0.0)
    reads = 0

    while clock.at_s < 10.0:
        await throttles.acquire_read(lambda: True)
        reads += 1

    assert throttles.shared
    assert reads == pytest.approx(20, abs=2)


async def test_reads_use_the_whole_throttle_while_no_push_waits() -> None:
    clock = MovableClock()
    one = traits(read_operation="write", limits=(OperationLimit("write", 10.0, 10.0),))
    throttles = AccountThrottles(one, clock, read_share=0.2, zero_reserve=0.0)
    reads = 0

    while clock.at_s < 10.0:
        await throttles.acquire_read(lambda: False)
        reads += 1

    assert reads == pytest.approx(100, abs=3)


async def test_reads_leave_a_daily_quota_to_pushes_also_while_none_waits() -> None:
    """A day of read-backs must not keep a fall from going out in the evening."""
    clock = MovableClock(now_ms=86_400_000 * 20_000)
    limit = OperationLimit("write", 100.0, 100.0, per_day=100)
    one = traits(read_operation="write", limits=(limit,), read_cost=2.0)
    throttles = AccountThrottles(one, clock, read_share=0.2, zero_reserve=0.05)
    reads = 0

    while clock.at_s < 3600.0:
        await throttles.acquire_read(lambda: False)
        reads += 1

    assert reads == 11, "the eleventh waited for the next day"
    assert clock.at_s > 86_000


def test_calls_left_are_used_before_the_time_of_their_refill() -> None:
    """Some marketplaces tell with every answer when the bucket is filled up again."""
    clock = MovableClock()
    throttle = a_throttle(clock)
    clock.move(100)

    throttle.answered(LimitSeen(operation="write", remaining=3.0, wait_s=40.0))
    with_some = throttle.wait_s(1.0)
    throttle.answered(LimitSeen(operation="write", remaining=0.0, wait_s=40.0))

    assert (with_some, throttle.wait_s(1.0)) == (0.0, pytest.approx(40.0))


def test_a_marketplace_that_is_down_is_asked_again_however_long_it_means_to_be() -> None:
    """A 503 may name the end of a maintenance that is over sooner; a refusal for the rate knows what it says."""
    clock = MovableClock()
    throttle = a_throttle(clock, rate_per_s=2.0, burst=4.0)
    clock.at_s = 10.0

    throttle.answered(LimitSeen(operation="write", wait_s=7_200.0))
    down = throttle.wait_s(1.0)
    throttle.refused(LimitSeen(operation="write", wait_s=7_200.0))

    assert (down, throttle.wait_s(1.0)) == (PENALTY_S_MAX, 7_200.0)
