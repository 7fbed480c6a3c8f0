"""What a seller would write with ebaysdk, the client of eBay's XML APIs.

It takes the host as an option and the scheme in its configuration; it gets no tokens itself.
"""

from typing import Any

import requests
from ebaysdk.exception import ConnectionError as Refused
from ebaysdk.trading import Connection


def _token(known: dict[str, Any]) -> str:
    ebay = known["ebay"]
    answer = requests.post(
        ebay["token_url"],
        data={"grant_type": "refresh_token", "refresh_token": ebay["refresh_token"]},
        auth=(ebay["client_id"], ebay["client_secret"]),
        timeout=10,
    )
    return str(answer.json()["access_token"])


def _trading(known: dict[str, Any], **token: str) -> Connection:
    ebay = known["ebay"]
    api = Connection(
        config_file=None,
        domain=ebay["base_url"].partition("//")[2],
        appid=ebay["client_id"],
        devid="dev",
        certid=ebay["client_secret"],
        siteid="0",
        compatibility="1349",
        **token,
    )
    api.config.set("https", False, force=True)
    return api


def preference(known: dict[str, Any]) -> object:
    """Turned off and on with Python's booleans; read with the token in the header and in the body."""
    token = _token(known)
    in_header, in_body = _trading(known, iaf_token=token), _trading(known, token=token)
    found = []
    for wanted in (False, True):
        in_header.execute("SetUserPreferences", {"OutOfStockControlPreference": wanted})
        for api in (in_header, in_body):
            answer = api.execute("GetUserPreferences", {"ShowOutOfStockControlPreference": True, "MessageID": "m"})
            found.append((answer.reply.OutOfStockControlPreference, answer.reply.CorrelationID))
    return found


def selling(known: dict[str, Any]) -> object:
    asked = {"ActiveList": {"Include": True, "Pagination": {"EntriesPerPage": 200, "PageNumber": 1}}}
    answer = _trading(known, iaf_token=_token(known)).execute("GetMyeBaySelling", asked)
    return {one.get("SKU"): int(one["QuantityAvailable"]) for one in answer.dict()["ActiveList"]["ItemArray"]["Item"]}


def revision(known: dict[str, Any]) -> object:
    """A listing of the Inventory API is not revised by Trading calls."""
    try:
        asked = {"InventoryStatus": {"ItemID": "110550000002", "Quantity": 3}}
        _trading(known, iaf_token=_token(known)).execute("ReviseInventoryStatus", asked)
    except Refused as refused:
        return "21919474" in str(refused)
    return None


def item(known: dict[str, Any]) -> object:
    """One listing by its id, and one that is not there."""
    api = _trading(known, iaf_token=_token(known))
    found = api.execute("GetItem", {"ItemID": "110550000002"}).dict()["Item"]
    code = None
    try:
        api.execute("GetItem", {"ItemID": "1"})
    except Refused as refused:
        code = refused.response.dict()["Errors"]["ErrorCode"]
    return {
        "id": found["ItemID"],
        "sku": found["SKU"],
        "status": found["SellingStatus"]["ListingStatus"],
        "unknown": code,
    }
