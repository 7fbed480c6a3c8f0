"""Takes what is needed out of a JSON body that may hold anything: what is not as expected is absent, never an error."""

from __future__ import annotations

import json
from collections.abc import Mapping

from inventory_adapters.http import Json


def mapping(body: Json) -> dict[str, Json]:
    """The object that this is, else an empty one."""
    return body if isinstance(body, dict) else {}


def rows(body: Json) -> list[dict[str, Json]]:
    """The objects of the list that this is, else none."""
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


def text(body: Json) -> str | None:
    """The text or number that this is, as text."""
    if isinstance(body, str):
        return body
    if isinstance(body, int | float) and not isinstance(body, bool):
        return str(body)
    return None


def number(body: Json) -> float | None:
    """The number that this is."""
    return float(body) if isinstance(body, int | float) and not isinstance(body, bool) else None


def units(body: Json) -> int | None:
    """The whole number of units that this is; some marketplaces write 10 as 10.0."""
    value = number(body)
    return int(value) if value is not None and value.is_integer() else None


def encoded(body: Mapping[str, object]) -> bytes:
    """A request's body."""
    return json.dumps(body, separators=(",", ":")).encode()
