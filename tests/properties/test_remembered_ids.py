"""A change that only its event id names is known again within the bound that is set, and only there (rule 3)."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inventory_domain.changes import InventoryChange, StockAdjusted, StockCounted
from inventory_domain.identifiers import EventId, LocationId
from inventory_domain.positions import Effect, apply
from inventory_domain.stock import Stock
from inventory_domain.stock_draft import StockDraft
from tests.support.stock import a_change

DALLAS = LocationId("dallas")
BEGAN_WITH = 1_000
BOUNDS = st.integers(1, 6)


def taken(number: int) -> InventoryChange:
    """A unit that went; its source gives no sequences."""
    return a_change(StockAdjusted(-1), event_id=f"e{number}", source="wms")


class Resending(RuleBasedStateMachine):
    """A producer sends again what it sent, at once or late; the engine is started with another bound now and then."""

    @initialize(bound=BOUNDS)
    def counted(self, bound: int) -> None:
        self.stock, effect = apply(Stock(), a_change(StockCounted(BEGAN_WITH), sequence=1), bound)
        assert effect is Effect.APPLIED
        self.bound = bound
        self.draft = StockDraft(self.stock, bound)
        self.sent = 0
        self.counts = 1
        self.went = 0
        self.forgotten = 0
        self.known: list[int] = []

    @rule()
    def a_new_one(self) -> None:
        self.sent += 1
        self._arrives(self.sent)

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(0, 8))
    def sent_again(self, back: int) -> None:
        self._arrives(max(1, self.sent - back))

    @rule(bound=BOUNDS)
    def started_again(self, bound: int) -> None:
        """What was remembered under the former bound stays until the next that is to be remembered."""
        self._settled()
        self.bound = bound
        self.draft = StockDraft(self.stock, bound)

    @rule()
    def a_count_with_a_sequence(self) -> None:
        """Its sequence guards it, so it takes no place of an id and drops none."""
        self.counts += 1
        count = a_change(StockCounted(BEGAN_WITH - self.went), sequence=self.counts)
        before = self.stock.event_ids
        self.stock, effect = apply(self.stock, count, self.bound)
        assert self.draft.apply(count) is effect
        assert self.stock.event_ids == before

    def _arrives(self, number: int) -> None:
        again = number in self.known
        if not again:
            self.went += 1
            self.known.append(number)
            self.forgotten += max(0, len(self.known) - self.bound)
            self.known = self.known[-self.bound :]

        self.stock, effect = apply(self.stock, taken(number), self.bound)

        assert effect is (Effect.DUPLICATE if again else Effect.APPLIED)
        assert self.draft.apply(taken(number)) is effect
        assert self.stock.positions[DALLAS].on_hand == BEGAN_WITH - self.went
        assert self.stock.event_ids == tuple(EventId(f"e{one}") for one in self.known)

    def _settled(self) -> None:
        assert self.draft.stock() == self.stock
        assert self.draft.forgotten_ids == self.forgotten
        self.forgotten = 0

    def teardown(self) -> None:
        """However a run ends, the draft has what the changes made one by one."""
        if hasattr(self, "draft"):
            self._settled()


Resending.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestResending = Resending.TestCase
