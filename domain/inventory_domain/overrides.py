"""An operator's hand on a SKU until a time: what it does to numbers, and when it ends.

HOLD: no listing rises; falls go on, because an order or a loss takes units away whether somebody holds the number or
not. A listing that has no number yet gets none. CAP: no listing shows more than so many units. ZERO: every listing
shows nothing, also one that was never counted: a recall does not wait for a count. RELEASE ends any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from inventory_domain.allocation import whole_units
from inventory_domain.commands import Override, OverrideKind
from inventory_domain.identifiers import NodeId

LATEST_MS: Final = 253_402_300_799_000  # the last second of the year 9999, the last that has a date in words


def in_force(override: Override | None, now_ms: int) -> Override | None:
    """The override while it lasts, and None from its end on."""
    if override is None or (override.until_ms is not None and override.until_ms <= now_ms):
        return None
    return override


def overridden(current: Override | None, asked: Override, now_ms: int) -> Override | None:
    """What holds after a command; the same object where the command changes nothing.

    The newest command takes the place of the one before it. One that is over before it is read changes nothing, so a
    late hold does not end a zero.
    """
    if asked.kind is OverrideKind.RELEASE:
        return None
    if in_force(asked, now_ms) is None or asked == current:
        return current
    return asked


def capped(quantity: int, nodes: Mapping[NodeId, int], most: int) -> tuple[int, Mapping[NodeId, int]]:
    """A listing's number and its parts by node, brought down to at most so many units together."""
    if quantity <= most:
        return quantity, nodes
    if not nodes:
        return most, nodes
    parts = whole_units(most, list(nodes.values()))  # in proportion, so no part grows
    return most, dict(zip(nodes, parts, strict=True))


def note(override: Override) -> str:
    """The override in the words of a derivation."""
    units = f" {override.units}" if override.kind is OverrideKind.CAP else ""
    return f"override {override.kind.value}{units} by {override.by} {_until(override.until_ms)}"


def _until(at_ms: int | None) -> str:
    return "until released" if at_ms is None or at_ms > LATEST_MS else f"until {moment(at_ms)}"


def moment(at_ms: int) -> str:
    """The time in words, UTC, to the second; a time without a date in words stays a number."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}" if at_ms <= LATEST_MS else f"{at_ms} ms"
