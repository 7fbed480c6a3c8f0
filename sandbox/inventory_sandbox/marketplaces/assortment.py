"""What the sandbox marketplaces are filled with: the seed of one listing, and the demo's assortment of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Final

AMAZON_SELLER_ID: Final = "A3DEMOSELLER01"
AMAZON_US: Final = "ATVPDKIKX0DER"
AMAZON_CA: Final = "A2EUQ1WTGCTBG2"
AMAZON_MX: Final = "A1AM78C64UM0Y8"
EBAY_SELLER: Final = "demo_seller_us"
EBAY_US: Final = "EBAY_US"
WALMART_PARTNER_ID: Final = "10001119999"
WALMART_US: Final = "WALMART_US"
WALMART_SHIP_NODES: Final = ("1000005050", "1000005051", "1000005052")
SHOPIFY_SHOP: Final = "inventory-demo.myshopify.com"
SHOPIFY_LOCATIONS: Final = (
    "gid://shopify/Location/81000001",
    "gid://shopify/Location/81000002",
    "gid://shopify/Location/81000003",
)
MAX_LISTINGS: Final = 1_000_000
"""The most listings one sandbox takes; `POST /listings` refuses more."""

# Shares of the SKUs that are listed per channel; together about 3 writable listings per SKU.
_SHARE_AMAZON_US: Final = 0.92
_SHARE_AMAZON_CA: Final = 0.30
_SHARE_AMAZON_MX: Final = 0.18
_SHARE_EBAY: Final = 0.62
_SHARE_WALMART: Final = 0.58
_SHARE_SHOPIFY: Final = 0.45
_EVERY: Final = 50  # one FBA and one WFS listing in each fifty SKUs
_FBA_AT: Final = 3
_WFS_AT: Final = 4
_AUCTION_SKU: Final = 5
_VARIATION_SKUS: Final = (6, 7, 8)
_GROUP_KEY: Final = "GROUP-00001"


class ListingKind(StrEnum):
    """Who holds a listing's stock and in what form it is sold; only the first and the last are ever written."""

    SELLER_FULFILLED = "seller_fulfilled"
    """Stock of the seller, sold at a fixed price: written."""
    FBA = "fba"
    """Amazon holds the stock: read, never written."""
    WFS = "wfs"
    """Walmart holds the stock: read, never written."""
    AUCTION = "auction"
    """An eBay offer of format AUCTION: never written."""
    VARIATION_PARENT = "variation_parent"
    """An eBay inventory item group (it has no quantity of its own): never written."""
    VARIATION = "variation"
    """One SKU of a multi-variation eBay listing; its siblings have the same `listing_id`: written by SKU and offer."""


WRITABLE_KINDS: Final = frozenset({ListingKind.SELLER_FULFILLED, ListingKind.VARIATION})
"""The kinds whose quantity a seller may write."""


@dataclass(frozen=True, slots=True)
class ListingSeed:
    """One listing as the sandbox is told to hold it, and all the identifiers a client needs to reach it.

    As JSON it is one flat object with the same names (see `to_json`); fields that a marketplace does not use are left
    out there. Always present:

    - `marketplace`: "amazon", "ebay", "walmart" or "shopify".
    - `account`: the account that sells: Amazon seller id, eBay user name, Walmart partner id, Shopify shop domain.
    - `marketplace_id`: the country or shop within it: Amazon `ATVPDKIKX0DER` (US), `A2EUQ1WTGCTBG2` (CA),
      `A1AM78C64UM0Y8` (MX); eBay `EBAY_US`; Walmart `WALMART_US`; Shopify the shop domain.
    - `sku`: the seller's SKU, the same string in the API calls of all four (Amazon: the seller SKU).
    - `kind`: a `ListingKind` value. Writable are `seller_fulfilled` and `variation` only.
    - `quantity`: units live at the start, at each ship node or location; 0 in the demo. For FBA and WFS: the units
      that the marketplace holds. For a variation parent: 0.
    - `title`: text for people.

    Amazon only: `product_type` (for `productType` in a patch) and `asin`.

    eBay only: `offer_id` (quantity is written by SKU and offer), `listing_id` (250 revisions a day are counted on it;
    the variations of one listing share it), `format` ("FIXED_PRICE" or "AUCTION"), `group_key` (the inventory item
    group; empty outside one). A variation parent has `group_key` and `listing_id`, no offer, and its group key is its
    `sku`.

    Walmart only: `ship_nodes` (ids; the first is the default node that `PUT /v3/inventory` means when none is named),
    `item_id`.

    Shopify only: `inventory_item_id`, `variant_id`, `product_id` and `location_ids`, all as `gid://shopify/...`. The
    item is stocked at these locations only. `tracked` false makes the shop ignore its quantities.

    A listing is addressed at the control endpoint by `marketplace` and `key`.
    """

    marketplace: str
    account: str
    marketplace_id: str
    sku: str
    kind: ListingKind = ListingKind.SELLER_FULFILLED
    quantity: int = 0
    title: str = ""
    product_type: str = ""
    asin: str = ""
    offer_id: str = ""
    listing_id: str = ""
    format: str = ""
    group_key: str = ""
    ship_nodes: tuple[str, ...] = ()
    item_id: str = ""
    inventory_item_id: str = ""
    variant_id: str = ""
    product_id: str = ""
    location_ids: tuple[str, ...] = ()
    tracked: bool = True

    @property
    def key(self) -> str:
        """The listing's name within its marketplace.

        Amazon `<marketplace_id>:<sku>`; eBay the offer id (of a variation parent `group:<group_key>`); Walmart the
        SKU; Shopify the number at the end of the inventory item's gid.
        """
        if self.marketplace == "amazon":
            return f"{self.marketplace_id}:{self.sku}"
        if self.marketplace == "ebay":
            return self.offer_id or f"group:{self.group_key}"
        if self.marketplace == "shopify":
            return self.inventory_item_id.rpartition("/")[2]
        return self.sku

    def to_json(self) -> dict[str, object]:
        """The seed as a JSON object; empty fields are left out, `tracked` is there only when false."""
        kept: dict[str, object] = {}
        for name, value in asdict(self).items():
            if name == "tracked":
                if value is False:
                    kept[name] = False
            elif name == "quantity" or value not in ("", ()):
                kept[name] = (
                    list(value) if isinstance(value, tuple) else value.value if isinstance(value, StrEnum) else value
                )
        return kept


_REQUIRED: Final = ("marketplace", "account", "marketplace_id", "sku")
_LISTS: Final = frozenset({"ship_nodes", "location_ids"})
_NEEDED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "amazon": ("product_type",),
    "ebay": ("listing_id",),
    "walmart": ("ship_nodes",),
    "shopify": ("inventory_item_id", "location_ids"),
}


def seed_from_json(raw: Mapping[str, object]) -> ListingSeed:
    """Reads one seed; raises ValueError that names the field and its value when it is not one."""
    known = {field.name for field in fields(ListingSeed)}
    unknown = sorted(set(raw) - known - {"key"})
    if unknown:
        raise ValueError(f"unknown field of a listing seed: {', '.join(unknown)}")
    values = {name: _field(name, value) for name, value in raw.items() if name != "key"}
    missing = [name for name in _REQUIRED if not values.get(name)]
    if missing:
        raise ValueError(f"a listing seed needs {', '.join(missing)}: {json.dumps(dict(raw), default=str)[:200]}")
    needed = _NEEDED_BY.get(str(values["marketplace"]))
    if needed is None:
        raise ValueError(f"unknown marketplace {values['marketplace']!r}: amazon, ebay, walmart or shopify")
    lacking = [name for name in needed if not values.get(name)]
    if lacking:
        raise ValueError(f"a listing of {values['marketplace']} needs {', '.join(lacking)}: {values['sku']}")
    return ListingSeed(**values)  # type: ignore[arg-type]


def _field(name: str, value: object) -> object:
    if name in _LISTS:
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"{name} must be a list of strings: {value!r}")
        return tuple(value)
    if name == "quantity":
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"quantity must be a whole number of units, 0 or more: {value!r}")
        return value
    if name == "tracked":
        return bool(value)
    return ListingKind(str(value)) if name == "kind" else str(value)


def sku_name(number: int) -> str:
    """The demo's name of its SKU with this number, counted from 1."""
    return f"SKU-{number:05d}"


def demo_fill(skus: int = 500, seed: int = 7) -> list[ListingSeed]:
    """The demo's listings: about three writable ones per SKU over six channels, all at quantity 0.

    SKUs are `SKU-00001` onward. The listings of one SKU depend on `seed` and its number only, so a larger assortment
    holds the smaller one. Among them: an FBA listing on Amazon US for SKU 3, 53, ... and a WFS listing for SKU 4, 54,
    ... (in place of the seller-fulfilled one there), one eBay auction beside the fixed-price offer of SKU 5, and one
    eBay listing with three variations (SKUs 6, 7, 8) and its group. Every SKU has at least one listing.
    """
    listings: list[ListingSeed] = []
    for number in range(1, skus + 1):
        listings.extend(_listings_of(number, random.Random(f"{seed}:{number}")))
    if skus >= _VARIATION_SKUS[0]:
        listings.append(_variation_parent())
    return listings


def _listings_of(number: int, rng: random.Random) -> Iterable[ListingSeed]:
    draws = [rng.random() for _ in range(6)]
    fba = number % _EVERY == _FBA_AT
    wfs = number % _EVERY == _WFS_AT
    forced_ebay = number == _AUCTION_SKU or number in _VARIATION_SKUS
    found: list[ListingSeed] = []
    if fba or draws[0] < _SHARE_AMAZON_US:
        found.append(_amazon(number, AMAZON_US, fba=fba, held=rng.randint(5, 80)))
    if not fba and draws[1] < _SHARE_AMAZON_CA:
        found.append(_amazon(number, AMAZON_CA))
    if not fba and draws[2] < _SHARE_AMAZON_MX:
        found.append(_amazon(number, AMAZON_MX))
    if forced_ebay or draws[3] < _SHARE_EBAY:
        found.append(_ebay(number))
    if number == _AUCTION_SKU:
        found.append(_auction(number))
    if wfs or draws[4] < _SHARE_WALMART:
        found.append(_walmart(number, wfs=wfs, held=rng.randint(5, 80)))
    if draws[5] < _SHARE_SHOPIFY or not found:
        found.append(_shopify(number))
    return found


def _amazon(number: int, marketplace_id: str, fba: bool = False, held: int = 0) -> ListingSeed:
    return ListingSeed(
        marketplace="amazon",
        account=AMAZON_SELLER_ID,
        marketplace_id=marketplace_id,
        sku=sku_name(number),
        kind=ListingKind.FBA if fba else ListingKind.SELLER_FULFILLED,
        quantity=held if fba else 0,
        title=f"Demo product {number}",
        product_type="LUGGAGE" if number % 3 else "SHIRT",
        asin=f"B0{number:08d}",
    )


def _ebay(number: int) -> ListingSeed:
    variation = number in _VARIATION_SKUS
    return ListingSeed(
        marketplace="ebay",
        account=EBAY_SELLER,
        marketplace_id=EBAY_US,
        sku=sku_name(number),
        kind=ListingKind.VARIATION if variation else ListingKind.SELLER_FULFILLED,
        title=f"Demo product {number}",
        offer_id=str(36_000_000_000 + number),
        listing_id=str(110_550_000_000 + (_VARIATION_SKUS[0] if variation else number)),
        format="FIXED_PRICE",
        group_key=_GROUP_KEY if variation else "",
    )


def _auction(number: int) -> ListingSeed:
    return ListingSeed(
        marketplace="ebay",
        account=EBAY_SELLER,
        marketplace_id=EBAY_US,
        sku=sku_name(number),
        kind=ListingKind.AUCTION,
        quantity=1,
        title=f"Demo product {number} (auction)",
        offer_id=str(37_000_000_000 + number),
        listing_id=str(110_660_000_000 + number),
        format="AUCTION",
    )


def _variation_parent() -> ListingSeed:
    return ListingSeed(
        marketplace="ebay",
        account=EBAY_SELLER,
        marketplace_id=EBAY_US,
        sku=_GROUP_KEY,
        kind=ListingKind.VARIATION_PARENT,
        title="Demo product in three variations",
        listing_id=str(110_550_000_000 + _VARIATION_SKUS[0]),
        group_key=_GROUP_KEY,
    )


def _walmart(number: int, wfs: bool, held: int) -> ListingSeed:
    return ListingSeed(
        marketplace="walmart",
        account=WALMART_PARTNER_ID,
        marketplace_id=WALMART_US,
        sku=sku_name(number),
        kind=ListingKind.WFS if wfs else ListingKind.SELLER_FULFILLED,
        quantity=held if wfs else 0,
        title=f"Demo product {number}",
        ship_nodes=(WALMART_SHIP_NODES[0],),
        item_id=f"5{number:08d}",
    )


def _shopify(number: int) -> ListingSeed:
    return ListingSeed(
        marketplace="shopify",
        account=SHOPIFY_SHOP,
        marketplace_id=SHOPIFY_SHOP,
        sku=sku_name(number),
        title=f"Demo product {number}",
        inventory_item_id=f"gid://shopify/InventoryItem/{50_000_000_000 + number}",
        variant_id=f"gid://shopify/ProductVariant/{40_000_000_000 + number}",
        product_id=f"gid://shopify/Product/{8_000_000_000 + number}",
        location_ids=(SHOPIFY_LOCATIONS[0],),
    )
