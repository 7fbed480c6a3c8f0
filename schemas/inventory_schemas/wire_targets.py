"""Targets as they are written (`listing_target`), by hand."""

from __future__ import annotations

from inventory_domain.targets import Target
from inventory_schemas.wire import (
    FALSE,
    NAMES,
    NULL,
    NUMBERS,
    TRUE,
    numbers,
    optional_number,
    optional_text,
    pairs,
    text,
)


def write_target(target: Target) -> bytes:
    """The record of a target, without the header."""
    long, names = NUMBERS, NAMES
    nodes = numbers(target.nodes) if target.nodes else NULL
    written = (
        f"{text(target.listing_id)}{text(target.sku)}{names[target.channel]}{names[target.marketplace]}"
        f"{long[target.version]}{long[target.quantity]}{nodes}{pairs(target.marketplace_ids)}"
        f"{long[target.atp]}{long[target.allocation]}{long[target.buffer]}"
        f"{names[target.strategy]}{names[target.cause]}{text(target.derivation)}"
        f"{long[target.changed_at_ms]}{long[target.computed_at_ms]}{TRUE if target.withdrawn else FALSE}"
        f"{optional_text(target.guard)}{optional_number(target.sales_milli_per_day)}"
    )
    return written.encode("latin-1")
