"""The Sellers API: which marketplaces the account sells in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from inventory_sandbox.marketplaces.http import Answer, Call, Operation, json_answer
from inventory_sandbox.marketplaces.world import World

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
        path = "/sellers/v1/marketplaceParticipations"
        return (Operation("getMarketplaceParticipations", "GET", path, self._participations),)

    def _participations(self, call: Call) -> Answer:
        used = {one.seed.marketplace_id for one in self._world.stock.all("amazon")}
        payload = [
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
        return json_answer(200, {"payload": payload})
