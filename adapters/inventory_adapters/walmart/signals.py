"""Reads Walmart's webhooks, as far as its contract goes: it says how they are signed, and not what is in them."""

from __future__ import annotations

import binascii
from typing import Final

from inventory_adapters.bodies import mapping, text
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
from inventory_domain.signals import ListingChanged, Message, Notice, NoticeRefused

# Where the type and the SKU may stand: at the top, or in one of these.
INNER: Final = ("source", "payload", "event", "data")


def read(message: Message, secret: Secret, header: str) -> Notice | NoticeRefused:
    """What a webhook says: that a SKU's stock or offer has changed, if it names one."""
    if len(message.body) > BYTES_MAX:
        return TOO_LARGE
    given = message.headers.get(header.lower())
    # "HMACSHA256 of the complete response": whether as Base64 or in hexadecimal is not said, so either is taken.
    if not any(signed(secret, message.body, value) for value in (from_base64(given), _from_hex(given)) if value):
        return NOT_GENUINE
    body = json_object(message.body)
    if body is None:
        return UNREADABLE
    sku = _said(body, "sku")
    return Notice(
        notice_id=notice_id(_said(body, "eventId"), message.body),
        topic=_said(body, "eventType") or "unknown",
        occurred_at_ms=None,
        signals=() if sku is None else (ListingChanged(marketplace_ids={"sku": sku}),),
    )


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
