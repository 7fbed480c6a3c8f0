"""Sales in Faust's windowed tables: by event time, late ones in their own window, expired, bounded, recovered."""

from __future__ import annotations

from inventory_domain.identifiers import ChannelId, Sku
from inventory_domain.sales import BASELINE_DAYS, HOUR_MS, RATE_HOURS, Sale
from inventory_domain.velocity import DAY_MS
from inventory_streams.engine.budget import Budget
from inventory_streams.engine.settings import VELOCITY_STEADY_MS
from inventory_streams.engine.velocity import SalesVelocity
from inventory_streams.engine.windows import WindowRecord
from tests.support.engine_work import a_velocity

MARKET = ChannelId("market-us")
NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % DAY_MS + 12 * HOUR_MS
A, B = Sku("A"), Sku("B")


def sold(sku: Sku, units: int, at_ms: int = NOW_MS) -> Sale:
    return Sale(sku, MARKET, units, at_ms)


def flushed(velocity: SalesVelocity, now_ms: int = NOW_MS, now_s: float = 0.0) -> dict[tuple[str, int], int]:
    """The records that are written, as units by table and start of the window."""
    return {(one.table, one.start_ms): one.units for one in velocity.flush(0, now_ms, now_s)}


def rate(velocity: SalesVelocity, sku: Sku, partition: int = 0) -> int | None:
    demand = velocity.demand(partition, sku)
    return demand.milli_per_day if demand else None


def test_sales_are_counted_in_the_window_of_their_own_time() -> None:
    """A late one does not make a rush of now."""
    velocity = a_velocity()
    velocity.note(0, [sold(A, 1), sold(A, 2), sold(A, 4, NOW_MS - 3 * HOUR_MS)], NOW_MS)
    first = flushed(velocity)
    velocity.note(0, [sold(A, 1, NOW_MS - 3 * HOUR_MS)], NOW_MS)

    late = flushed(velocity, now_s=1)

    today = NOW_MS - 12 * HOUR_MS
    assert first == {("hours", NOW_MS): 3, ("hours", NOW_MS - 3 * HOUR_MS): 4, ("days", today): 7}
    assert late == {("hours", NOW_MS - 3 * HOUR_MS): 5, ("days", today): 8}


def test_what_comes_a_day_late_still_counts_for_what_is_usual() -> None:
    velocity = a_velocity()
    velocity.note(0, [sold(A, 1), sold(A, 5, NOW_MS - 30 * HOUR_MS)], NOW_MS)

    records = flushed(velocity)

    assert records[("days", NOW_MS - 36 * HOUR_MS)] == 5
    assert not [start for table, start in records if table == "hours" and start < NOW_MS - RATE_HOURS * HOUR_MS]


def test_what_is_older_than_all_windows_is_lost_and_counted() -> None:
    velocity = a_velocity()
    velocity.note(0, [sold(A, 1), sold(A, 5, NOW_MS - (BASELINE_DAYS + 2) * DAY_MS)], NOW_MS)

    assert velocity.take_lost() == 5
    assert velocity.take_lost() == 0


def test_sales_of_the_future_are_of_now() -> None:
    """A source with a wrong clock must not push event time ahead, which would expire every window."""
    velocity = a_velocity()
    velocity.note(0, [sold(A, 3, NOW_MS + 90 * DAY_MS), sold(A, 1)], NOW_MS)

    assert flushed(velocity)["hours", NOW_MS] == 4


def test_writes_keep_within_the_budget_and_nothing_is_lost_by_waiting() -> None:
    velocity = a_velocity(writes_per_s=2)
    velocity.note(0, [sold(Sku(f"S{number}"), 1) for number in range(5)], NOW_MS)

    written = [sum(1 for one in velocity.flush(0, NOW_MS, s) if one.table == "hours") for s in (0, 0, 0.5, 1.5, 9)]

    assert written == [2, 0, 1, 2, 0]
    assert velocity.waiting() == 0


def test_a_budget_gathers_over_a_second_at_most() -> None:
    budget = Budget(10)

    assert [budget.take(100, at) for at in (0.0, 0.5, 60.0)] == [10, 5, 10]


def test_a_demand_is_told_once_and_then_stays_for_a_while() -> None:
    """Else each sale of a popular SKU would move the numbers of all its listings."""
    velocity = a_velocity()
    velocity.note(0, [sold(A, 24)], NOW_MS)
    velocity.flush(0, NOW_MS, 0)
    assert velocity.changed(0, NOW_MS) == [A]
    velocity.note(0, [sold(A, 24)], NOW_MS + 1)
    velocity.flush(0, NOW_MS + 1, 1)

    soon = velocity.changed(0, NOW_MS + 1)
    later = velocity.changed(0, NOW_MS + VELOCITY_STEADY_MS)

    assert (soon, later) == ([], [A])


def test_a_rate_falls_by_itself() -> None:
    velocity = a_velocity()
    velocity.note(0, [sold(A, 24)], NOW_MS)
    velocity.flush(0, NOW_MS, 0)
    velocity.changed(0, NOW_MS)
    busy = rate(velocity, A)

    changed = velocity.changed(0, NOW_MS + 5 * HOUR_MS)
    quiet = rate(velocity, A)

    assert changed == [A]
    assert busy is not None and quiet is not None and quiet < busy


def test_windows_expire_on_event_time() -> None:
    """A worker that catches up with last week must not drop last week's windows, whatever its clock says."""
    velocity = a_velocity()
    old_ms = NOW_MS - 20 * DAY_MS
    velocity.note(0, [sold(A, 1, old_ms)], NOW_MS)
    velocity.flush(0, NOW_MS, 0)
    velocity.changed(0, NOW_MS)
    kept = velocity.windows()
    velocity.note(0, [sold(B, 1, NOW_MS + 40 * DAY_MS)], NOW_MS + 40 * DAY_MS)
    velocity.flush(0, NOW_MS + 40 * DAY_MS, 1)
    velocity.changed(0, NOW_MS + 40 * DAY_MS)

    assert kept == 2
    assert velocity.windows() == 2  # those of B
    assert velocity.demand(0, A) is None


def test_what_was_written_is_known_again_after_a_restart() -> None:
    before = a_velocity()
    before.note(0, [sold(A, 7), sold(A, 3, NOW_MS - 3 * DAY_MS)], NOW_MS)
    records = before.flush(0, NOW_MS, 0)
    before.changed(0, NOW_MS)
    after = a_velocity()

    read = [WindowRecord.of(one.key(), one.value()) for one in records]
    after.load(0, [one for one in read if one is not None], NOW_MS)

    assert after.demand(0, A) == before.demand(0, A) is not None
    after.note(0, [sold(A, 1)], NOW_MS)
    assert flushed(after)["hours", NOW_MS] == 8


def test_a_restart_without_windows_knows_nothing_and_goes_on() -> None:
    velocity = a_velocity()
    velocity.load(0, [], NOW_MS)

    assert velocity.demand(0, A) is None
    velocity.note(0, [sold(A, 1)], NOW_MS)
    assert flushed(velocity)["hours", NOW_MS] == 1


def test_records_that_cannot_be_read_are_left_out() -> None:
    good = WindowRecord("hours", MARKET, A, NOW_MS, 3)

    assert WindowRecord.of(good.key(), good.value()) == good
    assert WindowRecord.of(good.key(), None) is None
    assert WindowRecord.of(b"something else", b"3") is None
    assert WindowRecord.of(good.key(), b"three") is None
    assert WindowRecord.of(None, b"3") is None


def test_a_partition_that_goes_takes_its_windows_along() -> None:
    velocity = a_velocity()
    velocity.note(0, [sold(A, 1)], NOW_MS)
    velocity.note(1, [sold(B, 1)], NOW_MS)
    velocity.flush(0, NOW_MS, 0)
    velocity.flush(1, NOW_MS, 0)
    velocity.changed(0, NOW_MS)
    velocity.changed(1, NOW_MS)

    velocity.forget(0)

    assert velocity.demand(0, A) is None
    assert rate(velocity, B, partition=1) == 1_000
    assert velocity.windows() == 2
