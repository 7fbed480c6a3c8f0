"""An account is seen to keep listings at zero before it is written to, and what follows where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory_domain.account_calls import OutOfStockControl, OutOfStockPolicy, WhenOff
from inventory_domain.bulk import BulkTraits, CallFailed
from inventory_domain.health import ChannelState
from inventory_domain.masks import STOP_SALE
from inventory_domain.modes import ChannelMode, Mode
from inventory_domain.operations import OperatorAction
from tests.support.channels import a_command
from tests.support.delivery import CHANNEL, a_target
from tests.support.delivery_bench import VirtualClock, a_bench
from tests.support.outages import MarketplaceWithOutages, Outages, outages

CHECK_S = 600.0  # for a day, so that it is not waited for


@dataclass
class Keeper(MarketplaceWithOutages):
    """A marketplace at which zero ends a listing unless the account says otherwise."""

    on: bool = True
    answers_control: bool = True
    takes_control: bool = True
    turn_on: bool = True
    when_off: WhenOff = WhenOff.LEAVE
    asked: int = 0
    turned: int = 0

    @property
    def out_of_stock_policy(self) -> OutOfStockPolicy:
        return OutOfStockPolicy(self.turn_on, self.when_off)

    @property
    def out_of_stock_traits(self) -> BulkTraits:
        return BulkTraits("control", 0)

    async def out_of_stock_control(self) -> OutOfStockControl | CallFailed:
        self.asked += 1
        if not self.answers_control:
            return CallFailed(kind="transient", api="control", reason="server-error")
        return OutOfStockControl(on=self.on, api="control")

    async def set_out_of_stock_control(self, on: bool) -> OutOfStockControl | CallFailed:
        self.turned += 1
        if not self.takes_control:
            return CallFailed(kind="rejected", api="control", reason="invalid-request")
        self.on = on
        return OutOfStockControl(on=on, api="control")


def shows(around: Outages, own_ids: Sequence[str] = "AB") -> list[int | None]:
    """What the marketplace shows of these listings; None: nothing was ever written."""
    return [around.market.shown.get(a_target(own_id).listing_id) for own_id in own_ids]


async def test_it_is_turned_on_before_the_first_write() -> None:
    market = Keeper(on=False)
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1))

        health, alerts = around.health, around.alerts.names

    assert (market.on, market.turned, market.asked) == (True, 1, 2), "asked again: only that proves it"
    assert market.quantities("A") == [5]
    assert (health.state, health.not_ready) == (ChannelState.SELLING, None)
    assert health.went_live_ms is not None and alerts == []


async def test_nothing_is_written_while_it_is_off_and_cannot_be_turned_on() -> None:
    """Not by a target, a probe, a stop-sale or an engine that is silent; when it is on, what is due goes."""
    market = Keeper(on=False, takes_control=False)
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1), a_target("B", 0, version=1))
        await around.bench.clock.pass_s(2_000)
        refused = (around.health, around.alerts.names, around.bench.metric("channel_not_live"))
        await around.operator(a_command(OperatorAction.STOP_SALE, around.now_s()))
        await around.bench.clock.pass_s(2_000)
        pushes = list(market.pushes)
        await around.operator(a_command(OperatorAction.RESTORE, around.now_s()))
        market.on = True
        await around.bench.clock.pass_s(700)

        health = around.health
        not_live = around.bench.metric("channel_not_live")

    assert pushes == []
    assert refused[0].state is ChannelState.NOT_LIVE and "out-of-stock control is off" in refused[0].reason
    assert refused[1:] == (["channel-not-live"], 1.0)
    assert (market.quantities("A")[-1], market.quantities("B")[-1]) == (5, 0)
    assert (health.state, not_live) == (ChannelState.SELLING, 0.0)


async def test_a_seller_who_wants_it_only_checked_is_not_overruled() -> None:
    market = Keeper(on=False, turn_on=False)
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1))
        await around.bench.clock.pass_s(2_000)

        state = around.health.state

    assert (market.turned, market.pushes, state) == (0, [], ChannelState.NOT_LIVE)


async def test_a_channel_whose_account_cannot_be_asked_does_not_go_live() -> None:
    market = Keeper(answers_control=False)
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1))
        await around.bench.clock.pass_s(10)
        soon = list(around.alerts.names)
        await around.bench.clock.pass_s(200)
        unanswered = (list(market.pushes), around.health.state, list(around.alerts.names))
        market.answers_control = True
        await around.bench.clock.pass_s(400)

    assert soon == [], "one answer that was lost is no alert"
    assert unanswered == ([], ChannelState.NOT_LIVE, ["channel-not-live"])
    assert market.quantities("A") == [5]


async def test_found_off_a_day_later_zeros_are_left_and_everything_else_goes_on() -> None:
    """The listing stays shown: an ended listing does not come back."""
    market = Keeper(takes_control=False)
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1), a_target("B", 5, version=1))
        market.on = False
        await around.bench.clock.pass_s(CHECK_S + 5)
        await around.bench.send(a_target("A", 0, version=2), a_target("B", 3, version=2), a_target("C", 9, version=1))
        await around.bench.clock.pass_s(60)
        off = (shows(around, "ABC"), around.health.state, list(around.alerts.names))
        metrics = (around.bench.metric("channel_zero_ends_listings"), around.bench.metric("channel_not_live"))
        market.on = True
        await around.bench.clock.pass_s(400)

        after = (shows(around, "ABC"), around.bench.metric("channel_zero_ends_listings"), around.health.not_ready)

    assert off == ([5, 3, 9], ChannelState.SELLING, ["zero-ends-listings"])
    assert metrics == (1.0, 0.0)
    assert after == ([0, 3, 9], 0.0, None)


async def test_found_off_later_zeros_go_and_end_listings_where_the_seller_chose_that() -> None:
    market = Keeper(takes_control=False, when_off=WhenOff.END)
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1))
        market.on = False
        await around.bench.clock.pass_s(CHECK_S + 5)
        await around.bench.send(a_target("A", 0, version=2))

        alerts, ends = list(around.alerts.names), around.bench.metric("channel_zero_ends_listings")

    assert market.quantities("A") == [5, 0]
    assert (alerts, ends) == (["zero-ends-listings"], 1.0)


async def test_found_off_later_it_is_turned_on_again_without_a_word_to_anyone() -> None:
    market = Keeper()
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1))
        market.on = False
        await around.bench.clock.pass_s(CHECK_S + 5)

    assert (market.on, market.turned, around.alerts.names) == (True, 1, [])


async def test_no_mask_and_no_probe_ends_a_listing_that_is_to_be_left() -> None:
    market = Keeper(takes_control=False)
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1), a_target("B", 0, version=1))
        market.on = False
        await around.bench.clock.pass_s(CHECK_S + 5)
        market.pushes.clear()
        await around.operator(a_command(OperatorAction.STOP_SALE, around.now_s()))
        await around.bench.clock.pass_s(2_000)

        masks = around.bench.metric("masked_partitions", channel=CHANNEL, mask=STOP_SALE)

    assert (market.pushes, masks) == ([], 1.0)


async def test_that_a_channel_went_live_outlives_a_restart() -> None:
    """Else a restart with the control off would leave every listing at its old number."""
    market = Keeper()
    async with outages(market, readiness_check_s=CHECK_S) as around:
        await around.bench.send(a_target("A", 5, version=1))
        await around.bench.clock.pass_s(20)
        known = around.records[-1]
    again = Keeper(on=False, takes_control=False)
    async with outages(again, readiness_check_s=CHECK_S) as around:
        await around.crash()
        around.own([known])
        await around.bench.clock.pass_s(20)
        await around.bench.send(a_target("A", 3, version=2), a_target("B", 0, version=2))

        state = around.health.state

    assert (again.quantities("A"), again.quantities("B")) == ([3], [])
    assert state is ChannelState.SELLING


async def test_an_account_that_only_shadows_is_neither_asked_nor_changed() -> None:
    market = Keeper(on=False)
    async with outages(market, modes={CHANNEL: ChannelMode(Mode.SHADOW)}, readiness_check_s=CHECK_S) as around:
        await around.bench.clock.pass_s(60)

    assert (market.asked, market.turned, market.on) == (0, 0, False)


async def test_a_worker_cut_off_from_kafka_ends_no_listing_that_is_to_be_left() -> None:
    clock, there = VirtualClock(), True
    market = Keeper(takes_control=False, on=False)
    async with a_bench(
        market,
        clock=clock,
        complete_until_ms=clock.now_ms(),
        tick_s=1.0,
        engine_silent_s=900.0,
        answers=lambda: there,
        targets=[a_target("A", 5, version=1)],
    ) as bench:
        there = False
        await bench.worker.lost()
        await clock.pass_s(2_000)

    assert market.pushes == []
