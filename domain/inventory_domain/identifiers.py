"""Identifiers as types of their own, so that a SKU cannot be passed as a location."""

from __future__ import annotations

from typing import NewType

from inventory_domain.errors import InvalidRecord

Sku = NewType("Sku", str)
LocationId = NewType("LocationId", str)
Marketplace = NewType("Marketplace", str)
ChannelId = NewType("ChannelId", str)
AccountId = NewType("AccountId", str)
ListingId = NewType("ListingId", str)
NodeId = NewType("NodeId", str)
SourceId = NewType("SourceId", str)
EventId = NewType("EventId", str)
OrderId = NewType("OrderId", str)
ReservationId = NewType("ReservationId", str)

IDENTIFIER_LENGTH_MAX = 200  # longer than any marketplace allows; a bound on what a record can make us keep


def checked(text: str, what: str) -> str:
    """The text itself, when it can be an identifier.

    Raises:
        InvalidRecord: it is empty, too long, has spaces around it or a control character in it; `what` names the field.
    """
    if not text:
        raise InvalidRecord("empty-identifier", f"{what} is empty")
    if len(text) > IDENTIFIER_LENGTH_MAX:
        raise InvalidRecord("long-identifier", f"{what} has {len(text)} characters, at most {IDENTIFIER_LENGTH_MAX}")
    if text != text.strip() or not text.isprintable():
        raise InvalidRecord("unprintable-identifier", f"{what} {text!r} has spaces around it or control characters")
    return text


def listing_id(channel: ChannelId, own_id: str) -> ListingId:
    """The id under which the whole system knows a listing: `<channel>/<the seller's or marketplace's own id>`."""
    return ListingId(f"{channel}/{own_id}")


def channel_of(listing: ListingId) -> ChannelId:
    """The channel a listing is on: what stands before the first slash of its id."""
    channel, slash, _ = listing.partition("/")
    if not slash or not channel:
        raise InvalidRecord("bad-listing-id", f"listing id {listing!r} is not <channel>/<id>")
    return ChannelId(channel)
