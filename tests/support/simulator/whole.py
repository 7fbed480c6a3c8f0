"""What must be so when nothing is left to happen: all listings show what the sums say, and everybody knows it (P1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory_domain.identifiers import ListingId
from inventory_domain.targets import Target
from inventory_streams.kafka.partitioner import partition_of
from tests.support.engine_work import TOPICS
from tests.support.simulator.delivery import REPORT_S
from tests.support.simulator.marketplace import LIMITS
from tests.support.simulator.sharing import MARKETPLACE, codecs
from tests.support.simulator.traffic import PARTITIONS

if TYPE_CHECKING:
    from tests.support.simulator.world import World


WRITES = next(one for one in LIMITS if one.operation == "write")
UNREPORTED = WRITES.burst + WRITES.rate_per_s * REPORT_S  # what who takes over counts as used since the last reports


@dataclass(frozen=True, slots=True)
class DailyQuota:
    """So many writes a day; a part of them is kept for falls to zero."""

    calls: int
    zero_reserve: float

    def suffices(self, listings: int) -> bool:
        """Whether a day has two calls for each of so many: of a stop's zeros at its begin, and of numbers after."""
        return self.calls * (1 - self.zero_reserve) >= 2 * listings


def left(world: World) -> str | None:
    """What is not right yet; None when all is."""
    return next(_all_left(world), None)


def _all_left(world: World) -> Iterator[str]:
    for number in range(PARTITIONS):
        owner = world.owners.get(number)
        if owner is None or number not in owner.owns() or not owner.caught_up(number):
            yield f"the engine has not caught up on partition {number}"
            return
    for listing_id, wanted in _wanted(world):
        yield from _left_of(world, listing_id, wanted)
    for process in world.processes:
        if pending := process.worker.accounting.pending():
            yield f"P4: {pending} targets of {process.name} are not accounted for"


def _wanted(world: World) -> Iterator[tuple[ListingId, int]]:
    for listing_id in world.traffic.places:
        if (wanted := world.traffic.wants(listing_id)) is not None:
            yield listing_id, wanted


def _left_of(world: World, listing_id: ListingId, wanted: int) -> Iterator[str]:
    shown, sent = world.market.shown.get(listing_id, 0), world.market.newest.get(listing_id)
    place = world.traffic.places[listing_id]
    number = partition_of(place.sku, PARTITIONS)
    value = world.kafka.newest_on.get((TOPICS.targets(MARKETPLACE), number, listing_id.encode()))
    if value is None:
        if shown != wanted:
            yield f"{listing_id} has no target and shows {shown}, not {wanted}"
        return
    target = codecs().targets.decode(value)
    if target.quantity != wanted:
        yield f"{listing_id} has a target of {target.quantity}, not {wanted}"
    elif sent is None or (sent.version, sent.quantity) != (target.version, target.quantity):
        yield f"{listing_id}: of {target.quantity} the marketplace was never told, only of {sent and sent.quantity}"
    elif sent.marketplace_ids != place.ids and not place.out:
        yield f"{listing_id} was told of as {sent.marketplace_ids}, and is {place.ids}"
    elif shown != wanted:
        yield f"{listing_id} shows {shown}, not {wanted}"
    elif world.promises.may_show(listing_id) != shown and not world.promises.clocks_were_wrong:
        yield f"{listing_id} shows {shown} and is known as {world.promises.may_show(listing_id)}"


def not_to_wait_for(world: World, quota: DailyQuota) -> str | None:
    """Why what is not right yet must not wait for the next day's calls; None: it may.

    A process has the part of the day that its partitions are of all. So the one that has to write may have made all
    calls of today by the smallest part there is. Nothing may show too much while a call is kept for zeros.
    """
    used = PARTITIONS * (world.market.used_today(WRITES.operation) + 1) + UNREPORTED
    if used <= quota.calls * (1 - quota.zero_reserve):
        return "and the day's quota has calls"
    if used <= quota.calls:
        for listing_id, wanted in _wanted(world):
            if (shown := world.market.shown.get(listing_id, 0)) > wanted:
                return f"and {listing_id} shows {shown}, not {wanted}, though a call is kept for zeros"
    return None


def step_back(world: World) -> str | None:
    """A version that is not newer than one before it, on `listing.targets` as the engine wrote it; None: none is."""
    versions: dict[tuple[str, str], int] = {}  # one that moved to another SKU has others there
    for target in _written(world):
        key = (target.listing_id, target.sku)
        if target.version <= versions.get(key, 0):
            return f"{target.listing_id}: version {target.version} after {versions[key]}"
        versions[key] = target.version
    return None


def _written(world: World) -> Iterable[Target]:
    topic = TOPICS.targets(MARKETPLACE)
    for number in range(PARTITIONS):
        for record in world.kafka.read(topic, number):
            if record.value is not None and (topic, number, record.offset) not in world.kafka.repeated:
                yield codecs().targets.decode(record.value)
