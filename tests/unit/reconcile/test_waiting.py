"""Single reads wait for the exposure that was written with them, and not for ever."""

from __future__ import annotations

from inventory_domain.reconciliation import Observation
from inventory_streams.reconcile.waiting import LOOKS_MAX, WaitingReadings
from tests.support.reconciling import a_reading


def test_what_is_ahead_waits_and_holds_nothing_up() -> None:
    first, second = a_reading(1, 10), a_reading(2, 20)
    ahead = {first.quantity}
    waiting = WaitingReadings(lambda one: one.quantity in ahead, [first, second])

    before = waiting.take(10)
    ahead.clear()
    after = waiting.take(10)

    assert (before, after, waiting.take(10)) == ([second], [first], [])


def test_a_bounded_number_is_taken_at_once_the_oldest_first() -> None:
    readings = [a_reading(number, number) for number in range(5)]
    waiting = WaitingReadings(lambda _: False, readings[:4])
    waiting.add(readings[4:])

    assert [waiting.take(2), waiting.take(2), waiting.take(2)] == [readings[:2], readings[2:4], readings[4:]]


def test_what_never_comes_is_not_waited_for_any_more() -> None:
    """A read that somebody asked for by hand changes no exposure."""
    reading = a_reading(1, 10)
    waiting = WaitingReadings(lambda _: True, [reading])

    looks: list[list[Observation]] = [waiting.take(10) for _ in range(LOOKS_MAX + 1)]

    assert looks == [[]] * LOOKS_MAX + [[reading]]
