"""Sales in windows of event time: Faust's windowed tables, whose changelog goes out with the partition's transaction.

A Faust table writes its changelog through Faust's own producer, which nobody fences and whose failures nobody notices
(rule 12), and has it read back through the group's consumer, which skips input (rule 10). So a table here collects its
records for the transaction that its partition writes anyway, and is filled from them by our own recovery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

import faust
from faust.tables.wrappers import WindowWrapper

from inventory_domain.identifiers import ChannelId, Sku
from inventory_domain.sales import window_start

_SEPARATOR: Final = "\x00"  # neither a channel nor a SKU has a control character

WindowKey = tuple[ChannelId, Sku]


@dataclass(frozen=True, slots=True)
class WindowRecord:
    """One record of `sku.velocity`: the units in one window of one SKU on one channel."""

    table: str
    channel: ChannelId
    sku: Sku
    start_ms: int
    units: int

    def key(self) -> bytes:
        """The record's key, one per window."""
        return _SEPARATOR.join((self.table, self.channel, self.sku, str(self.start_ms))).encode()

    def value(self) -> bytes:
        """The record's value: the units in decimal."""
        return b"%d" % self.units

    @staticmethod
    def of(key: bytes | None, value: bytes | None) -> WindowRecord | None:
        """The record with that key and value; None for a tombstone and for what is none of ours.

        What cannot be read is as good as lost: a window holds only what may be lost (rule 8).
        """
        parts = (key or b"").decode(errors="replace").split(_SEPARATOR)
        if value is None or len(parts) != 4 or not parts[3].isdecimal() or not value.isdigit():
            return None
        return WindowRecord(parts[0], ChannelId(parts[1]), Sku(parts[2]), int(parts[3]), int(value))


class _CollectingTable(faust.Table[Any, int]):
    """A table whose changes are handed to us instead of to Faust's producer."""

    collect: Callable[[Any, int], None]

    def on_key_set(self, key: Any, value: int) -> None:
        """A window has another number."""
        self.collect(key, value)

    def on_key_del(self, key: Any) -> None:
        """A window is dropped. Its record goes by the topic's retention."""


class SalesTable:
    """Units by window of one size, per SKU and channel. Late sales count in the window in which they occurred."""

    def __init__(self, app: faust.App, name: str, size_ms: int, kept_ms: int) -> None:
        """Windows that ended longer than `kept_ms` ago are dropped by `expire`."""
        self.name = name
        self._size_ms = size_ms
        self._kept_ms = kept_ms
        self._table = _CollectingTable(app, name=name, default=int, key_type=str)
        self._table.collect = self._changed
        # Without Faust's own expiry: it goes by the machine's clock, and windows expire on event time here (rule 8).
        self._sales = cast(WindowWrapper, self._table.tumbling(size_ms / 1000))
        self._starts: dict[WindowKey, set[int]] = {}
        self._outbox: list[WindowRecord] = []

    def add(self, channel: ChannelId, sku: Sku, at_ms: int, units: int) -> None:
        """Count units in the window that this time is in."""
        self._sales.relative_to(at_ms / 1000)[channel, sku] += units
        self._starts.setdefault((channel, sku), set()).add(window_start(at_ms, self._size_ms))

    def load(self, record: WindowRecord) -> None:
        """Take over a record of the changelog."""
        key = (record.channel, record.sku)
        self._table.data[key, self._range(record.start_ms)] = record.units
        self._starts.setdefault(key, set()).add(record.start_ms)

    def units(self, channel: ChannelId, sku: Sku) -> dict[int, int]:
        """Units by the start of their window."""
        key = (channel, sku)
        data = self._table.data
        return {start: data[key, self._range(start)] for start in self._starts.get(key, ())}

    def is_kept(self, at_ms: int, event_ms: int) -> bool:
        """Whether the window of that time is kept when event time has come to `event_ms`."""
        return window_start(at_ms, self._size_ms) + self._size_ms > event_ms - self._kept_ms

    def expire(self, channel: ChannelId, sku: Sku, event_ms: int) -> None:
        """Drop the windows that are too old when event time has come to `event_ms`."""
        key = (channel, sku)
        starts = self._starts.get(key)
        if starts is None:
            return
        for start in [one for one in starts if not self.is_kept(one, event_ms)]:
            starts.discard(start)
            del self._table[key, self._range(start)]
        if not starts:
            del self._starts[key]

    def forget(self, channel: ChannelId, sku: Sku) -> None:
        """Drop everything of a SKU whose partition is another worker's now."""
        key = (channel, sku)
        for start in self._starts.pop(key, ()):
            self._table.data.pop((key, self._range(start)), None)

    def take(self) -> list[WindowRecord]:
        """The records of all changes since this was last asked; the newest of each window."""
        taken, self._outbox = self._outbox, []
        return list({(one.channel, one.sku, one.start_ms): one for one in taken}.values())

    def __len__(self) -> int:
        return len(self._table.data)

    def _range(self, start_ms: int) -> tuple[float, float]:
        window = self._table.window
        assert window is not None, "the table was given its window when it was made"
        return window.current(start_ms / 1000)

    def _changed(self, key: tuple[WindowKey, tuple[float, float]], units: int) -> None:
        (channel, sku), (start_s, _) = key
        self._outbox.append(WindowRecord(self.name, channel, sku, round(start_s * 1000), units))


def records_of(tables: Iterable[SalesTable]) -> list[WindowRecord]:
    """All changes of these tables since they were last asked."""
    return [record for table in tables for record in table.take()]
