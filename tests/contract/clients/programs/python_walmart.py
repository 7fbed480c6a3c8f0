"""What a seller would write with python-walmart. It knows Walmart's own address only and calls it through a proxy."""

from typing import Any

import requests
from walmart import Walmart
from walmart.exceptions import WalmartAuthenticationError


def _client(known: dict[str, Any]) -> Walmart:
    return Walmart(known["walmart"]["client_id"], known["walmart"]["client_secret"])


def write(known: dict[str, Any]) -> object:
    """The client writes XML and asks for JSON."""
    return _client(known).inventory.update_inventory("SKU-00007", 6)


def read(known: dict[str, Any]) -> object:
    return _client(known).inventory.all(sku="SKU-00007")


def token(known: dict[str, Any]) -> object:
    client = _client(known)
    return {"expires_in": client.token_expires_in, "has_token": bool(client.token)}


def items(known: dict[str, Any]) -> object:
    return len(_client(known).items.all(limit=50)["ItemResponse"])


def feed(known: dict[str, Any]) -> object:
    """The client puts the file into the body itself, where the published call wants a form with a file."""
    try:
        _client(known).inventory.bulk_update([{"sku": "SKU-00007", "quantity": 3}])
    except requests.HTTPError as refused:
        return refused.response.status_code
    return None


def wrong_secret(known: dict[str, Any]) -> object:
    try:
        Walmart(known["walmart"]["client_id"], "wrong")
    except WalmartAuthenticationError:
        return "WalmartAuthenticationError"
    return None
