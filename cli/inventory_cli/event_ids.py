"""Event ids for changes that come without one, from what their line says."""

from __future__ import annotations

import hashlib
import uuid

from inventory_domain.changes import InventoryChange, StockCounted
from inventory_domain.identifiers import EventId, LocationId, Sku


class OwnIds:
    """The ids of one file: the same line gives the same one, so that a file sent twice counts once.

    A count is another one each time that it is sent, unless a sequence or a time of its own says which it is: the shelf
    may have been counted twice with one result, and changed in between. What follows it at its location in the same
    file is as new as it: the count does not have it.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._counts: dict[tuple[Sku | None, LocationId | None], str] = {}

    def of(self, change: InventoryChange, text: str, *, dated: bool) -> EventId:
        """The id of the change on this line. `dated`: the line says when it happened."""
        self._seen[text] = self._seen.get(text, 0) + 1
        place = (change.sku, change.location)
        if isinstance(change.kind, StockCounted):
            self._counts.pop(place, None)
            if change.sequence is None and not dated:
                self._counts[place] = uuid.uuid4().hex
        count = self._counts.get(place, "")
        return EventId(hashlib.sha256(f"{count}{self._seen[text]} {text}".encode()).hexdigest()[:32])
