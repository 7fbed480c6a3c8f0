"""How fast pulls may call: a part of the account's limits, learned from answers, never below a reserve."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from inventory_domain.clock import Clock
from inventory_domain.outcomes import LimitSeen
from inventory_domain.ports import AdapterTraits, OperationLimit

DAY_MS = 86_400_000
PENALTY_FIRST_S = 1.0
PENALTY_S_MAX = 300.0
LOOK_S = 1.0  # how often it is looked whether it is the pulls' turn
SLEEP_S_MAX = 5.0  # a sleeper looks again this often, so that a stop is noticed


class Turn(Protocol):
    """Whether delivery has left pulls their part of a rate that it borrows."""

    def may_call(self) -> bool:
        """Whether it has by now. Raises what has ended the announcing."""
        ...


class PullThrottle:
    """One operation of one account, for pulls: calls are made one after the other, so nobody waits beside another."""

    def __init__(
        self, limit: OperationLimit, share: float, reserve: float, clock: Clock, turn: Turn | None = None
    ) -> None:
        """`turn`: where delivery borrows the pulls' part of the rate, no call is made but by it."""
        self.operation = limit.operation
        self._clock = clock
        self._turn = turn
        self._share = share
        self._reserve = reserve
        self._rate_per_s = limit.rate_per_s
        self._burst = limit.burst
        self._per_day = None if limit.per_day is None else limit.per_day * share
        self._ready_s = clock.monotonic_s()
        self._charged = 0.0  # what the last call was taken to cost, until its answer
        self._penalty_s = 0.0
        self._day = clock.now_ms() // DAY_MS
        self._used_today = 0.0

    @property
    def per_day(self) -> float | None:
        """Tokens that pulls may use a day; None: no quota."""
        return self._per_day

    @property
    def left_today(self) -> float | None:
        """Tokens left of today's; None: no quota."""
        if self._per_day is None:
            return None
        used = self._used_today if self._clock.now_ms() // DAY_MS == self._day else 0.0
        return max(0.0, self._per_day - used)

    @property
    def rate_per_s(self) -> float:
        """Tokens that pulls may use a second."""
        return self._rate_per_s * self._share

    def told_quota(self, calls: int) -> None:
        """The marketplace says how many calls a day the whole account has."""
        self._per_day = calls * self._share

    async def acquire(self, cost: float) -> None:
        """Wait until a call of this cost may be made."""
        while (wait_s := self.wait_s(cost)) > 0:
            await self._clock.sleep(min(wait_s, SLEEP_S_MAX))
        self.take(cost)

    def take(self, cost: float) -> None:
        """A call of this cost goes now; `wait_s` was 0."""
        self._ready_s = max(self._ready_s, self._clock.monotonic_s()) + cost / self.rate_per_s
        self._used_today += cost
        self._charged = cost

    def wait_s(self, cost: float) -> float:
        """Seconds until a call of this cost may go, as far as is known; 0: now."""
        today = self._clock.now_ms() // DAY_MS
        if today != self._day:
            self._day, self._used_today = today, 0.0
        if self._per_day is not None and self._used_today + cost > self._per_day:
            return (DAY_MS - self._clock.now_ms() % DAY_MS) / 1_000
        wait_s = max(0.0, self._ready_s - self._clock.monotonic_s())
        return wait_s if self._turn is None or self._turn.may_call() else max(wait_s, LOOK_S)

    def answered(self, seen: LimitSeen | None, *, refused: bool) -> None:
        """Learn from an answer. One refused for its rate waits as long as it said, else longer each time."""
        now_s = self._clock.monotonic_s()
        self._penalty_s = min(max(PENALTY_FIRST_S, self._penalty_s * 2), PENALTY_S_MAX) if refused else 0.0
        told_s = 0.0
        if seen is not None and seen.operation == self.operation:
            self._rate_per_s = seen.rate_per_s or self._rate_per_s
            self._burst = seen.burst or self._burst
            told_s = seen.wait_s or 0.0
            if not refused:
                if seen.remaining is None:
                    told_s = min(told_s, PENALTY_S_MAX)  # it is down, and says when it means to be back
                elif seen.remaining >= (seen.cost_max or self._charged):
                    told_s = 0.0  # it says when all of it is there again
            if not refused and seen.cost is not None:
                self._ready_s -= (self._charged - seen.cost) / self.rate_per_s
                self._charged = seen.cost
            if seen.remaining is not None and self._share < 1:
                told_s = max(told_s, self._left(seen.remaining, seen.cost_max or self._charged, now_s))
        if refused and told_s <= 0:
            told_s = self._penalty_s
        self._ready_s = max(self._ready_s, now_s + told_s)

    def _left(self, remaining: float, next_cost: float, now_s: float) -> float:
        """Seconds to wait where so much is left of what pushes use too.

        Above the reserve nobody else needs what comes back: pulls take it as it comes. Below it delivery is at work,
        and pulls keep to their share as well.
        """
        rate_per_s, above = max(self._rate_per_s, 1e-6), remaining - self._burst * self._reserve
        if above < 0:
            return -above / rate_per_s
        if self._turn is None:
            self._ready_s = min(self._ready_s, now_s)
        return max(0.0, next_cost - above) / rate_per_s


class PullBudget:
    """The throttles of one account's pulls, by operation."""

    def __init__(
        self,
        traits: AdapterTraits,
        share: float,
        reserve: float,
        clock: Clock,
        *,
        lent: AbstractSet[str] = frozenset(),
        turn: Turn | None = None,
    ) -> None:
        """`lent`: operations whose calls go by `turn` only."""
        shared = {traits.push_operation, traits.read_operation}
        self._throttles: Mapping[str, PullThrottle] = {
            limit.operation: PullThrottle(
                limit,
                share if limit.operation in shared else 1.0,
                reserve,
                clock,
                turn if limit.operation in lent else None,
            )
            for limit in traits.limits
        }

    @property
    def all(self) -> Collection[PullThrottle]:
        """Every throttle."""
        return self._throttles.values()

    def of(self, operation: str) -> PullThrottle:
        """The operation's throttle; raises KeyError for one that the adapter does not declare."""
        return self._throttles[operation]
