"""Everything the engine knows of one SKU, as one value: state and its guards can never part (rule 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory_domain.catalog import Product
from inventory_domain.commands import Override
from inventory_domain.identifiers import ChannelId, ListingId, Marketplace, NodeId, Sku, SourceId
from inventory_domain.kits import KitLinks
from inventory_domain.stock import Stock
from inventory_domain.values import made_often

HELD_RECORDS_MAX = 64  # changes kept for a SKU whose product is not known yet; further ones are dead letters at once


@made_often
@dataclass(frozen=True, slots=True)
class EmittedTarget:
    """What was last said of a listing. `withdrawn`: it left the catalog and waits for its zero to be confirmed.

    `guard` is the target's: what is said once more of a held fall must not go around the hold. `refill_owed`: its
    channel has sold since, and the number was not said again yet because nothing might rise.
    """

    version: int
    quantity: int
    nodes: Mapping[NodeId, int]
    channel: ChannelId
    marketplace: Marketplace
    marketplace_ids: Mapping[str, str]
    withdrawn: bool = False
    guard: str | None = None
    refill_owed: bool = False

    def says_the_same(self, quantity: int, nodes: Mapping[NodeId, int], marketplace_ids: Mapping[str, str]) -> bool:
        """Whether a target with these would change nothing at the marketplace."""
        return self.quantity == quantity and self.nodes == nodes and self.marketplace_ids == marketplace_ids


@made_often
@dataclass(frozen=True, slots=True)
class SeenExposure:
    """What delivery last said a listing may be showing. `units` None: not known, so without bound."""

    units: int | None
    confirmed_quantity: int | None
    confirmed_version: int | None


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record as it was read, kept until its SKU's product is known or the grace time is over."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes


@made_often
@dataclass(frozen=True, slots=True)
class SkuState:
    """One SKU. `owes_rise`: a rise was withheld while catching up. `changed_at_ms`: the newest change that counted.

    `unknown_since_ms` is when the first record came for a SKU without a product; None once the product is known.
    `override` is an operator's, kept until it ends or is released. `links` are its relations to kits and components.
    `high_velocity`: when it was last decided, the SKU was in a period of high velocity; `scarce`: there was so little
    of it that the channel that earns most was served first.
    `overshown_listing_units` and `overshown_sku_units` are what `overshown` says of it.
    """

    sku: Sku
    stock: Stock = field(default_factory=Stock)
    product: Product | None = None
    targets: Mapping[ListingId, EmittedTarget] = field(default_factory=dict)
    exposures: Mapping[ListingId, SeenExposure] = field(default_factory=dict)
    changed_at_ms: int = 0
    owes_rise: bool = False
    held: tuple[HeldRecord, ...] = ()
    unknown_since_ms: int | None = None
    override: Override | None = None
    high_velocity: bool = False
    overshown_listing_units: int = 0
    overshown_sku_units: int = 0
    links: KitLinks | None = None
    scarce: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known any more, so that the state can be forgotten."""
        if self.product is not None or self.targets or self.held or self.stock.positions:
            return False
        return self.override is None and self.links is None and not (self.stock.sales or self.stock.kit_sales)

    @property
    def lacks_a_target(self) -> bool:
        """Whether a listing that we write has no target: a location was not counted, or a rise is owed."""
        if self.product is None:
            return False
        return any(one.is_written and one.listing_id not in self.targets for one in self.product.listings)

    def knows(self, listing: ListingId) -> bool:
        """Whether the listing is this SKU's: the catalog names it, or a target of it is not forgotten yet."""
        if listing in self.targets:
            return True
        return self.product is not None and any(one.listing_id == listing for one in self.product.listings)


@dataclass(frozen=True, slots=True)
class InputPosition:
    """Up to which offset (exclusive) a topic's partition is applied, in one life of that topic (rule 3)."""

    topic_id: str
    position: int


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """What the changelog of one partition knows beside its SKUs.

    `policy` is the fingerprint of the policy by which all SKUs are decided; empty while some are by another one.
    `sources` has, per source, when its newest word on this partition occurred; `heard`, per source that has sent a
    heartbeat, when its newest word arrived. `silent` are the sources whose stock counts as 0 since they fell silent.
    `newest_version` is the highest that was given to any listing, also to those that are forgotten.
    """

    positions: Mapping[str, InputPosition] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    policy: str = ""
    heard: Mapping[str, int] = field(default_factory=dict)
    silent: frozenset[SourceId] = frozenset()
    newest_version: int = 0
