"""What would be sent now if it were sent: the dry run of delivery."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from inventory_domain.due import is_due, urgency, wanted
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ListingId, Sku
from inventory_domain.targets import Target


def would_be_sent(
    targets: Iterable[Target], exposures: Mapping[ListingId, Exposure], skus: Collection[Sku] = ()
) -> list[Target]:
    """The targets that are due, waits and holds aside, the most urgent first; of `skus` every one, due or not."""
    chosen = [
        target
        for target in targets
        if (target.sku in skus if skus else is_due(wanted(target, None), exposures.get(target.listing_id)))
    ]

    def rank(target: Target) -> tuple[int, float, str]:
        kind, cost = urgency(wanted(target, None), exposures.get(target.listing_id))
        return kind, cost, target.listing_id

    return sorted(chosen, key=rank)
