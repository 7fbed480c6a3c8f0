"""eBay's objects: inventory items, offers and listings, and how a quantity write reaches them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from inventory_sandbox.marketplaces.assortment import ListingKind, ListingSeed
from inventory_sandbox.marketplaces.ebay.rules import DayCounts, ErrorRow, error_row, invalid_field
from inventory_sandbox.marketplaces.http import Call
from inventory_sandbox.marketplaces.stock import Listing, Part
from inventory_sandbox.marketplaces.world import World

ITEM: Final = "item"
OFFER: Final = "offer"
MAX_SKU_LENGTH: Final = 50
MAX_QUANTITY: Final = 2_147_483_647
AUCTION_UNITS: Final = 1


@dataclass(slots=True)
class Item:
    """An inventory item: the quantity of the SKU, shared by its offers."""

    sku: str
    part: Part
    title: str
    groups: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)


class EbayStock:
    """The seller's items, offers and groups, and the rules of revising them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.items: dict[str, Item] = {}
        self.groups: dict[str, list[str]] = {}
        self.out_of_stock_control = world.settings.ebay_out_of_stock_control
        self.revisions = DayCounts(world.settings.factor, world.started_at)
        self._busy: set[str] = set()
        world.stock.on_change.append(self._end_if_empty)

    def add(self, seed: ListingSeed) -> None:
        """Takes an offer with its item, or a group."""
        if seed.kind is ListingKind.VARIATION_PARENT:
            self.groups.setdefault(seed.group_key, [])
            self._world.stock.add(Listing(seed, {}))
            return
        item = self.items.get(seed.sku)
        if item is None:
            item = Item(seed.sku, Part(ITEM, seed.quantity, seed.quantity), seed.title)
            self.items[seed.sku] = item
        quantity = AUCTION_UNITS if seed.kind is ListingKind.AUCTION else seed.quantity
        if seed.kind is ListingKind.AUCTION and item.part.live < AUCTION_UNITS:
            item.part.live = item.part.submitted = AUCTION_UNITS
        parts = {OFFER: Part(OFFER, quantity, quantity)}
        if seed.kind is not ListingKind.AUCTION:
            parts[ITEM] = item.part
        listing = Listing(seed, parts, least=True)
        self._world.stock.add(listing)
        item.offers.append(seed.offer_id)
        if seed.group_key:
            variants = self.groups.setdefault(seed.group_key, [])
            if seed.sku not in variants:
                variants.append(seed.sku)
                item.groups.append(seed.group_key)

    def offer(self, offer_id: str) -> Listing | None:
        """The offer with that id, or None."""
        return self._world.stock.get("ebay", offer_id)

    def offers_of(self, sku: str) -> list[Listing]:
        """All offers of a SKU, auctions too."""
        item = self.items.get(sku)
        found = [self.offer(offer_id) for offer_id in item.offers] if item is not None else []
        return [one for one in found if one is not None]

    def busy(self, sku: str, call: Call) -> ErrorRow | None:
        """Takes the SKU and its group for as long as the call lasts; the error when another call has them."""
        item = self.items.get(sku)
        names = {f"sku:{sku}", *(f"group:{key}" for key in (item.groups if item is not None else ()))}
        if names & self._busy:
            text = (
                "Concurrent access of the same Inventory or Inventory Item Group object is not allowed. "
                "Please try again later."
            )
            return error_row(25025, text)
        self._busy |= names
        call.at_answer.append(lambda: self._busy.difference_update(names))
        return None

    def revise(self, listing_ids: Iterable[str], at: float) -> ErrorRow | None:
        """Counts a revision of each listing; the error when one of them has had its number today."""
        most = self._world.settings.ebay_revisions_per_day
        wanted = set(listing_ids)
        for listing_id in wanted:
            if self.revisions.count(listing_id, at) >= most:
                text = f"Cannot revise listing. Listing {listing_id} has been revised {most} times today."
                return error_row(25019, text, listingId=listing_id)
        for listing_id in wanted:
            self.revisions.add(listing_id, at)
        return None

    def set_item(self, item: Item, quantity: object, call: Call, api: str) -> ErrorRow | None:
        """Writes the SKU's quantity; the error when it cannot be."""
        wrong = _quantity_error(quantity, "shipToLocationAvailability.quantity")
        if wrong is not None:
            return wrong
        assert isinstance(quantity, int)
        offers = self.offers_of(item.sku)
        auction = next((one for one in offers if one.seed.kind is ListingKind.AUCTION), None)
        if auction is not None and auction.status == "ACTIVE" and quantity < AUCTION_UNITS:
            text = (
                "shipToLocationAvailability quantity value should be greater than or equal to auction allocation. "
                "Please provide valid quantity or unpublish auction offers of the sku."
            )
            return error_row(25759, text)
        self._accept(item.part, quantity, call, api)
        return None

    def set_offer(self, offer: Listing, quantity: object, call: Call, api: str) -> ErrorRow | None:
        """Writes an offer's quantity; the error when it cannot be."""
        wrong = _quantity_error(quantity, "availableQuantity")
        if not offer.writable:
            self._world.violated(offer, api, call.request_id, quantity if isinstance(quantity, int) else None, False)
            return error_row(25004, "Invalid quantity. The quantity of an auction cannot be revised.")
        if wrong is not None:
            return wrong
        assert isinstance(quantity, int)
        self._accept(offer.parts[OFFER], quantity, call, api)
        return None

    def _accept(self, part: Part, quantity: int, call: Call, api: str) -> None:
        self._world.stock.accept(
            part,
            quantity,
            request_id=call.request_id,
            api=api,
            delay_s=self._world.delay_s("ebay"),
            out_of_order=call.out_of_order,
        )

    def _end_if_empty(self, listing: Listing, part: Part) -> None:
        if listing.seed.marketplace != "ebay" or listing.seed.kind is ListingKind.AUCTION or not listing.parts:
            return
        if listing.status == "ACTIVE" and listing.live <= 0 and not self.out_of_stock_control:
            listing.status = "ENDED"


def _quantity_error(quantity: object, name: str) -> ErrorRow | None:
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        return invalid_field(name)
    if not 0 <= quantity <= MAX_QUANTITY:
        return error_row(25004, f"Invalid quantity. {quantity}", quantity=quantity)
    return None
