"""Falls, unknown effects and what a takeover found are believed when they are seen."""

from __future__ import annotations

import pytest

from inventory_domain.exposure import SINGLE, Exposure, Proof, begin, conclude, observe
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import Accepted, PushOutcome, Transient
from inventory_domain.ports import ListingRef, NotListed, OperationLimit, Push, ReadAnswer
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target, traits
from tests.support.delivery_bench import VirtualClock, a_bench

LISTING = ListingId(f"{CHANNEL}/A")
ACCEPTED = Accepted(listing_id=LISTING, api="write", reason="ok")


def showing(units: int) -> Exposure:
    return observe(Exposure(LISTING, Sku("A")), units, 1_600_000_000_000)


async def test_a_fall_is_read_at_its_settling_time_and_a_rise_is_assumed() -> None:
    market = FakeMarketplace(traits=traits(settling_s_max=60.0))
    rising = observe(Exposure(ListingId(f"{CHANNEL}/B"), Sku("B")), 1, 1_600_000_000_000)
    async with a_bench(market, targets=[a_target("A", 3), a_target("B", 9)], exposures=[showing(7), rising]) as bench:
        await bench.clock.pass_s(55)
        before = list(market.reads)
        await bench.clock.pass_s(10)
        fall, rise = bench.exposure("A"), bench.exposure("B")

    assert (before, market.reads) == ([], [LISTING])
    assert fall is not None and fall.confirmed is not None
    assert rise is not None and rise.confirmed is not None
    assert (fall.units(), fall.confirmed.proof) == (3, Proof.READ)
    assert (rise.units(), rise.confirmed.proof) == (9, Proof.ASSUMED)
    assert [(one.quantity, one.listing_id) for one in bench.observations()] == [(3, LISTING)]


async def test_a_fall_that_did_not_arrive_is_sent_again() -> None:
    market = FakeMarketplace(traits=traits(settling_s_max=60.0))
    async with a_bench(market, targets=[a_target("A", 3)], exposures=[showing(7)]) as bench:
        market.shown[LISTING] = 7
        await bench.clock.pass_s(65)
        sent_again = list(market.quantities("A"))
        await bench.clock.pass_s(65)
        exposure = bench.exposure("A")

    assert sent_again == [3, 3]
    assert exposure is not None
    assert exposure.units() == 3


async def test_a_write_of_unknown_effect_is_read_though_it_is_a_rise() -> None:
    answers = iter([True])

    def lost(push: Push) -> PushOutcome:
        unknown = next(answers, False)
        return Transient(listing_id=push.listing_id, api="write", reason="cut-off", effect_unknown=unknown)

    market = FakeMarketplace(traits=traits(settling_s_max=60.0), answer=lost)
    async with a_bench(market, targets=[a_target("A", 9)], exposures=[showing(7)]) as bench:
        market.shown[LISTING] = 7
        await bench.clock.pass_s(85)

    assert market.reads == [LISTING]


async def test_open_attempts_of_a_takeover_are_read_whatever_they_were() -> None:
    """No fence reaches inside a marketplace."""
    market = FakeMarketplace(traits=traits(settling_s_max=60.0))
    async with a_bench(market, targets=[a_target("A", 9)], exposures=[showing(7)]) as first:
        await first.clock.pass_s(1)
        left = first.exposure("A")
    assert left is not None
    successor = FakeMarketplace(traits=traits(settling_s_max=60.0), shown={LISTING: 9})
    async with a_bench(successor, targets=[a_target("A", 9)], exposures=[left]) as bench:
        await bench.clock.pass_s(100)
        exposure = bench.exposure("A")

    assert (successor.pushes, successor.reads) == ([], [LISTING])
    assert exposure is not None and exposure.confirmed is not None
    assert exposure.confirmed.proof is Proof.READ


async def test_a_listing_that_is_not_found_is_not_at_zero_and_is_asked_for_again() -> None:
    class Forgetful(FakeMarketplace):
        async def read(self, listing: ListingRef) -> ReadAnswer:
            self.reads.append(listing.listing_id)
            return NotListed(listing_id=listing.listing_id, api="read", reason="listing-not-found")

    market = Forgetful(traits=traits(settling_s_max=60.0))
    async with a_bench(market, targets=[a_target("A", 3)], exposures=[showing(7)]) as bench:
        await bench.clock.pass_s(61)
        first = len(market.reads)
        await bench.clock.pass_s(30)
        exposure = bench.exposure("A")

    assert (first, len(market.reads)) == (1, 3)
    assert exposure is not None
    assert exposure.units() == 7
    assert bench.observations() == []


async def test_a_hint_that_nothing_answered_keeps_no_later_read_from_being_made() -> None:
    """The reads of the hint are given up; what is sent afterwards is read as ever."""

    class Unreadable(FakeMarketplace):
        silent = True

        async def read(self, listing: ListingRef) -> ReadAnswer:
            if self.silent:
                return NotListed(listing_id=listing.listing_id, api="read", reason="listing-not-found")
            return await super().read(listing)

    market = Unreadable(traits=traits(settling_s_max=60.0))
    settled = begin(showing(7), version=1, quantity=7, nodes={}, mask=None, path=SINGLE, now_ms=1, settles_by_ms=2)[0]
    known = observe(conclude(settled, 1, ACCEPTED, 1, 2), 7, 1_600_000_001_000)
    async with a_bench(market, targets=[a_target("A", 7, version=1)], exposures=[known]) as bench:
        await bench.hint("A")
        await bench.clock.pass_s(600)
        market.silent = False
        await bench.send(a_target("A", 3, version=2))
        await bench.clock.pass_s(70)
        exposure = bench.exposure("A")

    assert market.reads == [LISTING]
    assert exposure is not None and exposure.units() == 3


async def test_an_old_read_is_asked_for_later_and_counts_as_of_then() -> None:
    market = FakeMarketplace(traits=traits(settling_s_max=60.0, read_age_s_max=30.0))
    async with a_bench(market, targets=[a_target("A", 3)], exposures=[showing(7)]) as bench:
        await bench.clock.pass_s(85)
        before = list(market.reads)
        await bench.clock.pass_s(10)

    assert (before, market.reads) == ([], [LISTING])
    (observation,) = bench.observations()
    assert observation.observed_at_ms - observation.as_of_ms == 30_000


async def test_reads_leave_most_of_a_shared_throttle_to_pushes() -> None:
    """Reads never starve pushes, and pushes never stop the falls from being confirmed."""
    one = traits(settling_s_max=1.0, read_operation="write", limits=(OperationLimit("write", 10.0, 10.0),))
    market = FakeMarketplace(traits=one)
    async with a_bench(market) as bench:
        await bench.send(*(a_target(f"L{number}", 5, version=1) for number in range(400)))
        await bench.clock.pass_s(30)
        pushes, reads = len(market.pushes), len(market.reads)

    assert pushes + reads <= 311
    assert 40 <= reads <= 80
    assert pushes >= 220


async def test_rises_are_assumed_while_no_read_can_be_made() -> None:
    """A used-up quota of reads must not keep units from being freed by what needs no read."""
    limits = (OperationLimit("write", 100.0, 100.0), OperationLimit("read", 100.0, 100.0, per_day=0))
    market = FakeMarketplace(traits=traits(settling_s_max=10.0, limits=limits))
    rising = observe(Exposure(ListingId(f"{CHANNEL}/B"), Sku("B")), 1, 1_600_000_000_000)
    async with a_bench(market, targets=[a_target("A", 3), a_target("B", 1)], exposures=[showing(7), rising]) as bench:
        await bench.clock.pass_s(15)
        await bench.send(a_target("B", 9, version=2))
        await bench.clock.pass_s(15)
        exposure = bench.exposure("B")

    assert market.reads == []
    assert exposure is not None and exposure.confirmed is not None
    assert (exposure.units(), exposure.confirmed.proof) == (9, Proof.ASSUMED)


async def test_what_a_clock_that_was_ahead_wrote_is_seen_after_a_takeover_as_soon_as_any_other() -> None:
    """Its fall would be unseen for as long as the clock was ahead, count as failing, and go to zero until then."""
    clock = VirtualClock()
    clock.set_back(-3_600)
    market = FakeMarketplace(traits=traits(settling_s_max=60.0))
    async with a_bench(market, targets=[a_target("A", 3)], exposures=[showing(7)], clock=clock) as first:
        await first.clock.pass_s(1)
        left = first.exposure("A")
    assert left is not None
    successor = FakeMarketplace(traits=traits(settling_s_max=60.0), shown={LISTING: 3})
    async with a_bench(successor, targets=[a_target("A", 3)], exposures=[left]) as bench:
        await bench.clock.pass_s(100)
        exposure = bench.exposure("A")

    assert exposure is not None
    assert (successor.reads, exposure.units()) == ([LISTING], 3)


@pytest.mark.parametrize("set_back_s", [3_600, -3_600])
async def test_a_write_settles_as_long_as_it_takes_whatever_the_clock_is_set_to_meanwhile(set_back_s: int) -> None:
    """Set back, its read would come an hour later. Set ahead, it came at once, and closed what may still arrive."""
    market = FakeMarketplace(traits=traits(settling_s_max=60.0))
    async with a_bench(market, targets=[a_target("A", 3)], exposures=[showing(7)]) as bench:
        await bench.clock.pass_s(10)
        bench.clock.set_back(set_back_s)
        await bench.clock.pass_s(45)
        before = list(market.reads)
        await bench.clock.pass_s(10)
        exposure = bench.exposure("A")

    assert exposure is not None
    assert (before, market.reads, exposure.units()) == ([], [LISTING], 3)


async def test_a_clock_that_was_set_back_keeps_no_read_from_being_believed() -> None:
    """What was confirmed is ahead of it: reads said nothing, and were made again as fast as the limits allow."""
    async with a_bench() as bench:
        await bench.send(a_target("A", 5, version=1))
        await bench.clock.pass_s(700)
        before, reads = bench.exposure("A"), len(bench.market.reads)
        bench.clock.set_back(3_600)
        await bench.send(a_target("A", 0, version=2))
        await bench.clock.pass_s(700)
        exposure = bench.exposure("A")

    assert before is not None and before.units() == 5
    assert exposure is not None and exposure.units() == 0
    assert len(bench.market.reads) - reads <= 3


async def test_a_listing_that_moved_to_another_sku_of_the_partition_is_told_of_under_that_one() -> None:
    """The engine gives what delivery says of a listing to the SKU that it names: the old one would take what the new
    one shows for its own zero, and have the listing forgotten."""
    market = FakeMarketplace(traits=traits(settling_s_max=60.0))
    async with a_bench(market, targets=[a_target("A", 7)], exposures=[showing(7)]) as bench:
        await bench.send(a_target("A", 0, version=2))
        await bench.send(a_target("A", 4, version=3, sku="B"))
        await bench.clock.pass_s(100)
        exposure = bench.exposure("A")

    assert exposure is not None
    assert (exposure.sku, exposure.units()) == (Sku("B"), 4)
    assert {one.sku for one in bench.observations()} == {Sku("B")}
