"""Reads Amazon's notifications, which come by a queue that only Amazon may write to: so nothing is signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from inventory_adapters.amazon.push import SELLER_FULFILLED
from inventory_adapters.bodies import mapping, rows, text, units
from inventory_adapters.http import Json
from inventory_adapters.messages import BYTES_MAX, OTHER_ACCOUNT, TOO_LARGE, UNREADABLE, json_object, notice_id
from inventory_adapters.waits import time_ms
from inventory_domain.signals import JobFinished, ListingChanged, Message, Notice, NoticeRefused, OrderChanged, Signal

QUANTITY_CHANGE: Final = "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"
STATUS_CHANGE: Final = "LISTINGS_ITEM_STATUS_CHANGE"
ORDER_CHANGE: Final = "ORDER_CHANGE"
FEED_FINISHED: Final = "FEED_PROCESSING_FINISHED"
REPORT_FINISHED: Final = "REPORT_PROCESSING_FINISHED"


def read(message: Message, seller_id: str) -> Notice | NoticeRefused:
    """What a notification says. Some are written in PascalCase and some in camelCase, so case does not count."""
    if len(message.body) > BYTES_MAX:
        return TOO_LARGE
    body = json_object(message.body)
    if body is None:
        return UNREADABLE
    notification = _lower(body)
    if "notificationtype" not in notification:  # EventBridge wraps it in an event of its own
        notification = _lower(notification.get("detail"))
    topic, payload = text(notification.get("notificationtype")), _lower(notification.get("payload"))
    if not topic:
        return UNREADABLE
    inner = _lower(payload.get(topic.replace("_", "").lower() + "notification"))
    facts = inner or payload
    if text(facts.get("sellerid")) not in (None, seller_id):
        return OTHER_ACCOUNT
    occurred_at_ms = time_ms(text(notification.get("eventtime")) or "")
    said = text(_lower(notification.get("notificationmetadata")).get("notificationid"))
    return Notice(
        notice_id=notice_id(said, message.body),
        topic=topic,
        occurred_at_ms=int(occurred_at_ms) if occurred_at_ms is not None else None,
        signals=tuple(_signals(topic, facts)),
    )


def _signals(topic: str, facts: dict[str, Json]) -> Iterator[Signal]:
    sku = text(facts.get("sku"))
    if topic == QUANTITY_CHANGE and sku and facts.get("fulfillmentchannelcode") in (None, SELLER_FULFILLED):
        yield ListingChanged(marketplace_ids={"seller_sku": sku}, quantity=units(facts.get("quantity")))
    elif topic == STATUS_CHANGE and sku:
        yield ListingChanged(marketplace_ids={"seller_sku": sku}, market=text(facts.get("marketplaceid")))
    elif topic == ORDER_CHANGE:
        yield from _ordered(facts)
    elif topic == FEED_FINISHED and (feed_id := text(facts.get("feedid"))):
        yield JobFinished(kind="feed", job_id=feed_id)
    elif topic == REPORT_FINISHED and (report_id := text(facts.get("reportid"))):
        yield JobFinished(kind="pull", job_id=report_id)


def _ordered(facts: dict[str, Json]) -> Iterator[OrderChanged]:
    summary = _lower(facts.get("summary"))
    order_id = text(facts.get("amazonorderid"))
    if not order_id or text(summary.get("fulfillmenttype")) not in (None, "MFN"):
        return  # what Amazon ships is not from the seller's own stock
    for row in rows(summary.get("orderitems")):
        item = _lower(row)
        sku, quantity = text(item.get("sellersku")), units(item.get("quantity"))
        if sku and quantity is not None:
            yield OrderChanged(
                order_id=order_id,
                line=text(item.get("orderitemid")) or "",  # required, and a notification may be of one item alone
                status=text(summary.get("orderstatus")) or "unknown",
                marketplace_ids={"seller_sku": sku},
                units=quantity,
                market=text(summary.get("marketplaceid")),
            )


def _lower(value: Json) -> dict[str, Json]:
    return {name.lower(): each for name, each in mapping(value).items()}
