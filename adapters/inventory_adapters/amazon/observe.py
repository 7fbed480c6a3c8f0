"""Reads what Amazon shows: the live quantity of the seller-fulfilled row, never what was last submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from inventory_adapters.amazon import auth
from inventory_adapters.amazon.push import SELLER_FULFILLED
from inventory_adapters.amazon.settings import GET_LISTING, SEARCH_LISTINGS, AmazonChannel, AmazonSettings
from inventory_adapters.bodies import mapping, rows, text, units
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import NOT_FOUND, refused_here
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import TOO_MANY_LISTINGS, CallFailed, Found, Page
from inventory_domain.clock import Clock
from inventory_domain.identifiers import ListingId
from inventory_domain.ports import ListingRef, NotListed, ReadAnswer, Shown

NO_QUANTITY: Final = "no-seller-fulfilled-quantity"
GROUP_READ_MAX: Final = 20  # identifiers, and items of a page, of searchListingsItems
PULL_MAX: Final = 1_000  # "maximum number of items (SKUs) that can be returned and paged through"


async def read_one(
    listing: ListingRef, settings: AmazonSettings, exchange: Exchange, clock: Clock, deadline_s: float
) -> ReadAnswer:
    """What buyers in the listing's country can order."""

    def build(token: Secret) -> Request:
        return Request("GET", address(listing, settings), auth.headers(settings, token, clock))

    answer = await exchange.call(GET_LISTING, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.read_answer(listing.listing_id, GET_LISTING)
    return _shown(listing.listing_id, answer.body, GET_LISTING, answer)


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


async def read_group(
    listings: Sequence[ListingRef], settings: AmazonSettings, exchange: Exchange, clock: Clock, deadline_s: float
) -> Mapping[ListingId, ReadAnswer]:
    """What buyers in one country can order of these listings, by one call for all."""
    channel = settings.channels[listings[0].channel]
    skus = [listing.marketplace_ids["seller_sku"] for listing in listings]
    query = {"identifiersType": "SKU", "identifiers": ",".join(skus)}

    def build(token: Secret) -> Request:
        url = _search(settings, channel, {**query, "pageSize": str(GROUP_READ_MAX)})
        return Request("GET", url, auth.headers(settings, token, clock))

    answer = await exchange.call(SEARCH_LISTINGS, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return {each.listing_id: answer.read_answer(each.listing_id, SEARCH_LISTINGS) for each in listings}
    listed = mapping(answer.body).get("items")
    if not isinstance(listed, list):  # required: an answer without it says of no listing that there is none
        failure = answer.unrecognized()
        return {each.listing_id: failure.read_answer(each.listing_id, SEARCH_LISTINGS) for each in listings}
    items = {text(item.get("sku")): item for item in rows(listed)}
    is_whole = not text(mapping(mapping(answer.body).get("pagination")).get("nextToken"))
    return {
        listing.listing_id: _shown(listing.listing_id, items.get(sku), SEARCH_LISTINGS, answer)
        if is_whole or sku in items
        else answer.unrecognized().read_answer(listing.listing_id, SEARCH_LISTINGS)
        for listing, sku in zip(listings, skus, strict=True)
    }


async def pull(
    channel: AmazonChannel,
    cursor: str | None,
    settings: AmazonSettings,
    exchange: Exchange,
    clock: Clock,
    deadline_s: float,
) -> Page | CallFailed:
    """A page of all listings of one country. Amazon pages through 1,000 and no further, so more are refused."""
    query = {"pageSize": str(GROUP_READ_MAX)} | ({"pageToken": cursor} if cursor else {})

    def build(token: Secret) -> Request:
        return Request("GET", _search(settings, channel, query), auth.headers(settings, token, clock))

    answer = await exchange.call(SEARCH_LISTINGS, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(SEARCH_LISTINGS)
    body = mapping(answer.body)
    listed, total = body.get("items"), units(body.get("numberOfResults"))
    if not isinstance(listed, list) or total is None:
        return answer.unrecognized().call_failed(SEARCH_LISTINGS)
    if total > PULL_MAX:
        said = f"{total} listings, of which {PULL_MAX} can be paged through"
        return refused_here(TOO_MANY_LISTINGS, said).call_failed(SEARCH_LISTINGS)
    return Page(
        found=tuple(
            Found(marketplace_ids={"seller_sku": sku}, quantity=live_quantity(item))
            for item in rows(listed)
            if (sku := text(item.get("sku")))
        ),
        next_cursor=text(mapping(body.get("pagination")).get("nextToken")) or None,
        api=SEARCH_LISTINGS,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def _search(settings: AmazonSettings, channel: AmazonChannel, query: Mapping[str, str]) -> str:
    asked = {"marketplaceIds": channel.marketplace_id, "includedData": "fulfillmentAvailability", **query}
    seller = quote(settings.seller_id, safe="")
    return f"{settings.calls.base_url}/listings/2021-08-01/items/{seller}?{urlencode(asked)}"


def _shown(listing_id: ListingId, item: Json, api: str, answer: Answered) -> ReadAnswer:
    quantity = live_quantity(item)
    if quantity is None:
        reason = NOT_FOUND if item is None else NO_QUANTITY
        return NotListed(listing_id=listing_id, api=api, reason=reason, request_id=answer.request_id, seen=answer.seen)
    return Shown(listing_id=listing_id, quantity=quantity, api=api, request_id=answer.request_id, seen=answer.seen)
