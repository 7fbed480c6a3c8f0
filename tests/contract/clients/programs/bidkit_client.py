"""What a seller would write with bidkit. It takes the address as the option `base_url_override`."""

from typing import Any

from bidkit import EbayClient, EbayConfig
from bidkit.errors import EbayAPIError


def _client(known: dict[str, Any], **options: Any) -> EbayClient:
    ebay = known["ebay"]
    config = EbayConfig(
        app_id=ebay["client_id"],
        cert_id=ebay["client_secret"],
        refresh_token=ebay["refresh_token"],
        scopes=("https://api.ebay.com/oauth/api_scope/sell.inventory",),
        base_url_override=ebay["base_url"],
        **options,
    )
    return EbayClient(config)


def write_and_read(known: dict[str, Any]) -> object:
    rows = [("SKU-00002", "36000000002", 4), ("SKU-00006", "36000000006", 6)]
    body = {
        "requests": [
            {
                "sku": sku,
                "shipToLocationAvailability": {"quantity": quantity},
                "offers": [{"offerId": offer, "availableQuantity": quantity}],
            }
            for sku, offer, quantity in rows
        ]
    }
    with _client(known) as client:
        answer = client.sell.inventory.bulk_update_price_quantity(body=body)
        offer = client.sell.inventory.get_offer("36000000002")
    return {"statuses": sorted({row.status_code for row in answer.responses}), "offer": offer.offer_id}


def read(known: dict[str, Any]) -> object:
    with _client(known) as client:
        offer = client.sell.inventory.get_offer("36000000002")
        item = client.sell.inventory.get_inventory_item("SKU-00002")
        many = client.sell.inventory.bulk_get_inventory_item(body={"requests": [{"sku": "SKU-00002"}, {"sku": "none"}]})
    return {
        "offer": offer.available_quantity,
        "item": item.availability.ship_to_location_availability.quantity,
        "many": [row.status_code for row in many.responses],
    }


def pages(known: dict[str, Any]) -> object:
    """The offset is a page's number, as the published text says, and not a row's."""
    found = []
    with _client(known) as client:
        first = client.sell.inventory.get_inventory_items(limit=5, offset=0)
        for number in range(first.size):
            page = client.sell.inventory.get_inventory_items(limit=5, offset=number)
            found += [item.sku for item in page.inventory_items]
    return {"total": first.total, "found": len(found), "different": len(set(found))}


def limits(known: dict[str, Any]) -> object:
    with _client(known) as client:
        found = client.developer.analytics.get_rate_limits(api_name="inventory", api_context="sell")
    return [rate.limit for one in found.rate_limits for resource in one.resources for rate in resource.rates]


def refusal(known: dict[str, Any]) -> object:
    try:
        with _client(known, max_retries=0) as client:
            client.sell.inventory.get_inventory_item("none")
    except EbayAPIError as refused:
        return refused.status_code
    return None


def many_offers(known: dict[str, Any]) -> object:
    """An item and its offer made, published and shown by the calls for many."""
    item = {"sku": "NEW-1", "locale": "en_US", "condition": "NEW", "product": {"title": "New"}}
    item["availability"] = {"shipToLocationAvailability": {"quantity": 5}}
    offer = {"sku": "NEW-1", "marketplaceId": "EBAY_US", "format": "FIXED_PRICE", "availableQuantity": 3}
    with _client(known) as client:
        own = client.sell.inventory
        own.bulk_create_or_replace_inventory_item(body={"requests": [item]})
        made = own.bulk_create_offer(body={"requests": [offer, {**offer, "sku": "none"}]})
        published = own.bulk_publish_offer(body={"requests": [{"offerId": made.responses[0].offer_id}]})
        shown = own.get_offers(sku="NEW-1")
    return {
        "made": [row.status_code for row in made.responses],
        "published": [row.status_code for row in published.responses],
        "listing": published.responses[0].listing_id == shown.offers[0].listing.listing_id,
    }


def public_key(known: dict[str, Any]) -> object:
    with _client(known) as client:
        found = client.commerce.notification.get_public_key(known["ebay"]["public_key_id"])
    return [found.algorithm, found.digest, found.key.startswith("-----BEGIN PUBLIC KEY-----")]
