"""The shop's stock: inventory items at locations, as a ledger of available, committed and on-hand units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from inventory_sandbox.marketplaces.assortment import SHOPIFY_LOCATIONS, SHOPIFY_SHOP, ListingSeed
from inventory_sandbox.marketplaces.http import Call
from inventory_sandbox.marketplaces.stock import Listing, Part
from inventory_sandbox.marketplaces.world import World

FULFILLMENT_SERVICE_LOCATION: Final = "gid://shopify/Location/81000009"
"""A location whose stock a fulfilment service holds: read, never written."""
MAX_QUANTITY: Final = 1_000_000_000


@dataclass(slots=True)
class Location:
    """A place of the shop."""

    gid: str
    name: str
    active: bool = True
    fulfillment_service: bool = False


@dataclass(slots=True)
class Item:
    """An inventory item with its listing; quantities are the listing's parts, by location."""

    gid: str
    listing: Listing
    tracked: bool
    sku: str
    updated_at: dict[str, float] = field(default_factory=dict)


class Shop:
    """One shop. Reads show the ledger, which changes at once; buyers see it some seconds later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.domain = SHOPIFY_SHOP
        self.items: dict[str, Item] = {}
        self.order: list[Item] = []
        self.by_variant: dict[str, Item] = {}
        self.by_product: dict[str, list[Item]] = {}
        self.locations: dict[str, Location] = {}
        for number, gid in enumerate(SHOPIFY_LOCATIONS, start=1):
            self.locations[gid] = Location(gid, f"Location {number}")
        self.locations[FULFILLMENT_SERVICE_LOCATION] = Location(
            FULFILLMENT_SERVICE_LOCATION, "Fulfillment service", fulfillment_service=True
        )

    def add(self, seed: ListingSeed) -> None:
        """Takes a listing, stocked at its locations."""
        parts = {gid: Part(gid, seed.quantity, seed.quantity, ledger=True) for gid in seed.location_ids}
        listing = Listing(seed, parts)
        self._world.stock.add(listing)
        item = Item(seed.inventory_item_id, listing, seed.tracked, seed.sku)
        self.items[item.gid] = item
        self.order.append(item)
        if seed.variant_id:
            self.by_variant[seed.variant_id] = item
        if seed.product_id:
            self.by_product.setdefault(seed.product_id, []).append(item)
        for gid in seed.location_ids:
            self.locations.setdefault(gid, Location(gid, f"Location {gid.rpartition('/')[2]}"))
            item.updated_at[gid] = self._world.clock.now()

    def set_location(self, gid: str, name: str, active: bool, fulfillment_service: bool) -> None:
        """Makes a location, or changes one."""
        self.locations[gid] = Location(gid, name, active, fulfillment_service)

    def quantity(self, part: Part, name: str) -> int:
        """The ledger's quantity of that name; committed units are sold and not shipped."""
        if name == "available":
            return part.submitted
        if name == "committed":
            return part.reserved
        if name == "on_hand":
            return part.submitted + part.reserved
        return 0

    def set(self, item: Item, part: Part, available: int, call: Call, api: str) -> None:
        """Writes the available units of an item at a location; an untracked item takes it and shows nothing of it."""
        item.updated_at[part.name] = call.at
        if not item.tracked:
            return
        self._world.stock.accept(
            part,
            available,
            request_id=call.request_id,
            api=api,
            delay_s=self._world.delay_s("shopify"),
            out_of_order=call.out_of_order,
        )

    def stock_at(self, item: Item, location: str, call: Call) -> Part:
        """Begins to stock an item at a location, with no units."""
        part = item.listing.parts.get(location)
        if part is None:
            part = item.listing.parts[location] = Part(location, 0, 0, ledger=True, listings=[item.listing])
            item.updated_at[location] = call.at
        return part

    def violated(self, item: Item, quantity: int, call: Call, api: str) -> None:
        """Records a write of stock that a fulfilment service holds."""
        self._world.violated(item.listing, api, call.request_id, quantity, accepted=False)


def number_of(gid: str) -> str:
    """The number at the end of a gid."""
    return gid.rpartition("/")[2].partition("?")[0]


def variant_gid(item: Item) -> str:
    """The gid of an item's variant; one that was not named has the item's number."""
    return item.listing.seed.variant_id or item.gid.replace("InventoryItem", "ProductVariant")


def level_gid(item: Item, location: str) -> str:
    """The gid of an inventory level, as Shopify forms it."""
    return f"gid://shopify/InventoryLevel/{number_of(location)}?inventory_item_id={number_of(item.gid)}"


def matching(items: Iterable[Item], query: str) -> list[Item]:
    """The items that a search text finds: `sku:`, `id:` and bare words over the SKU, joined by AND or OR."""
    if not query.strip():
        return list(items)
    wanted: list[list[tuple[str, str]]] = []
    for choice in query.split(" OR "):
        terms = [one for one in choice.replace(" AND ", " ").split() if one]
        wanted.append([_term(one.strip("()")) for one in terms])
    return [one for one in items if any(all(_fits(one, *term) for term in terms) for terms in wanted)]


def _term(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    return (name, value.strip("'\"")) if colon else ("", name.strip("'\""))


def _fits(item: Item, name: str, value: str) -> bool:
    if name == "sku":
        return item.sku.startswith(value[:-1]) if value.endswith("*") else item.sku == value
    if name == "id":
        return _number_fits(int(number_of(item.gid)), value)
    return name == "" and value.lower() in item.sku.lower()


def _number_fits(number: int, value: str) -> bool:
    for sign in (">=", "<=", ">", "<"):
        if value.startswith(sign) and value[len(sign) :].isdigit():
            limit = int(value[len(sign) :])
            return {">=": number >= limit, "<=": number <= limit, ">": number > limit, "<": number < limit}[sign]
    return value.isdigit() and number == int(value)
