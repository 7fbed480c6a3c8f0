"""Whether the engine still moves, seen from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from faust.types import TP
from prometheus_client import Gauge

from inventory_streams.engine.settings import STALL_LIMIT_S

LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class _Behind:
    """Since when more of an input is durable than is committed, and when the newest of it became so."""

    since_s: float
    durable_s: float


class CommitWatch:
    """Follows what is durable and what of it is committed to the group (rule 11). Safe for several threads.

    Each partition of each input for itself: a commit of others says nothing of one that Faust leaves out. A pause of an
    input that is longer than the limit begins its count anew: else one commit that failed at its end would be a stall
    with the next record, before a commit could come.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._behind: dict[TP, _Behind] = {}

    def durable(self, place: TP) -> None:
        """More of this input became durable."""
        now_s = self._now_s()
        behind = self._behind.get(place)
        if behind is None or now_s - behind.durable_s > STALL_LIMIT_S:
            self._behind[place] = _Behind(now_s, now_s)
        else:
            behind.durable_s = now_s

    def committed(self, places: Iterable[TP]) -> None:
        """The group's offsets of these were committed up to what was durable then."""
        for place in places:
            self._behind.pop(place, None)

    def assigned(self) -> None:
        """Other partitions are read, or the same ones anew."""
        self._behind = {}

    def stalled_s(self) -> float:
        """For how long an input went on becoming durable without a commit of it to the group; the longest of all."""
        behind = self._behind.copy()  # at once, as the loop changes it meanwhile
        return max([one.durable_s - one.since_s for one in behind.values()], default=0.0)


class Watcher:
    """Looks every second, tells `behind` what it saw, and calls `stalled` once with the reason when there is one.

    Commits that are a few seconds late are told and end nothing: which input is applied stands in the changelog, and a
    restart would take longer than the coordinator's.
    """

    def __init__(self, watch: CommitWatch, behind: Gauge, stalled: Callable[[str], None]) -> None:
        self._watch = watch
        self._behind = behind
        self._stalled = stalled
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commit-watch", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()
        self._thread.join(LOOK_EVERY_S * 2)

    def _run(self) -> None:
        while not self._closed.wait(LOOK_EVERY_S):
            behind_s = self._watch.stalled_s()
            self._behind.set(behind_s)
            if behind_s > STALL_LIMIT_S:
                self._stalled(f"input became durable for {behind_s:.0f} s and no offset was committed")
                return
