"""Very many seeds on all processors. A seed that fails is noted, and the others go on."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import TimeoutError as NothingCame
from multiprocessing import get_context

CHUNK = 25
CHUNK_S_MAX = 600.0
FAILURES_MAX = 20  # by then it is the build that is broken, and all others would fail as well

Simulated = Callable[[range], Counter[str]]


@dataclass
class Ran:
    """What became of these seeds: what happened in them, and what went wrong in which."""

    seeds: list[int] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)

    def add(self, other: Ran) -> None:
        """What another process ran."""
        self.seeds += other.seeds
        self.fired.update(other.fired)
        self.failures |= other.failures


def run_many(
    simulated: Simulated,
    seeds: range,
    told: Callable[[Ran], None],
    *,
    processes: int | None = None,
    chunk_s_max: float = CHUNK_S_MAX,
) -> Ran:
    """Run every seed, in as many processes as there are processors. `told` hears of each chunk that is done.

    It ends early where more than `FAILURES_MAX` seeds fail.

    Raises:
        AssertionError: a seed does not end, or its process is gone.
    """
    chunks = [seeds[first : first + CHUNK] for first in range(0, len(seeds), CHUNK)]
    whole = Ran()
    # Not forked: a broker's client may run in this process. The pool ends its processes however this block is left.
    with get_context("spawn").Pool(processes) as pool:
        coming = pool.imap_unordered(partial(_run, simulated), chunks)
        for _ in chunks:
            try:
                done = coming.next(chunk_s_max)
            except NothingCame as late:
                left = sorted(set(seeds) - set(whole.seeds))[: 2 * CHUNK]
                raise AssertionError(f"none of these seeds has ended for {chunk_s_max:.0f} s: {left}") from late
            whole.add(done)
            told(done)
            if len(whole.failures) > FAILURES_MAX:
                break
    return whole


def _run(simulated: Simulated, seeds: range) -> Ran:
    done = Ran()
    for seed in seeds:
        try:
            done.fired.update(simulated(range(seed, seed + 1)))
        except Exception:  # noqa: BLE001 - a broken promise or a mistake: it is told with its seed
            done.failures[seed] = f"seed {seed}: {traceback.format_exc()}"
        done.seeds.append(seed)
    return done
