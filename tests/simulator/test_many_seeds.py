"""The long run of seeds itself: it goes on past a failure, says what failed, and ends."""

from __future__ import annotations

import ast
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.simulator.many import CHUNK, FAILURES_MAX, Ran, Simulated, run_many
from tests.support.simulator.switches import NOTICED_BY, Off, seeds_for
from tests.support.sources import ROOT

LONG_RUNS = sorted((ROOT / "tests" / "campaign").glob("campaign_*.py"))


def _fails_every(nth: int, seeds: range) -> Counter[str]:
    (seed,) = seeds
    if seed % nth == 0:
        raise ValueError(f"P1: the sums differ in {seed}")
    return Counter(fine=1)


def _never_ends(seeds: range) -> Counter[str]:
    time.sleep(600)  # not a wait: it stands for a seed that never ends
    return Counter()


def _run(simulated: Simulated, seeds: range, told: Callable[[Ran], None] = lambda done: None) -> Ran:
    return run_many(simulated, seeds, told, processes=1, chunk_s_max=60.0)


def test_a_seed_that_fails_does_not_keep_the_others_from_being_run() -> None:
    """One failure a night would else be all that a long run can tell."""
    told: list[Ran] = []

    ran = _run(partial(_fails_every, 40), range(1, 100), told.append)

    assert sorted(ran.seeds) == list(range(1, 100))
    assert ran.fired == {"fine": 97}
    assert ran.failures.keys() == {40, 80}
    assert "P1: the sums differ in 80" in ran.failures[80]
    assert sum(len(one.failures) for one in told) == 2


def test_a_broken_build_ends_the_run_early() -> None:
    ran = _run(partial(_fails_every, 1), range(40 * CHUNK))

    assert FAILURES_MAX < len(ran.failures) <= FAILURES_MAX + CHUNK


def test_a_seed_that_never_ends_is_told_of() -> None:
    """Also where its process was ended by the machine: nothing would ever come of it."""
    with pytest.raises(AssertionError, match=r"ended for 1 s: \[7, 8\]"):
        run_many(_never_ends, range(7, 9), lambda done: None, processes=1, chunk_s_max=1.0)


@pytest.mark.parametrize("off", list(Off), ids=lambda one: one.name.lower())
def test_the_seed_that_is_known_to_notice_is_tried_first_and_then_all_others(off: Off) -> None:
    """Else a rule whose known seed notices no more would be taken for one that nothing notices."""
    tried = seeds_for(off, 1_000)

    assert tried[0] == NOTICED_BY.get(off, 0)
    assert sorted(tried) == list(range(1_000))


@pytest.mark.parametrize("path", LONG_RUNS, ids=[one.stem for one in LONG_RUNS])
def test_a_long_run_has_a_limit_of_its_own(path: Path) -> None:
    """The suite's is three minutes, which ends each of them before it has said anything."""
    body = ast.parse(path.read_text()).body

    of_all = [ast.unparse(one.value) for one in body if isinstance(one, ast.Assign) and _is_pytestmark(one)]
    tests = [one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name[:5] == "test_"]
    assert tests
    for test in tests:
        marks = [*of_all, *(ast.unparse(one) for one in test.decorator_list)]
        assert any(one.startswith("pytest.mark.timeout(") for one in marks), test.name


def _is_pytestmark(assigned: ast.Assign) -> bool:
    return ast.unparse(assigned.targets[0]) == "pytestmark"
