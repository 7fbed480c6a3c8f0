"""What one pull has found so far: a number per listing of ours, and what is nobody's, in little room."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from inventory_domain.bulk import Found
from inventory_domain.identifiers import ChannelId, ListingId, NodeId, Sku
from inventory_domain.reconciliation import Observation, ObservedBy
from inventory_schemas.values import NO_NODES
from inventory_streams.catalog_copy import CatalogCopy, CatalogListing

GHOSTS_MAX = 1_000  # kept by name; further ones are counted
EVIDENCE_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """When a part of a pull was asked for and answered, how old what it says may be, and what it can be looked up by.

    One for all listings of a page.
    """

    as_of_ms: int
    read_at_ms: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Ghost:
    """A listing that the marketplace shows and that the catalog does not have."""

    own_id: str
    quantity: int


class Collected:
    """Takes what a pull of one channel comes across. It keeps a few dozen bytes per listing.

    `others`: channels of which the pull tells too, with one number for all.
    """

    def __init__(self, catalog: CatalogCopy, channel: ChannelId, others: Collection[ChannelId] = ()) -> None:
        self._catalog = catalog
        self.channel = channel
        self._others = others
        self._numbers: dict[ListingId, tuple[int, Asked]] = {}
        self._nodes: dict[ListingId, Mapping[NodeId, int]] = {}
        self._shared: set[ListingId] = set()
        self.found = 0
        self.without_number = 0
        self.ambiguous = 0
        self.ghost_count = 0
        self.ghosts: list[Ghost] = []

    def __len__(self) -> int:
        return len(self._numbers) + len(self._shared)

    def __contains__(self, listing_id: ListingId) -> bool:
        return listing_id in self._numbers or listing_id in self._shared

    def add(self, found: Found, asked: Asked) -> None:
        """One that was found. Without a number it says nothing, which is never zero (rule 32)."""
        self.found += 1
        named = self._catalog.named(self.channel, found.marketplace_ids)
        shared = any(self._catalog.named(one, found.marketplace_ids) for one in self._others)
        if not named:
            if not shared:
                self._nobodys(found)
        elif len(named) > 1:
            self.ambiguous += 1
        elif shared:
            self._shared.add(named[0].listing_id)  # the number is the largest of all channels'
        elif (number := _number(found, named[0])) is None:
            self.without_number += 1
        else:
            listing = named[0]
            self._numbers[listing.listing_id] = (number, asked)
            if listing.nodes:
                self._nodes[listing.listing_id] = {node: found.nodes[node] for node in listing.nodes}

    def observations(self) -> Iterator[Observation]:
        """Each listing of ours with its number."""
        for listing_id, (quantity, asked) in self._numbers.items():
            known = self._catalog.get(listing_id)
            if known is None:
                continue  # it left the catalog meanwhile
            yield Observation(
                listing_id=listing_id,
                sku=known.sku,
                channel=self.channel,
                quantity=quantity,
                nodes=self._nodes.get(listing_id, NO_NODES),
                observed_by=ObservedBy.PULL,
                as_of_ms=asked.as_of_ms,
                observed_at_ms=asked.read_at_ms,
                evidence=asked.evidence,
            )

    def batches(self, size: int) -> Iterator[list[Observation]]:
        """The observations, so many at once."""
        every = self.observations()
        while batch := list(islice(every, size)):
            yield batch

    def _nobodys(self, found: Found) -> None:
        if not found.quantity:
            return  # it shows nothing, so nobody can buy it
        self.ghost_count += 1
        ids = found.marketplace_ids
        readable = [value for name, value in ids.items() if name.endswith("sku")]  # rather than a number of theirs
        own_id = next(iter([*readable, *ids.values()]), "")[:EVIDENCE_LENGTH_MAX]
        if own_id and len(self.ghosts) < GHOSTS_MAX:
            self.ghosts.append(Ghost(own_id, found.quantity))


def ghost_observation(channel: ChannelId, ghost: Ghost, asked_at_ms: int) -> Observation:
    """A ghost as an observation, under the id that it would have if it were ours."""
    return Observation(
        ListingId(f"{channel}/{ghost.own_id}"),
        Sku(ghost.own_id),
        channel,
        ghost.quantity,
        NO_NODES,
        ObservedBy.PULL,
        asked_at_ms,
        asked_at_ms,
        "",
    )


def _number(found: Found, listing: CatalogListing) -> int | None:
    """What buyers can order of the listing: of its own nodes only, and only when each of them said its number."""
    if not listing.nodes:
        return found.quantity
    if not all(node in found.nodes for node in listing.nodes):
        return None
    return sum(found.nodes[node] for node in listing.nodes)
