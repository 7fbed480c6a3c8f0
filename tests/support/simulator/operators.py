"""What operators do: they replay dead letters, and hold, cap and zero what is sold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import Producer

from inventory_domain.commands import Override, OverrideKind
from inventory_domain.dead_letters import ReplayCurrent, judge_replay
from inventory_domain.identifiers import Sku
from inventory_streams.letters import LetterDesk, read_letters
from tests.support.engine_work import TOPICS
from tests.support.simulator.process import ModeledProcess, ModeledSettings
from tests.support.simulator.sharing import MARKETPLACE, codecs
from tests.support.simulator.traffic import PARTITIONS

if TYPE_CHECKING:
    from tests.support.simulator.kafka import ModeledKafka
    from tests.support.simulator.world import World

HELD_S = (10.0, 30.0, 60.0)


class _Desk:
    """The producer of an operator's command, which ends as soon as its records are there."""

    def __init__(self, kafka: ModeledKafka) -> None:
        self._kafka = kafka

    def produce(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        partition: int,
        headers: Mapping[str, bytes] | None,
        on_delivery: object,
    ) -> None:
        self._kafka.append(topic, partition, key, value, tuple((headers or {}).items()))

    def flush(self, timeout_s: float) -> int:
        return 0


def replay_letters(world: World) -> None:
    """All dead letters that nobody has decided on: the current target is said once more, or the letter is refused."""
    kafka = world.kafka
    if not kafka.logs.keys() & {(TOPICS.dead_letters(MARKETPLACE), number) for number in range(PARTITIONS)}:
        return
    settings = ModeledSettings("modelled", process=cast(ModeledProcess, _Reader(kafka)))
    desk = LetterDesk(settings, cast(Producer, _Desk(kafka)))
    for letter in read_letters(settings, TOPICS.dead_letters(MARKETPLACE), PARTITIONS):
        if letter.resolution is not None:
            continue
        current = kafka.newest.get((TOPICS.targets(MARKETPLACE), letter.key))
        exposure = kafka.newest.get((TOPICS.exposure(MARKETPLACE), letter.key))
        answer = judge_replay(
            codecs().targets.decode(letter.raw),
            codecs().targets.decode(current) if current is not None else None,
            codecs().exposure.decode(exposure) if exposure is not None else None,
        )
        world.promises.note(f"letter of {letter.key.decode()}: {answer}")
        if isinstance(answer, ReplayCurrent):
            world.promises.fired("letter replayed")
            world.traffic.restate(answer.sku, answer.listing_id, answer.version, "replayed")
        else:
            world.promises.fired("letter refused")
        desk.decide(letter, "replayed" if isinstance(answer, ReplayCurrent) else "discarded", "ann", "why")


class _Reader:
    """Reads from the command line: it has Kafka and nothing else."""

    def __init__(self, kafka: ModeledKafka) -> None:
        self.kafka: Any = kafka


def lay_hand_on(world: World) -> None:
    """An operator holds, caps or zeroes a SKU, for a while or for good, or lets it go again."""
    dice, now_ms = world.dice, world.clock.now_ms()
    sku = dice.choice(list(world.traffic.expected))
    kind = dice.choice((OverrideKind.HOLD, OverrideKind.CAP, OverrideKind.ZERO, OverrideKind.RELEASE))
    for_good = kind is not OverrideKind.HOLD and dice.random() < 0.5
    until_ms = None if for_good or kind is OverrideKind.RELEASE else now_ms + round(dice.choice(HELD_S) * 1_000)
    hand = world.traffic.expected[sku].hand
    if until_ms is not None and hand is not None and hand.until_ms is None:
        return  # which of the two holds in the end would depend on when the engine reads of them
    world.promises.note(f"operator: {kind.value} {sku} until {until_ms}")
    world.promises.fired(kind.value)
    override = Override(kind, dice.randrange(8) if kind is OverrideKind.CAP else None, until_ms, "ann", "why")
    world.traffic.lay_hand_on(sku, override)
    if until_ms is not None:
        world.loop.outside((until_ms - now_ms) / 1_000 + 0.01, _ended, world, sku)


def _ended(world: World, sku: Sku) -> None:
    world.noted(sku, world.traffic.expected[sku])
