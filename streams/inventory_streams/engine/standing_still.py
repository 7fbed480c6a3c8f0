"""Input that is there and does not arrive: what was lost on its way with nothing behind it to show the gap.

The transport sees the same of what it did not hand over, and sooner. What Faust loses after that only the agent misses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from inventory_streams.engine.catching_up import FetchState
from inventory_streams.engine.partition import Partition
from inventory_streams.engine.settings import INPUT_STILL_S


class StandingInputs:
    """Remembers since when each input of each partition has not moved though there is more of it (rule 4)."""

    def __init__(self) -> None:
        self._still: dict[tuple[str, int], tuple[int, float]] = {}

    def overdue(
        self,
        owned: Iterable[Partition],
        fetched: Callable[[Mapping[str, int], int], Mapping[str, FetchState]],
        idle_s: float,
    ) -> list[tuple[str, int, int]]:
        """The inputs (topic, partition, position) that stood still for the limit; each begins to be watched anew.

        `idle_s` is how long the loop has waited for something to do, in all. While a backlog is worked on an input may
        well stand still for longer than the limit: what it has lost shows when the backlog is done.
        """
        before, self._still = self._still, {}
        found = []
        for partition in owned:
            positions = partition.positions()
            states = fetched(positions, partition.number)
            for topic, position in positions.items():
                state = states.get(topic)
                place = topic, partition.number
                if state is None or state.end <= position:
                    continue
                if partition.running is not None:  # it may move by this; what is known of it lasts until that is seen
                    if place in before:
                        self._still[place] = before[place]
                    continue
                was, since_s = before.get(place, (position, idle_s))
                if was != position:
                    since_s = idle_s
                if idle_s - since_s >= INPUT_STILL_S:
                    found.append((topic, partition.number, position))
                    since_s = idle_s
                self._still[place] = position, since_s
        return found
