"""A listing on a marketplace that behaves is never corrected, and one that somebody changed always is."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from inventory_domain.corrections import Case, CorrectionPolicy, Standing, judge
from inventory_domain.expected import ChannelMove, ReadTraits
from inventory_domain.exposure import Exposure, begin, conclude, observe, settle
from inventory_domain.identifiers import OrderId
from inventory_domain.outcomes import Accepted
from inventory_domain.reconciliation import Action, Observation, ObservedBy
from tests.support.reconciling import CHANNEL, LISTING, MINUTE, SKU, START, judged_by

SETTLING_MIN = 15
ORDER_DELAY_MIN = 60
AGE_MIN = 30
POLICY = CorrectionPolicy(units=0, percent=0, order_delay_s=ORDER_DELAY_MIN * 60)


@dataclass
class Market:
    """One listing at a marketplace that takes up to its settling time, and delivery beside it. Minutes throughout."""

    traits: ReadTraits
    live: list[tuple[int, int]] = field(default_factory=lambda: [(0, 10)])
    waiting: list[tuple[int, int]] = field(default_factory=list)
    moves: list[tuple[int, ChannelMove]] = field(default_factory=list)
    exposure: Exposure = field(default_factory=lambda: Exposure(LISTING, SKU))
    version: int = 0
    now: int = 0

    def ms(self, minute: int) -> int:
        return START + minute * MINUTE

    def pass_to(self, minute: int) -> None:
        """Minute by minute: what is due goes live, and delivery looks at what has settled."""
        while self.now < minute:
            self.now += 1
            for one in [one for one in self.waiting if one[0] <= self.now]:
                self.waiting.remove(one)
                self.show(one[1])
            due = self.exposure.read_due_ms()
            if due is not None and due <= self.ms(self.now):
                self.exposure = observe(self.exposure, self.live[-1][1], self.ms(self.now))
            self.exposure = settle(self.exposure, self.ms(self.now))

    def show(self, quantity: int) -> None:
        self.live.append((self.now, quantity))

    def write(self, quantity: int, delay: int) -> None:
        """Sent and accepted now, live after so many minutes and never before an earlier one."""
        self.version += 1
        settles = self.ms(self.now + SETTLING_MIN)
        self.exposure, attempt = begin(
            self.exposure,
            version=self.version,
            quantity=quantity,
            nodes={},
            mask=None,
            path="single",
            now_ms=self.ms(self.now),
            settles_by_ms=settles,
        )
        taken = Accepted(listing_id=LISTING, api="write", reason="ok")
        self.exposure = conclude(self.exposure, attempt.number, taken, self.ms(self.now), settles)
        applies = max([self.now + delay, *(at for at, _ in self.waiting)])
        self.waiting.append((applies, quantity))

    def sell(self, units: int, told_after: int) -> None:
        """Buyers take what is shown; the source tells of it later."""
        taken = min(units, self.live[-1][1])
        if taken > 0:
            if self.traits.includes_own_sales:
                self.show(self.live[-1][1] - taken)
            order = OrderId(f"O{len(self.moves)}")
            self.moves.append((self.now + told_after, ChannelMove(self.ms(self.now), taken, order)))

    def reading(self, age: int) -> Observation:
        """What was shown so many minutes ago, told now; it may be that old and is not said to be newer."""
        then = max(0, self.now - age)
        quantity = [number for at, number in self.live if at <= then][-1]
        as_of, now = self.ms(max(0, self.now - AGE_MIN)), self.ms(self.now)
        return Observation(LISTING, SKU, CHANNEL, quantity, {}, ObservedBy.PULL, as_of, now, "")

    def known(self) -> list[ChannelMove]:
        return [move for told, move in self.moves if told <= self.now]


@given(seed=st.integers(0, 2**32), includes_own_sales=st.booleans())
def test_a_listing_that_settles_and_sells_is_never_corrected(seed: int, includes_own_sales: bool) -> None:
    """A hundred writes, sales and readings in an order that the seed draws, some minutes apart."""
    draw = random.Random(seed)
    traits = ReadTraits(includes_own_sales, SETTLING_MIN * MINUTE)
    market, case, judged = Market(traits), None, 0
    market.write(10, 0)
    for _ in range(100):
        market.pass_to(market.now + draw.choice((1, 5, 10, 20, 40, 90)))
        kind = draw.choice(("write", "sell", "read", "read"))
        if kind == "write":
            market.write(draw.randint(0, 30), draw.randint(0, SETTLING_MIN))
        elif kind == "sell":
            market.sell(draw.randint(1, 5), draw.randint(0, ORDER_DELAY_MIN))
        else:
            known = judged_by(
                market.exposure, market.now, moves=market.known(), newest=market.version, policy=POLICY, traits=traits
            )
            verdict = judge(market.reading(draw.randint(0, AGE_MIN)), known, case)
            case = verdict.case
            judged += verdict.standing is not Standing.UNJUDGED

            assert verdict.restate is None, (verdict, market)
    assert judged  # otherwise nothing was shown by it


@given(
    edited=st.integers(0, 60),
    written=st.integers(0, 30),
    sold=st.integers(0, 5),
    includes_own_sales=st.booleans(),
)
def test_a_number_that_somebody_set_is_always_found(
    edited: int, written: int, sold: int, includes_own_sales: bool
) -> None:
    """Above what may be shown at once; below it when two reads have shown it."""
    traits = ReadTraits(includes_own_sales, SETTLING_MIN * MINUTE)
    market, case = Market(traits), None
    market.write(written, 5)
    market.pass_to(100)
    market.sell(sold, 10)
    market.pass_to(200)
    before = market.live[-1][1]
    market.show(edited)
    actions: list[str] = []
    for minute in (240, 480):
        market.pass_to(minute)
        known = judged_by(
            market.exposure, minute, moves=market.known(), newest=market.version, policy=POLICY, traits=traits
        )
        verdict = judge(market.reading(0), known, case)
        case = verdict.case
        actions.extend([verdict.record.action] if verdict.record is not None else [])

    if edited > before:
        assert actions[0] == Action.RESTATE.value
    elif edited < before:
        assert actions == [Action.WAIT.value, Action.RESTATE.value]
    else:
        assert actions == []


@given(waits=st.lists(st.integers(1, 300), max_size=20), includes_own_sales=st.booleans())
def test_a_case_is_bounded_whatever_is_read(waits: list[int], includes_own_sales: bool) -> None:
    """Somebody who always writes again gets no more corrections than the policy allows."""
    traits = ReadTraits(includes_own_sales, SETTLING_MIN * MINUTE)
    market = Market(traits)
    case: Case | None = None
    corrections = 0
    market.write(10, 0)
    for wait in waits:
        market.pass_to(market.now + wait + 2 * SETTLING_MIN + AGE_MIN)
        market.show(50)
        market.pass_to(market.now + AGE_MIN + 1)
        known = judged_by(market.exposure, market.now, newest=market.version, policy=POLICY, traits=traits)
        verdict = judge(market.reading(0), known, case)
        case = verdict.case
        if verdict.restate is not None:
            corrections += 1
            market.write(10, 1)

    assert corrections <= POLICY.corrections_max
