"""Rises of a restored channel, one after the other at a growing pace."""

from __future__ import annotations

from inventory_domain.clock import Clock
from inventory_domain.identifiers import ChannelId
from inventory_domain.ramp import next_rise_s
from inventory_streams.delivery.account import Account
from inventory_streams.delivery.masks import Masks
from inventory_streams.delivery.queue import WorkKey


class Ramp:
    """Gives each rise of a channel that is being restored its time; others have none. Belongs to the loop."""

    def __init__(self, clock: Clock, masks: Masks, ramp_s: float) -> None:
        self._clock = clock
        self._masks = masks
        self._ramp_s = ramp_s
        self._recovered_ms: dict[ChannelId, int] = {}
        self._last_s: dict[ChannelId, float] = {}
        self._slots: dict[ChannelId, dict[WorkKey, float]] = {}

    def not_before_s(self, key: WorkKey, channel: ChannelId, account: Account) -> float | None:
        """When this rise may go, the same each time it is asked for; None: at once."""
        health = self._masks.health(channel)
        recovered_ms = health.recovered_ms if health is not None and health.restoring else None
        if recovered_ms != self._recovered_ms.get(channel):
            self._forget(channel)  # the times of one recovery say nothing of the next one's
        if recovered_ms is None:
            return None
        since_s = (self._clock.now_ms() - recovered_ms) / 1000
        if since_s >= self._ramp_s:
            self._forget(channel)
            return None
        self._recovered_ms[channel] = recovered_ms
        slots = self._slots.setdefault(channel, {})
        if key not in slots:
            now_s, traits = self._clock.monotonic_s(), account.traits
            rate_per_s = account.throttles.push.rate_per_s / traits.push_cost * traits.push_group_max
            previous_s = max(now_s, self._last_s.get(channel, now_s))
            slots[key] = self._last_s[channel] = next_rise_s(previous_s, now_s - since_s, self._ramp_s, rate_per_s)
        return slots[key]

    def _forget(self, channel: ChannelId) -> None:
        for known in (self._recovered_ms, self._last_s, self._slots):
            known.pop(channel, None)
