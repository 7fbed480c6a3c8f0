"""What operators decide on dead letters: which they mean, and who carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from inventory_domain.errors import InventorySyncError

LETTERS_MAX: Final = 50
"""Decided on at once: each waits for Kafka."""


class LetterNotDecided(InventorySyncError):
    """It is not known that the decision was written. Deciding once more is harmless."""


class Decision(Enum):
    """What may be decided on a dead letter."""

    REPLAY = "replay"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class LetterPlace:
    """Which letter: its place on its topic."""

    topic: str
    partition: int
    offset: int

    @property
    def text(self) -> str:
        """As forms have it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Letters(Protocol):
    """Who carries decisions out. May block for seconds; from any thread."""

    def decide(self, place: LetterPlace, decision: Decision, by: str, why: str) -> str | None:
        """None when it is done and noted beside the letter; else why it was refused, and nothing was done.

        Raises:
            LetterNotDecided: it is not known to be durable.
        """
        ...


def place_of(text: str) -> LetterPlace | None:
    """The place that a form names; None for a text that names none."""
    topic, slash, place = text.partition("/")
    partition, second, offset = place.partition("/")
    if not (topic and slash and second) or not all(one.isascii() and one.isdigit() for one in (partition, offset)):
        return None
    return LetterPlace(topic, int(partition), int(offset))
