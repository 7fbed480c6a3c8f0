"""What a seller would write with amzn-sp-api, Amazon's own client. It takes the two addresses as options."""

import time
from typing import Any

from spapi.api.listings_items_v2021_08_01.listings_api import ListingsApi
from spapi.auth.credentials import SPAPIConfig
from spapi.client import SPAPIClient
from spapi.models.listings_items_v2021_08_01 import ListingsItemPatchRequest, PatchOperation
from spapi.rest import ApiException

US = "ATVPDKIKX0DER"


def _listings(known: dict[str, Any]) -> ListingsApi:
    amazon = known["amazon"]
    config = SPAPIConfig(
        amazon["client_id"], amazon["client_secret"], refresh_token=amazon["refresh_token"], region="NA"
    )
    client = SPAPIClient(config, oauth_endpoint=amazon["token_url"], endpoint=amazon["base_url"])
    return ListingsApi(client.api_client)


def write_and_read(known: dict[str, Any]) -> object:
    listings = _listings(known)
    seller = known["amazon"]["seller_id"]
    rows = [{"fulfillment_channel_code": "DEFAULT", "quantity": 5}]
    patch = PatchOperation(op="replace", path="/attributes/fulfillment_availability", value=rows)
    body = ListingsItemPatchRequest(product_type="PRODUCT", patches=[patch])
    written = listings.patch_listings_item(seller, "SKU-00006", [US], body)
    shown = None
    for _ in range(100):
        read = listings.get_listings_item(seller, "SKU-00006", [US], included_data=["fulfillmentAvailability"])
        shown = [(row.fulfillment_channel_code, row.quantity) for row in read.fulfillment_availability]
        if shown == [("DEFAULT", 5)]:
            break
        time.sleep(0.05)
    return {"status": written.status, "shown": shown}


def refusal(known: dict[str, Any]) -> object:
    try:
        _listings(known).get_listings_item(known["amazon"]["seller_id"], "SKU-00006", [US])
    except ApiException as refused:
        return refused.status
    return None
