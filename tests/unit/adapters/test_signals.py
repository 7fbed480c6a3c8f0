"""Messages as the marketplaces send them, genuine and forged."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from inventory_adapters.catalog import MARKETPLACES
from inventory_adapters.secrets import Secret
from inventory_domain.errors import ConfigError
from inventory_domain.identifiers import Marketplace, NodeId
from inventory_domain.signals import (
    AnswersChallenges,
    JobFinished,
    ListingChanged,
    Message,
    Notice,
    NoticeRefused,
    OrderChanged,
    TakesMessages,
)
from tests.support.adapters import FakeClock, Reply, Scripted, raw_settings

NOW = FakeClock().now_ms()  # 2026-09-21T14:13:20Z
SECRET = "app-secret-canary"
TOKEN = "verification-token-of-thirty-two-characters"
ENDPOINT = "https://signals.example/ebay"
SIGNALS: Mapping[str, Mapping[str, object]] = {
    "amazon": {"queue_arn": "arn:aws:sqs:us-east-1:1:stock"},
    "ebay": {"endpoint": ENDPOINT, "verification_token": Secret(TOKEN)},
    "walmart": {"endpoint": "https://signals.example/walmart", "secret": Secret(SECRET), "header": "X-Signature"},
    "shopify": {"endpoint": "https://signals.example/shopify", "api_secret": Secret(SECRET)},
}


def receiver(marketplace: str, *replies: Reply, clock: FakeClock | None = None, **signals: object) -> TakesMessages:
    module = MARKETPLACES[Marketplace(marketplace)]
    raw = raw_settings(marketplace, signals={**SIGNALS[marketplace], **signals})
    adapter = module.build(module.parse(raw, "a"), clock or FakeClock(), Scripted(*(replies or (httpx.Response(500),))))
    assert isinstance(adapter, TakesMessages)
    return adapter


async def taken(marketplace: str, message: Message, *replies: Reply) -> Notice | NoticeRefused:
    return await receiver(marketplace, *replies).take(message)


def refused(answer: Notice | NoticeRefused) -> tuple[str, int]:
    assert isinstance(answer, NoticeRefused), answer
    return answer.reason, answer.status


@pytest.mark.parametrize("marketplace", list(SIGNALS))
async def test_an_account_that_is_told_nothing_takes_nothing(marketplace: str) -> None:
    module = MARKETPLACES[Marketplace(marketplace)]
    adapter = module.build(module.parse(raw_settings(marketplace), "a"), FakeClock(), Scripted(httpx.Response(500)))
    assert isinstance(adapter, TakesMessages)

    assert refused(await adapter.take(Message({}, b"{}"))) == ("signals-not-set", 404)


@pytest.mark.parametrize("marketplace", list(SIGNALS))
async def test_a_message_that_is_too_large_is_not_looked_at(marketplace: str) -> None:
    assert refused(await taken(marketplace, Message({}, b"x" * (2**20 + 1)))) == ("too-large", 413)


@pytest.mark.parametrize(
    ("marketplace", "change", "path"),
    [
        ("shopify", {"endpoint": "http://signals.example/"}, "endpoint"),
        ("shopify", {"topics": ["ORDERS_PAID"]}, "topics"),
        ("shopify", {"api_secret": "in the clear"}, "api_secret"),
        ("ebay", {"verification_token": Secret("short")}, "verification_token"),
        ("walmart", {"sekret": 1}, "sekret"),
        ("amazon", {"queue_arn": "arn:aws:sqs:us-east-1:1:stock.fifo"}, "queue_arn"),
        ("amazon", {"queue_arn": "https://sqs.us-east-1.amazonaws.com/1/stock"}, "queue_arn"),
    ],
)
def test_signals_that_are_set_wrong_are_faults(marketplace: str, change: dict[str, object], path: str) -> None:
    raw = raw_settings(marketplace, signals={**SIGNALS[marketplace], **change})

    with pytest.raises(ConfigError) as caught:
        MARKETPLACES[Marketplace(marketplace)].parse(raw, "a")

    assert {fault.path for fault in caught.value.faults} == {f"a.signals.{path}"}


# Shopify


LEVEL: Mapping[str, object] = {
    "inventory_item_id": 271878346596884015,
    "location_id": 24826418,
    "available": 12,
    "updated_at": "2026-09-21T10:13:00-04:00",
    "admin_graphql_api_id": "gid://shopify/InventoryLevel/24826418?inventory_item_id=271878346596884015",
}


def webhook(body: bytes, topic: str = "inventory_levels/update", secret: str = SECRET, **headers: str) -> Message:
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    given = {
        "x-shopify-topic": topic,
        "x-shopify-hmac-sha256": signature,
        "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "x-shopify-triggered-at": "2026-09-21T14:13:10.123456789Z",
    }
    return Message(given | headers, body)


async def test_a_webhook_says_which_item_changed_where() -> None:
    notice = await taken("shopify", webhook(json.dumps(LEVEL).encode()))

    assert notice == Notice(
        notice_id="b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        topic="inventory_levels/update",
        occurred_at_ms=NOW - 20_000,
        signals=(
            ListingChanged(
                marketplace_ids={"inventory_item_id": "gid://shopify/InventoryItem/271878346596884015"},
                node=NodeId("gid://shopify/Location/24826418"),
                quantity=12,
            ),
        ),
    )


async def test_a_number_that_is_none_is_no_quantity() -> None:
    body = json.dumps(LEVEL).replace('"available": 12', '"available": 1e999').encode()

    notice = await taken("shopify", webhook(body))

    assert isinstance(notice, Notice)
    assert [each.quantity for each in notice.signals if isinstance(each, ListingChanged)] == [None]


async def test_a_webhook_is_checked_over_the_very_bytes_that_came() -> None:
    body = json.dumps(LEVEL).encode()
    good = webhook(body)

    assert refused(await taken("shopify", Message(good.headers, body + b" "))) == ("not-genuine", 401)
    assert refused(await taken("shopify", webhook(body, secret="other"))) == ("not-genuine", 401)


@pytest.mark.parametrize("signature", ["", "not base64!", "AAAA", "é"])
async def test_a_webhook_without_a_signature_is_forged(signature: str) -> None:
    message = webhook(json.dumps(LEVEL).encode(), **{"x-shopify-hmac-sha256": signature})

    assert refused(await taken("shopify", message)) == ("not-genuine", 401)
    assert refused(await taken("shopify", Message({}, message.body))) == ("not-genuine", 401)


@pytest.mark.parametrize("at", ["2026-09-19T14:13:00Z", "2026-09-21T14:19:00Z"])
async def test_a_webhook_of_another_time_is_of_no_use_whatever_its_headers_say(at: str) -> None:
    """Headers are not signed, so the time in the body counts too."""
    old = json.dumps({**LEVEL, "updated_at": at}).encode()

    assert refused(await taken("shopify", webhook(old))) == ("too-old", 200)
    assert refused(await taken("shopify", webhook(b"{}", **{"x-shopify-triggered-at": at}))) == ("too-old", 200)


@pytest.mark.parametrize("body", [b"[]", b"{", b"", b"\xff", b"[" * 100_000])
async def test_a_genuine_webhook_that_cannot_be_read_says_so(body: bytes) -> None:
    assert refused(await taken("shopify", webhook(body))) == ("unreadable", 400)


@pytest.mark.parametrize(
    ("topic", "body", "signals"),
    [
        (
            "bulk_operations/finish",
            {"admin_graphql_api_id": "gid://shopify/BulkOperation/7", "status": "completed"},
            (JobFinished(kind="pull", job_id="gid://shopify/BulkOperation/7"),),
        ),
        (
            "inventory_items/update",
            {"admin_graphql_api_id": "gid://shopify/InventoryItem/1"},
            (ListingChanged(marketplace_ids={"inventory_item_id": "gid://shopify/InventoryItem/1"}),),
        ),
        ("inventory_levels/update", {"available": 3}, ()),
        ("orders/create", {"id": 1}, ()),
    ],
)
async def test_a_webhook_of_another_topic(topic: str, body: object, signals: object) -> None:
    notice = await taken("shopify", webhook(json.dumps(body).encode(), topic))

    assert isinstance(notice, Notice) and notice.signals == signals


SHOP_ORDER: Mapping[str, object] = {
    "id": 820982911946154508,
    "admin_graphql_api_id": "gid://shopify/Order/820982911946154508",
    "name": "#9999",
    "created_at": "2026-09-21T10:13:00-04:00",
    "updated_at": "2026-09-21T10:13:00-04:00",
    "cancelled_at": None,
    "cancel_reason": None,
    "financial_status": "paid",
    "line_items": [
        {
            "id": 866550311766439020,
            "variant_id": 808950810,
            "sku": "IPOD2008PINK",
            "quantity": 2,
            "fulfillment_service": "manual",
        },
        {"id": 141249953214522974, "variant_id": None, "sku": "GIFT", "quantity": 1, "fulfillment_service": "manual"},
        {"id": 3, "variant_id": 4, "sku": "ELSEWHERE", "quantity": 1, "fulfillment_service": "shipwire"},
        {"id": 5, "variant_id": 6, "sku": "NONE", "quantity": 0, "fulfillment_service": "manual"},
    ],
}


@pytest.mark.parametrize(("topic", "status"), [("orders/create", "created"), ("orders/cancelled", "cancelled")])
async def test_an_order_of_the_shop_is_told_line_by_line_as_far_as_the_shop_ships_it(topic: str, status: str) -> None:
    notice = await taken("shopify", webhook(json.dumps(SHOP_ORDER).encode(), topic))

    assert isinstance(notice, Notice)
    assert notice.signals == (
        OrderChanged(
            order_id="820982911946154508",
            line="866550311766439020",
            status=status,
            marketplace_ids={"variant_id": "gid://shopify/ProductVariant/808950810", "sku": "IPOD2008PINK"},
            units=2,
        ),
        OrderChanged(
            order_id="820982911946154508",
            line="141249953214522974",
            status=status,
            marketplace_ids={"sku": "GIFT"},
            units=1,
        ),
    )


@pytest.mark.parametrize("said", ["", "x" * 201, "a\nb"])
async def test_a_webhook_without_an_id_is_recognized_by_what_it_says(said: str) -> None:
    body = json.dumps(LEVEL).encode()

    first = await taken("shopify", webhook(body, **{"x-shopify-webhook-id": said}))
    again = await taken("shopify", webhook(body, **{"x-shopify-webhook-id": said}))
    other = await taken("shopify", webhook(body + b" ", **{"x-shopify-webhook-id": said}))

    assert isinstance(first, Notice) and isinstance(again, Notice) and isinstance(other, Notice)
    assert first.notice_id == again.notice_id != other.notice_id and len(first.notice_id) < 80


# Walmart


EVENT = json.dumps({"source": {"eventType": "INVENTORY_OOS", "eventId": "e-1"}, "payload": {"sku": "A b/c"}}).encode()
DIGEST = hmac.new(SECRET.encode(), EVENT, hashlib.sha256)


@pytest.mark.parametrize("signature", [DIGEST.hexdigest(), base64.b64encode(DIGEST.digest()).decode()])
async def test_an_event_of_walmarts_is_taken_in_either_way_of_writing_its_signature(signature: str) -> None:
    notice = await taken("walmart", Message({"x-signature": signature}, EVENT))

    assert isinstance(notice, Notice) and (notice.notice_id, notice.topic) == ("e-1", "INVENTORY_OOS")
    assert notice.signals == (ListingChanged(marketplace_ids={"sku": "A b/c"}),)


@pytest.mark.parametrize("signature", ["", DIGEST.hexdigest()[:-2], "zz", base64.b64encode(b"x" * 32).decode()])
async def test_an_event_that_is_not_signed_by_walmart_is_forged(signature: str) -> None:
    assert refused(await taken("walmart", Message({"x-signature": signature}, EVENT))) == ("not-genuine", 401)
    assert refused(await taken("walmart", Message({}, EVENT))) == ("not-genuine", 401)


async def test_an_event_that_names_no_sku_asks_for_nothing() -> None:
    body = b'{"hello":1}'
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    notice = await taken("walmart", Message({"x-signature": signature}, body))

    assert isinstance(notice, Notice) and notice.signals == () and notice.notice_id.startswith("sha256:")


def po(event: str, **line: object) -> bytes:
    """An order's event as Walmart's developer pages give its fields."""
    first: dict[str, object] = {
        "lineNumber": "1",
        "sku": "A b/c",
        "productName": "A thing",
        "quantity": {"unitOfMeasure": "EACH", "measurementValue": "2"},
        "status": "CREATED",
        "shipNodeType": "SellerFulfilled",
        **line,
    }
    source = {"eventType": event, "eventTime": "2026-09-21T14:13:00.000Z", "eventId": "e-2"}
    payload = {"partnerId": "1", "purchaseOrderId": "1796277083022", "customerOrderId": "5281956426648"}
    return json.dumps({"source": source, "payload": {**payload, "orderLines": [first]}}).encode()


@pytest.mark.parametrize(
    ("event", "status"), [("PO_CREATED", "created"), ("PO_LINE_AUTOCANCELLED", "cancelled")], ids=["made", "cancelled"]
)
async def test_an_order_at_walmart_is_told_line_by_line(event: str, status: str) -> None:
    body = po(event)
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    notice = await taken("walmart", Message({"x-signature": signature}, body))

    assert notice == Notice(
        notice_id="e-2",
        topic=event,
        occurred_at_ms=NOW - 20_000,
        signals=(
            OrderChanged(order_id="1796277083022", line="1", status=status, marketplace_ids={"sku": "A b/c"}, units=2),
        ),
    )


@pytest.mark.parametrize(
    "line",
    [
        {"shipNodeType": "WFSFulfilled"},
        {"quantity": {"measurementValue": "two"}},
        {"quantity": {"measurementValue": "1.5"}},
        {"quantity": None},
        {"sku": ""},
    ],
)
async def test_a_line_that_the_seller_does_not_ship_or_that_says_no_units_is_no_sale(line: dict[str, object]) -> None:
    body = po("PO_CREATED", **line)
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    notice = await taken("walmart", Message({"x-signature": signature}, body))

    assert isinstance(notice, Notice) and notice.signals == ()


# Amazon


def notification(kind: str, payload: object, **changes: object) -> dict[str, object]:
    return {
        "NotificationVersion": "1.0",
        "NotificationType": kind,
        "PayloadVersion": "1.0",
        "EventTime": "2026-09-21T14:13:00.194Z",
        "Payload": payload,
        "NotificationMetadata": {"SubscriptionId": "s", "NotificationId": "8e009934"},
        **changes,
    }


async def told(body: object) -> Notice | NoticeRefused:
    return await taken("amazon", Message({}, json.dumps(body).encode()))


QUANTITY = {"SellerId": "A2SELLER", "FulfillmentChannelCode": "DEFAULT", "Sku": "NLS-SHOES-03", "Quantity": 99}
ITEM = {"OrderItemId": "O", "SellerSKU": "SKU1", "OrderItemStatus": "Unshipped", "Quantity": 10, "QuantityShipped": 0}
ORDER = {
    "NotificationLevel": "OrderLevel",
    "SellerId": "A2SELLER",
    "AmazonOrderId": "903-8868176-2219830",
    "OrderChangeType": "BuyerRequestedChange",
    "Summary": {
        "MarketplaceId": "ATVPDKIKX0DER",
        "OrderStatus": "Unshipped",
        "FulfillmentType": "MFN",
        "OrderItems": [ITEM, {**ITEM, "SellerSKU": "SKU2", "Quantity": 1}, {"OrderItemId": "broken"}],
    },
}


FBA_SUMMARY = {"FulfillmentType": "AFN", "OrderItems": [ITEM]}


async def test_a_changed_quantity_is_told_with_the_time_and_id_of_its_message() -> None:
    notice = await told(notification("LISTINGS_ITEM_MFN_QUANTITY_CHANGE", QUANTITY))

    assert notice == Notice(
        notice_id="8e009934",
        topic="LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
        occurred_at_ms=NOW - 20_000 + 194,
        signals=(ListingChanged(marketplace_ids={"seller_sku": "NLS-SHOES-03"}, quantity=99),),
    )


async def test_a_changed_status_names_its_country() -> None:
    payload = {"SellerId": "A2SELLER", "MarketplaceId": "ATVPDKIKX0DER", "Sku": "S", "Status": ["BUYABLE"]}

    notice = await told(notification("LISTINGS_ITEM_STATUS_CHANGE", payload))

    assert isinstance(notice, Notice)
    assert notice.signals == (ListingChanged(marketplace_ids={"seller_sku": "S"}, market="ATVPDKIKX0DER"),)


async def test_an_order_is_told_item_by_item() -> None:
    notice = await told(notification("ORDER_CHANGE", {"OrderChangeNotification": ORDER}))

    assert isinstance(notice, Notice)
    assert [
        (each.marketplace_ids["seller_sku"], each.units) for each in notice.signals if isinstance(each, OrderChanged)
    ] == [
        ("SKU1", 10),
        ("SKU2", 1),
    ]
    first = notice.signals[0]
    assert isinstance(first, OrderChanged)
    assert (first.order_id, first.status, first.market) == ("903-8868176-2219830", "Unshipped", "ATVPDKIKX0DER")


async def test_two_items_of_one_sku_are_told_apart_also_in_notifications_of_their_own() -> None:
    """An OrderItemLevel notification is of one item: without the item's id the second was the first one again."""
    lines = []
    for item_id in ("OIID1", "OIID2"):
        summary = {**ORDER["Summary"], "OrderItems": [{**ITEM, "OrderItemId": item_id}]}  # type: ignore[dict-item]
        order = {**ORDER, "NotificationLevel": "OrderItemLevel", "Summary": summary}
        notice = await told(notification("ORDER_CHANGE", {"OrderChangeNotification": order}))
        assert isinstance(notice, Notice)
        lines += [each.line for each in notice.signals if isinstance(each, OrderChanged)]

    assert lines == ["OIID1", "OIID2"]


@pytest.mark.parametrize(("topic", "name"), [("FEED", "feed"), ("REPORT", "report")])
async def test_a_finished_job_is_told_in_camel_case(topic: str, name: str) -> None:
    payload = {f"{name}ProcessingFinishedNotification": {f"{name}Id": "53347018456", "processingStatus": "DONE"}}
    body = {
        "notificationVersion": "2020-09-04",
        "notificationType": f"{topic}_PROCESSING_FINISHED",
        "payloadVersion": "2020-09-04",
        "eventTime": "2026-09-21T14:13:00.194Z",
        "payload": payload,
        "notificationMetadata": {"notificationId": "d0e9e693"},
    }

    notice = await told(body)
    wrapped = await told({"version": "0", "detail-type": "X", "detail": body})

    assert isinstance(notice, Notice) and notice.notice_id == "d0e9e693"
    kind = "feed" if name == "feed" else "pull"
    assert [(each.kind, each.job_id) for each in notice.signals if isinstance(each, JobFinished)] == [
        (kind, "53347018456")
    ]
    assert wrapped == notice


@pytest.mark.parametrize(
    "body",
    [
        notification("LISTINGS_ITEM_MFN_QUANTITY_CHANGE", {**QUANTITY, "FulfillmentChannelCode": "AMAZON_NA"}),
        notification("LISTINGS_ITEM_MFN_QUANTITY_CHANGE", {"SellerId": "A2SELLER"}),
        notification(
            "ORDER_CHANGE",
            {"OrderChangeNotification": {**ORDER, "Summary": {"FulfillmentType": "AFN", "OrderItems": [ITEM]}}},
        ),
        notification("ORDER_CHANGE", None),
        notification("BRANDED_ITEM_CONTENT_CHANGE", {"SellerId": "A2SELLER"}),
    ],
)
async def test_what_is_not_about_our_own_stock_asks_for_nothing(body: object) -> None:
    notice = await told(body)

    assert isinstance(notice, Notice) and notice.signals == ()


async def test_another_sellers_message_is_not_acted_on() -> None:
    body = notification("LISTINGS_ITEM_MFN_QUANTITY_CHANGE", {**QUANTITY, "SellerId": "AOTHER"})

    assert refused(await told(body)) == ("other-account", 200)


@pytest.mark.parametrize("body", [[], {}, {"NotificationType": None}, {"detail": []}])
async def test_a_message_without_a_type_cannot_be_read(body: object) -> None:
    assert refused(await told(body)) == ("unreadable", 400)


# eBay


KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
LISTING = {
    "metadata": {"topic": "LISTING", "schemaVersion": "1.0", "deprecated": False},
    "notification": {
        "notificationId": "49feeaeb",
        "eventDate": "2026-09-21T14:13:00.000Z",
        "publishDate": "2026-09-21T14:13:05.000Z",
        "publishAttemptCount": 1,
        "data": {"listingId": "110550000001", "sku": "S1", "username": "somebody"},
    },
}


def key_answer(private: ec.EllipticCurvePrivateKey = KEY, **changes: object) -> httpx.Response:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    der = private.public_key().public_bytes(serialization.Encoding.DER, spki)
    pem = f"-----BEGIN PUBLIC KEY-----{base64.b64encode(der).decode()}-----END PUBLIC KEY-----"
    return httpx.Response(200, json={"algorithm": "ECDSA", "digest": "SHA1", "key": pem, **changes})


def push_of(body: bytes, private: ec.EllipticCurvePrivateKey = KEY, **changes: object) -> Message:
    signature = base64.b64encode(private.sign(body, ec.ECDSA(hashes.SHA1()))).decode()
    said = {"alg": "ecdsa", "kid": "9936261a-7d7b", "signature": signature, "digest": "SHA1", **changes}
    return Message({"x-ebay-signature": base64.b64encode(json.dumps(said).encode()).decode()}, body)


GENUINE = json.dumps(LISTING).encode()


def test_the_challenge_is_answered_as_ebay_computes_it() -> None:
    adapter = receiver("ebay")
    assert isinstance(adapter, AnswersChallenges)

    answer = adapter.challenge_response("a8628072")

    assert answer == hashlib.sha256(b"a8628072" + TOKEN.encode() + ENDPOINT.encode()).hexdigest()


async def test_a_notification_of_ebays_is_taken_with_the_key_that_it_names() -> None:
    notice = await taken("ebay", push_of(GENUINE), key_answer())

    assert notice == Notice(
        notice_id="49feeaeb",
        topic="LISTING",
        occurred_at_ms=NOW - 20_000,
        signals=(ListingChanged(marketplace_ids={"sku": "S1", "listing_id": "110550000001"}),),
    )


@pytest.mark.parametrize(
    "message",
    [
        Message({}, GENUINE),
        Message({"x-ebay-signature": "no base64!"}, GENUINE),
        Message({"x-ebay-signature": base64.b64encode(b"no json").decode()}, GENUINE),
        Message({"x-ebay-signature": base64.b64encode(b"[1]").decode()}, GENUINE),
        push_of(GENUINE, OTHER_KEY),
        push_of(GENUINE, alg="none"),
        push_of(GENUINE, signature="AAAA"),
        push_of(GENUINE, signature=""),
        push_of(GENUINE, kid=""),
        push_of(GENUINE, kid="x" * 201),
        Message(push_of(GENUINE).headers, GENUINE + b" "),
    ],
)
async def test_a_notification_that_ebay_has_not_signed_is_forged(message: Message) -> None:
    assert refused(await taken("ebay", message, key_answer())) == ("not-genuine", 412)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (httpx.Response(404, json={"errors": [{"errorId": 195001}]}), ("key-unknown", 412)),
        (key_answer(key="-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----"), ("key-unknown", 412)),
        (key_answer(digest="MD5"), ("key-unknown", 412)),
        (httpx.Response(200, json={}), ("key-unknown", 412)),
        (httpx.Response(503, json={}), ("key-unreachable", 503)),
        (httpx.ConnectError("no"), ("key-unreachable", 503)),
    ],
)
async def test_without_the_key_nothing_is_taken(reply: Reply, expected: tuple[str, int]) -> None:
    assert refused(await taken("ebay", push_of(GENUINE), reply)) == expected


async def test_a_key_is_kept_for_an_hour() -> None:
    clock, transport = FakeClock(), Scripted(key_answer())
    module = MARKETPLACES[Marketplace("ebay")]
    adapter = module.build(module.parse(raw_settings("ebay", signals=SIGNALS["ebay"]), "a"), clock, transport)
    assert isinstance(adapter, TakesMessages)

    for _ in range(3):
        assert isinstance(await adapter.take(push_of(GENUINE)), Notice)
    kept = len(transport.requests)
    clock.move(3_601)
    assert isinstance(await adapter.take(push_of(GENUINE)), Notice)

    assert (kept, len(transport.requests)) == (1, 2)
    assert transport.requests[0].url.path == "/commerce/notification/v1/public_key/9936261a-7d7b"


async def test_a_new_key_is_fetched_once_however_many_messages_name_it() -> None:
    transport = Scripted(key_answer())
    module = MARKETPLACES[Marketplace("ebay")]
    adapter = module.build(module.parse(raw_settings("ebay", signals=SIGNALS["ebay"]), "a"), FakeClock(), transport)
    assert isinstance(adapter, TakesMessages)

    answers = await asyncio.gather(*(adapter.take(push_of(GENUINE)) for _ in range(20)))

    assert all(isinstance(each, Notice) for each in answers) and len(transport.requests) == 1


async def test_ids_that_nobody_knows_cost_few_calls() -> None:
    """Anybody can send us one, and each would be a call of the day's quota."""
    clock, transport = FakeClock(), Scripted(httpx.Response(404, json={"errors": [{"errorId": 195001}]}))
    module = MARKETPLACES[Marketplace("ebay")]
    adapter = module.build(module.parse(raw_settings("ebay", signals=SIGNALS["ebay"]), "a"), clock, transport)
    assert isinstance(adapter, TakesMessages)

    answers = [refused(await adapter.take(push_of(GENUINE, kid=f"k{number}"))) for number in range(20)]
    called = len(transport.requests)
    clock.move(61)
    later = refused(await adapter.take(push_of(GENUINE, kid="k-later")))

    assert answers == [("key-unknown", 412)] * 5 + [("key-unreachable", 503)] * 15
    assert called == 5 and later == ("key-unknown", 412)


async def test_an_old_notification_is_of_no_use() -> None:
    old = {**LISTING, "notification": {**LISTING["notification"], "eventDate": "2026-09-01T00:00:00.000Z"}}

    assert refused(await taken("ebay", push_of(json.dumps(old).encode()), key_answer())) == ("too-old", 200)
    assert refused(await taken("ebay", push_of(b"[]"), key_answer())) == ("unreadable", 400)
