"""What is held or masked of single listings: shadow, mass changes, falls that do not land, dead letters, hints."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.exposure import SINGLE, Confirmed, Exposure, Proof, begin
from inventory_domain.health import ChannelState
from inventory_domain.health_alerts import Severity
from inventory_domain.identifiers import EventId, ListingId, Sku
from inventory_domain.listing_holds import FAILING_FALL
from inventory_domain.modes import ChannelMode, Mode
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.outcomes import Accepted, PushOutcome, Rejected, Transient
from inventory_domain.ports import Push
from inventory_domain.targets import Target
from tests.support.delivery import CHANNEL, FakeMarketplace, a_target, accepted, traits
from tests.support.delivery_bench import Bench, VirtualClock, a_bench
from tests.support.delivery_feeds import FeedMarketplace, feed_traits
from tests.support.outages import KeptAlerts, MarketplaceWithOutages, outages

LONG_S = 100_000.0  # the engine's silence is not what these are about


def known(shown: int, *own_ids: str) -> list[Exposure]:
    confirmed = Confirmed(shown, 0, 1_600_000_000_000, Proof.READ)
    return [Exposure(ListingId(f"{CHANNEL}/{own_id}"), Sku(own_id), confirmed) for own_id in own_ids]


def stamped(bench: Bench, own_id: str, quantity: int, version: int = 2) -> Target:
    """A target that is part of a mass change, of now."""
    return replace(a_target(own_id, quantity, version=version), guard="g", computed_at_ms=bench.clock.now_ms())


def rejected(push: Push) -> PushOutcome:
    return Rejected(listing_id=push.listing_id, api="write", reason="listing-invalid", error="no")


async def test_a_shadow_channel_reads_also_what_a_killed_worker_had_just_sent() -> None:
    """Before the channel was set to shadow. Whatever became of that is not known; it was never read."""
    target = a_target("A", 5, version=1)
    start_ms = VirtualClock().now_ms()
    exposure, _ = begin(
        Exposure(target.listing_id, target.sku),
        version=1,
        quantity=9,
        nodes={},
        mask=None,
        path=SINGLE,
        now_ms=start_ms,
        settles_by_ms=start_ms,
    )
    modes = {CHANNEL: ChannelMode(Mode.SHADOW)}
    async with a_bench(modes=modes, targets=[target], exposures=[exposure]) as bench:
        await bench.clock.pass_s(60)
        known = bench.exposure("A")

    assert bench.market.pushes == []
    assert known is not None and known.open == ()


async def test_a_shadow_channel_computes_and_reads_and_writes_nothing() -> None:
    market = FakeMarketplace(shown={ListingId(f"{CHANNEL}/A"): 9})
    async with a_bench(market, modes={CHANNEL: ChannelMode(Mode.SHADOW)}) as bench:
        await bench.send(a_target("A", 3))
        await bench.clock.pass_s(600)
        exposure = bench.exposure("A")

        assert market.pushes == [] and bench.outcomes() == []
        assert market.reads == [f"{CHANNEL}/A"]
        assert exposure is not None and exposure.units() == 9
        assert (bench.worker.accounting.shadowed, bench.worker.accounting.pending()) == (1, 0)


async def test_a_canary_writes_its_part_and_nothing_else() -> None:
    mode = ChannelMode(Mode.CANARY, 30.0)
    own_ids = [f"L{number}" for number in range(40)]
    async with a_bench(modes={CHANNEL: mode}) as bench:
        await bench.send(*(a_target(own_id, 3) for own_id in own_ids))
        await bench.clock.pass_s(60)
        written = {push.listing_id for push in bench.market.pushes}

    assert written == {f"{CHANNEL}/{own_id}" for own_id in own_ids if mode.writes(Sku(own_id))}
    assert 0 < len(written) < 40


async def test_a_mass_change_is_held_ten_minutes_and_goes_on() -> None:
    async with a_bench(exposures=known(9, "A"), targets=[a_target("A", 9)]) as bench:
        await bench.clock.pass_s(5)
        await bench.send(stamped(bench, "A", 0))
        await bench.clock.pass_s(590)
        before, held = bench.market.quantities("A"), bench.metric("mass_change_held", channel=CHANNEL)
        await bench.clock.pass_s(20)

    assert (before, held) == ([9], 1.0)
    assert bench.market.quantities("A") == [9, 0]


async def test_an_operator_releases_a_mass_change_sooner() -> None:
    async with a_bench(exposures=known(9, "A"), targets=[a_target("A", 9)]) as bench:
        await bench.send(stamped(bench, "A", 0))
        await bench.clock.pass_s(60)
        await bench.command(OperatorAction.RELEASE_MASS_CHANGE)
        await bench.clock.pass_s(5)

    assert bench.market.quantities("A") == [9, 0]


async def test_an_operator_holds_a_mass_change_until_a_time() -> None:
    async with a_bench(exposures=known(9, "A"), targets=[a_target("A", 9)], engine_silent_s=LONG_S) as bench:
        await bench.send(stamped(bench, "A", 0))
        await bench.command(OperatorAction.HOLD_MASS_CHANGE, until_ms=bench.clock.now_ms() + 3_600_000)
        await bench.clock.pass_s(3_590)
        before = bench.market.quantities("A")
        await bench.clock.pass_s(20)

    assert before == [9]
    assert bench.market.quantities("A") == [9, 0]


async def test_a_fall_that_does_not_land_goes_to_zero_by_every_path_and_comes_back_when_it_did() -> None:
    """Its channel goes on meanwhile; what is shown counts as the old number until zero was seen."""

    class Deaf(FeedMarketplace):
        """Single calls of one listing are accepted and change nothing."""

        async def push(self, pushes):  # type: ignore[no-untyped-def]
            outcomes = await super().push(pushes)
            if pushes[0].listing_id.endswith("/A") and deaf:
                self.shown[pushes[0].listing_id] = 9
            return outcomes

    market, deaf = Deaf(traits=feed_traits(settling_s_max=60.0), shown={ListingId(f"{CHANNEL}/A"): 9}), [True]
    async with a_bench(
        market, targets=[a_target("A", 3), a_target("B", 3)], exposures=known(9, "A", "B"), engine_silent_s=LONG_S
    ) as bench:
        await bench.clock.pass_s(1_700)
        during = bench.exposure("A")
        before = bench.metric("failing_falls_total")
        await bench.clock.pass_s(200)
        masked = bench.exposure("A")
        failing = bench.metric("failing_falls_total")
        deaf.clear()
        for feed_id in list(market.feeds):
            market.work_on(feed_id)
        await bench.clock.pass_s(1_500)
        after = bench.exposure("A")

    assert during is not None and during.units() == 9
    assert (before, failing) == (0.0, 1.0)
    assert masked is not None and masked.last is not None
    assert (masked.last.quantity, masked.last.mask, masked.units()) == (0, FAILING_FALL, 9)
    assert 0 in market.in_feeds("A") or 0 in market.quantities("A")
    assert market.in_feeds("A") != [] and set(market.quantities("A")) >= {3}
    assert market.quantities("B") == [3]
    assert after is not None and after.units() == 3
    assert market.shown[ListingId(f"{CHANNEL}/A")] == 3


async def test_many_falls_that_do_not_land_are_the_channels_matter() -> None:
    own_ids = ["A", "B", "C"]
    market = FakeMarketplace(answer=lambda push: Transient(listing_id=push.listing_id, api="w", reason="busy"))
    async with a_bench(
        market,
        targets=[a_target(own_id, 3) for own_id in own_ids],
        exposures=known(9, *own_ids),
        engine_silent_s=LONG_S,
        failing_falls_max=2,
    ) as bench:
        await bench.clock.pass_s(2_500)

    assert {push.quantity for push in market.pushes} == {3}
    assert bench.metric("falls_failing") == 3.0


async def test_a_listing_that_fails_three_times_is_told_in_its_own_right() -> None:
    def busy(push: Push) -> PushOutcome:
        if push.listing_id.endswith("/A"):
            return Transient(listing_id=push.listing_id, api="w", reason="busy")
        return accepted(push)

    async with a_bench(FakeMarketplace(answer=busy)) as bench:
        await bench.send(a_target("A", 3), a_target("B", 3))
        await bench.clock.pass_s(40)
        told = bench.metric("listings_failing")

    assert told == 1.0


async def test_dead_letters_by_the_dozen_stop_rises_and_zeros_go_on() -> None:
    own_ids = [f"L{number}" for number in range(60)]
    market = FakeMarketplace(answer=rejected)
    async with a_bench(market, exposures=known(2, "Z", "R"), targets=[]) as bench:
        await bench.send(*(a_target(own_id, 3) for own_id in own_ids[:51]))
        await bench.send(*(a_target(own_id, 3) for own_id in own_ids[51:]))
        await bench.clock.pass_s(10)
        flooded = bench.metric("dead_letter_flood")
        market.answer = accepted
        await bench.send(a_target("Z", 0), a_target("R", 5))
        await bench.clock.pass_s(10)
        zero, rise = market.quantities("Z"), market.quantities("R")
        refused = {push.listing_id for push in market.pushes if push.listing_id.rpartition("/")[2] in own_ids}
        await bench.command(OperatorAction.RESUME)
        await bench.clock.pass_s(10)

    assert flooded == 1.0
    assert len(refused) == 51
    assert (zero, rise) == ([0], [])
    assert market.quantities("R") == [5]


async def test_a_flood_of_dead_letters_is_the_channels_and_outlives_the_worker_that_saw_it() -> None:
    own_ids = [f"L{number}" for number in range(60)]
    market = MarketplaceWithOutages(answers=rejected)
    async with outages(market, exposures=known(2, "Z", "R")) as around:
        await around.bench.send(*(a_target(own_id, 3) for own_id in own_ids))
        await around.bench.clock.pass_s(10)
        flooded, records = around.health, await around.crash()
        around.bench.worker.masks.holds.flooded.clear()  # what a new process has seen by itself
        around.own(records)
        market.answers = accepted
        await around.bench.send(a_target("Z", 0), a_target("R", 5))
        await around.bench.clock.pass_s(10)
        zero, rise = market.quantities("Z"), market.quantities("R")
        resume = OperatorCommand(EventId("c"), CHANNEL, OperatorAction.RESUME, "ann", "mended", 0)
        await around.operator(resume)
        await around.bench.clock.pass_s(10)
        health = around.health

    assert flooded.flooded_ms is not None and flooded.state is ChannelState.SELLING
    assert around.alerts.names == ["dead-letter-flood"]
    assert (zero, rise) == ([0], [])
    assert market.quantities("R") == [5]
    assert (health.flooded_ms, health.by) == (None, "ann")


async def test_a_signal_asks_for_a_read_and_a_read_of_others_does_not() -> None:
    market = FakeMarketplace(traits=traits(answer_proves_live=True), answer=lambda push: accepted(push))
    async with a_bench(market, exposures=known(3, "A", "B"), targets=[a_target("A", 3), a_target("B", 3)]) as bench:
        await bench.clock.pass_s(2)
        market.shown[ListingId(f"{CHANNEL}/A")] = 8
        reads = len(market.reads)
        await bench.hint("B", signal=False)
        await bench.hint("A")
        await bench.clock.pass_s(2)
        seen = [one for one in bench.observations() if one.quantity == 8]
        finished = await bench.worker.committable()

    assert market.reads[reads:] == [f"{CHANNEL}/A"]
    assert [one.listing_id for one in seen] == [f"{CHANNEL}/A"]
    assert finished.observations == {0: 8}


async def test_a_sampled_rise_is_read_and_another_is_assumed() -> None:
    quick = traits(settling_s_max=5.0)
    for percent, reads in ((100.0, 1), (0.0, 0)):
        market = FakeMarketplace(
            traits=quick, answer=lambda push: Accepted(listing_id=push.listing_id, api="w", reason="ok")
        )
        async with a_bench(market, exposures=known(3, "A"), rise_sample_percent=percent) as bench:
            bench.worker.book.partitions[0].tracked(ListingId(f"{CHANNEL}/A")).exposure = known(3, "A")[0]
            await bench.send(a_target("A", 8))
            await bench.clock.pass_s(60)
            exposure = bench.exposure("A")

        assert len(market.reads) == reads
        assert exposure is not None and exposure.units() == 8


async def test_listings_in_trouble_are_told_to_the_webhook_together() -> None:
    """Two dozen that fail are one alert, and one more when it is over; the channel itself goes on."""
    failing = True

    def busy(push: Push) -> PushOutcome:
        if failing and not push.listing_id.endswith("/Z"):
            return Transient(listing_id=push.listing_id, api="w", reason="busy")
        return accepted(push)

    kept = KeptAlerts()
    own_ids = [f"L{number}" for number in range(24)]
    async with a_bench(FakeMarketplace(answer=busy), sink=kept, engine_silent_s=LONG_S, tick_s=1.0) as bench:
        await bench.send(*(a_target(own_id, 3) for own_id in own_ids))
        for version in range(1, 60):
            await bench.send(a_target("Z", version, version=version))
            await bench.clock.pass_s(10)
        during = [(alert.name, alert.severity, alert.text) for alert in kept.posted]
        failing = False
        await bench.clock.pass_s(900)

    assert [name for name, _, _ in during] == ["listing-failing"]
    assert during[0][1] is Severity.WARNING and ": 24 (" in during[0][2]
    assert [(one.name, one.severity) for one in kept.posted[1:]] == [("listing-failing", Severity.INFO)]


async def test_a_fall_that_does_not_land_is_told_and_then_pages() -> None:
    deaf, kept = FakeMarketplace(traits=traits(settling_s_max=60.0)), KeptAlerts()

    async def push(pushes):  # type: ignore[no-untyped-def]
        return [accepted(one) for one in pushes]

    deaf.push = push  # type: ignore[method-assign]
    deaf.shown[ListingId(f"{CHANNEL}/A")] = 9
    async with a_bench(
        deaf, sink=kept, targets=[a_target("A", 3)], exposures=known(9, "A"), engine_silent_s=LONG_S, tick_s=1.0
    ) as bench:
        await bench.clock.pass_s(1_000)
        early = [(alert.name, alert.severity) for alert in kept.posted]
        await bench.clock.pass_s(1_500)
        later = [(alert.name, alert.severity) for alert in kept.posted]

    assert early == [("fall-not-applied", Severity.WARNING)]
    assert later == [*early, ("fall-not-applied", Severity.PAGE)]
