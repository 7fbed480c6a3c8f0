"""A process's own full copy of the catalog, by which what a marketplace names becomes a listing of ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inventory_domain.catalog import Fulfillment, Listing, Product, ProductStatus
from inventory_domain.errors import BadRecord
from inventory_domain.identifiers import ChannelId, ListingId, NodeId, Sku
from inventory_schemas.codec import Serde


@dataclass(frozen=True, slots=True)
class CatalogListing:
    """What is known of a listing by the catalog. `is_written`: we set its quantity; `sold`: its product is active."""

    listing_id: ListingId
    sku: Sku
    channel: ChannelId
    marketplace_ids: Mapping[str, str]
    nodes: tuple[NodeId, ...]
    is_written: bool
    is_held: bool
    sold: bool


class CatalogCopy:
    """Products as the topic has them, with an index by what marketplaces call their listings. Belongs to one thread.

    Only the listings of `channels` are kept, all where there are none.
    """

    def __init__(self, serde: Serde[Product], channels: Iterable[ChannelId] = ()) -> None:
        self._serde = serde
        self._channels = frozenset(channels)
        self._of_sku: dict[Sku, tuple[ListingId, ...]] = {}
        self._listings: dict[ListingId, CatalogListing] = {}
        self._covered: dict[ListingId, dict[Sku, CatalogListing]] = {}  # that another SKU named since
        self._by_id: dict[tuple[ChannelId, str, str], tuple[ListingId, ...]] = {}
        self._named: dict[tuple[ChannelId, str], int] = defaultdict(int)
        self._counts: dict[ChannelId, int] = defaultdict(int)
        self.unreadable = 0

    def __len__(self) -> int:
        return len(self._listings)

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """A record of the topic: the product as it is now; without a value it is removed."""
        if key is None:
            return
        sku = Sku(key.decode(errors="replace"))
        if value is None:
            self._replace(sku, ())
            return
        try:
            product = self._serde.decode(value)
        except BadRecord:
            self.unreadable += 1  # the engine tells of it; what was known stays
            return
        sold = product.status is ProductStatus.ACTIVE
        kept = [one for one in product.listings if not self._channels or one.channel in self._channels]
        self._replace(sku, tuple(_known(product.sku, one, sold) for one in kept))

    def get(self, listing_id: ListingId) -> CatalogListing | None:
        """The listing with this id."""
        return self._listings.get(listing_id)

    def of_sku(self, sku: Sku) -> tuple[CatalogListing, ...]:
        """The listings of a SKU."""
        found = (self._listings[one] for one in self._of_sku.get(sku, ()))
        return tuple(one for one in found if one.sku == sku)

    def listings_on(self, channel: ChannelId) -> int:
        """How many listings the channel has."""
        return self._counts[channel]

    def on(self, channel: ChannelId) -> Iterable[CatalogListing]:
        """The channel's listings."""
        return (one for one in self._listings.values() if one.channel == channel)

    def named(self, channel: ChannelId, marketplace_ids: Mapping[str, str]) -> tuple[CatalogListing, ...]:
        """The channel's listings that have all of these ids, as far as the catalog has ids of those names at all.

        More than one: what was named is ambiguous. None: nobody's, or no id of it is known by name.
        """
        found: set[ListingId] | None = None
        for name, value in marketplace_ids.items():
            if not self._named.get((channel, name)):
                continue  # the catalog does not have ids of this kind
            having = set(self._by_id.get((channel, name, value), ()))
            found = having if found is None else found & having
        return tuple(self._listings[one] for one in sorted(found or ()))

    def _replace(self, sku: Sku, listings: tuple[CatalogListing, ...]) -> None:
        for gone in self._of_sku.pop(sku, ()):
            self._remove(gone, sku)
        for one in listings:
            before = self._listings.get(one.listing_id)
            if before is not None:  # moved here from another SKU
                self._index(before, add=False)
                if before.sku != sku:
                    self._covered.setdefault(one.listing_id, {})[before.sku] = before
            self._listings[one.listing_id] = one
            self._index(one, add=True)
        if listings:
            self._of_sku[sku] = tuple(one.listing_id for one in listings)

    def _remove(self, listing_id: ListingId, sku: Sku) -> None:
        """The SKU names it no more. Where another one does too it is that one's: partitions are read in any order, so
        what a listing has left may be read after what it went to."""
        others = self._covered.pop(listing_id, {})
        known = self._listings.get(listing_id)
        if known is None or known.sku != sku:
            others.pop(sku, None)
        else:
            del self._listings[listing_id]
            self._index(known, add=False)
            if others:
                _, left = others.popitem()
                self._listings[listing_id] = left
                self._index(left, add=True)
        if others:
            self._covered[listing_id] = others

    def _index(self, listing: CatalogListing, *, add: bool) -> None:
        self._counts[listing.channel] += 1 if add else -1
        for name, value in listing.marketplace_ids.items():
            self._named[listing.channel, name] += 1 if add else -1
            place = (listing.channel, name, value)
            others = tuple(one for one in self._by_id.get(place, ()) if one != listing.listing_id)
            if add:
                self._by_id[place] = (*others, listing.listing_id)
            elif others:
                self._by_id[place] = others
            else:
                self._by_id.pop(place, None)


def _known(sku: Sku, listing: Listing, sold: bool) -> CatalogListing:
    return CatalogListing(
        listing.listing_id,
        sku,
        listing.channel,
        listing.marketplace_ids,
        tuple(node.node for node in listing.nodes),
        listing.is_written,
        listing.fulfillment is Fulfillment.MARKETPLACE,
        sold,
    )
