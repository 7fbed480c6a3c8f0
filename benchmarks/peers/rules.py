"""The work that the Python peers do per change, written as plainly as such an application would be."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import fastavro


def decoder(schema_file: str) -> Callable[[bytes], dict[str, Any]]:
    """Reads Avro in the Confluent wire format: the schema's id takes five bytes."""
    schema = fastavro.schema.load_schema(schema_file)

    def decode(value: bytes) -> dict[str, Any]:
        stream = io.BytesIO(value)
        stream.seek(5)
        record: dict[str, Any] = fastavro.schemaless_reader(stream, schema, None, return_record_name=True)
        return record

    return decode


def new_state() -> dict[str, Any]:
    """A SKU of which nothing is known."""
    return {"on_hand": {}, "orders": {}, "shown": {}}


def apply(state: dict[str, Any], change: dict[str, Any]) -> tuple[str, int] | None:
    """Take one change into the state; a sale's channel and units are returned, for the velocity."""
    name, kind = change["kind"]
    location, on_hand = change["location"], state["on_hand"]
    if name.endswith("StockCounted"):
        on_hand[location] = kind["on_hand"]
    elif name.endswith("StockAdjusted"):
        on_hand[location] = on_hand.get(location, 0) + kind["units"]
    elif name.endswith("UnitsSold"):
        state["orders"][kind["order_id"]] = kind["units"]
        return kind["channel"], kind["units"]
    else:
        on_hand[location] = on_hand.get(location, 0) - kind["units"]
        state["orders"].pop(kind["order_id"], None)
    return None


def changed_targets(
    state: dict[str, Any], change: dict[str, Any], locations: dict[str, int], channels: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Available to promise, an allocation per channel less its buffer, and a target where the number is another one."""
    on_hand, shown, targets = state["on_hand"], state["shown"], []
    if len(on_hand) < len(locations):
        return targets
    there = sum(max(0, on_hand[location] - safety) for location, safety in locations.items())
    atp = max(0, there - sum(state["orders"].values()))
    for channel in channels:
        buffer = min(atp, max(channel["units"], -(-atp * channel["percent"] // 100)))
        name, quantity = channel["name"], atp - buffer
        if shown.get(name) != quantity:
            shown[name] = quantity
            targets.append(
                {
                    "listing_id": f"{name}/{change['sku']}",
                    "sku": change["sku"],
                    "channel": name,
                    "quantity": quantity,
                    "atp": atp,
                    "buffer": buffer,
                    "changed_at_ms": change["occurred_at_ms"],
                }
            )
    return targets
