"""The Sellers API: which marketplaces the account sells in; and the product types that listings there can have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.amazon.rules import error_answer
from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.world import World

Json = dict[str, object]
_MARKETPLACES: Final = {
    "ATVPDKIKX0DER": ("Amazon.com", "US", "USD", "en_US", "www.amazon.com"),
    "A2EUQ1WTGCTBG2": ("Amazon.ca", "CA", "CAD", "en_CA", "www.amazon.ca"),
    "A1AM78C64UM0Y8": ("Amazon.com.mx", "MX", "MXN", "es_MX", "www.amazon.com.mx"),
    "A1F83G8C2ARO7P": ("Amazon.co.uk", "GB", "GBP", "en_GB", "www.amazon.co.uk"),
    "A1PA6795UKMFR9": ("Amazon.de", "DE", "EUR", "de_DE", "www.amazon.de"),
}


class Sellers:
    """What the account takes part in: the marketplaces that it has listings in."""

    def __init__(self, world: World) -> None:
        self._world = world

    def operations(self) -> Sequence[Operation]:
        """What is served of this API."""
        sellers, types = "/sellers/v1", "/definitions/2020-09-01/productTypes"
        return (
            Operation(
                "getMarketplaceParticipations", "GET", f"{sellers}/marketplaceParticipations", self._participations
            ),
            Operation("getAccount", "GET", f"{sellers}/account", self._account),
            Operation("searchDefinitionsProductTypes", "GET", types, self._product_types),
        )

    def _participations(self, call: Call) -> Answer:
        return json_answer(200, {"payload": self._taken_part()})

    def _account(self, call: Call) -> Answer:
        account = {
            "businessType": "PRIVATE_LIMITED",
            "sellingPlan": "PROFESSIONAL",
            "business": {
                "name": "Demo store",
                "registeredBusinessAddress": {"addressLine1": "1 Main St", "city": "Dallas", "countryCode": "US"},
            },
            "marketplaceParticipationList": self._taken_part(),
        }
        return json_answer(200, {"payload": account})

    def _product_types(self, call: Call) -> Answer:
        """All listings here are of the one type that stands for an unknown one."""
        ids = [one for one in call.query.get("marketplaceIds", "").split(",") if one]
        if not ids or any(one not in _MARKETPLACES for one in ids):
            return error_answer(400, "InvalidInput", "marketplaceIds is missing or holds an unknown marketplace.")
        words = [one.strip().upper() for one in call.query.get("keywords", "").split(",") if one.strip()]
        fits = not words or any(one in "PRODUCT" for one in words)
        found = [{"name": "PRODUCT", "displayName": "Product", "marketplaceIds": ids}] if fits else []
        return json_answer(200, {"productTypes": found, "productTypeVersion": "U8L4z4Ud95N16tZlR7rsmbQ=="})

    def _taken_part(self) -> list[Json]:
        used = {one.seed.marketplace_id for one in self._world.stock.all("amazon")}
        return [
            {
                "marketplace": {
                    "id": marketplace_id,
                    "name": name,
                    "countryCode": country,
                    "defaultCurrencyCode": currency,
                    "defaultLanguageCode": language,
                    "domainName": domain,
                },
                "participation": {"isParticipating": True, "hasSuspendedListings": False},
                "storeName": "Demo store",
            }
            for marketplace_id, (name, country, currency, language, domain) in _MARKETPLACES.items()
            if marketplace_id in used
        ]
