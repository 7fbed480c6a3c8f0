"""What was seen at a marketplace, and where it differs from what it should show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from inventory_domain.identifiers import ChannelId, ListingId, NodeId, Sku


class ObservedBy(Enum):
    """How we know: a full PULL, a READ of one listing, a FEED_REPORT, or a SIGNAL (a hint only: it asks for a read)."""

    PULL = "pull"
    READ = "read"
    FEED_REPORT = "feed-report"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a marketplace showed for a listing. `quantity` None: not listed, or it did not say."""

    listing_id: ListingId
    sku: Sku
    channel: ChannelId
    quantity: int | None
    nodes: Mapping[NodeId, int]
    observed_by: ObservedBy
    as_of_ms: int
    observed_at_ms: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A listing outside the range it may show by now; delta is observed minus the nearest end of the range."""

    listing_id: ListingId
    sku: Sku
    channel: ChannelId
    expected_low: int
    expected_high: int
    observed: int
    delta: int
    cause: str
    action: str
    observed_at_ms: int
