"""Pulls and delivery lend each other a rate across processes: whatever is late or gone, it is never exceeded."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_domain.ports import OperationLimit
from inventory_domain.pull_leases import AGAIN_S, APART_S, KNOWN_S, LEAD_S, PullsAnnounced, PullsHeard
from inventory_streams.delivery.throttle import Throttle
from inventory_streams.reconcile.budget import PullThrottle
from tests.support.delivery import MovableClock

SHARE = 0.2
LIMIT = OperationLimit("all", 10.0, 10.0)
STEP_S = 0.25
SECONDS = 400
LONG_AGO_S = -1e9


class Deliverer:
    """A worker: looks now and then, each look takes its time, and some never end well."""

    def __init__(self, dice: random.Random, appended_s: list[float], clock: MovableClock, part: float) -> None:
        self._dice, self._appended_s, self._clock = dice, appended_s, clock
        self.pulls = PullsHeard()
        self._position = 0
        self._look: tuple[float, float] | None = None
        self._next_s = 0.0
        self.throttle = Throttle(LIMIT, clock, ours=lambda: 1.0 if self.may_borrow() else 1.0 - SHARE)
        self.throttle.share(part)

    def may_borrow(self) -> bool:
        return self.pulls.may_borrow(self._clock.monotonic_s())

    def turn(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._look is None and now_s >= self._next_s:
            self._look = now_s, now_s + self._dice.choice((0.0, 0.5, 3.0, 9.0, 40.0))
        elif self._look is not None and now_s >= self._look[1]:
            began_s, self._look, self._next_s = self._look[0], None, now_s + self._dice.choice((2.5, 4.0, 30.0))
            if self._dice.random() < 0.9:
                until_s = self._dice.choice((began_s, now_s))  # what came later may be there too
                position = max(self._position, sum(one <= until_s for one in self._appended_s))
                if position > self._position:
                    self.pulls.heard(now_s)
                self._position = position
                self.pulls.read_to_end(began_s)


class Puller:
    """Announces and calls; its commits take their time, and it is gone and there again."""

    def __init__(self, dice: random.Random, appended_s: list[float], clock: MovableClock) -> None:
        self._dice, self._appended_s, self._clock = dice, appended_s, clock
        self.begin()

    def begin(self) -> None:
        self.announced = PullsAnnounced()
        self.throttle = PullThrottle(LIMIT, SHARE, 0.5, self._clock, self)
        self._commit: tuple[float, float] | None = None
        self._next_s = self._clock.monotonic_s() + self._dice.choice((0.0, 60.0))
        self._ends_s = self._next_s + self._dice.choice((20.0, 100.0, 400.0))

    def may_call(self) -> bool:
        return self.announced.may_call(self._clock.monotonic_s())

    def turn(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._ends_s:
            self.begin()
        if self._commit is None and now_s >= self._next_s:
            takes_s = self._dice.choice((0.0, 0.5, 5.0, 44.0, 80.0))
            self._commit = now_s, now_s + takes_s
            self._appended_s.append(now_s + self._dice.random() * takes_s)
        elif self._commit is not None and now_s >= self._commit[1]:
            self.announced.announced(self._commit[0], now_s)
            self._commit, self._next_s = None, now_s + AGAIN_S


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_what_is_lent_is_given_back_before_it_is_used(seed: int, workers: int) -> None:
    dice, clock, appended_s = random.Random(seed), MovableClock(), list[float]()
    deliverers = [Deliverer(dice, appended_s, clock, 1 / workers) for _ in range(workers)]
    puller = Puller(dice, appended_s, clock)
    left, borrowed_s, pulled_s = 0.0, LONG_AGO_S, LONG_AGO_S
    for _ in range(round(SECONDS / STEP_S)):
        clock.move(STEP_S)
        now_s = clock.monotonic_s()
        left = min(LIMIT.burst, left + STEP_S * LIMIT.rate_per_s)
        puller.turn()
        for one in deliverers:
            one.turn()
            borrowed_s = now_s if one.may_borrow() else borrowed_s
        pulled_s = now_s if puller.may_call() else pulled_s
        # A call may be under way for so long, and meets none of the other side.
        both = borrowed_s > LONG_AGO_S and pulled_s > LONG_AGO_S
        assert not both or abs(borrowed_s - pulled_s) > APART_S - 3 * STEP_S
        for one in deliverers:
            while one.throttle.wait_s(1.0) == 0:
                one.throttle.take(1.0)
                left -= 1
        while puller.throttle.wait_s(1.0) == 0:
            puller.throttle.take(1.0)
            left -= 1
        assert left > -1e-6, f"{-left:.2f} calls too many"


def test_a_rate_is_lent_while_nobody_pulls_and_used_while_somebody_does() -> None:
    heard, announced = PullsHeard(), PullsAnnounced()
    heard.read_to_end(100.0)
    assert heard.may_borrow(100.0 + KNOWN_S - 0.1) and not heard.may_borrow(100.0 + KNOWN_S)

    announced.announced(100.0, 101.0)
    heard.heard(102.0)
    heard.read_to_end(102.0)
    assert not heard.may_borrow(102.5)
    assert not announced.may_call(101.0 + LEAD_S - 0.1) and announced.may_call(101.0 + LEAD_S)
