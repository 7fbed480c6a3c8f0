"""Hours of the failure protocol on a simulated clock, as an operator would see them."""

from __future__ import annotations

import pytest

from inventory_domain.bulk import Condition
from inventory_domain.health import ChannelState, HealthRules
from inventory_domain.operations import OperatorAction
from inventory_domain.outcomes import LimitSeen, PushOutcome, Throttled, Transient, Unauthorized
from inventory_domain.ports import Push
from inventory_schemas.records import HealthRecord
from inventory_streams.delivery.assignment import LoadedPartition
from tests.support.channels import a_command
from tests.support.delivery import CHANNEL, a_target, accepted
from tests.support.outages import LogWatch, MarketplaceWithOutages, Outages, outages, watching

MINUTE = 60.0
TICK_S = 1.5  # the simulated clock is looked at every half second, by one part after the other


def about(seconds: float, *, jitter: bool = False) -> object:
    """A time of the protocol: never sooner, later by a look at the clock, and by 10 % where retries are spread."""
    return pytest.approx(seconds + TICK_S / 2 + (0.05 * seconds if jitter else 0), abs=TICK_S / 2 + 0.05 * seconds)


async def begin_of_an_outage(around: Outages) -> None:
    """Two listings are shown; then the marketplace is down, and a fall of one is due."""
    await around.bench.send(*[a_target(own_id, 5, version=1) for own_id in "AB"])
    around.market.down = True
    await around.bench.send(a_target("A", 3, version=2))


async def test_the_timeline_of_an_outage_of_45_minutes() -> None:
    """5 s, 15 s, 60 s, then every 5 min; alert at the third failure; zeros at 30 min; a probe; restore."""
    async with outages() as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(*[a_target(own_id, 5, version=1) for own_id in "ABCDE"])
        began_s = clock.monotonic_s()
        with watching(around) as watch:
            # The marketplace is down from now on, for 45 minutes. Two minutes before its end a sale lowers B.
            market.down, market.pushes[:], market.calls_at[:] = True, [], []
            await bench.send(a_target("A", 3, version=2))
            await clock.pass_s(43 * MINUTE)
            await bench.send(a_target("B", 1, version=2))
            await clock.pass_s(began_s + 45 * MINUTE - clock.monotonic_s())
            during = [(push.listing_id[-1], push.quantity, at_s) for push, at_s in market.tried()]
            market.down, market.pushes[:], market.calls_at[:] = False, [], []
            await clock.pass_s(10 * MINUTE)
            afterwards = [(push.listing_id[-1], push.quantity) for push, _ in market.tried()]

    alerts = [(line.facts["alert"], line.at_s - began_s) for line in watch.of("channel alert")]
    probes = [(line.facts["by"], line.facts["outcome"], line.at_s - began_s) for line in watch.of("channel probed")]

    # The listing is tried three times. The third failure opens the circuit: an alert, and nothing but probes.
    tries = [at_s - began_s for own_id, units, at_s in during if (own_id, units) == ("A", 3)]
    assert tries == [about(0), about(5, jitter=True), about(20, jitter=True)]
    assert alerts[0] == ("channel-failing", about(20, jitter=True))
    assert probes[:6] == [
        ("read", "outage", about(80, jitter=True)),
        *[("read", "outage", about(80 + 300 * number, jitter=True)) for number in range(1, 6)],
    ]
    # Ten minutes before stop-sale a warning; then zero for every listing at once, again and again.
    assert alerts[1:3] == [("stop-sale-near", about(20 * MINUTE)), ("channel-stopped", about(30 * MINUTE))]
    zeros = [(own_id, at_s - began_s) for own_id, units, at_s in during if units == 0]
    assert sorted(zeros[:5]) == [(own_id, about(30 * MINUTE)) for own_id in "ABCDE"]
    assert len(zeros) > 5 * 5 and {units for _, units, at_s in during if at_s - began_s > 1_800} == {0}
    # A zero that goes through proves the way: the mask is lifted, falls go first, and all is whole again.
    assert afterwards[0][1] == 0, "what proves the way is a zero"
    first_rise = next(index for index, (_, units) in enumerate(afterwards) if units == 5)
    assert afterwards.index(("B", 1)) < first_rise, "falls before rises"
    assert [name for name, _ in alerts[3:]] == ["channel-restored", "channel-sells"]
    assert market.shown == {
        f"{CHANNEL}/{own_id}": units for own_id, units in zip("ABCDE", (3, 1, 5, 5, 5), strict=True)
    }
    assert [line.facts["why"] for line in watch.of("channel alert")] == [
        "3 failures in a row: transient",
        alerts_text(watch, "stop-sale-near"),
        "no success for 30 min",
        "writes go through again",
        "whole again",
    ]


def alerts_text(watch: LogWatch, name: str) -> object:
    return next(line.facts["why"] for line in watch.of("channel alert") if line.facts["alert"] == name)


async def test_a_short_outage_ends_with_the_probe_and_without_any_zero() -> None:
    async with outages() as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(*[a_target(own_id, 5, version=1) for own_id in "ABC"])
        market.down = True
        await bench.send(*[a_target(own_id, 4, version=2) for own_id in "ABC"])
        await clock.pass_s(60)
        failing = around.health.state
        market.down = False
        await clock.pass_s(8 * MINUTE)

    assert failing is ChannelState.FAILING
    assert around.health.state is ChannelState.SELLING
    assert sorted(market.shown.values()) == [4, 4, 4]
    assert 0 not in [push.quantity for push in market.pushes]


async def test_the_probe_is_another_listing_than_those_that_failed() -> None:
    """What failed says something of itself; only another listing can tell whether the channel works."""
    async with outages() as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(*[a_target(own_id, 5, version=1) for own_id in "ABC"], a_target("Z", 0, version=1))
        market.down = True
        await bench.send(*[a_target(own_id, 4, version=2) for own_id in "ABC"])
        await clock.pass_s(1)
        with watching(around) as watch:
            market.pushes[:] = []
            await clock.pass_s(6)
            first = [(push.listing_id[-1], push.quantity) for push in market.pushes]
            market.pushes[:] = []
            await bench.send(a_target("D", 2, version=1))
            await clock.pass_s(16)
            second = [(push.listing_id[-1], push.quantity) for push in market.pushes]

    assert (first, second) == ([("Z", 0)], [("D", 2)])
    assert [line.facts["by"] for line in watch.of("channel probed")] == ["zero", "due"]


async def test_an_idle_channel_is_probed_every_five_minutes_and_stays_whole() -> None:
    """So that half an hour without a success is always measured, and never said of a channel that nobody asked."""
    async with outages() as around:
        await around.bench.send(a_target("A", 5, version=1))
        await around.bench.clock.pass_s(700)  # what is settling is read by then
        around.market.reads[:] = []
        await around.bench.clock.pass_s(60 * MINUTE)

    assert around.health.state is ChannelState.SELLING
    assert 11 <= len(around.market.reads) <= 13
    assert around.market.quantities("A") == [5]


async def test_being_throttled_says_nothing_of_a_channel() -> None:
    async with outages() as around:
        market = around.market
        market.answers = lambda push: Throttled(
            listing_id=push.listing_id, api="write", reason="429", seen=LimitSeen(operation="write", wait_s=1.0)
        )
        await around.bench.send(*[a_target(own_id, 5, version=1) for own_id in "ABCD"])
        await around.bench.clock.pass_s(120)

    assert (around.health.state, around.health.failures_in_a_row) == (ChannelState.SELLING, 0)


async def test_one_bad_listing_does_not_fail_a_channel_whose_others_go_through() -> None:
    def answer(push: Push) -> PushOutcome:
        if push.listing_id.endswith("/A"):
            return Transient(listing_id=push.listing_id, api="write", reason="locked")
        return accepted(push)

    async with outages() as around:
        around.market.answers = answer
        await around.bench.send(a_target("A", 5, version=1))
        for version in range(1, 40):
            await around.bench.send(a_target("B", version, version=version))
            await around.bench.clock.pass_s(3)

    assert (around.health.state, around.alerts.names) == (ChannelState.SELLING, ["listing-failing"])


async def test_refused_credentials_open_the_circuit_at_once() -> None:
    def refused(push: Push) -> PushOutcome:
        return Unauthorized(listing_id=push.listing_id, api="write", reason="token-refused")

    async with outages() as around:
        around.market.answers = refused
        await around.bench.send(a_target("A", 5, version=1))
        await around.bench.clock.pass_s(2)

    assert around.health.credentials_lost
    assert around.alerts.names == ["credentials-lost"]


async def test_writes_that_fail_while_reads_work_are_stopped_all_the_same() -> None:
    """A read that is answered lets the failing listing try again; it does not stop the clock."""
    async with outages(MarketplaceWithOutages(reads_work=True)) as around:
        await around.bench.send(a_target("A", 5, version=1))
        around.market.down = True
        await around.bench.send(a_target("A", 3, version=2))
        await around.bench.clock.pass_s(31 * MINUTE)

    assert around.health.state is ChannelState.STOPPED
    assert around.market.quantities("A")[-1] == 0


async def test_a_known_outage_pauses_pushes_and_zeros_go_at_the_probes_pace() -> None:
    async with outages(page=True, status_poll_s=10.0) as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(*[a_target(own_id, 5, version=1) for own_id in "ABC"])
        market.down, market.says = True, Condition.OUTAGE
        await clock.pass_s(11)
        market.calls_at[:], market.pushes[:] = [], []
        await bench.send(*[a_target(own_id, 4, version=2) for own_id in "ABC"])
        await clock.pass_s(28 * MINUTE)
        paused = len(market.pushes)
        await clock.pass_s(32 * MINUTE)
        stopped, tried = around.health.state, len(market.pushes)
        market.down, market.pushes[:] = False, []
        await clock.pass_s(6 * MINUTE)
        first = [push.quantity for push in market.pushes][:2]
        shown = dict(market.shown)

    assert paused <= 6, "one probe every five minutes"
    assert (stopped, tried <= 13) == (ChannelState.STOPPED, True)
    assert first == [0, 0], "zeros are the first writes after the probe"
    assert sorted(shown.values()) == [4, 4, 4]
    assert around.health.state is ChannelState.SELLING


async def test_nothing_rises_after_an_outage_before_the_engine_has_looked_at_it() -> None:
    """P6: what the outage hid may have sold meanwhile."""
    async with outages(complete_until_ms=1_700_000_060_000, engine_silent_s=10_000.0) as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(a_target("A", 5, version=1), a_target("B", 5, version=1))
        market.down = True
        await bench.send(a_target("A", 4, version=2), a_target("B", 9, version=2))
        await clock.pass_s(35 * MINUTE)
        market.down, market.pushes[:] = False, []
        await clock.pass_s(6 * MINUTE)
        before = market.shown[a_target("B").listing_id]
        await bench.engine_says(clock.now_ms())
        await clock.pass_s(6 * MINUTE)

    assert before in (0, 5), "a zero, or what was there before"
    assert market.shown[a_target("B").listing_id] == 9
    assert around.health.state is ChannelState.SELLING


async def test_rises_come_back_at_a_growing_pace() -> None:
    async with outages(health=HealthRules(restore_ramp_s=100.0)) as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        market.slow_down(rate_per_s=10.0)
        await bench.send(*[a_target(f"L{number}", 5, version=1) for number in range(100)])
        await clock.pass_s(30)
        await around.operator(a_command(OperatorAction.STOP_SALE, around.now_s()))
        await clock.pass_s(60)
        assert set(market.shown.values()) == {0}
        market.pushes[:], market.calls_at[:] = [], []
        await around.operator(a_command(OperatorAction.RESTORE, around.now_s()))
        began_s = clock.monotonic_s()
        await clock.pass_s(100)

    by_ten_s = [sum(1 for at_s in market.calls_at if 10 * n <= at_s - began_s < 10 * (n + 1)) for n in range(4)]
    assert by_ten_s[0] < by_ten_s[1] < by_ten_s[2]
    assert by_ten_s[0] <= 25, "far below the 100 that the limit allows"
    assert set(market.shown.values()) == {5}


async def test_a_channel_that_is_stopped_again_while_it_is_restored_comes_back_as_slowly() -> None:
    """The times of the first restoring are over by then: by them all rises would go at once."""
    async with outages(health=HealthRules(restore_ramp_s=100.0)) as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        market.slow_down(rate_per_s=10.0)
        await bench.send(*[a_target(f"L{number}", 5, version=1) for number in range(100)])
        await clock.pass_s(30)
        risen = []
        for _ in range(2):
            await around.operator(a_command(OperatorAction.STOP_SALE, around.now_s()))
            await clock.pass_s(60)
            market.pushes[:], market.calls_at[:] = [], []
            await around.operator(a_command(OperatorAction.RESTORE, around.now_s()))
            await clock.pass_s(10)
            risen.append(len(market.calls_at))
            await clock.pass_s(30)

    assert risen[1] == pytest.approx(risen[0], abs=2)
    assert risen[0] <= 25


async def test_a_channel_is_probed_again_after_its_listings_were_lost_in_the_middle_of_a_probe() -> None:
    """What waits for a commit is cancelled then; probing ended with it, and the healthy channel went to zero."""
    async with outages(commit_linger_s=2.0) as around:
        bench, clock, worker = around.bench, around.bench.clock, around.bench.worker
        await bench.send(a_target("A", 0, version=1))
        await clock.pass_s(60)
        (tracked,) = worker.book
        while not tracked.in_flight:
            await clock.pass_s(0.5)
            assert clock.monotonic_s() < 10 * MINUTE, "no probe"
        assert tracked.target is not None and tracked.exposure is not None
        part = LoadedPartition(0, bench.transactions, {tracked.listing_id: bench.arrival(tracked.target)})
        part.exposures[tracked.listing_id] = tracked.exposure
        await worker.lost()
        await worker.own(part, 0)
        around.own(around.records[-1:])
        await clock.pass_s(60 * MINUTE)

    assert around.health.state is ChannelState.SELLING
    assert len(bench.market.pushes) >= 10


async def test_an_operator_stops_and_restores_a_channel() -> None:
    async with outages() as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(*[a_target(own_id, 5, version=1) for own_id in "AB"])
        await around.operator(a_command(OperatorAction.STOP_SALE, around.now_s(), by="ann", why="wrong prices"))
        await clock.pass_s(60)
        stopped, shown = around.health, dict(market.shown)
        await bench.send(a_target("A", 7, version=2))
        await around.operator(a_command(OperatorAction.RESTORE, around.now_s(), by="bob", why="fixed"))
        await clock.pass_s(8 * MINUTE)

    assert (stopped.state, stopped.by, stopped.reason) == (ChannelState.STOPPED, "ann", "stop-sale: wrong prices")
    assert set(shown.values()) == {0}
    assert sorted(market.shown.values()) == [5, 7]
    assert around.health.state is ChannelState.SELLING
    assert around.health.epoch == stopped.epoch + 1


async def test_a_pause_holds_rises_and_lets_falls_go() -> None:
    async with outages() as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(*[a_target(own_id, 5, version=1) for own_id in "AB"])
        await around.operator(a_command(OperatorAction.PAUSE, around.now_s()))
        await bench.send(a_target("A", 3, version=2), a_target("B", 8, version=2))
        await clock.pass_s(60)
        paused = (market.quantities("A"), market.quantities("B"))
        await around.operator(a_command(OperatorAction.RESUME, around.now_s()))
        await clock.pass_s(10)

    assert paused == ([5, 3], [5])
    assert market.quantities("B") == [5, 8]


async def test_a_pause_of_everything_becomes_a_stop_sale_after_half_an_hour() -> None:
    async with outages() as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(a_target("A", 5, version=1))
        await around.operator(a_command(OperatorAction.PAUSE, around.now_s(), falls_too=True))
        await bench.send(a_target("A", 3, version=2))
        await clock.pass_s(29 * MINUTE)
        before = market.quantities("A")
        await clock.pass_s(2 * MINUTE)

    assert before == [5]
    assert set(market.quantities("A")[1:]) == {0}
    assert around.health.state is ChannelState.STOPPED


async def test_a_new_owner_goes_on_with_the_countdown_of_the_old_one() -> None:
    """A crash of the owner in the middle of an outage must not save the channel from its stop (rule 33)."""
    async with outages() as around:
        market, clock = around.market, around.bench.clock
        await begin_of_an_outage(around)
        await clock.pass_s(20 * MINUTE)
        left = await around.crash()
        await clock.pass_s(5 * MINUTE)
        around.own(left)
        await clock.pass_s(6 * MINUTE)

    assert around.health.state is ChannelState.STOPPED
    assert around.health.epoch == 2
    assert market.quantities("B")[-1] == 0


@pytest.mark.parametrize("down_s", [0, 600])
async def test_a_channel_is_stopped_in_time_though_the_clock_is_set_back(down_s: int) -> None:
    """At the latest half an hour after that, of which what has passed before is a part where it can be told."""
    async with outages() as around:
        market, clock = around.market, around.bench.clock
        await begin_of_an_outage(around)
        await clock.pass_s(down_s)
        clock.set_back(3 * 3_600)
        await clock.pass_s(31 * MINUTE)
        stopped = around.health.state
        market.down = False
        await clock.pass_s(11 * MINUTE)

    assert (stopped, around.health.state) == (ChannelState.STOPPED, ChannelState.SELLING)


async def test_a_worker_that_has_taken_nothing_over_yet_does_not_begin_the_countdown_anew() -> None:
    """It has no listings: that says nothing of the channel's, though it was the only one that was heard."""
    async with outages() as around:
        bench, clock = around.bench, around.bench.clock
        await begin_of_an_outage(around)
        await clock.pass_s(20 * MINUTE)
        left, book = await around.crash(), bench.worker.book
        partitions = dict(book.partitions)
        book.partitions.clear()
        around.own(left)
        await clock.pass_s(20)
        book.partitions.update(partitions)
        await clock.pass_s(11 * MINUTE)

    assert around.health.state is ChannelState.STOPPED


@pytest.mark.parametrize("lost", range(1, 6))
async def test_what_an_owner_had_not_written_its_successor_folds_again_to_the_same_end(lost: int) -> None:
    """Half way through a stop and a restore, whatever is lost of the last records."""
    async with outages() as around:
        bench, market, clock = around.bench, around.market, around.bench.clock
        await bench.send(a_target("A", 5, version=1))
        await around.operator(a_command(OperatorAction.STOP_SALE, around.now_s()))
        await clock.pass_s(10)
        await around.operator(a_command(OperatorAction.RESTORE, around.now_s()))
        await clock.pass_s(60)
        whole = around.health
        await around.crash()
        around.transactions.commits[:] = []
        around.own(records_without_the_last(around, lost))
        around.fold_again()
        await clock.pass_s(60)
        again = around.owner.health(CHANNEL) if around.owner is not None else None

    assert again is not None
    assert (again.state, again.epoch, again.stop) == (whole.state, whole.epoch, None)
    assert market.shown[a_target("A").listing_id] == 5


def records_without_the_last(around: Outages, lost: int) -> list[HealthRecord]:
    return around.records[-lost - 1 : -lost]


async def test_the_engines_silence_is_alerted_once_and_its_end_too() -> None:
    start_ms = 1_700_000_000_000
    async with outages(complete_until_ms=start_ms, engine_silent_s=60.0) as around:
        await around.bench.send(a_target("A", 5, version=1))
        await around.bench.clock.pass_s(120)
        during = list(around.alerts.names)
        await around.bench.engine_says(around.bench.clock.now_ms())
        await around.bench.clock.pass_s(5)

    assert during == ["engine-silent"]
    assert around.alerts.names == ["engine-silent", "engine-speaks"]
    assert around.market.quantities("A") == [5, 0, 5]
