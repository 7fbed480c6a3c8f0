"""Reads Shopify's webhooks: signed with the app's secret over the body, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from inventory_adapters.bodies import rows, text, units
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
from inventory_domain.signals import JobFinished, ListingChanged, Message, Notice, NoticeRefused, OrderChanged, Signal

# Shopify tries again for hours; one that is older than that was replayed by somebody else.
AGE_S_MAX: Final = 48 * 3_600.0
ITEM: Final = "gid://shopify/InventoryItem/"
LOCATION: Final = "gid://shopify/Location/"
VARIANT: Final = "gid://shopify/ProductVariant/"
OWN_SERVICE: Final = "manual"  # the fulfillment service of what the shop ships itself
ORDERS: Final = {"orders/create": "created", "orders/cancelled": "cancelled"}  # topic -> what has become of the order


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
    if topic in ORDERS:
        signals: tuple[Signal, ...] = tuple(_ordered(body, ORDERS[topic]))
    else:
        signal = _signal(topic, body)
        signals = () if signal is None else (signal,)
    return Notice(
        notice_id=notice_id(message.headers.get("x-shopify-webhook-id"), message.body),
        topic=topic,
        occurred_at_ms=int(occurred_at_ms) if occurred_at_ms is not None else None,
        signals=signals,
    )


def _ordered(body: dict[str, Json], status: str) -> Iterator[OrderChanged]:
    """The lines of an order that the shop ships itself. A line names its variant and SKU, not its inventory item."""
    order_id = text(body.get("id"))
    for line in rows(body.get("line_items")):
        number, variant, sku = text(line.get("id")), text(line.get("variant_id")), text(line.get("sku"))
        ids = {"variant_id": f"{VARIANT}{variant}" if variant else None, "sku": sku}
        sold = units(line.get("quantity"))
        if order_id and sold and text(line.get("fulfillment_service")) in (None, OWN_SERVICE):
            yield OrderChanged(
                order_id=order_id,
                line=number or "",
                status=status,
                marketplace_ids={name: value for name, value in ids.items() if value},
                units=sold,
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
