"""What the demo says of its dead letters: which they are, why, and how to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from inventory_cli.demo.watch import DeadLetterSeen

MEANINGS: Final = {
    "not-confluent-framed": "bytes that are no record",
    "bad-quantity": "a count below nothing",
    "unknown-sku": "a SKU that no product of the catalog has",
}
"""What the demo sends wrong on purpose, by the reason that its dead letter must have."""


def told(found: Sequence[DeadLetterSeen], sent: Sequence[DeadLetterSeen], settings: Path, *, kept: bool) -> list[str]:
    """Lines for people. `sent`: what was wrong on purpose; `kept`: the topics stay when the demo is over."""
    own = [one for one in found if one in sent]
    others = [one for one in found if one not in sent]
    lines = []
    if own:
        lines.append(f"{len(own)} of the demo's events were wrong on purpose, and are dead letters as they must be:")
        lines += [f"  {one.key}: {MEANINGS.get(one.reason, 'wrong')} ({one.reason})" for one in own]
    if others:
        lines.append(f"{len(others)} dead letters that the demo did not mean to make:")
        lines += [f"  {one.key}: {one.reason}" for one in others]
    if found:
        when = "look at them" if kept else "run with --keep to look at them afterwards"
        lines.append(f"{when}: inventory-sync dead-letters list --from inventory --config {settings}")
    return lines
