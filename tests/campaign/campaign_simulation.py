"""Ten thousand seeds of each simulation, with progress. CAMPAIGN_SEEDS and CAMPAIGN_FIRST_SEED change which."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.simulator.run import simulate
from tests.support.simulator.world import simulate_world

SEEDS = int(os.environ.get("CAMPAIGN_SEEDS", "10000"))
FIRST = int(os.environ.get("CAMPAIGN_FIRST_SEED", "0"))
CHUNK = 100


@pytest.mark.parametrize("simulated", [simulate, simulate_world], ids=["engine", "world"])
def test_ten_thousand_seeds_end_where_the_sums_say(simulated: Callable[[range], Counter[str]]) -> None:
    fired: Counter[str] = Counter()
    began_s = time.monotonic()
    for seed in range(FIRST, FIRST + SEEDS, CHUNK):
        fired.update(simulated(range(seed, min(seed + CHUNK, FIRST + SEEDS))))
        done = min(seed + CHUNK - FIRST, SEEDS)
        sys.stderr.write(f"\r{done} of {SEEDS} seeds, {time.monotonic() - began_s:.0f} s")
    sys.stderr.write(f"\nwhat happened: {dict(fired)}\n")
