"""Many listings by one feed: when, what is in it, and what becomes of its rows whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from inventory_domain.bulk import CallFailed
from inventory_domain.exposure import FEED, Confirmed, Exposure, Proof, Result
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.outcomes import PushOutcome, Rejected, Transient
from inventory_domain.ports import OperationLimit, Push
from inventory_domain.targets import Target
from tests.support.delivery import CHANNEL, a_target, accepted
from tests.support.delivery_bench import Bench, VirtualClock, a_bench
from tests.support.delivery_feeds import FEED as FEED_TRAITS
from tests.support.delivery_feeds import FeedMarketplace, feed_traits

MANY = tuple(f"L{number:02}" for number in range(30))


def many(quantity: int, version: int, own_ids: Sequence[str] = MANY) -> list[Target]:
    return [a_target(own_id, quantity, version=version) for own_id in own_ids]


def in_the_feed(market: FeedMarketplace) -> str:
    """A listing that has a row in the first feed."""
    return next(iter(market.feeds["feed-1"].values())).listing_id.removeprefix(f"{CHANNEL}/")


def known(shown: int, own_ids: Sequence[str] = MANY) -> list[Exposure]:
    """Listings that are known to show so many, for a worker that takes them over."""
    confirmed = Confirmed(shown, 0, 1_600_000_000_000, Proof.READ)
    return [Exposure(ListingId(f"{CHANNEL}/{own_id}"), Sku(own_id), confirmed) for own_id in own_ids]


def rejected(push: Push) -> PushOutcome:
    return Rejected(listing_id=push.listing_id, api="feed", reason="listing-invalid", error="no such listing")


async def until_handed_in(bench: Bench, market: FeedMarketplace, feeds: int = 1) -> None:
    for _ in range(120):
        if len(market.feeds) >= feeds:
            return
        await bench.clock.pass_s(0.5)
    raise AssertionError(f"{len(market.feeds)} feeds after a minute")


async def test_a_large_backlog_goes_by_feed_and_is_settled_by_its_report() -> None:
    market = FeedMarketplace()
    async with a_bench(market, targets=many(5, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        rows = len(market.feeds["feed-1"])
        pending = bench.worker.accounting.pending()
        market.work_on("feed-1")
        await bench.clock.pass_s(60)

        assert rows >= 20
        assert pending >= rows
        assert bench.worker.accounting.pending() == 0
        assert len(market.feeds) == 1
        assert set(market.shown.values()) == {5}
        assert all(bench.exposure(one) is not None and not bench.exposure(one).open for one in MANY)  # type: ignore[union-attr]


async def test_every_row_is_durable_before_the_feed_leaves() -> None:
    class Watches(FeedMarketplace):
        async def submit_feed(self, rows):  # type: ignore[no-untyped-def]
            for number, push in rows.items():
                durable = bench.exposure(push.listing_id.removeprefix(f"{CHANNEL}/"))
                (attempt,) = durable.open
                seen.append((attempt.path, attempt.feed_row == number, attempt.feed_size, attempt.quantity))
            return await super().submit_feed(rows)

    market, seen = Watches(), list[tuple[str, bool, int, int]]()
    async with a_bench(market, targets=many(5, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)

    size = len(market.feeds["feed-1"])
    assert seen == [(FEED, True, size, 5)] * size


async def test_falls_to_zero_go_singly_while_a_feed_takes_the_rest() -> None:
    market = FeedMarketplace()
    zeros = MANY[:4]
    targets = [*many(0, 1, zeros), *many(5, 1, MANY[4:])]
    async with a_bench(market, targets=targets, exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        await bench.clock.pass_s(10)

    assert all(market.quantities(own_id) == [0] and market.in_feeds(own_id) == [] for own_id in zeros)
    assert len(market.feeds["feed-1"]) > 20


async def test_no_rise_goes_while_a_feed_has_the_listing() -> None:
    market = FeedMarketplace()
    async with a_bench(market, targets=many(5, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        in_feed = in_the_feed(market)
        await bench.send(a_target(in_feed, 8, version=2))
        await bench.clock.pass_s(30)
        before = market.quantities(in_feed)
        market.work_on("feed-1")
        await bench.clock.pass_s(30)

    assert before == []
    assert market.quantities(in_feed) == [8]


async def test_a_fall_overtakes_a_feed_and_is_sent_again_where_the_feed_undid_it() -> None:
    market = FeedMarketplace()
    async with a_bench(market, targets=many(5, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        in_feed = in_the_feed(market)
        await bench.send(a_target(in_feed, 1, version=2))
        await bench.clock.pass_s(10)
        before = market.quantities(in_feed)
        market.work_on("feed-1")  # only now: it shows 5 again
        undone = market.shown[ListingId(f"{CHANNEL}/{in_feed}")]
        await bench.clock.pass_s(60)
        exposure = bench.exposure(in_feed)

    assert (before, undone) == ([1], 5)
    assert market.quantities(in_feed) == [1, 1]
    assert market.shown[ListingId(f"{CHANNEL}/{in_feed}")] == 1
    assert exposure is not None and exposure.units() == 1


async def test_a_row_of_a_feed_counts_as_exposure_until_its_report() -> None:
    market = FeedMarketplace()
    async with a_bench(market, targets=many(9, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        in_feed = in_the_feed(market)
        await bench.send(a_target(in_feed, 0, version=2))
        await bench.clock.pass_s(30)
        exposure = bench.exposure(in_feed)

    assert market.shown[ListingId(f"{CHANNEL}/{in_feed}")] == 0
    assert exposure is not None and exposure.units() == 9


async def test_a_feed_under_way_is_taken_up_after_a_restart_and_not_sent_twice() -> None:
    market, clock = FeedMarketplace(), VirtualClock()
    async with a_bench(market, targets=many(5, 1), exposures=known(3), clock=clock) as bench:
        await until_handed_in(bench, market)
        await clock.pass_s(5)
        left = [exposure for one in MANY if (exposure := bench.exposure(one)) is not None]
    polls = len(market.polls)

    async with a_bench(market, targets=many(5, 1), exposures=left, clock=clock) as bench:
        await clock.pass_s(10)
        asked = market.polls[polls:]
        market.work_on("feed-1")
        await clock.pass_s(60)
        pending = bench.worker.accounting.pending()

    assert asked and set(asked[0].rows) == set(market.feeds["feed-1"])
    assert (len(market.feeds), pending) == (1, 0)
    assert set(market.shown.values()) == {5}


async def test_a_worker_that_took_over_some_rows_asks_for_those() -> None:
    market, clock = FeedMarketplace(), VirtualClock()
    async with a_bench(market, targets=many(5, 1), exposures=known(3), clock=clock) as bench:
        await until_handed_in(bench, market)
        rows = market.feeds["feed-1"]
        ours = [push.listing_id.removeprefix(f"{CHANNEL}/") for push in rows.values()][:7]
        left = [exposure for one in ours if (exposure := bench.exposure(one)) is not None]
    market.work_on("feed-1")

    async with a_bench(market, targets=many(5, 1, ours), exposures=left, clock=clock) as bench:
        await clock.pass_s(30)
        pending = bench.worker.accounting.pending()

    assert market.polls[-1].size == len(rows)
    assert {number: push.listing_id for number, push in market.polls[-1].rows.items()} == {
        number: push.listing_id for number, push in rows.items() if push.listing_id.removeprefix(f"{CHANNEL}/") in ours
    }
    assert pending == 0


async def test_a_feed_that_is_stuck_is_given_up_for_single_calls() -> None:
    market = FeedMarketplace()
    async with a_bench(market, targets=many(1, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        await bench.clock.pass_s(290)
        before = len(market.pushes)
        await bench.clock.pass_s(90)
        stuck = bench.metrics.get_sample_value(
            "inventory_sync_delivery_feeds_total", {"channel": CHANNEL, "outcome": "stuck"}
        )

    assert stuck == 1.0
    assert len(market.pushes) - before >= 20
    assert len(market.feeds) == 1
    assert set(market.shown.values()) == {1}


async def test_a_feed_that_is_refused_lets_its_listings_go_singly() -> None:
    refused = CallFailed(kind="transient", api="feed", reason="busy")
    market = FeedMarketplace(refuses=refused)
    async with a_bench(market, targets=many(5, 1), exposures=known(3)) as bench:
        await bench.clock.pass_s(120)
        pending = bench.worker.accounting.pending()

    assert pending == 0
    assert {push.listing_id for push in market.pushes} == {ListingId(f"{CHANNEL}/{one}") for one in MANY}


async def test_a_feed_too_large_is_halved() -> None:
    class Small(FeedMarketplace):
        async def submit_feed(self, rows):  # type: ignore[no-untyped-def]
            if len(rows) > 8:
                return CallFailed(kind="rejected", api="feed", reason="feed-too-large")
            return await super().submit_feed(rows)

    market = Small()
    async with a_bench(market, targets=many(5, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)

    assert 4 <= len(market.feeds["feed-1"]) <= 8


async def test_a_feed_whose_submission_was_cut_off_is_looked_for_and_not_sent_twice() -> None:
    cut_off = CallFailed(kind="transient", api="feed", reason="cut-off", effect_unknown=True)
    market = FeedMarketplace(refuses=cut_off, lists=True)
    async with a_bench(market, targets=many(5, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        await bench.clock.pass_s(5)
        market.refuses = None
        market.work_on("feed-1")
        await bench.clock.pass_s(60)
        pending = bench.worker.accounting.pending()

    assert (len(market.feeds), pending) == (1, 0)


async def test_rows_of_a_feed_that_nobody_knows_of_are_open_until_they_are_read() -> None:
    cut_off = CallFailed(kind="transient", api="feed", reason="cut-off", effect_unknown=True)
    market = FeedMarketplace(refuses=cut_off)
    async with a_bench(market, targets=many(9, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        in_feed = in_the_feed(market)
        await bench.send(a_target(in_feed, 0, version=2))
        await bench.clock.pass_s(60)
        during = bench.exposure(in_feed)
        market.work_on("feed-1")  # it was handed in after all
        await bench.clock.pass_s(400)
        after = bench.exposure(in_feed)

    assert during is not None and during.units() == 9
    assert market.shown[ListingId(f"{CHANNEL}/{in_feed}")] == 0
    assert after is not None and after.units() == 0


async def test_a_listing_may_be_withdrawn_while_nobody_knows_of_its_feed() -> None:
    """It is forgotten when that is over, and the other rows are tried again."""
    cut_off = CallFailed(kind="transient", api="feed", reason="cut-off", effect_unknown=True)
    market = FeedMarketplace(refuses=cut_off)
    async with a_bench(market, targets=many(9, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        rows = [one.listing_id.removeprefix(f"{CHANNEL}/") for one in market.feeds["feed-1"].values()]
        first, second = rows[:2]
        await bench.withdraw(first)
        await bench.clock.pass_s(400)

    assert bench.exposure(first) is None
    assert market.shown[ListingId(f"{CHANNEL}/{second}")] == 9


async def test_a_late_fall_goes_singly_while_a_feed_under_way_keeps_it_from_the_next_one() -> None:
    """It was to go by a feed for its single call had failed, and none might have it before the first one's report."""
    works = False

    def answer(push: Push) -> PushOutcome:
        busy = Transient(listing_id=push.listing_id, api="write", reason="busy")
        return accepted(push) if works or push.quantity == 9 else busy

    market = FeedMarketplace(answer=answer, feed_traits=replace(FEED_TRAITS, takes_s_max=36_000.0))
    async with a_bench(market, targets=many(9, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        own_id = in_the_feed(market)
        await bench.send(a_target(own_id, 1, version=2))
        listing = bench.worker.book.partitions[0].listings[ListingId(f"{CHANNEL}/{own_id}")]
        while not listing.late_fall:
            await bench.clock.pass_s(5)
            assert bench.clock.monotonic_s() < 600
        works = True
        await bench.clock.pass_s(600)

    assert not market.done
    assert market.shown[ListingId(f"{CHANNEL}/{own_id}")] == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["the same worker", "a worker that took over"])
async def test_a_listing_that_leaves_and_comes_back_while_a_feed_has_it_is_not_left_as_the_feed_sets_it(
    restarted: bool,
) -> None:
    """The feed's row was forgotten with the listing, and nobody saw that it undid what went singly since."""
    market = FeedMarketplace()
    async with a_bench(market, targets=many(9, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        own_id = in_the_feed(market)
        await bench.withdraw(own_id)
        left = bench.exposure(own_id)
        if not restarted:
            await bench.send(a_target(own_id, 2, version=5))
            await comes_back(bench, market, own_id)
    assert left is not None
    if restarted:
        async with a_bench(market, exposures=[left]) as bench:
            await bench.send(a_target(own_id, 2, version=5))
            await comes_back(bench, market, own_id)


async def comes_back(bench: Bench, market: FeedMarketplace, own_id: str) -> None:
    """It is shown as it is to be, also once the feed is done."""
    await bench.clock.pass_s(30)
    assert market.quantities(own_id) == [2]
    market.work_on("feed-1")
    await bench.clock.pass_s(60)
    assert market.quantities(own_id) == [2, 2]
    assert market.shown[ListingId(f"{CHANNEL}/{own_id}")] == 2
    exposure = bench.exposure(own_id)
    assert exposure is not None and exposure.units() == 2


async def test_a_listing_that_left_is_forgotten_when_its_feed_can_set_nothing_more() -> None:
    market = FeedMarketplace()
    async with a_bench(market, targets=many(9, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        own_id = in_the_feed(market)
        await bench.withdraw(own_id)
        await bench.clock.pass_s(250)
        before = bench.exposure(own_id)
        await bench.clock.pass_s(100)

    assert before is not None
    assert bench.exposure(own_id) is None
    assert ListingId(f"{CHANNEL}/{own_id}") not in bench.worker.book.partitions[0].listings


async def test_a_row_that_the_report_refuses_is_a_dead_letter_and_a_fall_stays_due() -> None:
    market = FeedMarketplace(row_answer=rejected)
    async with a_bench(market, targets=many(1, 1), exposures=known(3)) as bench:
        await until_handed_in(bench, market)
        rows = len(market.feeds["feed-1"])
        market.work_on("feed-1")
        await bench.clock.pass_s(90)
        last = [exposure.last for one in MANY if (exposure := bench.exposure(one)) is not None]

    assert len(bench.dead_letters()) == rows
    assert all(one is not None and one.result in (Result.ACCEPTED, Result.APPLIED) for one in last)
    assert set(market.shown.values()) == {1}  # by single calls


async def test_a_fall_that_single_calls_are_refused_for_takes_the_feed() -> None:
    market = FeedMarketplace(answer=rejected)
    async with a_bench(market, targets=many(1, 1, ["A"]), exposures=known(3, ["A"])) as bench:
        await until_handed_in(bench, market)
        market.work_on("feed-1")
        await bench.clock.pass_s(30)
        exposure = bench.exposure("A")

    assert (market.quantities("A"), market.in_feeds("A")) == ([1], [1])
    assert exposure is not None and exposure.units() == 1
    assert len(bench.dead_letters()) == 1


async def test_a_listing_that_is_withdrawn_while_it_waits_for_a_feed_keeps_no_other_from_it() -> None:
    """The feed was to begin with it, found nothing, and never went again."""
    limits = (*feed_traits().limits[:2], OperationLimit("feed", 0.02, 1.0), *feed_traits().limits[3:])
    market = FeedMarketplace(feed_traits(limits=limits), answer=rejected)
    async with a_bench(market, targets=many(1, 1, ["A", "B"]), exposures=known(3, ["A", "B"])) as bench:
        await bench.clock.pass_s(15)
        waiting = [listing_id for _, listing_id in bench.account.by_feed[CHANNEL]]
        await bench.withdraw("A")
        await until_handed_in(bench, market)

    assert waiting == [f"{CHANNEL}/A", f"{CHANNEL}/B"]
    assert (market.in_feeds("A"), market.in_feeds("B")) == ([], [1])


async def test_a_target_that_comes_while_its_feed_is_being_committed_goes_alone() -> None:
    market = FeedMarketplace()
    async with a_bench(market, targets=many(5, 1), exposures=known(3), commit_linger_s=1.0) as bench:
        await bench.clock.pass_s(10)
        for own_id in MANY:
            await bench.worker.take([bench.arrival(a_target(own_id, 6, version=2))])
        await bench.clock.pass_s(30)
        handed_in = [push.version for rows in market.feeds.values() for push in rows.values()]

    assert handed_in == sorted(handed_in)
    versions: dict[str, list[int]] = {}
    for push in market.pushes:
        versions.setdefault(push.listing_id, []).append(push.version)
    assert all(found == sorted(found) for found in versions.values())
