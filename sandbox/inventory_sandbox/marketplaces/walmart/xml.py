"""Walmart answers XML to a caller that does not ask for JSON, and takes one quantity as XML too."""

from __future__ import annotations

import json
from xml.etree import ElementTree
from xml.sax.saxutils import escape


def to_xml(body: bytes) -> bytes:
    """A JSON body as XML: objects and lists become elements by their names."""
    value = json.loads(body)
    inner = _element("response", value)
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + inner.encode()


def inventory_of(body: bytes) -> dict[str, object] | None:
    """The `inventory` element of a body as the JSON of the same call has it; None when it is not one."""
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError):
        return None
    if local_name(root.tag) != "inventory":
        return None
    fields = {local_name(one.tag): (one.text or "").strip() for one in root.iter()}
    amount = fields.get("amount", "")
    quantity: dict[str, object] = {"unit": fields.get("unit", "")}
    if amount:
        quantity["amount"] = int(amount) if amount.isascii() and amount.isdigit() else amount
    found: dict[str, object] = {"quantity": quantity}
    return found | {name: fields[name] for name in ("sku", "inventoryAvailableDate") if name in fields}


def local_name(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def _element(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(str(key), one) for key, one in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if value is None:
        return f"<{name}/>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
