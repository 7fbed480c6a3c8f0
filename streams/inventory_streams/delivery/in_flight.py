"""Requests of one account that are under way, by channel: each channel has its part of what the account may have."""

from __future__ import annotations

from collections import Counter

from inventory_domain.identifiers import ChannelId


class InFlight:
    """Belongs to the loop. A channel of which every request hangs keeps its own part busy and nobody else's."""

    def __init__(self, requests_max: int, channels: int) -> None:
        self._part = max(1, requests_max // max(1, channels))
        self._counts: Counter[ChannelId] = Counter()

    @property
    def full(self) -> frozenset[ChannelId]:
        """The channels that must wait for one of their own requests to end."""
        return frozenset([channel for channel, count in self._counts.items() if count >= self._part])

    def begin(self, channel: ChannelId) -> None:
        """A request of the channel is under way."""
        self._counts[channel] += 1

    def end(self, channel: ChannelId) -> None:
        """It is over."""
        self._counts[channel] -= 1
