"""What a seller would write with ebay-rest.

It knows eBay's own addresses only. Its token comes through the environment's proxy; for its calls the proxy and the
authority are options of its configuration.
"""

from typing import Any

from ebay_rest import API, Error
from ebay_rest.api import sell_inventory


def _api(known: dict[str, Any]) -> API:
    configuration = sell_inventory.Configuration()
    configuration.proxy = known["proxy_url"]
    configuration.ssl_ca_cert = known["authority"]
    sell_inventory.Configuration.set_default(configuration)
    ebay = known["ebay"]
    return API(
        application={
            "app_id": ebay["client_id"],
            "cert_id": ebay["client_secret"],
            "dev_id": "",
            "redirect_uri": "demo-redirect",
        },
        user={
            "email_or_username": "demo",
            "password": "demo",
            "scopes": ["https://api.ebay.com/oauth/api_scope/sell.inventory"],
            "refresh_token": ebay["refresh_token"],
            "refresh_token_expiry": "2099-01-01T00:00:00.000Z",
        },
        header={
            "accept_language": "en-US",
            "content_language": "en-US",
            "country": "US",
            "currency": "USD",
            "marketplace_id": "EBAY_US",
        },
    )


def write_and_read(known: dict[str, Any]) -> object:
    api = _api(known)
    row = {
        "sku": "SKU-00010",
        "shipToLocationAvailability": {"quantity": 8},
        "offers": [{"offerId": "36000000010", "availableQuantity": 8}],
    }
    answer = api.sell_inventory_bulk_update_price_quantity(body={"requests": [row]}, content_type="application/json")
    offer = api.sell_inventory_get_offer("36000000010")
    return {"statuses": sorted({one["status_code"] for one in answer["responses"]}), "sku": offer["sku"]}


def read(known: dict[str, Any]) -> object:
    return _api(known).sell_inventory_get_offer("36000000010")["available_quantity"]


def pages(known: dict[str, Any]) -> object:
    skus = [one["record"]["sku"] for one in _api(known).sell_inventory_get_inventory_items() if "record" in one]
    return {"found": len(skus), "different": len(set(skus))}


def refusal(known: dict[str, Any]) -> object:
    try:
        _api(known).sell_inventory_get_inventory_item("none")
    except Error as refused:
        return "25710" in str(refused.detail) or "25702" in str(refused.detail)
    return None
