from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.retry import RetrySchedule, delay_s, doubled_s


@pytest.mark.parametrize(("failures", "wait_s"), [(1, 5), (2, 15), (3, 60), (4, 300), (50, 300)])
def test_waits_grow_and_then_stay(failures: int, wait_s: float) -> None:
    assert delay_s(failures, RetrySchedule(), jitter=0.0) == wait_s


@given(failures=st.integers(1, 100), jitter=st.floats(0, 1))
def test_jitter_makes_a_wait_longer_by_a_tenth_at_most(failures: int, jitter: float) -> None:
    told = delay_s(failures, RetrySchedule(), jitter=0.0)

    assert told <= delay_s(failures, RetrySchedule(), jitter) <= told * 1.1


@pytest.mark.parametrize("schedule", [RetrySchedule((0.0,)), RetrySchedule((-1.0,)), RetrySchedule((1.0,), 86_401.0)])
def test_waits_that_cannot_be_are_named_with_their_path(schedule: RetrySchedule) -> None:
    (fault,) = schedule.faults("delivery.retry")

    assert fault.path == "delivery.retry"


def test_the_default_waits_can_be() -> None:
    assert RetrySchedule().faults("retry") == []


def test_a_wait_is_doubled_with_each_failure_up_to_the_most_and_for_ever() -> None:
    assert [doubled_s(1.0, failures, 60.0) for failures in (1, 2, 3, 7, 5_000)] == [1.0, 2.0, 4.0, 60.0, 60.0]
