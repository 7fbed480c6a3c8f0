"""Falls to zero by the input: counted per channel, and stamped with a guard where they are more than is believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from inventory_domain.identifiers import ChannelId, ListingId, Sku
from inventory_domain.mass_change import MassChangePolicy, Zeros, is_by_input
from inventory_domain.sku_state import EmittedTarget, SkuState
from inventory_domain.targets import Target
from inventory_streams.engine.values import GuardView


class Zeroed:
    """The listings that one computation zeroed because of the input."""

    def __init__(self) -> None:
        self._listings: set[ListingId] = set()
        self._by_channel: Counter[ChannelId] = Counter()

    def note(self, before: SkuState, targets: tuple[Target, ...]) -> None:
        """Look at what was said of one SKU."""
        for target in targets:
            was = before.targets.get(target.listing_id)
            if target.quantity == 0 and was is not None and was.quantity > 0 and is_by_input(target.cause):
                self._listings.add(target.listing_id)
                self._by_channel[target.channel] += 1

    def by_channel(self) -> Mapping[ChannelId, int]:
        """How many there are of each channel."""
        return dict(self._by_channel)

    def guarded(self, targets: list[Target], states: dict[Sku, SkuState], guards: GuardView) -> list[Target]:
        """The targets with their guards; the states are told of them too."""
        found = guards(self._by_channel) if self._by_channel else {}
        if not found:
            return targets
        return [self._stamped(target, states, found.get(target.channel)) for target in targets]

    def _stamped(self, target: Target, states: dict[Sku, SkuState], guard: str | None) -> Target:
        if guard is None or target.listing_id not in self._listings:
            return target
        state = states[target.sku]
        said = replace(state.targets[target.listing_id], guard=guard)
        states[target.sku] = replace(state, targets={**state.targets, target.listing_id: said})
        return replace(target, guard=guard)


class MassChanges:
    """One partition's count of what the input zeroed. Changed only by what was committed."""

    def __init__(self, partition: int, policy: MassChangePolicy) -> None:
        self._partition = partition
        self._policy = policy
        self._zeros: dict[ChannelId, Zeros] = {}

    def guards(
        self, showing: Mapping[ChannelId, int], zeroed: Mapping[ChannelId, int], now_ms: int
    ) -> dict[ChannelId, str]:
        """The guard of each channel for which so many more are a mass change. `showing` counts before they fall."""
        found = {}
        for channel, count in zeroed.items():
            left = max(0, showing.get(channel, 0) - count)
            since_ms = self._zeros.get(channel, Zeros()).after(count, left, now_ms, self._policy).guarded_since_ms
            if since_ms is not None:
                found[channel] = f"{channel}.{self._partition}.{since_ms}"
        return found

    def commit(self, showing: Mapping[ChannelId, int], zeroed: Mapping[ChannelId, int], now_ms: int) -> list[ChannelId]:
        """Take over what was committed; `showing` counts after it. Returns channels whose mass change begins now."""
        begun = []
        for channel in {*zeroed, *self._zeros}:
            before = self._zeros.get(channel, Zeros())
            after = before.after(zeroed.get(channel, 0), showing.get(channel, 0), now_ms, self._policy)
            if after.guarded_since_ms is not None and before.guarded_since_ms is None:
                begun.append(channel)
            if after.recent:
                self._zeros[channel] = after
            else:
                self._zeros.pop(channel, None)
        return begun

    def restore(self, target: EmittedTarget, now_ms: int) -> None:
        """A recovered target: one that is stamped and young says that its mass change is still under way."""
        since = (target.guard or "").rpartition(".")[2]
        if since.isdecimal() and target.version > now_ms - self._policy.window_ms:
            self._zeros.setdefault(target.channel, Zeros(((target.version, 1),), int(since)))

    def guarded(self) -> int:
        """How many channels have a mass change under way."""
        return sum(one.guarded_since_ms is not None for one in self._zeros.values())
