"""Reads what Amazon shows: the live quantity of the seller-fulfilled row, never what was last submitted."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from inventory_adapters.amazon import auth
from inventory_adapters.amazon.push import SELLER_FULFILLED
from inventory_adapters.amazon.settings import GET_LISTING, AmazonSettings
from inventory_adapters.bodies import mapping, rows, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.clock import Clock
from inventory_domain.ports import ListingRef, NotListed, ReadAnswer, Shown


async def read_one(
    listing: ListingRef, settings: AmazonSettings, exchange: Exchange, clock: Clock, deadline_s: float
) -> ReadAnswer:
    """What buyers in the listing's country can order."""

    def build(token: Secret) -> Request:
        return Request("GET", address(listing, settings), auth.headers(settings, token, clock))

    answer = await exchange.call(GET_LISTING, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.read_answer(listing.listing_id, GET_LISTING)
    quantity = live_quantity(answer.body)
    if quantity is None:
        return NotListed(
            listing_id=listing.listing_id,
            api=GET_LISTING,
            reason="no-seller-fulfilled-quantity",
            request_id=answer.request_id,
            seen=answer.seen,
        )
    return Shown(
        listing_id=listing.listing_id,
        quantity=quantity,
        api=GET_LISTING,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def address(listing: ListingRef, settings: AmazonSettings) -> str:
    """Where the listing is read."""
    sku = quote(listing.marketplace_ids["seller_sku"], safe="")
    query = urlencode(
        {
            "marketplaceIds": settings.channels[listing.channel].marketplace_id,
            # `attributes` would be what was submitted; this is what is live.
            "includedData": "fulfillmentAvailability",
        }
    )
    return f"{settings.calls.base_url}/listings/2021-08-01/items/{quote(settings.seller_id, safe='')}/{sku}?{query}"


def live_quantity(item: Json) -> int | None:
    """The quantity of the seller-fulfilled row, nothing where Amazon does not say it."""
    for row in rows(mapping(item).get("fulfillmentAvailability")):
        if row.get("fulfillmentChannelCode") == SELLER_FULFILLED:
            return units(row.get("quantity"))
    return None
