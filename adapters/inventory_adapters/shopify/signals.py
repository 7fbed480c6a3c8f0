"""Reads Shopify's webhooks: signed with the app's secret over the body, byte by byte."""

from __future__ import annotations

from typing import Final

from inventory_adapters.bodies import text, units
from inventory_adapters.http import Json
from inventory_adapters.messages import (
    BYTES_MAX,
    NOT_GENUINE,
    TOO_LARGE,
    TOO_OLD,
    UNREADABLE,
    from_base64,
    is_late,
    json_object,
    notice_id,
    signed,
)
from inventory_adapters.secrets import Secret
from inventory_adapters.waits import time_ms
from inventory_domain.identifiers import NodeId
from inventory_domain.signals import JobFinished, ListingChanged, Message, Notice, NoticeRefused, Signal

# Shopify tries again for hours; one that is older than that was replayed by somebody else.
AGE_S_MAX: Final = 48 * 3_600.0
ITEM: Final = "gid://shopify/InventoryItem/"
LOCATION: Final = "gid://shopify/Location/"


def read(message: Message, secret: Secret, now_ms: int) -> Notice | NoticeRefused:
    """What a webhook says. Its headers are not signed: only what is in the body proves anything."""
    if len(message.body) > BYTES_MAX:
        return TOO_LARGE
    if not signed(secret, message.body, from_base64(message.headers.get("x-shopify-hmac-sha256"))):
        return NOT_GENUINE
    body = json_object(message.body)
    if body is None:
        return UNREADABLE
    said_at_ms = time_ms(message.headers.get("x-shopify-triggered-at") or "")
    changed_at_ms = time_ms(text(body.get("updated_at")) or "")
    if is_late(said_at_ms, now_ms, AGE_S_MAX) or is_late(changed_at_ms, now_ms, AGE_S_MAX):
        return TOO_OLD
    occurred_at_ms = changed_at_ms if changed_at_ms is not None else said_at_ms
    topic = message.headers.get("x-shopify-topic") or ""
    signal = _signal(topic, body)
    return Notice(
        notice_id=notice_id(message.headers.get("x-shopify-webhook-id"), message.body),
        topic=topic,
        occurred_at_ms=int(occurred_at_ms) if occurred_at_ms is not None else None,
        signals=() if signal is None else (signal,),
    )


def _signal(topic: str, body: dict[str, Json]) -> Signal | None:
    if topic.startswith("inventory_levels/"):
        item, location = text(body.get("inventory_item_id")), text(body.get("location_id"))
        if not item or not location:
            return None
        return ListingChanged(
            marketplace_ids={"inventory_item_id": f"{ITEM}{item}"},
            node=NodeId(f"{LOCATION}{location}"),
            quantity=units(body.get("available")),
        )
    gid = text(body.get("admin_graphql_api_id"))
    if topic.startswith("inventory_items/") and gid:
        return ListingChanged(marketplace_ids={"inventory_item_id": gid})
    if topic == "bulk_operations/finish" and gid:
        return JobFinished(kind="pull", job_id=gid)
    return None
