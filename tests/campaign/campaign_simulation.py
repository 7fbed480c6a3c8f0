"""Ten thousand seeds of each simulation, with progress. CAMPAIGN_SEEDS and CAMPAIGN_FIRST_SEED change which."""

from __future__ import annotations

import os

import pytest

from tests.support.campaign import say
from tests.support.simulator.many import Ran, Simulated, run_many
from tests.support.simulator.run import simulate
from tests.support.simulator.world import simulate_world

SEEDS = int(os.environ.get("CAMPAIGN_SEEDS", "10000"))
FIRST = int(os.environ.get("CAMPAIGN_FIRST_SEED", "0"))
SEED_S_MAX = 3.0  # of the world, where one processor does everything and others want it too; usually half a second
TOLD_EVERY = 100

pytestmark = pytest.mark.timeout(600 + SEEDS * SEED_S_MAX, func_only=True)


@pytest.mark.parametrize("simulated", [simulate, simulate_world], ids=["engine", "world"])
def test_ten_thousand_seeds_end_where_the_sums_say(simulated: Simulated) -> None:
    done = failed = 0

    def told(ran: Ran) -> None:
        nonlocal done, failed
        before, done, failed = done, done + len(ran.seeds), failed + len(ran.failures)
        for what in ran.failures.values():
            say(f"FAILED {what}")
        if done // TOLD_EVERY > before // TOLD_EVERY:
            say(f"{done} of {SEEDS} seeds from {FIRST} on, {failed} failed")

    ran = run_many(simulated, range(FIRST, FIRST + SEEDS), told)

    say(f"what happened: {dict(ran.fired)}")
    assert not ran.failures, f"of {len(ran.seeds)} seeds {failed} failed: {sorted(ran.failures)}"
