"""Settings, pushes and answers for tests of the adapters."""

from __future__ import annotations

from collections.abc import Mapping

from inventory_adapters.secrets import Secret

CLIENT_SECRET = "client-secret-canary"
REFRESH_TOKEN = "refresh-token-canary"
ACCESS_TOKEN = "access-token-canary"


def raw_settings(marketplace: str, **changes: object) -> dict[str, object]:
    """The least that an account of this marketplace must say, as the settings layer hands it to `parse`."""
    return {**_LEAST[marketplace], **changes}


_LEAST: Mapping[str, Mapping[str, object]] = {
    "amazon": {
        "seller_id": "A2SELLER",
        "client_id": "amzn1.application-oa2-client.1",
        "client_secret": Secret(CLIENT_SECRET),
        "refresh_token": Secret(REFRESH_TOKEN),
        "channels": {
            "amazon-us": {"marketplace_id": "ATVPDKIKX0DER"},
            "amazon-ca": {"marketplace_id": "A2EUQ1WTGCTBG2"},
        },
    },
    "ebay": {
        "client_id": "app-id",
        "client_secret": Secret(CLIENT_SECRET),
        "refresh_token": Secret(REFRESH_TOKEN),
        "channels": {"ebay-us": {}},
    },
    "walmart": {
        "client_id": "client-id",
        "client_secret": Secret(CLIENT_SECRET),
        "channels": {"walmart-us": {}},
    },
    "shopify": {
        "shop": "demo-shop",
        "access_token": Secret(ACCESS_TOKEN),
        "channels": {"shopify-dtc": {}},
    },
}
