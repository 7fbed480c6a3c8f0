"""One channel whose requests hang keeps its own part of what an account may have under way, and no more."""

from __future__ import annotations

from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.outcomes import PushOutcome, Transient
from inventory_domain.ports import ListingRef, Push, ReadAnswer
from inventory_streams.delivery.in_flight import InFlight
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target
from tests.support.delivery_bench import VirtualClock, a_bench

US, CA = CHANNEL, ChannelId("harbor-ca")
HANGS_S = 14.0


def no_answer(push: Push) -> PushOutcome:
    return Transient(listing_id=push.listing_id, api="write", reason="no-answer")


def test_a_channel_has_its_part_and_at_least_one_request() -> None:
    of_two, of_many = InFlight(3, 2), InFlight(2, 5)
    of_two.begin(US)
    of_many.begin(CA)

    assert (of_two.full, of_many.full) == (frozenset({US}), frozenset({CA}))
    of_two.end(US)
    assert of_two.full == frozenset()
    assert InFlight(3, 0).full == frozenset()


async def test_requests_that_hang_on_one_channel_leave_room_for_another() -> None:
    clock = VirtualClock()

    class HangsInOneCountry(FakeMarketplace):
        async def push(self, pushes):  # type: ignore[no-untyped-def]
            if pushes[0].channel == US:
                await clock.sleep(HANGS_S)
                return [no_answer(push) for push in pushes]
            return await super().push(pushes)

    market = HangsInOneCountry()
    async with a_bench(market, channels=(US, CA), clock=clock, requests_in_flight_max=4) as bench:
        dead = [a_target(f"U{number}", 5) for number in range(40)]
        await bench.worker.take([bench.arrival(target) for target in dead])
        await clock.pass_s(1.0)
        alive = [a_target(f"C{number}", 5, channel=CA) for number in range(40)]
        await bench.worker.take([bench.arrival(target) for target in alive])
        await clock.pass_s(1.0)
        during = len(market.pushes)
        await clock.pass_s(4 * HANGS_S)
        under_way = len(bench.worker.book.in_flight)

    assert during == 40, "the other channel is done before the first request of the dead one ends"
    assert under_way == 2


async def test_reads_that_hang_on_one_channel_leave_room_for_another() -> None:
    clock = VirtualClock()

    class HangsInOneCountry(FakeMarketplace):
        async def read(self, listing: ListingRef) -> ReadAnswer:
            if listing.channel == US:
                await clock.sleep(HANGS_S)
            return await super().read(listing)

    market = HangsInOneCountry()
    exposures = [Exposure(ListingId(f"{channel}/{number}"), Sku("S")) for channel in (US, CA) for number in range(12)]
    async with a_bench(market, channels=(US, CA), clock=clock, reads_in_flight_max=4, exposures=exposures) as bench:
        for channel in (US, CA):
            targets = [a_target(str(number), 5, channel=channel, sku="S") for number in range(12)]
            await bench.worker.take([bench.arrival(target) for target in targets])
            for target in targets:
                tracked = bench.worker.book.listing((0, target.listing_id))
                assert tracked is not None
                bench.worker._scheduler.look_at(tracked)
        await clock.pass_s(2.0)
        during = set(market.reads)
        await clock.pass_s(12 * HANGS_S)

    assert {ListingId(f"{CA}/{number}") for number in range(12)} <= during
    assert {ListingId(f"{US}/{number}") for number in range(12)} <= set(market.reads)
