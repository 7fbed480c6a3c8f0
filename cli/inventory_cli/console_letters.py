"""Dead letters decided on from the console, by the same desk that the command line uses."""

from __future__ import annotations

import threading

import typer
from confluent_kafka import KafkaException

from inventory_cli.letter_desk import INVENTORY, Desk
from inventory_console.letters import Decision, LetterNotDecided, LetterPlace
from inventory_domain.errors import InventorySyncError
from inventory_streams.topics import Topics


class DeskLetters:
    """One decision at a time: the letter is read where it lies, judged by what is true now, and decided on."""

    def __init__(self, desk: Desk, topics: Topics) -> None:
        self._desk = desk
        self._sources = {topics.dead_letters(one): str(one) for one in topics.marketplaces}
        self._sources[topics.inventory_dead_letters] = INVENTORY
        self._lock = threading.Lock()

    def decide(self, place: LetterPlace, decision: Decision, by: str, why: str) -> str | None:
        """As `Letters` says."""
        source = self._sources.get(place.topic)
        if source is None:
            return f"{place.topic} is no topic of dead letters"
        with self._lock:
            try:
                return self._decide(f"{source}/{place.partition}/{place.offset}", decision, by, why)
            except typer.BadParameter as error:
                return error.message
            except (InventorySyncError, KafkaException) as error:
                raise LetterNotDecided(str(error)) from error

    def _decide(self, name: str, decision: Decision, by: str, why: str) -> str | None:
        (shown,) = self._desk.by_ids([name])
        before = shown.letter.resolution
        if before is not None:
            return f"{before.decision} by {before.by} before: {before.why}"
        if decision is Decision.DISCARD:
            self._desk.discard(shown, by, why)
            return None
        (judged,) = self._desk.judge([shown])
        if not judged.goes:
            return judged.words
        self._desk.replay(judged, by, why)
        return None
