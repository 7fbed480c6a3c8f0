"""A listing is written only so often a day, all its variations together: rises stop first, then falls, zeros last."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from inventory_domain.due import Urgency
from inventory_domain.ports import RevisionLimit
from inventory_domain.targets import Target
from inventory_streams.delivery.revisions import HOUR_MS, Revisions
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
