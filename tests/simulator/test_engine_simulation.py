"""The engine against crashes, zombies, gaps, repetitions and clocks set back, by seeds (rule 40).

The full run is in `make campaign`. A failure names its seed: `simulate(range(SEED, SEED + 1))` repeats it.
"""

from __future__ import annotations

import time

import pytest

from tests.support.simulator.run import Violation, simulate
from tests.support.simulator.switches import IN_ENGINE, Off, seeds_for

SEEDS_MAX = 500
SEEDS_MIN = 50
CPU_S_MAX = 5.0
CAUGHT_WITHIN = 1_000
FAULTS = {
    "moved",
    "crashed",
    "hung",
    "clock set back",
    "clock ahead",
    "clock behind",
    "clock set right",
    "late",
    "resent",
    "poisoned",
    "delisted",
    "confirmed",
    "restated",
    "tombstone",
    "kit changed",
    "heartbeat",
    "silent",
    "reconfigured",
    "rolled back",
    "changes put off",
}


def test_whatever_happens_it_ends_where_the_sums_say() -> None:
    """Nothing lost, nothing twice, no version back; and every kind of fault has happened (P1, P2)."""
    began_s, seed, fired = time.process_time(), 0, set()

    while seed < SEEDS_MAX and (seed < SEEDS_MIN or time.process_time() - began_s < CPU_S_MAX):
        fired |= simulate(range(seed, seed + 10)).keys()
        seed += 10

    assert fired >= FAULTS


@pytest.mark.parametrize("off", IN_ENGINE, ids=lambda one: one.name.lower())
def test_a_rule_that_is_switched_off_is_noticed(off: Off) -> None:
    """Else the seeds above would prove nothing."""
    with pytest.raises(Violation, match="switched off"):
        simulate(seeds_for(off, CAUGHT_WITHIN), off)
