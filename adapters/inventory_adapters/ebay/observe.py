"""Reads what eBay shows: the smaller of the SKU's quantity and the offer's, which costs two calls."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from inventory_adapters.bodies import mapping, rows, text, units
from inventory_adapters.ebay import auth
from inventory_adapters.ebay.settings import INVENTORY_API, EbaySettings
from inventory_adapters.exchange import Answered, Exchange
from inventory_adapters.failures import Failure
from inventory_adapters.http import Json, Request
from inventory_adapters.secrets import Secret
from inventory_domain.bulk import CallFailed, Found, Page
from inventory_domain.outcomes import UNRECOGNIZED, Transient
from inventory_domain.ports import ListingRef, NotListed, ReadAnswer, Shown

GET_ITEM = "getInventoryItem"
GET_OFFER = "getOffer"
GET_ITEMS = "getInventoryItems"
CALLS_PER_READ = 2
PAGE_SIZE = 200  # the most that a page may hold
PAGES_MAX = 100_000
# Of ListingStatusEnum, what no buyer sees; ACTIVE and OUT_OF_STOCK are the others.
NOT_SHOWN: Final = {
    "ENDED": "listing-ended",
    "EBAY_ENDED": "listing-ended",
    "INACTIVE": "listing-inactive",
    "NOT_LISTED": "offer-not-published",
}


async def read_one(listing: ListingRef, settings: EbaySettings, exchange: Exchange, deadline_s: float) -> ReadAnswer:
    """What buyers on the listing's site can order."""
    base = f"{settings.calls.base_url}/sell/inventory/v1"

    async def get(path: str) -> Answered | ReadAnswer:
        def build(token: Secret) -> Request:
            return Request("GET", base + path, auth.headers(token))

        answer = await exchange.call(INVENTORY_API, build, deadline_s, writes=False)
        return answer if isinstance(answer, Answered) else answer.read_answer(listing.listing_id, GET_OFFER)

    offer = await get(f"/offer/{quote(listing.marketplace_ids['offer_id'], safe='')}")
    if not isinstance(offer, Answered):
        return offer
    unlisted = why_not_listed(offer.body)
    if unlisted is not None:
        return _not_listed(listing, offer, unlisted)
    item = await get(f"/inventory_item/{quote(listing.marketplace_ids['sku'], safe='')}")
    if not isinstance(item, Answered):
        return item
    quantity = shown_quantity(item.body, offer.body)
    if quantity is None:
        return _not_listed(listing, item, "no-quantity")
    return Shown(
        listing_id=listing.listing_id,
        quantity=quantity,
        api=GET_OFFER,
        request_id=item.request_id,
        seen=item.seen,
    )


async def pull(cursor: str | None, settings: EbaySettings, exchange: Exchange, deadline_s: float) -> Page | CallFailed:
    """A page of the seller's SKUs with their own quantity; what an offer lowers it to, only a read of one tells."""
    number = int(cursor) if cursor else 0
    query = f"limit={PAGE_SIZE}&offset={number}"  # the offset counts pages here, not rows

    def build(token: Secret) -> Request:
        return Request(
            "GET", f"{settings.calls.base_url}/sell/inventory/v1/inventory_item?{query}", auth.headers(token)
        )

    answer = await exchange.call(INVENTORY_API, build, deadline_s, writes=False)
    if not isinstance(answer, Answered):
        return answer.call_failed(GET_ITEMS)
    body = mapping(answer.body)
    listed, pages = body.get("inventoryItems"), units(body.get("size"))
    if pages is None or pages > PAGES_MAX or (number < pages and not isinstance(listed, list)):
        return Failure(then=Transient, reason=UNRECOGNIZED, error=f"{pages} pages").call_failed(GET_ITEMS)
    return Page(
        found=tuple(
            Found(marketplace_ids={"sku": sku}, quantity=own_quantity(item))
            for item in rows(listed)
            if (sku := text(item.get("sku")))
        ),
        next_cursor=str(number + 1) if number + 1 < pages else None,
        api=GET_ITEMS,
        request_id=answer.request_id,
        seen=answer.seen,
    )


def why_not_listed(offer: Json) -> str | None:
    """Why an offer shows nothing to buyers, if so."""
    body = mapping(offer)
    if body.get("format") == "AUCTION":
        return "auction"
    if body.get("status") != "PUBLISHED":
        return "offer-not-published"
    return NOT_SHOWN.get(text(mapping(body.get("listing")).get("listingStatus")) or "")


def shown_quantity(item: Json, offer: Json) -> int | None:
    """The smaller of the two numbers, or the one that there is."""
    found = [own_quantity(item), units(mapping(offer).get("availableQuantity"))]
    return min((each for each in found if each is not None), default=None)


def own_quantity(item: Json) -> int | None:
    """The quantity of the SKU itself."""
    ship_to = mapping(mapping(mapping(item).get("availability")).get("shipToLocationAvailability"))
    return units(ship_to.get("quantity"))


def _not_listed(listing: ListingRef, answer: Answered, reason: str) -> NotListed:
    return NotListed(
        listing_id=listing.listing_id,
        api=GET_OFFER,
        reason=reason,
        request_id=text(answer.request_id),
        seen=answer.seen,
    )
