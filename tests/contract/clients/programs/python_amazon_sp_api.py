"""What a seller would write with python-amazon-sp-api. It is pointed at the sandbox by its option `proxies`."""

import io
import json
import time
from typing import Any

from sp_api.api import Feeds, Inventories, ListingsItems, Notifications, Reports
from sp_api.base import NotificationType, SellingApiException

US = "ATVPDKIKX0DER"


def _options(known: dict[str, Any]) -> dict[str, Any]:
    amazon = known["amazon"]
    credentials = {
        "refresh_token": amazon["refresh_token"],
        "lwa_app_id": amazon["client_id"],
        "lwa_client_secret": amazon["client_secret"],
    }
    return {"credentials": credentials, "proxies": known["proxy_url"]}


def _patch(quantity: int) -> dict[str, Any]:
    rows = [{"fulfillment_channel_code": "DEFAULT", "quantity": quantity}]
    patch = {"op": "replace", "path": "/attributes/fulfillment_availability", "value": rows}
    return {"productType": "PRODUCT", "patches": [patch]}


def write_and_read(known: dict[str, Any]) -> object:
    listings = ListingsItems(**_options(known))
    seller = known["amazon"]["seller_id"]
    written = listings.patch_listings_item(seller, "SKU-00007", marketplaceIds=[US], body=_patch(7))
    rows = []
    for _ in range(100):
        read = listings.get_listings_item(
            seller, "SKU-00007", marketplaceIds=[US], includedData=["summaries", "fulfillmentAvailability"]
        )
        rows = read.payload["fulfillmentAvailability"]
        if rows[0]["quantity"] == 7:
            break
        time.sleep(0.05)
    return {"status": written.payload["status"], "rows": rows}


def search(known: dict[str, Any]) -> object:
    found = ListingsItems(**_options(known)).search_listings_items(
        known["amazon"]["seller_id"],
        marketplaceIds=[US],
        identifiersType="SKU",
        identifiers=["SKU-00005", "SKU-00006"],
        includedData=["fulfillmentAvailability"],
    )
    return sorted(item["sku"] for item in found.payload["items"])


def feed(known: dict[str, Any]) -> object:
    feeds = Feeds(**_options(known))
    good = {"messageId": 1, "sku": "SKU-00002", "operationType": "PATCH", **_patch(9)}
    bad = {"messageId": 2, "sku": "SKU-00004", "operationType": "PATCH", **_patch(-1)}
    header = {"sellerId": known["amazon"]["seller_id"], "version": "2.0", "issueLocale": "en_US"}
    content = io.StringIO(json.dumps({"header": header, "messages": [good, bad]}))
    document = feeds.create_feed_document(content, content_type="application/json; charset=UTF-8")
    made = feeds.create_feed("JSON_LISTINGS_FEED", document.payload["feedDocumentId"], marketplaceIds=[US])
    state: dict[str, Any] = {}
    for _ in range(100):
        state = feeds.get_feed(made.payload["feedId"]).payload
        if state["processingStatus"] == "DONE":
            break
        time.sleep(0.1)
    report = json.loads(feeds.get_feed_result_document(state["resultFeedDocumentId"]))
    return {
        "accepted": report["summary"]["messagesAccepted"],
        "refused": [one["messageId"] for one in report["issues"]],
    }


def report(known: dict[str, Any]) -> object:
    reports = Reports(**_options(known))
    made = reports.create_report(reportType="GET_MERCHANT_LISTINGS_ALL_DATA", marketplaceIds=[US])
    state: dict[str, Any] = {}
    for _ in range(100):
        state = reports.get_report(made.payload["reportId"]).payload
        if state["processingStatus"] == "DONE":
            break
        time.sleep(0.1)
    listed = reports.get_reports(reportTypes=["GET_MERCHANT_LISTINGS_ALL_DATA"]).payload["reports"]
    assert [one["reportId"] for one in listed] == [made.payload["reportId"]]
    document = reports.get_report_document(state["reportDocumentId"], download=True)
    return "SKU-00007" in document.payload["document"]


def held_by_amazon(known: dict[str, Any]) -> object:
    found = Inventories(**_options(known)).get_inventory_summary_marketplace(
        details=True, marketplaceIds=[US], sellerSkus=["SKU-00003"]
    )
    return [
        (one["sellerSku"], one["inventoryDetails"]["fulfillableQuantity"])
        for one in found.payload["inventorySummaries"]
    ]


def subscribe(known: dict[str, Any]) -> object:
    notifications = Notifications(**_options(known))
    made = notifications.create_destination("q", arn="arn:aws:sqs:us-east-1:123456789012:q")
    destination = made.payload["destinationId"]
    subscribed = notifications.create_subscription(NotificationType.ORDER_CHANGE.value, destination_id=destination)
    return bool(subscribed.payload["subscriptionId"])


def refusal(known: dict[str, Any]) -> object:
    try:
        ListingsItems(**_options(known)).get_listings_item(
            known["amazon"]["seller_id"], "SKU-00007", marketplaceIds=[US]
        )
    except SellingApiException as refused:
        return type(refused).__name__
    return None
