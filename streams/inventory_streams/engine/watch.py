"""Whether the engine still moves, seen from a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from inventory_streams.engine.settings import STALL_LIMIT_S

LOOK_EVERY_S = 1.0


class CommitWatch:
    """Follows what is durable and what of it is committed to the group (rule 11). Safe for several threads."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._behind_since_s: float | None = None
        self._durable_s = 0.0

    def durable(self) -> None:
        """More input became durable."""
        self._durable_s = self._now_s()
        if self._behind_since_s is None:
            self._behind_since_s = self._durable_s

    def committed(self) -> None:
        """The group's offsets were committed up to what was durable then."""
        self._behind_since_s = None

    def stalled_s(self) -> float:
        """For how long input went on becoming durable without any commit to the group."""
        since = self._behind_since_s
        return 0.0 if since is None else max(0.0, self._durable_s - since)


class Watcher:
    """Looks every second, and calls `stalled` once with the reason when there is one."""

    def __init__(self, watch: CommitWatch, stalled: Callable[[str], None]) -> None:
        self._watch = watch
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
            if behind_s > STALL_LIMIT_S:
                self._stalled(f"input became durable for {behind_s:.0f} s and no offset was committed")
                return
