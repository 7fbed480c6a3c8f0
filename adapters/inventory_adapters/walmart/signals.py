"""Reads Walmart's webhooks. How they are signed its contract says in part; what an order's event holds it publishes."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import Final

from inventory_adapters.bodies import mapping, rows, text, units
from inventory_adapters.http import Json
from inventory_adapters.messages import (
    BYTES_MAX,
    NOT_GENUINE,
    TOO_LARGE,
    UNREADABLE,
    from_base64,
    json_object,
    notice_id,
    signed,
)
from inventory_adapters.secrets import Secret
from inventory_adapters.waits import time_ms
from inventory_domain.signals import ListingChanged, Message, Notice, NoticeRefused, OrderChanged, Signal

# Where the type and the SKU may stand: at the top, or in one of these.
INNER: Final = ("source", "payload", "event", "data")
CREATED: Final = "PO_CREATED"
CANCELLED: Final = "PO_LINE_AUTOCANCELLED"
ORDERS: Final = {CREATED: "created", CANCELLED: "cancelled"}  # event -> what has become of the lines that it names
SELLER_SHIPS: Final = "sellerfulfilled"  # the kind of node of what the seller ships, in lower case


def read(message: Message, secret: Secret, header: str) -> Notice | NoticeRefused:
    """What a webhook says: that an order was made, a line of it cancelled, or else that the SKU named changed."""
    if len(message.body) > BYTES_MAX:
        return TOO_LARGE
    given = message.headers.get(header.lower())
    # "HMACSHA256 of the complete response": whether as Base64 or in hexadecimal is not said, so either is taken.
    if not any(signed(secret, message.body, value) for value in (from_base64(given), _from_hex(given)) if value):
        return NOT_GENUINE
    body = json_object(message.body)
    if body is None:
        return UNREADABLE
    topic, sku, at_ms = (
        _said(body, "eventType") or "unknown",
        _said(body, "sku"),
        time_ms(_said(body, "eventTime") or ""),
    )
    changed: tuple[Signal, ...] = () if sku is None else (ListingChanged(marketplace_ids={"sku": sku}),)
    return Notice(
        notice_id=notice_id(_said(body, "eventId"), message.body),
        topic=topic,
        occurred_at_ms=int(at_ms) if at_ms is not None else None,
        signals=tuple(_ordered(body, ORDERS[topic])) if topic in ORDERS else changed,
    )


def _ordered(body: dict[str, Json], status: str) -> Iterator[OrderChanged]:
    """The lines of a purchase order that the seller ships; what Walmart ships is in a pool of its own."""
    payload = mapping(body.get("payload"))
    order_id = text(payload.get("purchaseOrderId"))
    for line in rows(payload.get("orderLines")):
        sku, sold = text(line.get("sku")), _units(mapping(line.get("quantity")).get("measurementValue"))
        node = (text(line.get("shipNodeType")) or SELLER_SHIPS).lower()
        if order_id and sku and sold and node == SELLER_SHIPS:
            number = text(line.get("lineNumber")) or ""
            ids = {"sku": sku}
            yield OrderChanged(order_id=order_id, line=number, status=status, marketplace_ids=ids, units=sold)


def _units(value: Json) -> int | None:
    """A quantity, which Walmart writes as the text of a number, with or without a fraction that is zero."""
    said = text(value) or ""
    whole, _, rest = said.partition(".")
    return units(int(whole)) if whole.isascii() and whole.isdecimal() and not rest.strip("0") else None


def _said(body: dict[str, Json], name: str) -> str | None:
    for part in (body, *(mapping(body.get(each)) for each in INNER)):
        value = text(part.get(name))
        if value:
            return value
    return None


def _from_hex(value: str | None) -> bytes | None:
    try:
        return binascii.unhexlify((value or "").strip()) or None
    except (binascii.Error, ValueError):
        return None
