"""What is withheld from a channel for its marketplace's delay."""

from __future__ import annotations

import pytest

from inventory_domain.buffers import BufferPolicy, buffer_units, may_show_all


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
