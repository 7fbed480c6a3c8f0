"""From available-to-promise to one number per channel, and from a channel's number to its ship nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from inventory_domain.atp import Availability
from inventory_domain.catalog import ListingNode
from inventory_domain.identifiers import ChannelId, LocationId, NodeId
from inventory_domain.values import made_often

SCARCITY_ENDS_PERCENT: Final = 125
"""Stock is scarce below what is expected to be sold, and until there is so much of it in percent.

The two lines are apart so that stock which trembles about one of them does not move units from channel to channel.
"""


@made_often
@dataclass(frozen=True, slots=True)
class Share:
    """A channel's claim on a SKU: the locations it may sell from, and what each strategy goes by.

    `percent` is its fixed share; `largest_percent` the most of its available-to-promise that it may be given;
    `milli_per_day` what it is expected to sell, in thousandths of a unit a day; `margin_minor` what a unit earns there,
    None where nobody said.
    """

    locations: frozenset[LocationId]
    percent: int = 0
    largest_percent: int = 100
    milli_per_day: int = 0
    margin_minor: int | None = None


Shares = Mapping[ChannelId, Share]
Divide = Callable[[list[ChannelId], int], list[int]]
"""Gives each of these channels, in their order, its part of so many units."""


def whole_units(total: int, weights: Sequence[int]) -> list[int]:
    """Split a total by weights into whole units that add up to it (largest remainder; ties go to the earlier).

    With no weight at all nothing is given out.
    """
    whole = sum(weights)
    if whole <= 0 or total <= 0:
        return [0] * len(weights)
    units = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(total * weights[index] % whole), index))
    for index in by_remainder[: total - sum(units)]:
        units[index] += 1
    return units


def capped_units(total: int, weights: Sequence[int], most: Sequence[int]) -> list[int]:
    """Split like `whole_units`, none above its most; what one cannot take goes to the others by their weights.

    The parts add up to the total, or to the mosts of all that have a weight where these are less.
    """
    parts = [0] * len(weights)
    taking = [index for index, weight in enumerate(weights) if weight > 0]
    left = total
    while taking and left > 0:
        wanted = whole_units(left, [weights[index] for index in taking])
        full = [index for index, units in zip(taking, wanted, strict=True) if units > most[index]]
        if not full:
            for index, units in zip(taking, wanted, strict=True):
                parts[index] = units
            break
        for index in full:
            parts[index] = max(0, most[index])
            left -= parts[index]
        taking = [index for index in taking if index not in full]
    return parts


def shared_pool(atp: int, largest_percent: int) -> int:
    """What the pool gives a channel: all that its locations have; only buffers keep two from selling the same unit."""
    return atp if largest_percent == 100 else atp * largest_percent // 100


def fixed_percentage(available: Availability, shares: Shares) -> dict[ChannelId, int]:
    """Each channel is given its percentage; together never more than there is, at any location."""

    def divide(sellers: list[ChannelId], units: int) -> list[int]:
        percents = [shares[channel].percent for channel in sellers]
        return capped_units(units * sum(percents) // 100, percents, _most(sellers, shares, units))

    return _by_pool(available, shares, divide)


def velocity_weighted(available: Availability, shares: Shares, smallest_percent: int) -> dict[ChannelId, int]:
    """Each channel is given units in proportion to what it is expected to sell.

    A channel that sells little or nothing still counts with so many percent of the sales of all, or it would never
    sell anything again.
    """
    weights = velocity_weights(shares, smallest_percent)

    def divide(sellers: list[ChannelId], units: int) -> list[int]:
        return capped_units(units, [weights[channel] for channel in sellers], _most(sellers, shares, units))

    return _by_pool(available, shares, divide)


def velocity_weights(shares: Shares, smallest_percent: int) -> dict[ChannelId, int]:
    """The weight of each channel: what it is expected to sell; where nothing sells, its percentage, else all alike."""
    sold = sum([share.milli_per_day for share in shares.values()])
    if sold:
        least = -(-sold * smallest_percent // 100)
        return {channel: max(share.milli_per_day, least) for channel, share in shares.items()}
    if any(share.percent for share in shares.values()):
        return {channel: share.percent for channel, share in shares.items()}
    return dict.fromkeys(shares, 1)


def margin_first(available: Availability, shares: Shares, horizon_days: int) -> dict[ChannelId, int]:
    """The channel that earns most per unit is served first, with what it is expected to sell over the horizon.

    Then the next, and so on; channels that earn the same share by what they are expected to sell. What is left then
    goes round once more in the same order. No channel is given more than its largest share.
    """
    ranks = sorted({_margin(share) for share in shares.values()}, reverse=True)
    wanted = {channel: -(-share.milli_per_day * horizon_days // 1000) for channel, share in shares.items()}

    def divide(sellers: list[ChannelId], units: int) -> list[int]:
        most = dict(zip(sellers, _most(sellers, shares, units), strict=True))
        given = dict.fromkeys(sellers, 0)
        for expected_only in (True, False):
            for rank in ranks:
                equals = [channel for channel in sellers if _margin(shares[channel]) == rank]
                room = [
                    min(most[channel] - given[channel], wanted[channel] if expected_only else units)
                    for channel in equals
                ]
                parts = capped_units(units - sum(given.values()), [max(1, wanted[one]) for one in equals], room)
                for channel, part in zip(equals, parts, strict=True):
                    given[channel] += part
                    if expected_only:
                        wanted[channel] -= part
        return [given[channel] for channel in sellers]

    return _by_pool(available, shares, divide)


def is_scarce(
    before: bool, available: Availability, shares: Shares, milli_per_day: int | None, horizon_days: int
) -> bool:
    """Whether more is expected to be sold within the horizon, at this rate, than may be promised; and whether it was.

    While the rate is not known it stays as it was, so that lost windows do not end it.
    """
    if milli_per_day is None:
        return before
    line_percent = SCARCITY_ENDS_PERCENT if before else 100
    return available.atp(_union(shares)) * 1000 * 100 < horizon_days * milli_per_day * line_percent


def _margin(share: Share) -> int:
    """What a unit earns; one of which nobody said it comes after every known one."""
    return -(2**63) if share.margin_minor is None else share.margin_minor


def _union(shares: Shares) -> frozenset[LocationId]:
    return frozenset().union(*(share.locations for share in shares.values()))


def _most(sellers: list[ChannelId], shares: Shares, units: int) -> list[int]:
    return [units * shares[channel].largest_percent // 100 for channel in sellers]


def _by_pool(available: Availability, shares: Shares, divide: Divide) -> dict[ChannelId, int]:
    """What each channel is given in all: pool by pool, none above its own available-to-promise, nor all above theirs.

    Locations that the same channels may sell from are one pool, so that small stocks are not rounded away location by
    location. A sale that is not reported yet does not say which location it takes from, so it is taken from every pool
    that its channel may sell from, and from all of them when the channel lists the SKU no longer.
    """
    given = dict.fromkeys(shares, 0)
    for sellers, units in _pools(available, shares):
        for channel, part in zip(sellers, divide(sellers, units), strict=True):
            given[channel] += part
    if available.sold:
        # A channel may have sold more than its own pools hold: then the rest of it is missing from the union.
        given = {channel: min(units, available.atp(shares[channel].locations)) for channel, units in given.items()}
        names = sorted(given)
        held = [given[name] for name in names]
        given = dict(zip(names, capped_units(available.atp(_union(shares)), held, held), strict=True))
    return given


def _pools(available: Availability, shares: Shares) -> Iterable[tuple[list[ChannelId], int]]:
    pools: dict[frozenset[ChannelId], int] = {}
    for location, units in available.by_location.items():
        sellers = frozenset([channel for channel, share in shares.items() if location in share.locations])
        if sellers:
            pools[sellers] = pools.get(sellers, 0) + units
    nowhere = sum([units for channel, units in available.sold.items() if channel not in shares])
    left = [
        (sorted(sellers), max(0, units - nowhere - sum([available.sold.get(channel, 0) for channel in sellers])))
        for sellers, units in pools.items()
    ]
    return sorted(left)


def split_over_nodes(
    units: int, nodes: Sequence[ListingNode], by_location: Mapping[LocationId, int], two_day: bool
) -> dict[NodeId, int]:
    """One channel's number over its nodes: no node above its own stock, the parts adding up to the number.

    A two-day listing is served first from nodes that can make it. Where the nodes together have less than the number,
    the parts add up to what they have. Nodes that stand for one location share its units.
    """
    shown = {node.node: 0 for node in nodes}
    room = dict(by_location)
    groups = [[n for n in nodes if n.two_day], [n for n in nodes if not n.two_day]] if two_day else [list(nodes)]
    rest = units
    for group in groups:
        ordered = sorted(group, key=lambda node: node.node)
        capacity = _capacities(ordered, room)
        given = min(rest, sum(capacity))
        for node, part in zip(ordered, whole_units(given, capacity), strict=True):
            shown[node.node] = part
            room[node.location] = room.get(node.location, 0) - part
        rest -= given
    return shown


def _capacities(nodes: Sequence[ListingNode], room: Mapping[LocationId, int]) -> list[int]:
    """What each node may show at most when nodes of one location share it evenly."""
    sharing: dict[LocationId, int] = {}
    for node in nodes:
        sharing[node.location] = sharing.get(node.location, 0) + 1
    parts = {
        location: iter(whole_units(max(0, room.get(location, 0)), [1] * count)) for location, count in sharing.items()
    }
    return [next(parts[node.location]) for node in nodes]
