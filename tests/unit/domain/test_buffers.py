"""What is withheld from a channel for its marketplace's delay."""

from __future__ import annotations

import pytest

from inventory_domain.buffers import NOT_WIDENED, BufferPolicy, Widening, buffer_units, buffer_words, may_show_all
from inventory_domain.risk import RiskPolicy


@pytest.mark.parametrize(
    ("allocation", "policy", "withheld"),
    [
        (100, BufferPolicy(5, 15), 15),  # the share is larger
        (20, BufferPolicy(5, 15), 5),  # the number is larger
        (3, BufferPolicy(5, 15), 3),  # never more than there is
        (100, BufferPolicy(0, 7), 7),  # and not 8
        (101, BufferPolicy(0, 7), 8),  # rounded up: 7.07 units
        (0, BufferPolicy(5, 15), 0),
    ],
)
def test_the_larger_of_units_and_percentage_is_withheld(allocation: int, policy: BufferPolicy, withheld: int) -> None:
    assert buffer_units(allocation, policy) == withheld


def test_only_a_buffer_of_nothing_may_show_all() -> None:
    assert may_show_all(BufferPolicy(0, 0))
    assert not may_show_all(BufferPolicy(1, 0))
    assert not may_show_all(BufferPolicy(0, 1))


def test_a_wider_buffer_is_a_multiple_of_the_usual_one_rounded_up() -> None:
    assert buffer_units(100, BufferPolicy(5, 15), Widening(150, "high velocity")) == 23
    assert buffer_units(20, BufferPolicy(5, 15), Widening(150, "high velocity")) == 8
    assert buffer_units(6, BufferPolicy(5, 15), Widening(150, "high velocity")) == 6


RISK = RiskPolicy(10_000, 60_000)


def test_once_sales_are_known_the_risk_rule_takes_the_place_of_the_percentage() -> None:
    """A slow product keeps back its one unit and not 15 of 100; a fast one more than that."""
    policy = BufferPolicy(1, 15, RISK)

    assert buffer_units(100, policy) == 15
    assert buffer_units(100, policy, risk_units=0) == 1
    assert buffer_units(100, policy, risk_units=31) == 31
    assert buffer_units(20, policy, risk_units=31) == 20


def test_the_risk_rule_is_not_widened_again() -> None:
    """The rates that it counts with are raised already."""
    assert buffer_units(100, BufferPolicy(2, 15, RISK), Widening(200, "peak"), risk_units=7) == 7
    assert buffer_units(100, BufferPolicy(2, 15, RISK), Widening(200, "peak"), risk_units=1) == 4


def test_a_buffer_says_what_it_is_made_of() -> None:
    policy = BufferPolicy(5, 15, RISK)

    assert buffer_words(15, policy, NOT_WIDENED, None) == "buffer 5 units, 15 % = 15"
    assert buffer_words(23, policy, Widening(150, "peak"), None) == "buffer 5 units, 15 %, x 150 % for peak = 23"
    assert buffer_words(9, policy, NOT_WIDENED, 9) == "buffer 5 units, risk 9 units = 9"


def test_a_risk_rule_without_units_may_show_all_while_little_sells() -> None:
    assert may_show_all(BufferPolicy(0, 15, RISK))
    assert not may_show_all(BufferPolicy(1, 0, RISK))
