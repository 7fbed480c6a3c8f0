"""What keeps a push from the wire: a listing we never write, another account's channel, an id that is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from inventory_adapters.failures import Failure, refused_here
from inventory_domain.bulk import BulkTraits
from inventory_domain.errors import InvariantBroken
from inventory_domain.identifiers import ChannelId, ListingId
from inventory_domain.outcomes import PushOutcome
from inventory_domain.ports import AdapterTraits, ListingRef, Push

NEVER_WRITTEN: Final = "never-written"
MISSING_ID: Final = "missing-marketplace-id"
UNKNOWN_CHANNEL: Final = "unknown-channel"
BAD_QUANTITY: Final = "bad-quantity"
NO_NODES: Final = "no-nodes"

# What a listing's ids may say of it and still be written. Stock that a marketplace holds (FBA, WFS) and auctions are
# kept out long before this; here it is asserted where the request is built.
_WRITTEN: Final[Mapping[str, frozenset[str]]] = {
    "fulfillment": frozenset({"seller", "mfn", "fbm"}),
    "fulfillment_channel_code": frozenset({"default"}),
    "format": frozenset({"fixed-price"}),
    "listing_type": frozenset({"fixed-price"}),
}


def check_group(pushes: Sequence[Push], traits: AdapterTraits) -> None:
    """Hold the caller to its part of the contract.

    Raises:
        InvariantBroken: the group is too large or names a listing twice.
    """
    if len(pushes) > traits.push_group_max:
        raise InvariantBroken(f"{len(pushes)} pushes in a call that takes {traits.push_group_max}")
    if len({push.listing_id for push in pushes}) != len(pushes):
        raise InvariantBroken("one call names a listing twice")


def check_feed(pushes: Sequence[Push], traits: BulkTraits) -> None:
    """Hold the caller of a feed to its part of the contract.

    Raises:
        InvariantBroken: the feed is empty or too large, names a listing twice, or mixes channels, or pushes with nodes
            and pushes without.
    """
    if not 0 < len(pushes) <= traits.listings_max:
        raise InvariantBroken(f"{len(pushes)} pushes in a feed that takes 1 to {traits.listings_max}")
    if len({push.listing_id for push in pushes}) != len(pushes):
        raise InvariantBroken("one feed names a listing twice")
    if len({push.channel for push in pushes}) > 1 or len({bool(push.nodes) for push in pushes}) > 1:
        raise InvariantBroken("one feed mixes channels, or pushes with nodes and pushes without")


def check_reads(listings: Sequence[ListingRef], listings_max: int) -> None:
    """Hold the caller of a read of many to its part of the contract.

    Raises:
        InvariantBroken: there are too many listings, or they are of more than one channel.
    """
    if len(listings) > listings_max:
        raise InvariantBroken(f"{len(listings)} listings in a read that takes {listings_max}")
    if len({listing.channel for listing in listings}) > 1:
        raise InvariantBroken("one read names listings of several channels")


def refusal(push: Push, channels: Sequence[ChannelId], needed: Sequence[str]) -> Failure | None:
    """Why this push must not be sent, if so. `needed` are the ids without which the listing cannot be addressed."""
    for key, written in _WRITTEN.items():
        said = push.marketplace_ids.get(key)
        if said is not None and said.lower().replace("_", "-") not in written:
            return refused_here(NEVER_WRITTEN, f"the listing says {key} {said!r}")
    if push.channel not in channels:
        return refused_here(UNKNOWN_CHANNEL, f"channel {push.channel!r} is not one of this account")
    if push.quantity < 0 or any(units < 0 for units in push.nodes.values()):
        return refused_here(BAD_QUANTITY, "a quantity below zero")
    return missing_id(push, needed)


def refusals(
    pushes: Sequence[Push], channels: Sequence[ChannelId], needed: Sequence[str], api: str
) -> dict[ListingId, PushOutcome]:
    """The outcomes of those pushes that must not be sent."""
    found = ((push.listing_id, refusal(push, channels, needed)) for push in pushes)
    return {listing: refused.outcome(listing, api) for listing, refused in found if refused is not None}


def refused_since(refused: Mapping[ListingId, PushOutcome]) -> tuple[PushOutcome, ...]:
    """The refusals of rows of a feed that was handed in: what a listing says of itself may have changed since then, so
    that its row may have gone all the same, and been applied."""
    return tuple(replace(outcome, effect_unknown=True) for outcome in refused.values())


def missing_id(listing: Push | ListingRef, needed: Sequence[str]) -> Failure | None:
    """The refusal that names the first of these ids that the listing lacks."""
    for key in needed:
        if not listing.marketplace_ids.get(key):
            return refused_here(MISSING_ID, f"the listing has no {key!r} in its marketplace ids")
    return None


def read_refusal(listing: ListingRef, channels: Sequence[ChannelId], needed: Sequence[str]) -> Failure | None:
    """Why this listing cannot be read, if so."""
    if listing.channel not in channels:
        return refused_here(UNKNOWN_CHANNEL, f"channel {listing.channel!r} is not one of this account")
    return missing_id(listing, needed)
