"""What is sold, from where, and where it is listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from inventory_domain.identifiers import ChannelId, ListingId, LocationId, NodeId, Sku
from inventory_domain.values import Noted, made_often


class ProductStatus(Enum):
    """Whether a product is sold at all: every listing of a discontinued one goes to zero."""

    ACTIVE = "active"
    DISCONTINUED = "discontinued"


class ListingType(Enum):
    """How a listing sells. Only fixed-price listings are ever written."""

    FIXED_PRICE = "fixed-price"
    AUCTION = "auction"
    VARIATION_PARENT = "variation-parent"


class Fulfillment(Enum):
    """Who holds the stock of a listing. Marketplace-held stock (FBA, WFS) is read and never written."""

    SELLER = "seller"
    MARKETPLACE = "marketplace"


@made_often
@dataclass(frozen=True, slots=True)
class StockingLocation:
    """A location that stocks the product, with the units there that are never promised to anyone."""

    location: LocationId
    safety_stock: int = 0


@made_often
@dataclass(frozen=True, slots=True)
class ListingNode:
    """A place the marketplace knows (ship node, shop location), and the location of ours that it stands for."""

    node: NodeId
    location: LocationId
    two_day: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a kit and how many of it one kit needs."""

    sku: Sku
    units: int


@made_often
@dataclass(frozen=True, slots=True)
class Listing:
    """A SKU as sold on one channel. `marketplace_ids` is what its adapter needs to address it."""

    listing_id: ListingId
    channel: ChannelId
    marketplace_ids: Mapping[str, str]
    listing_type: ListingType = ListingType.FIXED_PRICE
    fulfillment: Fulfillment = Fulfillment.SELLER
    variation_of: str | None = None
    nodes: tuple[ListingNode, ...] = ()
    two_day: bool = False
    price_minor: int | None = None
    margin_minor: int | None = None
    min_shown: int = 0
    max_shown: int | None = None

    @property
    def is_written(self) -> bool:
        """Whether we may ever set this listing's quantity; all else is only read."""
        return self.listing_type is ListingType.FIXED_PRICE and self.fulfillment is Fulfillment.SELLER


class Planned(Noted):
    """A product that also carries what a policy says of it whatever its stock is, as of the last time that was asked.

    That is no part of the value either; `targets.plan_of` keeps it and alone knows what it is.
    """

    __slots__ = ("_plan",)

    @property
    def plan(self) -> object:
        """What was kept, if anything was."""
        return getattr(self, "_plan", None)

    def keep_plan(self, plan: object) -> None:
        """Keep it instead of any other."""
        object.__setattr__(self, "_plan", plan)


@made_often
@dataclass(frozen=True, slots=True)
class Product(Planned):
    """A SKU with all its listings, as the producers' catalog states it. The newest record replaces the former whole.

    `components` make it a kit. `sale_stops_at_ms` is the end of a pre-sale: from then on nothing is sold, as of a
    discontinued product, until a record without it, or with a later one, says otherwise. Its note is what it is written
    as, since it is written again with every state of its SKU.
    """

    sku: Sku
    status: ProductStatus
    category: str
    locations: tuple[StockingLocation, ...]
    listings: tuple[Listing, ...]
    components: tuple[Component, ...] = ()
    sale_stops_at_ms: int | None = None

    def is_sold(self, now_ms: int) -> bool:
        """Whether it may be sold at all now."""
        if self.status is not ProductStatus.ACTIVE:
            return False
        return self.sale_stops_at_ms is None or now_ms < self.sale_stops_at_ms


def opened(product: Product, closed: frozenset[LocationId]) -> Product:
    """The product without the locations that are closed: nothing is promised from there, and no count awaited."""
    if closed.isdisjoint([stocking.location for stocking in product.locations]):
        return product
    return replace(product, locations=tuple(one for one in product.locations if one.location not in closed))
