"""From available-to-promise to one number per channel, and from a channel's number to its ship nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from inventory_domain.atp import Availability
from inventory_domain.catalog import ListingNode
from inventory_domain.identifiers import ChannelId, LocationId, NodeId


@dataclass(frozen=True, slots=True)
class Share:
    """A channel's claim: the locations it may sell from for this SKU, and its percentage where the strategy has one."""

    locations: frozenset[LocationId]
    percent: int = 0


def whole_units(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Split a total by weights into whole units that add up to it (largest remainder; ties go to the earlier).

    With no weight at all nothing is given out.
    """
    whole = sum(weights, Fraction(0))
    if whole <= 0 or total <= 0:
        return [0] * len(weights)
    exact = [Fraction(total) * weight / whole for weight in weights]
    units = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: (units[index] - exact[index], index))
    for index in by_remainder[: total - sum(units)]:
        units[index] += 1
    return units


def shared_pool(available: Availability, shares: Mapping[ChannelId, Share]) -> dict[ChannelId, int]:
    """Every channel is given all that its locations have; only buffers keep channels from selling the same unit."""
    atp = {locations: available.atp(locations) for locations in {share.locations for share in shares.values()}}
    return {channel: atp[share.locations] for channel, share in shares.items()}


def fixed_percentage(available: Availability, shares: Mapping[ChannelId, Share]) -> dict[ChannelId, int]:
    """Each channel is given its percentage; together never more than there is, at any location.

    Locations that the same channels may sell from are one pool, so that small stocks are not rounded away location by
    location. A sale that is not reported yet does not say which location it takes from, so it is taken from every pool
    that its channel may sell from, and from all of them when the channel lists the SKU no longer.
    """
    given = dict.fromkeys(shares, 0)
    for sellers, units in _pools(available, shares):
        claims = sorted(sellers)
        percents = [shares[channel].percent for channel in claims]
        shared_out = units * sum(percents) // 100
        for channel, part in zip(claims, whole_units(shared_out, percents), strict=True):
            given[channel] += part
    return given


def _pools(available: Availability, shares: Mapping[ChannelId, Share]) -> list[tuple[frozenset[ChannelId], int]]:
    pools: dict[frozenset[ChannelId], int] = {}
    for location, units in available.by_location.items():
        sellers = frozenset(channel for channel, share in shares.items() if location in share.locations)
        if sellers:
            pools[sellers] = pools.get(sellers, 0) + units
    nowhere = sum(units for channel, units in available.sold.items() if channel not in shares)
    left = {
        sellers: max(0, units - nowhere - sum(available.sold.get(channel, 0) for channel in sellers))
        for sellers, units in pools.items()
    }
    return sorted(left.items(), key=lambda item: sorted(item[0]))


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
