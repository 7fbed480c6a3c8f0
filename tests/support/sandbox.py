"""The sandbox marketplaces inside a test: reached by host name, over a clock that the test moves."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from inventory_sandbox.marketplaces import ListingSeed, Marketplaces, MovableClock, SandboxSettings, build_marketplaces
from tests.support import published

AMAZON_US = "ATVPDKIKX0DER"
LOCATION = "gid://shopify/Location/81000001"
NODE = "1000005050"


class SandboxTransport(httpx.AsyncBaseTransport):
    """Sends `http://amazon.test/...` to the Amazon stand-in, and so on; a dropped connection is an httpx error."""

    def __init__(self, marketplaces: Marketplaces) -> None:
        self._transports = {
            f"{name}.test": httpx.ASGITransport(app)  # type: ignore[arg-type]
            for name, app in marketplaces.apps().items()
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers one request; raises ReadError for a reset, ReadTimeout for a call that is never answered."""
        try:
            answer = await self._transports[request.url.host].handle_async_request(request)
            await answer.aread()
            return answer
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error), request=request) from error


class CheckedTransport(SandboxTransport):
    """Fails the test at an answer that does not fit the published specification, where that is at hand."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers one request, and checks the answer."""
        answer = await super().handle_async_request(request)
        if published.available():
            wrong = published.misfit(request.url.host.removesuffix(".test"), request, answer)
            assert not wrong, wrong
        return answer


@dataclass(slots=True)
class Bench:
    """A sandbox with its clock, and a client for each marketplace that carries a good token."""

    clock: MovableClock
    marketplaces: Marketplaces
    client: httpx.AsyncClient
    settings: SandboxSettings

    async def control(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """Asks the control endpoint; fails the test when it refuses."""
        answer = await self.client.request(method, f"http://control.test{path}", json=body)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert isinstance(found, dict)
        return found

    async def fault(self, marketplace: str, mode: str, **more: object) -> None:
        """Turns a fault on."""
        await self.control("POST", "/faults", {"marketplace": marketplace, "mode": mode, **more})

    async def live(self, marketplace: str, key: str) -> object:
        """Units that buyers can buy of a listing."""
        return (await self.control("GET", f"/listings/{marketplace}/{key}"))["live_quantity"]

    async def violations(self) -> list[Mapping[str, object]]:
        """The writes that nobody may make, as counted so far."""
        counted = (await self.control("GET", "/counters"))["never_written"]
        assert isinstance(counted, dict)
        return list(counted["violations"])

    async def amazon_headers(self, grant: str = "refresh_token") -> dict[str, str]:
        """Headers with a new token."""
        known = self.settings.credentials
        form = {
            "grant_type": grant,
            "client_id": known.amazon_client_id,
            "client_secret": known.amazon_client_secret,
            "refresh_token": known.amazon_refresh_token,
            "scope": "sellingpartnerapi::notifications",
        }
        answer = await self.client.post("http://amazon.test/auth/o2/token", data=form)
        return {"x-amz-access-token": answer.json()["access_token"]}

    async def ebay_headers(self, grant: str = "refresh_token") -> dict[str, str]:
        """Headers with a new token."""
        known = self.settings.credentials
        form = {"grant_type": grant, "refresh_token": known.ebay_refresh_token}
        answer = await self.client.post(
            "http://ebay.test/identity/v1/oauth2/token",
            data=form,
            headers=basic(known.ebay_client_id, known.ebay_client_secret),
        )
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def walmart_headers(self) -> dict[str, str]:
        """Headers with a new token."""
        known = self.settings.credentials
        headers = {
            "WM_SVC.NAME": "Walmart Marketplace",
            "WM_QOS.CORRELATION_ID": "1b2c",
            "Accept": "application/json",
        }
        answer = await self.client.post(
            "http://walmart.test/v3/token",
            data={"grant_type": "client_credentials"},
            headers={**headers, **basic(known.walmart_client_id, known.walmart_client_secret)},
        )
        return {**headers, "WM_SEC.ACCESS_TOKEN": answer.json()["access_token"]}

    async def graphql(self, query: str, variables: object = None, version: str = "2026-07") -> httpx.Response:
        """Asks Shopify."""
        return await self.client.post(
            f"http://shopify.test/admin/api/{version}/graphql.json",
            json={"query": query, "variables": variables},
            headers={"X-Shopify-Access-Token": self.settings.credentials.shopify_access_token},
        )


def a_bench(*listings: ListingSeed, skus: int = 0, **settings: object) -> Bench:
    """A sandbox with these listings only, at the true rates and delays."""
    clock = MovableClock()
    made = SandboxSettings(skus=skus, listings=tuple(listings), **settings)  # type: ignore[arg-type]
    marketplaces = build_marketplaces(clock, made)
    return Bench(clock, marketplaces, httpx.AsyncClient(transport=CheckedTransport(marketplaces)), made)


def basic(user: str, password: str) -> dict[str, str]:
    """A Basic authorization header."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def an_amazon_listing(sku: str = "A", **more: object) -> ListingSeed:
    """A seller-fulfilled listing on Amazon US."""
    values = {"account": "S1", "marketplace_id": AMAZON_US, "product_type": "SHIRT", "asin": "B000000001", **more}
    return ListingSeed(marketplace="amazon", sku=sku, **values)  # type: ignore[arg-type]


def an_ebay_listing(sku: str = "A", offer_id: str = "1", **more: object) -> ListingSeed:
    """A fixed-price offer with its own listing."""
    values = {
        "account": "u",
        "marketplace_id": "EBAY_US",
        "listing_id": f"9{offer_id}",
        "format": "FIXED_PRICE",
        **more,
    }
    return ListingSeed(marketplace="ebay", sku=sku, offer_id=offer_id, **values)  # type: ignore[arg-type]


def a_walmart_listing(sku: str = "A", **more: object) -> ListingSeed:
    """A seller-fulfilled item at one ship node."""
    values = {"account": "p", "marketplace_id": "WALMART_US", "ship_nodes": (NODE,), **more}
    return ListingSeed(marketplace="walmart", sku=sku, **values)  # type: ignore[arg-type]


def a_shopify_listing(number: int = 1, sku: str = "A", **more: object) -> ListingSeed:
    """An inventory item stocked at one location."""
    values = {
        "account": "shop",
        "marketplace_id": "shop",
        "inventory_item_id": f"gid://shopify/InventoryItem/{number}",
        "variant_id": f"gid://shopify/ProductVariant/{number}",
        "product_id": f"gid://shopify/Product/{number}",
        "location_ids": (LOCATION,),
        **more,
    }
    return ListingSeed(marketplace="shopify", sku=sku, **values)  # type: ignore[arg-type]


def amazon_patch(quantity: object, channel: str = "DEFAULT", op: str = "replace") -> dict[str, object]:
    """The body that sets a quantity."""
    value = [{"fulfillment_channel_code": channel, "quantity": quantity}]
    return {
        "productType": "PRODUCT",
        "patches": [{"op": op, "path": "/attributes/fulfillment_availability", "value": value}],
    }


def ebay_bulk(*rows: tuple[str, str, int]) -> dict[str, object]:
    """The body that sets the quantities of (sku, offer id, quantity) rows, the SKU's and the offer's together."""
    return {
        "requests": [
            {
                "sku": sku,
                "shipToLocationAvailability": {"quantity": quantity},
                "offers": [{"offerId": offer_id, "availableQuantity": quantity}],
            }
            for sku, offer_id, quantity in rows
        ]
    }


SET_WITH_KEY = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id reason changes { name delta quantityAfterChange } }
    userErrors { code field message } } }"""
SET_WITHOUT_KEY = """mutation Set($input: InventorySetQuantitiesInput!) {
  inventorySetQuantities(input: $input) {
    inventoryAdjustmentGroup { id reason changes { name delta quantityAfterChange } }
    userErrors { code field message } } }"""


def shopify_input(rows: Sequence[Mapping[str, object]], **more: object) -> dict[str, object]:
    """The input of inventorySetQuantities; each row is at the one location unless it says another."""
    quantities = [{"locationId": LOCATION, **row} for row in rows]
    return {"name": "available", "reason": "correction", "quantities": quantities, **more}


def body_of(answer: httpx.Response) -> dict[str, object]:
    """The JSON object of an answer."""
    found = json.loads(answer.content)
    assert isinstance(found, dict)
    return found
