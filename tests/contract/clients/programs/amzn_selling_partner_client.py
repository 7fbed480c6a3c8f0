"""What a seller would write with amzn-selling-partner. It is pointed at the sandbox by its option `transport`.

Its models are made from the published files and strict: an answer that lacks a required field is an error to it.
"""

import json
import ssl
import time
from typing import Any

import httpx2
from amzn_selling_partner import APIStatusError, SellingPartner

US = "ATVPDKIKX0DER"


def _client(known: dict[str, Any]) -> SellingPartner:
    trusted = ssl.create_default_context(cafile=known["authority"])
    amazon = known["amazon"]
    return SellingPartner(
        client_id=amazon["client_id"],
        client_secret=amazon["client_secret"],
        refresh_token=amazon["refresh_token"],
        transport=httpx2.HTTPTransport(proxy=known["proxy_url"], verify=trusted),
    )


def _patch(quantity: int) -> dict[str, Any]:
    rows = [{"fulfillment_channel_code": "DEFAULT", "quantity": quantity}]
    patch = {"op": "replace", "path": "/attributes/fulfillment_availability", "value": rows}
    return {"productType": "PRODUCT", "patches": [patch]}


def write_and_read(known: dict[str, Any]) -> object:
    seller = known["amazon"]["seller_id"]
    with _client(known) as client:
        listings = client.listings_items
        written = listings.patch_listings_item(seller, "SKU-00007", _patch(7), [US])
        shown = None
        for _ in range(100):
            read = listings.get_listings_item(
                seller, "SKU-00007", [US], included_data=["summaries", "fulfillmentAvailability"]
            )
            shown = [(row.fulfillment_channel_code, row.quantity) for row in read.fulfillment_availability]
            if shown == [("DEFAULT", 7)]:
                break
            time.sleep(0.05)
    return {"status": written.status.value, "shown": shown}


def pages(known: dict[str, Any]) -> object:
    with _client(known) as client:
        found = client.listings_items.iter_search_listings_items(known["amazon"]["seller_id"], [US], page_size=5)
        skus = [one.sku for one in found]
    return {"found": len(skus), "different": len(set(skus))}


def feed(known: dict[str, Any]) -> object:
    """By the client's own upload, and its own reading of the packed report."""
    good = {"messageId": 1, "sku": "SKU-00002", "operationType": "PATCH", **_patch(9)}
    bad = {"messageId": 2, "sku": "SKU-00004", "operationType": "PATCH", **_patch(-1)}
    header = {"sellerId": known["amazon"]["seller_id"], "version": "2.0", "issueLocale": "en_US"}
    content = json.dumps({"header": header, "messages": [good, bad]}).encode()
    with _client(known) as client:
        made = client.documents.create_feed(
            "JSON_LISTINGS_FEED", [US], content, content_type="application/json; charset=UTF-8"
        )
        for _ in range(100):
            state = client.feeds.get_feed(made.feed_id)
            if state.processing_status.value == "DONE":
                break
            time.sleep(0.1)
        report = json.loads(client.documents.download_feed_result(state.result_feed_document_id))
    return {
        "accepted": report["summary"]["messagesAccepted"],
        "refused": [one["messageId"] for one in report["issues"]],
    }


def refusal(known: dict[str, Any]) -> object:
    try:
        with _client(known) as client:
            client.listings_items.get_listings_item(known["amazon"]["seller_id"], "none", [US])
    except APIStatusError as refused:
        return refused.status_code
    return None
