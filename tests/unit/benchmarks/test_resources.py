"""What the benchmark of resources makes of its looks at a process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.resources import MIB, Look, used

APART = st.integers(1, 30)  # tenths of a second from one look to the next
CORES = st.integers(0, 4)  # used meanwhile


@given(st.lists(st.tuples(APART, CORES), min_size=1, max_size=30))
def test_the_busiest_seconds_are_never_below_the_mean(steps: list[tuple[int, int]]) -> None:
    looks = [Look(0.0, MIB, 0.0)]
    for tenths, cores in steps:
        last = looks[-1]
        looks.append(Look(last.at_s + tenths / 10, MIB, last.cpu_s + cores * tenths / 10))

    found = used(looks)

    assert found["cores_max"] >= found["cores_mean"]
    assert found["cores_max"] <= max(cores for _, cores in steps) + 0.001


def test_the_mean_is_over_the_time_that_was_looked_at() -> None:
    """Ten seconds at rest count as much as ten at work: a request is for all of them."""
    looks = [Look(number / 2, number * MIB, max(0.0, number / 2 - 10)) for number in range(41)]

    assert used(looks) == {"memory_mib_max": 40.0, "cores_mean": 0.5, "cores_max": 1.0}
