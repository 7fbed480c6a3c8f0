"""By which exposure a read is judged."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.exposure import Confirmed, Proof, Result, observe
from inventory_domain.readings import found_over_shown, is_ahead, left_behind
from inventory_domain.reconciliation import Observation, ObservedBy
from tests.support.reconciling import a_reading, at, shown


def a_read(quantity: int, minutes: float) -> Observation:
    return replace(a_reading(quantity, minutes), observed_by=ObservedBy.READ)


def test_a_read_is_ahead_until_the_exposure_that_it_left_behind_has_come() -> None:
    before = shown(10, 0, seen_min=20)

    assert is_ahead(a_read(50, 100), before)
    assert not is_ahead(a_read(50, 100), observe(before, 50, at(100)))


def test_a_pull_leaves_no_exposure_behind() -> None:
    assert not is_ahead(a_reading(50, 100), shown(10, 0, seen_min=20))


def test_the_exposure_of_a_read_is_known_by_its_time_and_number() -> None:
    left = observe(shown(10, 0, seen_min=20), 50, at(100))

    assert left_behind(a_read(50, 100), left)
    assert not left_behind(a_read(50, 101), left) and not left_behind(a_read(49, 100), left)
    assert not left_behind(a_reading(50, 100), left), "a pull leaves none"
    answered = replace(left, confirmed=Confirmed(50, 1, at(100), Proof.ANSWER))
    assert not left_behind(a_read(50, 100), answered)


def test_only_what_a_read_has_shown_above_what_was_sent_is_over_shown() -> None:
    over, under = (observe(shown(10, 0, seen_min=20), units, at(100)) for units in (50, 4))

    assert over.last is not None and over.last.result is Result.OVER_SHOWN
    assert found_over_shown(over) and not found_over_shown(under)
