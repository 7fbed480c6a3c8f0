"""A day at each marketplace with planted drift: found, classed, corrected and verified, and nothing else touched."""

from __future__ import annotations

import pytest

from inventory_domain.reconciliation import CyclePhase
from tests.support.adapters_sandbox import _SEEDS
from tests.support.sandbox_day import Day, a_day, a_listing_like

ALL = ("amazon", "ebay", "walmart", "shopify")
SKUS = ("quiet", "raised", "lowered", "lost", "late-order", "rival", "stuck", "stuck-low", "settling", "busy")
INTERVAL_H = 4.0


def told(day: Day, sku: str) -> list[tuple[str, str]]:
    """What was written down of a SKU, in order."""
    return [(one.action, one.cause) for one in day.told if one.sku == sku]


async def a_morning(marketplace: str) -> Day:
    """All listings show 20, and a first look finds nothing but the ghost."""
    seeds = [a_listing_like(_SEEDS[marketplace][0], sku, number) for number, sku in enumerate(SKUS)]
    ghost = a_listing_like(_SEEDS[marketplace][0], "ghost", 99)
    day = a_day(marketplace, seeds, [ghost])
    day.seeds["ghost"] = ghost
    for sku in SKUS:
        await day.pass_h(0.01)  # within the marketplace's limits
        await day.write(sku, 20)
    await day.pass_h(1)
    return day


@pytest.mark.parametrize("marketplace", ALL)
async def test_a_day_with_planted_drift(marketplace: str) -> None:
    day = await a_morning(marketplace)
    sells_down = day.adapter.traits.read_includes_own_sales
    day.edit("ghost", 13)
    day.edit("raised", 60)
    day.edit("lowered", 9)
    day.rivals["rival"] = 44
    await day.pass_h(0.1)
    day.lost.add("lost")
    day.stuck.update(("stuck", "stuck-low"))
    await day.write("stuck", 5)
    await day.write("stuck-low", 31)
    await day.write("lost", 30)
    await day.pass_h(2)
    if sells_down:
        day.sell("late-order", 6)
    sold_at_ms = day.clock.now_ms()
    await day.write("settling", 5)

    ends = [await day.reconcile()]
    first_look = set(day.restated)
    day.report("late-order", 6, sold_at_ms)
    for hour in range(5):
        await day.pass_h(INTERVAL_H - 0.5)
        day.edit("ghost", {1: 0}.get(hour, 13))
        await day.write("busy", 12 + hour)
        await day.pass_h(0.5)
        if hour == 2:
            day.stuck.clear()
        ends.append(await day.reconcile())
    await day.pass_h(1)
    await day.adapter.aclose()

    assert {end.cycle.phase for end in ends} == {CyclePhase.COMPLETE}
    # Over-shown at once, under-shown only when it stayed so past the order delay.
    assert first_look == {"raised", "rival"}
    assert told(day, "raised") == [("restate", "manual-change"), ("verified", "unknown")] and day.live("raised") == 20
    assert [action for action, _ in told(day, "lowered")] == ["wait", "restate", "verified"]
    assert told(day, "lowered")[1] == ("restate", "manual-change") and day.live("lowered") == 20
    assert [action for action, _ in told(day, "lost")] == ["wait", "restate", "verified"]
    assert told(day, "lost")[1] == ("restate", "own-lost-push") and day.live("lost") == 30
    # An order that the source reports late explains what looked like drift; it is never raised.
    late = [("wait", "order-not-in-source"), ("cleared", "order-not-in-source")]
    assert told(day, "late-order") == (late if sells_down else [])
    # Somebody who always writes again is found and named, after which nobody fights him.
    assert [action for action, _ in told(day, "rival")] == ["restate", "escalate", "escalate", "stop"]
    assert told(day, "rival")[-1][1] == "another-writer"
    # A listing on which no write has an effect is escalated as long as it is stuck, and verified once it moves again.
    stuck = [("wait", "own-lost-push"), ("restate", "own-lost-push"), ("wait", "own-lost-push")]
    assert told(day, "stuck-low") == [*stuck, ("escalate", "own-lost-push"), ("verified", "unknown")]
    assert day.live("stuck-low") == 31
    # Stuck above what it should show it is delivery's: it reads each fall back, and sends it again until it is live. A
    # write is on its way at every look, and nothing is corrected a second time.
    assert told(day, "stuck") == [] and day.live("stuck") == 5
    # It was taken from sale and came back as it was.
    assert told(day, "ghost") == [("report", "ghost"), ("cleared", "ghost"), ("report", "ghost")]
    # Nothing was done to what settles, sells or is written all day.
    assert {"quiet", "settling", "busy", "late-order"}.isdisjoint(day.restated)
    assert told(day, "quiet") == told(day, "settling") == told(day, "busy") == []
    assert day.sandbox.world.counters.violation_count == 0


@pytest.mark.parametrize("marketplace", ALL)
async def test_a_withdrawn_listing_is_no_ghost_while_delivery_brings_it_to_zero(marketplace: str) -> None:
    """Somebody would be sent to take from sale by hand what is going to zero anyway."""
    day = await a_morning(marketplace)
    day.edit("ghost", 0)
    day.parts.catalog.apply(b"quiet", None)
    day.stuck.add("quiet")
    await day.write("quiet", 0)

    on_its_way = await day.reconcile()
    day.stuck.clear()
    await day.pass_h(4)
    at_zero = await day.reconcile()
    live = day.live("quiet")
    day.edit("quiet", 7)
    await day.pass_h(4)
    set_again = await day.reconcile()
    await day.adapter.aclose()

    assert (on_its_way.cycle.ghosts, on_its_way.found) == (0, ())
    assert (at_zero.cycle.ghosts, live) == (0, 0)
    assert (set_again.cycle.ghosts, told(day, "quiet")) == (1, [("report", "ghost")])


@pytest.mark.parametrize("marketplace", ALL)
async def test_a_ghost_that_was_gone_is_reported_anew_though_the_process_began_anew(marketplace: str) -> None:
    """All that is known of ghosts is read back from what was told of them, and nobody would look at it again."""
    day = await a_morning(marketplace)
    day.edit("ghost", 13)
    for units in (13, 0):
        day.edit("ghost", units)
        await day.pass_h(4)
        await day.reconcile()

    day.parts.knowledge.ghosts.clear()
    for record in day.told:
        day.parts.knowledge.discrepancy(record)
    day.edit("ghost", 13)
    await day.pass_h(4)
    await day.reconcile()
    await day.adapter.aclose()

    assert told(day, "ghost") == [("report", "ghost"), ("cleared", "ghost"), ("report", "ghost")]


@pytest.mark.parametrize("marketplace", ALL)
async def test_a_pull_that_does_not_reach_its_end_changes_nothing(marketplace: str) -> None:
    from inventory_sandbox.marketplaces import FaultMode

    day = await a_morning(marketplace)
    day.edit("raised", 60)
    day.sandbox.world.faults.add(marketplace, FaultMode.SERVICE_UNAVAILABLE, count=None, match="")

    end = await day.reconcile()
    await day.adapter.aclose()

    assert end.cycle.phase is CyclePhase.INCOMPLETE and "outage" in end.cycle.reason
    assert day.told == [] and day.restated == []
