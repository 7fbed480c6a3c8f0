"""What the signals of all marketplaces have in common: bounds, signatures, and ids of messages."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
from base64 import b64decode
from typing import Final

from inventory_adapters.bodies import mapping
from inventory_adapters.failures import Failure, refused_here
from inventory_adapters.http import Json
from inventory_adapters.secrets import Secret
from inventory_domain.signals import NOT_SET, NoticeRefused

BYTES_MAX: Final = 2**20  # the largest message that any of them is known to send is a few kilobytes
ID_LENGTH_MAX: Final = 200
EARLY_MS_MAX: Final = 5 * 60_000  # clocks differ

TOO_LARGE: Final = NoticeRefused(reason="too-large", status=413)
NOT_GENUINE: Final = NoticeRefused(reason="not-genuine", status=401)
UNREADABLE: Final = NoticeRefused(reason="unreadable", status=400)
# Genuine and of no use: accepted, or it would be sent again and again.
TOO_OLD: Final = NoticeRefused(reason="too-old", status=200)
OTHER_ACCOUNT: Final = NoticeRefused(reason="other-account", status=200)
UNSET: Final = NoticeRefused(reason=NOT_SET, status=404)

NOWHERE: Final = refused_here(NOT_SET, "the account's settings do not say where signals go to")


def unknown_topic(topic: str) -> Failure:
    """The refusal of a topic that the marketplace does not have, or that we do not read."""
    return refused_here("unknown-topic", f"{topic!r} is not a topic here")


def signed(secret: Secret, body: bytes, signature: bytes | None) -> bool:
    """Whether this is the HMAC-SHA256 of the body, told in constant time."""
    expected = hmac.new(secret.reveal().encode(), body, hashlib.sha256).digest()
    return hmac.compare_digest(expected, signature or b"")


def from_base64(value: str | None) -> bytes | None:
    """The bytes that a header holds in Base64, nothing where it does not."""
    try:
        return b64decode((value or "").strip(), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def json_object(body: bytes) -> dict[str, Json] | None:
    """The JSON object of a message, nothing where it is none."""
    try:
        found: Json = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return mapping(found) if isinstance(found, dict) else None


def is_late(occurred_at_ms: float | None, now_ms: int, age_s_max: float) -> bool:
    """Whether a message is older than it may be, or of a time that has not come."""
    if occurred_at_ms is None:
        return False
    return now_ms - occurred_at_ms > age_s_max * 1_000 or occurred_at_ms - now_ms > EARLY_MS_MAX


def notice_id(said: str | None, body: bytes) -> str:
    """The message's own id, or one made of what it says where it has none that can be kept."""
    if said and len(said) <= ID_LENGTH_MAX and said.isascii() and said.isprintable():
        return said
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
