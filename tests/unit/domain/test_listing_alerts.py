"""Listings in trouble are told of together, when that is news."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.health_alerts import Severity
from inventory_domain.listing_alerts import APART_MS, Told, Trouble, tell

NONE = Trouble(0, Severity.WARNING)


def told(*looks: tuple[int, Trouble]) -> list[Severity | None]:
    """What is told at each of these looks, in minutes."""
    known, said = Told(), []
    for minute, found in looks:
        known, now = tell(known, found, minute * 60_000)
        said.append(now)
    return said


def some(listings: int, severity: Severity = Severity.WARNING) -> Trouble:
    return Trouble(listings, severity)


def test_it_is_told_when_it_begins_and_when_it_has_been_over_for_a_while() -> None:
    assert told((0, NONE), (1, some(1)), (2, some(3)), (3, NONE), (4, NONE), (8, NONE), (9, NONE)) == [
        None,
        Severity.WARNING,
        None,
        None,
        None,
        Severity.INFO,
        None,
    ]


def test_what_comes_back_before_it_is_over_is_no_news() -> None:
    assert told((0, some(1)), (1, NONE), (4, some(1)), (5, NONE), (9, NONE)) == [Severity.WARNING, *[None] * 4]


def test_worse_is_told_at_once_and_less_bad_is_not() -> None:
    page = some(1, Severity.PAGE)

    assert told((0, some(1)), (1, page), (2, some(1)), (3, page)) == [Severity.WARNING, Severity.PAGE, None, None]


def test_ten_times_as_many_are_news() -> None:
    assert told((0, some(2)), (6, some(19)), (7, some(20)), (8, some(500)), (13, some(500))) == [
        Severity.WARNING,
        None,
        Severity.WARNING,
        None,
        Severity.WARNING,
    ]


@given(seed=st.integers(0, 2**32))
def test_it_never_becomes_a_flood(seed: int) -> None:
    """However listings come and go, look after look."""
    dice, known, said = random.Random(seed), Told(), list[int]()
    for second in range(0, 7_200, 5):
        found = Trouble(dice.choice((0, 1, 50, 5_000)), dice.choice((Severity.WARNING, Severity.PAGE)))
        known, now = tell(known, found, second * 1_000)
        said.extend([second * 1_000] if now is not None else [])

    assert all(later - first >= APART_MS for first, later in zip(said, said[2:], strict=False))
