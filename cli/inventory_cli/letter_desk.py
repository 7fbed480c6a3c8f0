"""Dead letters of all topics as one list, and the way back for those that have one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import typer
from confluent_kafka import Message

from inventory_cli.connecting import Connection, registry_of
from inventory_cli.times import show_time
from inventory_domain.commands import Restate
from inventory_domain.dead_letters import ReplayCurrent, ReplayRefused, judge_change, judge_replay
from inventory_domain.errors import BadRecord
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import Marketplace
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import Stock
from inventory_domain.targets import Target
from inventory_schemas.codec import Serde
from inventory_schemas.records import INVENTORY_CHANGE, LISTING_EXPOSURE, LISTING_TARGET, SKU_STATE
from inventory_streams.letters import Letter, LetterDesk, partitions_of, read_letters, read_newest
from inventory_streams.producer import SkuCommander

INVENTORY: Final = "inventory"
HOUR_MS: Final = 3_600_000
CONTENT_MAX: Final = 2_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """A letter as shown. `source`: its marketplace, or `inventory`; `target`: what it holds, where it can be read."""

    source: str
    letter: Letter
    target: Target | None

    @property
    def id(self) -> str:
        """By which it is named."""
        return f"{self.source}/{self.letter.place}"

    @property
    def name(self) -> str:
        """The listing, or the SKU, that it is of."""
        return self.letter.key.decode(errors="replace")

    @property
    def channel(self) -> str:
        """The channel of its listing; nothing for input."""
        return self.name.partition("/")[0] if self.source != INVENTORY else ""

    def facts(self) -> dict[str, object]:
        """What there is to say of it."""
        letter, decided = self.letter, self.letter.resolution
        return {
            "id": self.id,
            "at": show_time(letter.at_ms),
            "of": self.name,
            "reason": letter.reason,
            "error": letter.error,
            "attempts": letter.attempts,
            "origin": f"{letter.origin_topic}[{letter.origin_partition}]@{letter.origin_offset}",
            "decided": f"{decided.decision} by {decided.by}: {decided.why}" if decided else "",
        }

    def content(self) -> str:
        """What it holds, in words if it can be read, else as bytes."""
        if self.target is not None:
            return f"version {self.target.version}, {self.target.quantity} units, SKU {self.target.sku}"
        return repr((self.letter.raw or b"")[:CONTENT_MAX])


@dataclass(frozen=True, slots=True)
class Judged:
    """What a replay of a letter comes to."""

    letter: Shown
    answer: ReplayCurrent | ReplayRefused | None

    @property
    def goes(self) -> bool:
        """Whether something is to be sent."""
        return not isinstance(self.answer, ReplayRefused)

    @property
    def words(self) -> str:
        """In words."""
        if isinstance(self.answer, ReplayRefused):
            return f"refused: {self.answer.why}"
        if isinstance(self.answer, ReplayCurrent):
            return f"goes: version {self.answer.version} is still the newest and is said once more"
        return f"goes: sent again to {self.letter.letter.origin_topic}"


class Desk:
    """Reads, judges and decides, on one Kafka. Every call blocks."""

    def __init__(self, found: Connection, now_ms: Callable[[], int]) -> None:
        self._found = found
        self._now_ms = now_ms
        self._registry = registry_of(found)
        self._desk = LetterDesk(found.kafka)
        self._commander: SkuCommander | None = None

    def close(self) -> None:
        """Give back connections."""
        self._registry.close()

    def find(
        self,
        source: str | None,
        channel: str | None,
        listing: str | None,
        reason: str | None,
        hours: float | None,
        *,
        with_resolved: bool,
    ) -> list[Shown]:
        """The letters that fit, the oldest first."""
        since_ms = 0 if hours is None else self._now_ms() - int(hours * HOUR_MS)
        found = [one for name in self._sources(source) for one in self._read(name)]
        chosen = [
            one
            for one in found
            if one.letter.at_ms >= since_ms
            and (with_resolved or one.letter.resolution is None)
            and (channel is None or one.channel == channel)
            and (reason is None or one.letter.reason == reason)
            and (listing is None or listing in (one.name, one.target.sku if one.target is not None else None))
        ]
        return sorted(chosen, key=lambda one: one.letter.at_ms)

    def by_ids(self, ids: Sequence[str]) -> list[Shown]:
        """The letters of these ids.

        Raises:
            typer.BadParameter: one of them is no letter's.
        """
        sources = self._sources(None)
        asked = {name: name.partition("/")[0] for name in ids}
        wrong = [name for name, source in asked.items() if source not in sources]
        if wrong:
            raise typer.BadParameter(f"{', '.join(wrong)}: an id begins with one of {', '.join(sources)}")
        known = {one.id: one for source in set(asked.values()) for one in self._read(source)}
        missing = [name for name in ids if name not in known]
        if missing:
            raise typer.BadParameter(f"{', '.join(missing)}: no such letter (they are kept for 90 days)")
        return [known[name] for name in ids]

    def judge(self, letters: Sequence[Shown]) -> list[Judged]:
        """What a replay of each comes to, by what is true now."""
        targets: dict[str, Target] = {}
        exposures: dict[str, Exposure] = {}
        refused = self._refused_inputs([one for one in letters if one.source == INVENTORY])
        for source in {one.source for one in letters if one.source != INVENTORY}:
            self._read_current(source, [one for one in letters if one.source == source], targets, exposures)
        return [
            Judged(
                one,
                refused.get(one.id)
                if one.source == INVENTORY
                else judge_replay(one.target, targets.get(one.name), exposures.get(one.name)),
            )
            for one in letters
        ]

    def replay(self, judged: Judged, by: str, why: str) -> None:
        """Do what was judged, and note it beside the letter.

        Raises:
            NotDelivered, LetterNotSent: Kafka did not take it.
        """
        answer = judged.answer
        if isinstance(answer, ReplayCurrent):
            if self._commander is None:
                found = self._found
                self._commander = SkuCommander(found.kafka, found.topics, self._registry, now_ms=self._now_ms)
            self._commander.send(answer.sku, Restate(answer.listing_id, answer.version, "replayed"), by)
        elif answer is None:
            self._desk.send_again(judged.letter.letter)
        else:
            return
        self._desk.decide(judged.letter.letter, "replayed", by, why)

    def discard(self, shown: Shown, by: str, why: str) -> None:
        """Note beside the letter that nothing is to be done. Raises LetterNotSent."""
        self._desk.decide(shown.letter, "discarded", by, why)

    def _sources(self, asked: str | None) -> list[str]:
        known = [*self._found.topics.marketplaces, INVENTORY]
        if asked is not None and asked not in known:
            raise typer.BadParameter(f"{asked!r} is not one of {', '.join(known)}", param_hint="--from")
        return [asked] if asked is not None else list(known)

    def _read(self, source: str) -> list[Shown]:
        topics = self._found.topics
        topic = topics.inventory_dead_letters if source == INVENTORY else topics.dead_letters(Marketplace(source))
        letters = read_letters(self._found.kafka, topic, partitions_of(self._found.kafka, topic))
        if source == INVENTORY:
            return [Shown(source, letter, None) for letter in letters]
        codec = Serde(LISTING_TARGET, f"{topics.targets(Marketplace(source))}-value", self._registry)
        return [Shown(source, letter, _target(codec, letter)) for letter in letters]

    def _refused_inputs(self, letters: Sequence[Shown]) -> dict[str, ReplayRefused]:
        """Input that would undo what came after it, by the letters' ids."""
        topics = self._found.topics
        products = [one for one in letters if one.letter.origin_topic == topics.catalog_products]
        changes = [one for one in letters if one.letter.origin_topic == topics.inventory_changes]
        found: dict[str, ReplayRefused] = {}
        newest = self._newest_offsets(topics.catalog_products, products)
        for one in products:
            if newest.get(one.letter.key, 0) > one.letter.origin_offset:
                found[one.id] = ReplayRefused("stale: a newer record of the product followed it")
        codec = Serde(INVENTORY_CHANGE, f"{topics.inventory_changes}-value", self._registry)
        stocks = self._stocks(changes)
        for one in changes:
            with suppress(BadRecord):  # it is put aside again, for the same reason
                refused = judge_change(codec.decode(one.letter.raw), stocks.get(one.letter.key))
                if refused is not None:
                    found[one.id] = refused
        return found

    def _newest_offsets(self, topic: str, letters: Sequence[Shown]) -> dict[bytes, int]:
        found: dict[bytes, int] = {}

        def take(message: Message) -> None:
            found[message.key() or b""] = int(message.offset() or 0)

        numbers = {one.letter.origin_partition for one in letters}
        read_newest(self._found.kafka, topic, numbers, frozenset(one.letter.key for one in letters), take)
        return found

    def _stocks(self, letters: Sequence[Shown]) -> dict[bytes, Stock]:
        topic, found = self._found.topics.sku_state, dict[bytes, Stock]()
        codec = Serde(SKU_STATE, f"{topic}-value", self._registry)

        def take(message: Message) -> None:
            key, raw = message.key() or b"", message.value()
            found.pop(key, None)
            with suppress(BadRecord):
                state = codec.decode(raw)
                if isinstance(state, SkuState):
                    found[key] = state.stock

        numbers = {one.letter.origin_partition for one in letters}
        read_newest(self._found.kafka, topic, numbers, frozenset(one.letter.key for one in letters), take)
        return found

    def _read_current(
        self, source: str, letters: Sequence[Shown], targets: dict[str, Target], exposures: dict[str, Exposure]
    ) -> None:
        topics, marketplace = self._found.topics, Marketplace(source)
        keys = frozenset(one.letter.key for one in letters)
        numbers = {one.letter.partition for one in letters}
        target_codec = Serde(LISTING_TARGET, f"{topics.targets(marketplace)}-value", self._registry)
        exposure_codec = Serde(LISTING_EXPOSURE, f"{topics.exposure(marketplace)}-value", self._registry)

        def take_target(message: Message) -> None:
            _keep(targets, target_codec, message)

        def take_exposure(message: Message) -> None:
            _keep(exposures, exposure_codec, message)

        read_newest(self._found.kafka, topics.targets(marketplace), numbers, keys, take_target)
        read_newest(self._found.kafka, topics.exposure(marketplace), numbers, keys, take_exposure)


def _keep(known: dict[str, T], codec: Serde[T], message: Message) -> None:
    key = message.key()
    name = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
    raw = message.value()
    if raw is None:
        known.pop(name, None)
        return
    try:
        known[name] = codec.decode(raw)
    except BadRecord:
        known.pop(name, None)


def _target(codec: Serde[Target], letter: Letter) -> Target | None:
    try:
        return codec.decode(letter.raw or b"")
    except BadRecord:
        return None
