"""Hours of outages, operators, status pages and owners that crash, from one seed each, on virtual time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from inventory_domain.bulk import Condition
from inventory_domain.health import ChannelState
from inventory_domain.identifiers import ListingId
from inventory_domain.masks import FREE
from inventory_domain.operations import OperatorAction
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import Push
from inventory_streams.delivery.masks import Masks
from tests.support.channels import a_command
from tests.support.delivery import CHANNEL, a_target
from tests.support.outages import MarketplaceWithOutages, Outages, outages

SEEDS = range(4)
STEPS = 15
OWN_IDS = ("A", "B", "C", "D")


class WatchedMarketplace(MarketplaceWithOutages):
    """Looks at every push as it comes: under a stop-sale that its worker knows of, nothing but zero may go out."""

    around: Outages | None = None
    wrong: Sequence[str] = ()

    async def push(self, pushes: Sequence[Push]) -> Sequence[PushOutcome]:
        health = self.around.bench.worker.masks.health(CHANNEL) if self.around is not None else None
        if health is not None and health.stop is not None:
            self.wrong = [*self.wrong, *(f"{one.listing_id}: {one.quantity}" for one in pushes if one.quantity)]
        return await super().push(pushes)


async def a_step(
    around: Outages, market: MarketplaceWithOutages, dice: random.Random, versions: dict[str, int]
) -> None:
    """Something happens, and then some time passes."""
    match dice.choice(("target", "target", "target", "down", "up", "operator", "page", "crash")):
        case "target":
            own_id = dice.choice(OWN_IDS)
            versions[own_id] = versions.get(own_id, 0) + 1
            target = a_target(own_id, dice.randint(0, 9), version=versions[own_id])
            around.targets[target.listing_id] = target.quantity
            await around.bench.send(target)
        case "down":
            market.down = True
        case "up":
            market.down = False
        case "operator":
            action = dice.choice(list(OperatorAction))
            await around.operator(a_command(action, around.now_s(), falls_too=dice.random() < 0.3))
        case "page":
            market.says = dice.choice((Condition.OUTAGE, Condition.OPERATIONAL, Condition.UNKNOWN))
        case "crash":
            left = await around.crash()
            await around.bench.clock.pass_s(dice.choice((1.0, 30.0, 300.0)))
            around.own(left)
    await around.bench.clock.pass_s(dice.choice((1.0, 20.0, 120.0, 400.0)))


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_run_ends_whole_and_sends_nothing_but_zero_while_it_is_stopped(seed: int) -> None:
    """P1, P2, P5 and P6, whatever came before."""
    dice, market = random.Random(seed), WatchedMarketplace()
    versions: dict[str, int] = {}
    async with outages(market, page=True, status_poll_s=20.0) as around:
        market.around = around
        for _ in range(STEPS):
            await a_step(around, market, dice, versions)
        # Everything heals, and the operator lets go of the channel.
        market.down, market.says = False, Condition.OPERATIONAL
        for action in (OperatorAction.RESUME, OperatorAction.RESTORE):
            await around.operator(a_command(action, around.now_s()))
        await around.bench.clock.pass_s(3_600)
        state, records = around.health.state, around.records

    assert not market.wrong, f"seed {seed}"
    assert state is ChannelState.SELLING, f"seed {seed}: {around.health}"
    assert {one: market.shown.get(one, 0) for one in around.targets} == around.targets, f"seed {seed}"
    for own_id in OWN_IDS:
        sent = market.versions(own_id)
        assert sent == sorted(sent), f"seed {seed}: {ListingId(own_id)} stepped back"
    epochs = [record.health.epoch for record in records]
    assert epochs == sorted(epochs), f"seed {seed}"


async def a_stopped_channel(around: Outages, market: WatchedMarketplace) -> None:
    """Two listings on sale, and an operator who stops their channel."""
    market.around = around
    await around.bench.send(a_target("A", 5, version=1), a_target("B", 5, version=1))
    await around.operator(a_command(OperatorAction.STOP_SALE, around.now_s()))
    await around.bench.clock.pass_s(30)


async def test_a_worker_that_does_not_ask_what_holds_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The masks of design.md section 4 switched off: the runs above would see it."""
    monkeypatch.setattr(Masks, "standing_at", lambda self, place: FREE)
    market = WatchedMarketplace()
    async with outages(market) as around:
        await a_stopped_channel(around, market)
        await around.bench.send(a_target("A", 7, version=2))
        await around.bench.clock.pass_s(5)

    assert market.wrong


async def test_an_owner_that_begins_without_its_predecessors_record_is_caught() -> None:
    """Rule 33 switched off: what was stopped would sell again, and the epoch would step back."""
    market = WatchedMarketplace()
    async with outages(market) as around:
        await a_stopped_channel(around, market)
        await around.crash()
        around.own([])
        await around.bench.clock.pass_s(30)
        epochs = [record.health.epoch for record in around.records]
        state = around.health.state

    assert epochs != sorted(epochs)
    assert state is not ChannelState.STOPPED


async def test_a_successor_that_goes_on_from_the_record_keeps_the_channel_stopped() -> None:
    market = WatchedMarketplace()
    async with outages(market) as around:
        await a_stopped_channel(around, market)
        around.own(await around.crash())
        await around.bench.send(a_target("A", 7, version=2))
        await around.bench.clock.pass_s(30)
        state = around.health.state

    assert state is ChannelState.STOPPED
    assert not market.wrong and set(market.shown.values()) == {0}
