"""A marketplace lowers its own number when it sells. Where the target stays the same, it must be said again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from inventory_domain.identifiers import ChannelId
from inventory_domain.sku_state import EmittedTarget
from inventory_domain.targets import Proposal
from inventory_domain.values import made_often

REFILL_CAUSE: Final = "units-sold"


@made_often
@dataclass(frozen=True, slots=True)
class OwnSales:
    """The channels that newly reported sales of a SKU.

    `netted`: those sales took units off what may be promised. `known`: the source told of their orders first, so what
    may be promised fell by them then; with the newest time of such a sale.
    """

    netted: frozenset[ChannelId]
    known: Mapping[ChannelId, int]

    def with_sale(self, channel: ChannelId, sold_at_ms: int, *, known: bool) -> OwnSales:
        """These, and one more sale on that channel."""
        if not known:
            if channel in self.netted:
                return self
            return OwnSales(self.netted | {channel}, self.known)
        newest = max(sold_at_ms, self.known.get(channel, sold_at_ms))
        return OwnSales(self.netted, {**self.known, channel: newest})


NO_SALES: Final = OwnSales(frozenset(), MappingProxyType({}))


def is_refill(before: EmittedTarget, want: Proposal, quantity: int, sold: OwnSales) -> bool:
    """Whether its marketplace shows less by now than this number, which is the one that was said before.

    It does when it sold and the number did not fall with it: a cap or the rounding of a buffer took up the sale, or new
    stock made up for it. Where the source told of the order first, the number has mostly fallen then, and need not be
    written twice for each order: only one below what the listing was given, or said before the sale, is written again.
    """
    if quantity == 0:
        return False
    channel = want.listing.channel
    if before.refill_owed or channel in sold.netted:
        return True
    sold_at_ms = sold.known.get(channel)
    if sold_at_ms is None:
        return False
    return quantity < want.allocation - want.buffer or before.version < sold_at_ms
