"""P5 where nothing else goes wrong: what must end sales does so in time, and all comes back when it is over.

Trouble shows that nothing but zeros is sent under a stop. Whether they are sent, and seen, it cannot show: while writes
are refused and processes die there is no time by which they must be.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from inventory_domain.identifiers import ChannelId
from inventory_domain.operations import OperatorAction
from inventory_streams.delivery.last_resort import LOOK_S
from tests.support.simulator.delivery import ENGINE_SILENT_S, STOP_AFTER_S
from tests.support.simulator.trouble import bring_kafka_back, order, take_kafka

if TYPE_CHECKING:
    from tests.support.simulator.world import World

DELIVERED_UNITS = 10  # before it, so that there is something on sale
HELD_S = 10.0
DECIDED_WITHIN_S = 10.0  # a report of the workers, the owner's decision, and its record


async def fail_safe(world: World, way: str | None) -> None:
    """Let one thing happen that must end sales; None: which one is the seed's choice."""
    chance = random.Random(f"{world.seed}/fails safe")  # its own, so that seeds of before do what they did
    name = way or chance.choice(sorted(WAYS))
    world.traffic.deliver(DELIVERED_UNITS)
    await world.pass_time(world.promises.delay_s)
    world.promises.note(f"fails safe: {name}")
    if any(world.market.shown.values()):
        world.promises.fired(name)
    await WAYS[name](world, chance)


async def _stopped_by_hand(world: World, chance: random.Random) -> None:
    """An operator stops one channel; the other one goes on, and its delays are as declared."""
    channel = chance.choice(world.channels)
    order(world, OperatorAction.STOP_SALE, [channel])
    await _nothing_is_on_sale(world, [channel], 0.0)
    order(world, OperatorAction.RESTORE, [channel])


async def _engine_silent(world: World, chance: random.Random) -> None:
    """Nobody computes any more."""
    world.promises.calm_from_s = float("inf")
    limit_s = ENGINE_SILENT_S
    world.engine_rests_until_s = world.loop.time() + limit_s + world.promises.delay_s + HELD_S
    await _nothing_is_on_sale(world, world.channels, limit_s)


async def _kafka_silent(world: World, chance: random.Random) -> None:
    """Nobody reaches Kafka any more: the last resort."""
    world.promises.calm_from_s = float("inf")
    limit_s = ENGINE_SILENT_S + LOOK_S
    take_kafka(world, limit_s + world.promises.delay_s + HELD_S)
    await _nothing_is_on_sale(world, world.channels, limit_s)
    bring_kafka_back(world)


async def _never_answered(world: World, chance: random.Random) -> None:
    """The marketplace takes nothing until the limit. What cannot be written is known to be stopped in time.

    The limit counts from when there was last nothing listed on the channel: nothing is vouched for wrongly then.
    """
    world.promises.calm_from_s = float("inf")
    world.market.weather.down = True
    since_s = dict.fromkeys(world.channels, world.loop.time())
    limit_s = STOP_AFTER_S + DECIDED_WITHIN_S
    for _ in range(round(limit_s)):
        await world.pass_time(1.0)
        for channel in world.channels:
            if not _sells(world, channel):
                since_s[channel] = world.loop.time()
    for channel, began_s in since_s.items():
        if world.loop.time() - began_s >= limit_s - 1e-6:
            world.promises.fired("had to be stopped")
            if not world.promises.is_stopped(channel):
                world.promises.wrong(f"P5: {channel} takes nothing since {began_s:.1f} and is not stopped")
    world.market.weather.down = False


def _sells(world: World, channel: ChannelId) -> bool:
    """Whether anything is listed on the channel, or still on sale there."""
    shown = any(units for one, units in world.market.shown.items() if one.partition("/")[0] == channel)
    return shown or any(one.listed and one.counts for one in world.traffic.expected.values())


async def _nothing_is_on_sale(world: World, channels: Sequence[ChannelId], limit_s: float) -> None:
    """From the limit and the declared delay on, and as long as it lasts."""
    began_s = world.loop.time()
    await world.pass_time(limit_s + world.promises.delay_s)
    for _ in range(round(HELD_S)):
        for listing_id, units in world.market.shown.items():
            if units and listing_id.partition("/")[0] in channels:
                world.promises.wrong(f"P5: {listing_id} shows {units}, and sales had to end since {began_s:.1f}")
        await world.pass_time(1.0)


WAYS: dict[str, Callable[[World, random.Random], Awaitable[None]]] = {
    "stopped by hand": _stopped_by_hand,
    "engine silent": _engine_silent,
    "kafka silent": _kafka_silent,
    "never answered": _never_answered,
}
