"""Engine and delivery together, from a stock change to what a marketplace shows, by seeds (rule 40).

The full run is in `make campaign`; `docs/simulator.md` says how to repeat a seed and how to read a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inventory_streams.delivery.throttle import Throttle
from tests.support.simulator.failing_safe import WAYS
from tests.support.simulator.marketplace import Weather
from tests.support.simulator.process import Fates
from tests.support.simulator.repeating import first_difference
from tests.support.simulator.run import Violation
from tests.support.simulator.switches import IN_DELIVERY, IN_ENGINE, Off, seeds_for
from tests.support.simulator.world import MIDNIGHT_MS, Emphasis, simulate_world, steps_of

SEEDS = 10
# Each found a fault that is mended: ten in delivery, four of them with Kafka gone, three in reconciliation, one in
# the engine, one in the model of the person who takes ghosts from sale, one, by two seeds, in what is demanded of a
# channel on which nothing is listed.
CORPUS = (
    490,
    495,
    514,
    558,
    681,
    686,
    741,
    797,
    896,
    1920,
    1999,
    2457,
    2802,
    5778,
    6905,
    8398,
    8718,
)
# With an act that came later: each found a fault that is mended, by clocks in delivery, by moves in reconciliation.
CORPUS_LATER = (("clocks", 0), ("clocks", 19), ("clocks", 31), ("catalog", 48), ("catalog", 78))
CAUGHT_WITHIN = 30
ROOT = Path(__file__).parents[2]

DEATHS = Fates(dies=0.02, slow_commit=0.2)
OFTEN = (0.5, 5.0)
MUCH_OF = {
    Off.EXPOSURE_READ: Emphasis(Weather(slow_way=0.9), DEATHS, ("killed", "stopped"), feeds=False, every_s=OFTEN),
    Off.TARGETS_READ: Emphasis(Weather(), Fates(), ("killed", "stopped")),
    Off.HEALTH_READ: Emphasis(Weather(), Fates(), ("operator", "killed", "stopped"), every_s=OFTEN),
    Off.VERSIONS_COMPARED: Emphasis(Weather(), Fates(), ("target repeated",), every_s=OFTEN),
    Off.NEWEST_PUSHED: Emphasis(Weather(refused=0.6), Fates(), ()),
    Off.ATTEMPT_FIRST: Emphasis(Weather(), Fates(), ()),
    Off.ONE_IN_FLIGHT: Emphasis(Weather(slow_way=0.5, lost_answer=0.3), Fates(), (), feeds=False),
    Off.UNKNOWN_EFFECT: Emphasis(Weather(lost_answer=0.5), Fates(), (), feeds=False),
    Off.ABSOLUTE: Emphasis(Weather(lost_answer=0.3), Fates(), ()),
    Off.DELIVERY_FENCING: Emphasis(Weather(refused=0.6), Fates(0.0, 0.5), ("frozen", "scaled"), every_s=OFTEN),
    Off.HANDOVER_WAIT: Emphasis(Weather(slow_way=0.5), DEATHS, ("killed", "frozen"), feeds=False, every_s=OFTEN),
    Off.HANDOVER_READ: Emphasis(Weather(lost_answer=0.6), Fates(), ("killed", "stopped"), feeds=False),
    Off.DERIVED: Emphasis(Weather(refused=0.5), Fates(), ("killed", "stopped"), every_s=OFTEN),
    Off.ACCEPTED: Emphasis(Weather(dropped=0.5), Fates(), (), feeds=False),
    Off.RAISED_AT_ONCE: Emphasis(Weather(), Fates(), (), feeds=False),
    Off.NO_RANGE: Emphasis(Weather(), Fates(), (), feeds=False),
    Off.HEALTH_RECORD: Emphasis(Weather(), Fates(), ("operator", "killed", "stopped"), every_s=OFTEN),
    Off.HEALTH_FENCING: Emphasis(Weather(), Fates(0.0, 0.5), ("operator", "frozen"), every_s=OFTEN),
    Off.ZEROS_SENT: Emphasis(Weather(), Fates(), (), fails_safe="stopped by hand"),
}
FAULTS = {
    "killed",
    "died",
    "frozen",
    "stopped",
    "rebalanced",
    "outage",
    "stop-sale",
    "engine moved",
    "engine gone",
    "engine crashed",
    "target repeated",
    "lost answer",
    "overtaken",
    "refused",
    "throttled",
    "dropped",
    "late read",
    "feed",
    "oversold",
    "edited",
    "rejected",
    "letter refused",
    "hold",
    "cap",
    "zero",
    "release",
    "kafka gone",
    "reconcile killed",
    "reconcile frozen",
}
RARE = {
    "corrected": Emphasis(Weather(), Fates(), ("edited",), every_s=OFTEN),
    "ghost": Emphasis(Weather(), Fates(), ("edited",), every_s=OFTEN),
    "letter replayed": Emphasis(Weather(rejected=0.5), Fates(), ("letters",)),
    "quota spent": Emphasis(Weather(), Fates(), (), feeds=False, quota=25),
    "zero for want of quota": Emphasis(Weather(), Fates(), (), feeds=False, quota=40),
    "zero without an attempt": Emphasis(Weather(), Fates(), ("kafka gone",), every_s=(15.0, 30.0)),
    "had to be stopped": Emphasis(Weather(), Fates(), (), fails_safe="never answered"),
    **{way: Emphasis(Weather(), Fates(), (), fails_safe=way) for way in WAYS},
    **{one: Emphasis(Weather(), Fates(), (), later=("clocks",)) for one in ("clock ahead", "clock set right")},
    **{
        one: Emphasis(Weather(), Fates(), (), later=("catalog",))
        for one in ("product left", "product came back", "listing moved", "listing held", "listing changed")
    },
}

SCARCE = (43, 86)  # seeds that need the calls of two days where one has 25, of which half are kept for zeros

# Rules of delivery and of the engine's versions that hold more than a switch can show, and what shows the rest.
ELSEWHERE = {
    20: "tests/unit/delivery/test_dispatch.py",  # one version with two quantities: the later one wins, and is counted
    24: "tests/contract",  # compare-and-set and idempotency keys are the adapters'
    25: "tests/unit/delivery/test_dispatch.py",  # what waited too long after its commit is not sent
    27: "tests/unit/delivery/test_holds.py",  # a flood of dead letters stops rises
    28: "tests/unit/delivery/test_feeds.py",  # a row of which no report tells; sibling attributes are the adapters'
}


def test_whatever_happens_every_listing_ends_where_the_sums_say() -> None:
    """P1 to P6, as far as a run can state them; see `docs/simulator.md`. Every kind of fault has happened."""
    fired = simulate_world(range(SEEDS))

    assert fired.keys() >= FAULTS


@pytest.mark.parametrize("seed", CORPUS)
def test_a_seed_that_found_a_fault_finds_it_no_more(seed: int) -> None:
    """Rule 43: a mended fault leaves its seed here."""
    simulate_world(range(seed, seed + 1), emphasis=Emphasis(later=()))


@pytest.mark.parametrize(("act", "seed"), CORPUS_LATER)
def test_a_seed_that_found_a_fault_by_an_act_of_its_own_finds_it_no_more(act: str, seed: int) -> None:
    """As above."""
    simulate_world(range(seed, seed + 1), emphasis=Emphasis(later=(act,)))


@pytest.mark.parametrize(("fault", "emphasis"), RARE.items(), ids=RARE.keys())
def test_what_seldom_happens_has_happened_too(fault: str, emphasis: Emphasis) -> None:
    """What a run needs much of one kind of trouble for."""
    assert fault in simulate_world(range(3), emphasis=emphasis)


@pytest.mark.parametrize("seed", SCARCE)
def test_what_a_day_has_no_call_for_is_right_on_the_next(seed: int) -> None:
    """P1 where a quota is next to nothing: until then nothing shows too much for which a zero has a call."""
    fired = simulate_world(range(seed, seed + 1), emphasis=_with(25, 0.5))

    assert fired["waited for the next day"] == 1


@pytest.mark.parametrize(
    ("quota", "reserve", "told"), ((200, 0.2, "the day's quota has calls"), (100, 0.9, "a call is kept for zeros"))
)
def test_waiting_for_the_next_day_with_calls_left_is_noticed(
    monkeypatch: pytest.MonkeyPatch, quota: int, reserve: float, told: str
) -> None:
    """Else whatever is late could be laid to the quota."""
    ends_ms = MIDNIGHT_MS - 20_000
    monkeypatch.setattr(Throttle, "_quota_left", lambda one, cost, zero: one._clock.now_ms() < ends_ms)

    with pytest.raises(Violation, match=told):
        simulate_world(range(3), emphasis=_with(quota, reserve))


def _with(quota: int, reserve: float) -> Emphasis:
    return Emphasis(Weather(), Fates(), feeds=False, quota=quota, zero_reserve=reserve)


def test_a_seed_repeats_what_happened() -> None:
    """Else a failure could not be looked at."""
    assert steps_of(3) == steps_of(3)


def test_a_seed_repeats_what_happened_in_any_process() -> None:
    """Where things lie in memory, how strings hash and when cycles are collected is other in each: nothing may follow
    from it, down to the turns of single tasks."""
    told = [_told_in_a_process(other) for other in ("1", "2")]

    assert told[0].count("\n") > 20_000
    assert first_difference(*told) is None


def _told_in_a_process(other: str) -> str:
    """Of two seeds, in the first with an outage, in the second with feeds, both with health and probes."""
    command = [sys.executable, "-m", first_difference.__module__, other, "2003", "2005"]
    environment = os.environ | {"PYTHONHASHSEED": other, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("off", IN_DELIVERY, ids=lambda one: one.name.lower())
def test_a_rule_of_delivery_that_is_switched_off_is_noticed(off: Off) -> None:
    """Within few seeds, which have much of what the rule is for. A switch that itself fails would prove nothing."""
    with pytest.raises(Violation, match="switched off") as noticed:
        simulate_world(seeds_for(off, CAUGHT_WITHIN), off, MUCH_OF[off])

    assert not any(one.__name__ in str(noticed.value) for one in (TypeError, AttributeError, NameError))


def test_every_rule_from_the_versions_to_the_health_is_switched_off() -> None:
    """What no switch can show is shown by the tests named in `ELSEWHERE`."""
    switched_off = {one.rule for one in (*IN_ENGINE, *IN_DELIVERY)}

    assert {3, 4, 13, *range(19, 30), 33} <= switched_off
    assert all((ROOT / path).exists() for path in ELSEWHERE.values())
