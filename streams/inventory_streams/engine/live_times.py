"""How long each channel takes until buyers see a new number: gathered by this worker, for the risk rule."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from inventory_domain.identifiers import ChannelId
from inventory_domain.live_times import SAMPLES_KEPT, time_to_live_ms
from inventory_domain.policies import AllocationPolicy
from inventory_domain.velocity import Demand


class LiveTimes:
    """The last samples of each channel that has a risk rule, and what follows from them.

    Nothing is kept over a restart: until enough was seen again, the declared settling times hold.
    """

    def __init__(self, policy: AllocationPolicy) -> None:
        self._samples = {
            name: deque[int](maxlen=SAMPLES_KEPT) for name, channel in policy.channels.items() if channel.has_risk_rule
        }
        self._known: dict[ChannelId, int] = {}

    def note(self, samples: Iterable[tuple[ChannelId, int]]) -> None:
        """Take in how long new numbers took on their channels."""
        changed = set()
        for channel, took_ms in samples:
            if channel in self._samples:
                self._samples[channel].append(took_ms)
                changed.add(channel)
        for channel in changed:
            known = time_to_live_ms(self._samples[channel])
            if known is not None:
                self._known[channel] = known

    def known_ms(self) -> Mapping[ChannelId, int]:
        """The time to live of the channels that were measured."""
        return self._known

    def within(self, demand: Demand | None) -> Demand | None:
        """The demand with the times to live that are known now."""
        if demand is None or not self._known:
            return demand
        return replace(demand, live_ms=dict(self._known))
