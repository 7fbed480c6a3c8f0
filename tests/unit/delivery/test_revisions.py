"""A listing is written only so often a day, all its variations together: rises stop first, then falls, zeros last."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from inventory_domain.due import Urgency
from inventory_domain.ports import RevisionLimit
from inventory_domain.targets import Target
from inventory_streams.delivery.revisions import HOUR_MS, TOLD_FROM, Revisions
from tests.support.adapters import a_push, an_adapter
from tests.support.delivery import FakeMarketplace, MovableClock, a_target, traits
from tests.support.delivery_bench import a_bench

LIMIT = RevisionLimit("group", per_day=10, reserve=4)
HOUR_S = HOUR_MS / 1_000
IDS = {"group": "G"}


def of_group(own_id: str, quantity: int, version: int, group: str = "G") -> Target:
    """A target of a variation of the listing."""
    return replace(a_target(own_id, quantity, version), marketplace_ids={"id": own_id, "group": group})


async def test_rises_stop_first_then_falls_and_zeros_last_over_all_variations() -> None:
    market = FakeMarketplace(traits=traits(revisions=LIMIT))
    async with a_bench(market) as bench:
        for version in range(1, 7):  # six writes, on two variations in turn
            await bench.send(of_group("AB"[version % 2], 10 + version, version))
        rises = len(market.pushes)
        await bench.send(of_group("A", 50, 7), of_group("B", 50, 7), of_group("C", 50, 1, group="other"))
        held = [push.quantity for push in market.pushes[rises:]]
        await bench.send(of_group("A", 3, 8))
        await bench.send(of_group("B", 2, 8))
        falls = [push.quantity for push in market.pushes[rises + 1 :]]
        await bench.send(of_group("A", 1, 9))
        held_fall = len(market.pushes)
        await bench.send(of_group("A", 0, 10))
        await bench.send(of_group("B", 0, 10))
        zeros = [push.quantity for push in market.pushes[held_fall:]]

        waited = bench.metric("revisions_waited_total")

    assert (rises, held) == (6, [50]), "only the other listing's went"
    assert falls == [3, 2] and held_fall == rises + 3
    assert zeros == [0, 0]
    assert waited >= 3


def test_what_waits_goes_when_the_oldest_writes_are_a_day_old() -> None:
    clock = MovableClock()
    revisions = Revisions(LIMIT, clock)
    for _ in range(6):
        revisions.take(IDS)
    wait_s = revisions.wait_s(IDS, Urgency.RISE)

    clock.move(wait_s - 1)
    before = revisions.wait_s(IDS, Urgency.RISE)
    clock.move(1)

    assert 24 * HOUR_S <= wait_s <= 25 * HOUR_S, "no 24 hours hold more than the limit"
    assert (before, revisions.wait_s(IDS, Urgency.RISE)) == (pytest.approx(1.0, abs=0.01), 0.0)


def test_a_worker_has_the_part_of_the_writes_that_it_has_of_the_partitions() -> None:
    """The variations of one listing may be other workers'; together they must not be too many."""
    revisions = Revisions(LIMIT, MovableClock())
    revisions.share(0.5)
    taken = 0
    while revisions.wait_s(IDS, Urgency.FALL_TO_ZERO) == 0:
        revisions.take(IDS)
        taken += 1

    assert taken == 5


def written(revisions: Revisions, urgency: Urgency = Urgency.FALL_TO_ZERO) -> int:
    """How many writes of that urgency still go now."""
    count = 0
    while revisions.wait_s(IDS, urgency) == 0:
        revisions.take(IDS)
        count += 1
    return count


def test_a_worker_goes_on_from_what_others_told() -> None:
    clock = MovableClock()
    revisions = Revisions(LIMIT, clock)

    revisions.inherit([(clock.now_ms(), {"G": 5}), (clock.now_ms(), {"G": 2, "other": 9})])

    assert revisions.wait_s(IDS, Urgency.RISE) > 0, "six may rise and seven were written"
    assert written(revisions) == 3


def test_what_was_told_is_over_when_it_is_a_day_old() -> None:
    clock = MovableClock()
    revisions = Revisions(LIMIT, clock)
    revisions.inherit([(clock.now_ms(), {"G": 10})])
    wait_s = revisions.wait_s(IDS, Urgency.FALL_TO_ZERO)

    clock.move(wait_s)
    again = Revisions(LIMIT, clock)
    again.inherit([(clock.now_ms() - int(wait_s * 1_000), {"G": 10})])

    assert 24 * HOUR_S <= wait_s <= 25 * HOUR_S
    assert (written(revisions), written(again)) == (10, 10)


def test_own_writes_before_a_rebalance_are_not_given_twice() -> None:
    """Eight of ten are gone; of the two that are left, this worker has its half."""
    clock = MovableClock()
    revisions = Revisions(LIMIT, clock)
    for _ in range(5):
        revisions.take(IDS)

    revisions.share(0.5)
    revisions.inherit([(clock.now_ms(), {"G": 3})])

    assert written(revisions) == 1


def test_what_is_written_often_is_told_once_and_the_rest_never() -> None:
    """Else every report would name every listing that was written today."""
    revisions = Revisions(RevisionLimit("group", per_day=100, reserve=4), MovableClock())
    revisions.take({"group": "seldom"})
    for _ in range(TOLD_FROM - 1):
        revisions.take(IDS)
    before = revisions.tell()
    revisions.take(IDS)
    at_once = revisions.tell()
    revisions.take(IDS)
    revisions.take(IDS)

    assert (before, at_once, revisions.tell(), revisions.tell()) == ({}, {"G": TOLD_FROM}, {"G": 2}, {})


def test_a_report_holds_a_limited_number_and_the_next_one_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory_streams.delivery.revisions.TOLD_MAX", 2)
    revisions = Revisions(RevisionLimit("group", per_day=100, reserve=4), MovableClock())
    for number in range(3):
        for _ in range(TOLD_FROM):
            revisions.take({"group": f"G{number}"})

    assert [set(revisions.tell()) for _ in range(3)] == [{"G0", "G1"}, {"G2"}, set()]


def test_of_too_many_that_were_told_the_ones_written_most_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory_streams.delivery.revisions.INHERITED_MAX", 1)
    clock = MovableClock()
    revisions = Revisions(LIMIT, clock)

    revisions.inherit([(clock.now_ms(), {"few": 5, "G": 10})])

    assert revisions.wait_s(IDS, Urgency.FALL_TO_ZERO) > 0
    assert revisions.wait_s({"group": "few"}, Urgency.RISE) == 0


def test_what_has_no_such_id_or_no_limit_never_waits() -> None:
    for revisions in (Revisions(LIMIT, MovableClock()), Revisions(None, MovableClock())):
        for _ in range(100):
            revisions.take({"id": "A"})

        assert revisions.wait_s({"id": "A"}, Urgency.RISE) == 0.0


def test_listings_that_were_not_written_for_a_day_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory_streams.delivery.revisions.SWEEP_AT", 10)
    clock = MovableClock()
    revisions = Revisions(LIMIT, clock)
    for number in range(9):
        revisions.take({"group": f"G{number}"})
    clock.move(26 * HOUR_S)

    revisions.take({"group": "new"})

    assert set(revisions._counts) == {"new"}


def test_ebay_declares_what_it_allows_by_the_listing() -> None:
    adapter = an_adapter("ebay", httpx.MockTransport(lambda _: httpx.Response(500)))
    limit = adapter.traits.revisions

    assert limit is not None and limit.id_name in a_push("ebay").marketplace_ids
    assert [limit.allowed(one) for one in Urgency] == [250, 225, 200]
