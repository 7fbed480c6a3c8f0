"""By when a write must be seen live, channel by channel, and what follows when it was not."""

from __future__ import annotations

from inventory_domain.exposure import Confirmed, Exposure, Proof, Result
from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.ports import ListingRef, ReadAnswer
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target, traits
from tests.support.delivery_bench import Bench, a_bench
from tests.support.delivery_feeds import FeedMarketplace, feed_traits

LISTING = ListingId(f"{CHANNEL}/A")
SETTLING_S = 60.0
LONG_S = 1e6  # the engine's silence is not what these are about
HOUR_S = 3_600.0


def known(shown: int, listing_id: ListingId = LISTING) -> Exposure:
    return Exposure(listing_id, Sku("A"), Confirmed(shown, 0, 1_600_000_000_000, Proof.READ))


class DeafToRises(FeedMarketplace):
    """Accepts single calls and keeps showing `kept` until `hears`; a feed that is worked on is shown."""

    kept = 3
    hears = False

    async def push(self, pushes):  # type: ignore[no-untyped-def]
        outcomes = await super().push(pushes)
        if not self.hears:
            self.shown[pushes[0].listing_id] = self.kept
        return outcomes


def market() -> DeafToRises:
    return DeafToRises(traits=feed_traits(settling_s_max=SETTLING_S), shown={LISTING: 3})


SAMPLED = {
    "rise_sample_percent": 100.0,
    "engine_silent_s": LONG_S,
    "exposures": [known(3)],
    "order_delay_s": HOUR_S,
    "tick_s": 1.0,
}


async def a_rise_passes(bench: Bench, seconds: float) -> None:
    bench.worker.book.partitions[0].tracked(LISTING).exposure = known(3)
    await bench.send(a_target("A", 8))
    await bench.clock.pass_s(seconds)


async def test_a_sampled_rise_that_is_not_seen_by_its_deadline_is_told_and_stays_the_worst_case() -> None:
    deaf = market()
    async with a_bench(deaf, deadlines_s={CHANNEL: 200.0}, **SAMPLED) as bench:  # type: ignore[arg-type]
        await a_rise_passes(bench, 190)
        before, exposure = bench.metric("rises_late"), bench.exposure("A")
        await bench.clock.pass_s(20)
        after = bench.metric("rises_late")

    assert (before, after) == (0.0, 1.0)
    assert exposure is not None and exposure.units() == 8
    assert deaf.quantities("A") == [8] and deaf.feeds == {}, "what was sold meanwhile may not be known yet"


async def test_it_is_sent_by_the_other_path_once_two_reads_show_that_it_was_no_sale() -> None:
    deaf = market()
    async with a_bench(deaf, **SAMPLED) as bench:  # type: ignore[arg-type]
        await a_rise_passes(bench, HOUR_S - 100)
        before = dict(deaf.feeds)
        await bench.clock.pass_s(400)
        (feed_id,) = deaf.feeds
        deaf.work_on(feed_id)
        await bench.clock.pass_s(200)
        late, exposure = bench.metric("rises_late"), bench.exposure("A")

    assert before == {}
    assert deaf.in_feeds("A") == [8] and deaf.shown[LISTING] == 8
    assert late == 0.0
    assert exposure is not None and exposure.open == () and exposure.units() == 8


async def test_where_sales_are_not_in_the_number_it_is_sent_by_the_other_path_at_its_deadline() -> None:
    """No sale lowers what is read there: a number that is not there was not taken."""
    deaf = DeafToRises(traits=feed_traits(settling_s_max=SETTLING_S, read_includes_own_sales=False), shown={LISTING: 3})
    async with a_bench(deaf, deadlines_s={CHANNEL: 200.0}, **SAMPLED) as bench:  # type: ignore[arg-type]
        await a_rise_passes(bench, 190)
        before = dict(deaf.feeds)
        await bench.clock.pass_s(30)
        (feed_id,) = deaf.feeds
        told, worst = bench.metric("rises_late"), bench.exposure("A")
        deaf.work_on(feed_id)
        await bench.clock.pass_s(200)
        late, exposure = bench.metric("rises_late"), bench.exposure("A")

    assert before == {} and told == 1.0
    assert worst is not None and worst.units() == 8
    assert deaf.quantities("A") == [8] and deaf.in_feeds("A") == [8] and deaf.shown[LISTING] == 8
    assert late == 0.0
    assert exposure is not None and exposure.open == () and exposure.units() == 8


async def test_what_neither_path_shows_there_is_not_sent_a_third_time_nor_read_all_the_time() -> None:
    deaf = DeafToRises(traits=feed_traits(settling_s_max=SETTLING_S, read_includes_own_sales=False), shown={LISTING: 3})
    async with a_bench(deaf, **SAMPLED) as bench:  # type: ignore[arg-type]
        await a_rise_passes(bench, 250)
        deaf.done.update(deaf.feeds)  # its report says that all went well, and nothing is shown
        await bench.clock.pass_s(4 * HOUR_S)
        late, reads = bench.metric("rises_late"), len(deaf.reads)

    assert deaf.quantities("A") == [8] and deaf.in_feeds("A") == [8] and late == 1.0
    assert reads <= 10, "it is looked at now and then"


async def test_what_neither_path_shows_is_not_sent_a_third_time_and_stays_told() -> None:
    deaf = market()
    async with a_bench(deaf, **SAMPLED) as bench:  # type: ignore[arg-type]
        await a_rise_passes(bench, HOUR_S + 200)
        deaf.done.update(deaf.feeds)  # its report says that all went well, and nothing is shown
        await bench.clock.pass_s(4 * HOUR_S)
        exposure, late = bench.exposure("A"), bench.metric("rises_late")
        reads = len(deaf.reads)

    assert deaf.quantities("A") == [8] and deaf.in_feeds("A") == [8]
    assert exposure is not None and exposure.last is not None and exposure.last.result is Result.UNDER_SHOWN
    assert (exposure.units(), late) == (8, 1.0)
    assert reads <= 10, "it is looked at now and then"


async def test_a_rise_of_which_some_was_sold_is_seen_live() -> None:
    sold = market()
    sold.kept = 6
    async with a_bench(sold, **SAMPLED) as bench:  # type: ignore[arg-type]
        await a_rise_passes(bench, 3 * HOUR_S)
        exposure, late = bench.exposure("A"), bench.metric("rises_late")

    assert sold.quantities("A") == [8] and sold.feeds == {}
    assert exposure is not None and (exposure.open, exposure.units(), late) == ((), 6, 0.0)


async def test_what_goes_on_selling_is_not_taken_for_a_rise_that_was_lost() -> None:
    """The second read shows less than the first: buyers buy, so nothing is known of the rise."""

    class Sells(DeafToRises):
        async def read(self, listing: ListingRef) -> ReadAnswer:
            answer = await super().read(listing)
            self.shown[listing.listing_id] = max(0, self.shown[listing.listing_id] - 1)
            return answer

    sells = Sells(traits=feed_traits(settling_s_max=SETTLING_S), shown={LISTING: 3})
    async with a_bench(sells, **SAMPLED) as bench:  # type: ignore[arg-type]
        await a_rise_passes(bench, 2 * HOUR_S + 600)

    assert len(sells.reads) >= 2
    assert sells.quantities("A") == [8] and sells.feeds == {}


async def test_each_channel_has_a_deadline_of_its_own_for_falls() -> None:
    other = ChannelId("harbor-ca")

    class Deaf(FakeMarketplace):
        async def push(self, pushes):  # type: ignore[no-untyped-def]
            before = dict(self.shown)
            outcomes = await super().push(pushes)
            self.shown = before
            return outcomes

    listings = {LISTING: 9, ListingId(f"{other}/A"): 9}
    deaf = Deaf(traits=traits(settling_s_max=SETTLING_S), shown=dict(listings))
    async with a_bench(
        deaf,
        channels=(CHANNEL, other),
        engine_silent_s=LONG_S,
        tick_s=1.0,
        deadlines_s={other: 600.0},
        exposures=[known(9, one) for one in listings],
        targets=[a_target("A", 3), a_target("A", 3, channel=other)],
    ) as bench:
        await bench.clock.pass_s(300)  # the usual deadline is 180 s after the first attempt
        early = [bench.metric("falls_late", channel=one) for one in (CHANNEL, other)]
        await bench.clock.pass_s(400)
        later = [bench.metric("falls_late", channel=one) for one in (CHANNEL, other)]

    assert (early, later) == ([1.0, 0.0], [1.0, 1.0])
