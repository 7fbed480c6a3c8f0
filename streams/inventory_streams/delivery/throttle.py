"""Token buckets per account and operation: numbers declared by the adapter, learned from its answers, shared fairly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from inventory_domain.clock import Clock
from inventory_domain.outcomes import LimitSeen
from inventory_domain.ports import AdapterTraits, OperationLimit
from inventory_domain.retry import doubled_s

DAY_MS = 86_400_000
SLEEP_S_MAX = 0.5  # a sleeper looks again this often, so that what was learned meanwhile counts
PENALTY_S_MAX = 60.0
NO_SHARE_WAIT_S = 1.0  # a worker without partitions looks again so often
LATE_S = 0.5  # by how much the way of one call may be longer than that of another
RATE_LEAST_PER_S = 0.001  # a limit learned as zero would never be asked again
PROBES_PART = 0.5  # of what is kept for falls to zero: probes must not leave none for what they prove


class Throttle:
    """One operation of one account. It starts empty: whoever ran before may have used the marketplace's own up.

    `share` is this worker's part of the account's budget, by the partitions that it owns; a part too small for a
    whole call still holds one, else some partitions would never be served. `ours` tells at any time which part of the
    rate is delivery's, if pulls call the same; a day's quota is not divided by it.
    """

    def __init__(
        self,
        limit: OperationLimit,
        clock: Clock,
        *,
        cost_max: float = 1.0,
        zero_reserve: float = 0.0,
        ours: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.operation = limit.operation
        self._clock = clock
        self._cost_max = cost_max
        self._rate_per_s = limit.rate_per_s
        self._burst = limit.burst
        self._per_day = limit.per_day
        self._zero_reserve = zero_reserve
        self._share = 1.0
        self._now_ours = ours
        self._ours = ours()
        self._tokens = 0.0
        self._filled_s = clock.monotonic_s()
        self._blocked_until_s = 0.0
        self._penalties = 0
        self._day = clock.now_ms() // DAY_MS
        self._used_today = 0.0
        self._allowed_today: float | None = None
        self._turn = asyncio.Lock()
        self._held: dict[int, tuple[float, float]] = {}  # since when, and what it costs
        self._holds = 0

    @property
    def rate_per_s(self) -> float:
        """Tokens that this worker may use a second."""
        return max(self._rate_per_s, RATE_LEAST_PER_S) * self._share * self._ours

    @property
    def capacity(self) -> float:
        """Tokens that it may save up: a little less than the marketplace allows, because a call that was late there
        has it count later than we do, and a whole burst sent then would be one call too many.

        Where the burst is small this leaves two calls if there is a third to spare for that, else one.
        """
        burst, late = self._burst * self._share * self._ours, self.rate_per_s * LATE_S
        return max(burst - late, min(burst - self._cost_max, 2 * self._cost_max), self._cost_max)

    def _late_s(self) -> float:
        """For so long a call may wait for its commit: what comes back meanwhile finds room in what is not saved up.

        None at all where one call is the whole burst: the next one must be so long after it has gone.
        """
        spare = self._burst * self._share * self._ours - self.capacity
        return min(LATE_S, max(0.0, spare) / self.rate_per_s) if self.rate_per_s > 0 else 0.0

    def most_within(self, seconds: float) -> float:
        """Tokens that all workers of the account together may use in so many seconds: what was saved up comes first."""
        return self._burst + max(self._rate_per_s, RATE_LEAST_PER_S) * seconds

    @property
    def per_day(self) -> float | None:
        """Tokens that this worker may use a day; None: no quota."""
        return None if self._per_day is None else self._per_day * self._share

    @property
    def used_today(self) -> float:
        """Tokens used since midnight UTC."""
        self._roll_day()
        return self._used_today

    def share(self, part: float) -> None:
        """From now on this worker has this part (above 0, at most 1) of the account's budget."""
        self._fill()
        self._share = part
        # What was saved up for a larger part is not this worker's any more: others begin with theirs.
        self._tokens = min(self._tokens, self._burst * part)

    def told_quota(self, left: float, calls: float | None = None) -> None:
        """So many tokens are left of the account's day, by the marketplace or by what all workers reported.

        `calls`: the whole day's, where the marketplace says it. This worker's part counts from now on.
        """
        if calls is not None:
            self._per_day = int(calls)
        if self._per_day is not None:
            self._allowed_today = self.used_today + max(0.0, left) * self._share

    @property
    def day_limit(self) -> int | None:
        """Tokens of the whole account a day; None: no quota."""
        return self._per_day

    def wait_s(self, cost: float, *, zero: bool = False) -> float:
        """Seconds until a call of this cost may go, as far as is known; 0: now. `zero`: it is a fall to zero."""
        self._fill()
        now = self._clock.monotonic_s()
        if now < self._blocked_until_s:
            return self._blocked_until_s - now
        if not self._quota_left(cost, zero):
            return self.day_left_s()
        missing = cost - self._tokens
        if missing <= 1e-9:
            return 0.0
        return missing / self.rate_per_s if self.rate_per_s > 0 else NO_SHARE_WAIT_S

    def day_left_s(self) -> float:
        """Seconds until quotas begin anew: midnight UTC."""
        return (DAY_MS - self._clock.now_ms() % DAY_MS) / 1000

    def spent(self, cost: float, *, zero: bool = False) -> bool:
        """Whether the day's quota has no such call left, but what is kept for falls to zero. `zero`: it is one."""
        return not self._quota_left(cost, zero)

    @property
    def kept(self) -> float:
        """Tokens of the day that are kept for falls to zero."""
        return (self.per_day or 0.0) * self._zero_reserve

    async def acquire(self, cost: float, zero: Callable[[], bool] = lambda: False) -> bool:
        """Wait for a call's tokens and take them; True: of those that are kept for falls to zero.

        Served in order of asking; cancelling it takes none. What waits for the next day's quota keeps nobody waiting
        who may use what is left of this day's.
        """
        while True:
            async with self._turn:
                while (wait := self.wait_s(cost, zero=zero())) > 0 and not self.spent(cost, zero=zero()):
                    await self._clock.sleep(min(wait, SLEEP_S_MAX))
                if wait <= 0:
                    kept = self.spent(cost)
                    self.take(cost)
                    return kept
            await self._clock.sleep(min(wait, SLEEP_S_MAX))

    def take(self, cost: float) -> None:
        """A call of this cost goes now; `wait_s` was 0."""
        self._tokens -= cost
        self._used_today += cost

    def hold(self, cost: float) -> Callable[[], None]:
        """A call whose tokens were taken just now waits for its commit.

        The marketplace counts it when it goes. If that takes long, what is saved up meanwhile is less by the call. What
        is returned is to be called when it is sent, or is not made after all; calling it again changes nothing.
        """
        self._holds += 1
        held = self._holds
        self._held[held] = (self._clock.monotonic_s(), cost)

        def goes() -> None:
            self._fill()
            self._held.pop(held, None)

        return goes

    def let_go(self) -> None:
        """No call that waits for its commit will leave any more: nothing is kept for it."""
        self._fill()
        self._held.clear()

    def give_back(self, cost: float) -> None:
        """The call was not made after all."""
        self._tokens = min(self._tokens + cost, self.capacity)
        self._used_today -= cost

    def answered(self, seen: LimitSeen | None) -> None:
        """A call was answered and not refused for its rate; learn from what it said."""
        self._penalties = 0
        if seen is not None and seen.operation == self.operation:
            self._learn(seen)

    def refused(self, seen: LimitSeen | None) -> None:
        """A call was refused as one too many: wait as long as it said, else twice as long as the last time."""
        self._fill()
        self._penalties += 1
        self._tokens = 0.0
        told = seen.wait_s if seen is not None and seen.operation == self.operation else None
        guess = doubled_s(self._cost_max / self.rate_per_s, self._penalties, PENALTY_S_MAX)
        # A wait of nothing, or until a time that is past by our clock, is no word of when there will be more.
        until = self._clock.monotonic_s() + (told or guess)
        self._blocked_until_s = max(self._blocked_until_s, until)
        if seen is not None and seen.operation == self.operation:
            self._learn(seen)

    def _learn(self, seen: LimitSeen) -> None:
        self._fill()
        if seen.rate_per_s is not None:
            self._rate_per_s = seen.rate_per_s
        if seen.burst is not None:
            self._burst = seen.burst
        if seen.remaining is not None:
            # What we do not save up ourselves stays there for calls under way. Less than that is left where somebody
            # else uses the same limit: then we owe the difference, and wait until it has come back.
            part = self._share * self._ours
            spare = max(0.0, self._burst * part - self.capacity)
            self._tokens = min(self._tokens, seen.remaining * part - spare)
        if seen.wait_s is not None and (seen.remaining is None or seen.remaining < self._cost_max):
            # Where nothing is said of what is left it is no word of the limit: a marketplace that is down may say when
            # it means to be back, and zeros and probes must find out when it is.
            wait_s = min(seen.wait_s, PENALTY_S_MAX) if seen.remaining is None else seen.wait_s
            self._blocked_until_s = max(self._blocked_until_s, self._clock.monotonic_s() + wait_s)
        self._tokens = min(self._tokens, self.capacity)

    def _fill(self) -> None:
        now, ours = self._clock.monotonic_s(), self._now_ours()
        if ours < self._ours:  # since when, is not known: as if for the whole time
            self._ours = ours
        covered_s = self._late_s()
        held = sum(cost for since_s, cost in self._held.values() if now - since_s > covered_s)
        most = max(0.0, self.capacity - held)
        self._tokens = min(self._tokens + (now - self._filled_s) * self.rate_per_s, most)
        self._filled_s, self._ours = now, ours

    def _roll_day(self) -> None:
        day = self._clock.now_ms() // DAY_MS
        if day != self._day:
            self._day, self._used_today, self._allowed_today = day, 0.0, None

    def _quota_left(self, cost: float, zero: bool) -> bool:
        whole = self.per_day
        if whole is None:
            return True
        used = self.used_today
        allowed = whole if self._allowed_today is None else self._allowed_today
        return used + cost <= (allowed if zero else allowed - whole * self._zero_reserve)


class AccountThrottles:
    """The throttles of one account: of pushes and of reads, which may be one and the same operation.

    Where they share one, reads may use its rate freely while no push waits and at most their part of it otherwise;
    of a daily quota they never use more than their part.
    """

    def __init__(
        self,
        traits: AdapterTraits,
        clock: Clock,
        *,
        read_share: float,
        zero_reserve: float,
        ours: Callable[[str], float] = lambda _: 1.0,
    ) -> None:
        """`ours`: as `Throttle` says, by operation."""
        limits = {limit.operation: limit for limit in traits.limits}
        push_limit, read_limit = limits[traits.push_operation], limits[traits.read_operation]
        self._clock = clock
        self._limits = limits
        self._ours = ours
        self._others: dict[str, Throttle] = {}
        self._part = 1.0
        self._push_cost, self._read_cost = traits.push_cost, traits.read_cost
        self._read_share = read_share
        self.shared = traits.push_operation == traits.read_operation
        cost_max = max(traits.push_cost, traits.read_cost) if self.shared else traits.push_cost
        self.push = self._throttle(push_limit, cost_max, zero_reserve)
        self.read = self.push if self.shared else self._throttle(read_limit, traits.read_cost)
        part = OperationLimit(read_limit.operation, read_limit.rate_per_s * read_share, traits.read_cost)
        self._read_part = self._throttle(part, traits.read_cost)
        self._read_day = self._probe_day = 0
        self._read_used = self._probed = 0.0

    @property
    def all(self) -> tuple[Throttle, ...]:
        """Each throttle once."""
        return (*((self.push,) if self.shared else (self.push, self.read)), *self._others.values())

    def of(self, operation: str, cost: float = 1.0) -> Throttle:
        """The throttle of any operation of the account; KeyError for one that it does not declare."""
        found = next((one for one in self.all if one.operation == operation), None)
        if found is None:
            found = self._others[operation] = self._throttle(self._limits[operation], cost)
            found.share(self._part)
        return found

    def _throttle(self, limit: OperationLimit, cost_max: float, zero_reserve: float = 0.0) -> Throttle:
        def ours() -> float:
            return self._ours(limit.operation)

        return Throttle(limit, self._clock, cost_max=cost_max, zero_reserve=zero_reserve, ours=ours)

    def share(self, part: float) -> None:
        """From now on this worker has this part of the account's budget."""
        self._part = part
        for throttle in (*self.all, self._read_part):
            throttle.share(part)

    def let_go(self) -> None:
        """As `Throttle` says, for all of them."""
        for throttle in self.all:
            throttle.let_go()

    async def acquire_push(self, zero: Callable[[], bool]) -> bool:
        """Wait until one call may be made; True: by what is kept for falls to zero.

        `zero` tells whether a fall to zero would go next.
        """
        return await self.push.acquire(self._push_cost, zero)

    @property
    def spent(self) -> bool:
        """Whether nothing is left of the day for a push but what is kept for falls to zero."""
        return self.push.spent(self._push_cost)

    def may_probe(self, *, by_read: bool) -> bool:
        """Whether the day's quota has a call for a probe: once it is spent, a part of what is kept for zeros is."""
        if by_read and not self.shared:
            return True
        cost = self._read_cost if by_read else self._push_cost
        if not self.push.spent(cost):
            return True
        left = self.push.kept * PROBES_PART - self._used_by_probes()
        return left >= cost and not self.push.spent(cost, zero=True)

    async def acquire_probe(self) -> None:
        """Wait until one push, or a call like it, may be made that shows whether the way works; see `may_probe`."""
        await self._acquire_for_probe(self._push_cost)

    async def acquire_read_probe(self) -> None:
        """Wait until one read may be made for it. The reads' part of what pushes use too is not looked at."""
        if self.shared:
            await self._acquire_for_probe(self._read_cost)
        else:
            await self.acquire_read(lambda: False)

    async def _acquire_for_probe(self, cost: float) -> None:
        if await self.push.acquire(cost, lambda: True):
            self._probed = self._used_by_probes() + cost

    def _used_by_probes(self) -> float:
        """Tokens of what is kept for zeros that probes used today."""
        day = self._clock.now_ms() // DAY_MS
        if day != self._probe_day:
            self._probe_day, self._probed = day, 0.0
        return self._probed

    def give_back_push(self) -> None:
        """The call was not made after all."""
        self.push.give_back(self._push_cost)

    async def acquire_read(self, pushes_wait: Callable[[], bool]) -> None:
        """Wait until one read may be made."""
        while (wait := self._wait_of_reads_s(pushes_wait())) > 0:
            await self._clock.sleep(min(wait, SLEEP_S_MAX))
        if self._read_part.wait_s(self._read_cost) == 0:
            await self._read_part.acquire(self._read_cost)
        await self.read.acquire(self._read_cost)
        self._used_by_reads()
        self._read_used += self._read_cost

    def give_back_read(self) -> None:
        """The read was not made after all."""
        self.read.give_back(self._read_cost)
        self._read_used -= self._read_cost

    def _wait_of_reads_s(self, pushes_wait: bool) -> float:
        """Beside the wait for the throttle itself: what keeps reads to their part of one that pushes use too."""
        if not self.shared:
            return 0.0
        quota = self.read.per_day
        if quota is not None and self._used_by_reads() + self._read_cost > quota * self._read_share:
            return self.read.day_left_s()
        return self._read_part.wait_s(self._read_cost) if pushes_wait else 0.0

    def _used_by_reads(self) -> float:
        day = self._clock.now_ms() // DAY_MS
        if day != self._read_day:
            self._read_day, self._read_used = day, 0.0
        return self._read_used
