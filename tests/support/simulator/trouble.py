"""What may go wrong in a run, as often as its seed says: each act does one thing to the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from inventory_domain.identifiers import ChannelId, EventId
from inventory_domain.operations import OperatorAction, OperatorCommand
from tests.support.engine_work import TOPICS
from tests.support.simulator.delivery import STOP_AFTER_S, DeliveryProcess
from tests.support.simulator.group import SESSION_S
from tests.support.simulator.marketplace import Weather
from tests.support.simulator.operators import lay_hand_on, replay_letters
from tests.support.simulator.sharing import MARKETPLACE, codecs
from tests.support.simulator.traffic import PARTITIONS

STRAY_S = 20.0  # a request lasts no longer

if TYPE_CHECKING:
    from tests.support.simulator.world import World


def kill(world: World) -> None:
    """SIGKILL."""
    if (process := _any(world)) is not None:
        world.ended(process, "killed", None)


def stop(world: World) -> None:
    """SIGTERM: partitions are given up in good order."""
    if (process := _any(world)) is not None:
        process.worker.stopping = process.stopping = True


def freeze(world: World) -> None:
    """SIGSTOP, shorter or longer than a session of the group."""
    if (process := _any(world)) is not None:
        world.loop.freeze(process)
        world.loop.outside(world.dice.choice((2.0, 8.0, 14.0, 30.0)), world.wake, process)


def kill_reconciler(world: World) -> None:
    """SIGKILL of the process that reconciles."""
    for process in world.reconcilers[:1]:
        world.ended(process, "killed", None)


def freeze_reconciler(world: World) -> None:
    """SIGSTOP of the process that reconciles; another may take over meanwhile."""
    for process in [one for one in world.reconcilers if not one.frozen][:1]:
        world.loop.freeze(process)
        seconds = world.dice.choice((2.0, 8.0, 30.0))
        world.loop.outside(seconds, world.wake, process)
        if seconds > SESSION_S:
            world.loop.outside(SESSION_S, world.start_reconciler)


def edit(world: World) -> None:
    """Somebody sets another number at the marketplace by hand."""
    listings = sorted(world.market.shown)
    if listings:
        listing_id = world.dice.choice(listings)
        quantity = max(0, world.market.shown[listing_id] + world.dice.choice((-4, -2, -1, 1, 2, 5)))
        world.promises.note(f"{listing_id} is edited: {quantity}")
        world.market.edit(listing_id, quantity)


def lose_kafka(world: World) -> None:
    """Nobody reaches Kafka for a while, which may be longer than the limit of the engine's silence."""
    if not world.kafka.gone:
        seconds = world.dice.choice((4.0, 20.0, 60.0, 90.0))
        take_kafka(world, seconds)
        world.loop.outside(seconds, bring_kafka_back, world)


def take_kafka(world: World, seconds: float) -> None:
    """It answers nobody, the engine neither, for as long as that lasts."""
    world.kafka.gone = world.group.gone = world.market.cut_off = True
    world.promises.gone_s = world.loop.time()
    world.engine_rests_until_s = max(world.engine_rests_until_s, world.loop.time() + seconds)


def bring_kafka_back(world: World) -> None:
    """It answers again. What was written at the marketplace meanwhile may still be on its way."""
    if world.kafka.gone:
        world.promises.note("Kafka is back")
        world.kafka.gone = False
        world.promises.gone_s = None
        world.group.comes_back()
        world.loop.outside(STRAY_S, _account_for, world)


def _account_for(world: World) -> None:
    world.market.cut_off = world.kafka.gone


def scale(world: World) -> None:
    """One more process, or one less from now on."""
    world.wanted = world.dice.choice((1, 2, 3))
    world.replace_missing()


def outage(world: World) -> None:
    """The marketplace takes nothing for a while, which may be longer than the limit for stop-sale."""
    world.market.weather.down = True
    world.loop.outside(world.dice.choice((5.0, 20.0, STOP_AFTER_S + 20.0)), _up, world)


def _up(world: World) -> None:
    world.market.weather.down = False


def turn(world: World) -> None:
    """Other weather."""
    weather = world.weather if world.dice.random() < 0.7 else Weather()
    world.market.weather = replace(weather, down=world.market.weather.down)


def operator(world: World) -> None:
    """Somebody stops a channel, pauses it, or lets it go on."""
    actions = (OperatorAction.PAUSE, OperatorAction.RESUME, OperatorAction.STOP_SALE, OperatorAction.RESTORE)
    command(world, world.dice.choice(actions), falls_too=world.dice.random() < 0.2)


def command(world: World, action: OperatorAction, *, falls_too: bool = False) -> None:
    """An operator's word on each channel, or on one of them while there is trouble."""
    if world.kafka.gone:
        return
    channels = [world.dice.choice(world.channels)] if world.troubled else world.channels
    order(world, action, channels, falls_too=falls_too)


def order(world: World, action: OperatorAction, channels: Sequence[ChannelId], *, falls_too: bool = False) -> None:
    """An operator's word on these channels."""
    for channel in channels:
        at_ms = world.clock.now_ms()
        told = OperatorCommand(EventId(world.number()), channel, action, "ann", "why", at_ms, falls_too)
        world.promises.note(f"operator: {action.value} {channel}")
        world.kafka.append(TOPICS.operator_commands, 0, channel.encode(), codecs().commands.encode(told))


def move_engine(world: World) -> None:
    """A partition of the engine goes to another process; its former owner is not told."""
    world.move_engine(world.dice.randrange(PARTITIONS))


def rest_engine(world: World) -> None:
    """Nobody computes for a while, which may be longer than the limit of the engine's silence."""
    world.engine_rests_until_s = world.loop.time() + world.dice.choice((5.0, 20.0, 55.0))


def repeat_target(world: World) -> None:
    """An older target of a listing comes once more, after newer ones."""
    if world.kafka.gone:
        return
    number = world.dice.randrange(PARTITIONS)
    topic, newest = TOPICS.targets(MARKETPLACE), world.kafka.newest_on
    old = [one for one in world.kafka.read(topic, number)[:-1] if one.value and newest[topic, number, one.key or b""]]
    if old:
        world.kafka.repeat(world.dice.choice(old))


def replay(world: World) -> None:
    """An operator goes through the dead letters."""
    if not world.kafka.gone:
        replay_letters(world)


def lay_hand(world: World) -> None:
    """An operator's hand on a SKU."""
    if not world.kafka.gone:
        lay_hand_on(world)


def _any(world: World) -> DeliveryProcess | None:
    there = [one for one in world.processes if not one.doomed and not one.frozen]
    return world.dice.choice(there) if there else None


ACTS: dict[str, Callable[[World], None]] = {
    "killed": kill,
    "stopped": stop,
    "frozen": freeze,
    "scaled": scale,
    "outage": outage,
    "weather": turn,
    "operator": operator,
    "engine moved": move_engine,
    "engine gone": rest_engine,
    "target repeated": repeat_target,
    "reconcile killed": kill_reconciler,
    "reconcile frozen": freeze_reconciler,
    "edited": edit,
    "kafka gone": lose_kafka,
    "letters": replay,
    "hand": lay_hand,
}
