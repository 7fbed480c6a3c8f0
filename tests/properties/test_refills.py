"""Marketplaces that lower their own numbers when they sell end at their targets, whoever tells of the sales."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inventory_domain.catalog import ListingNode
from inventory_domain.changes import StockCounted, StockReserved, UnitsSold
from inventory_domain.commands import Override, OverrideKind, SkuCommand
from inventory_domain.identifiers import ChannelId, EventId, LocationId, NodeId, OrderId, ReservationId
from inventory_streams.engine.records import InputRecord
from tests.support.engine_work import Memory
from tests.support.stock import SKU, a_change, a_channel, a_listing, a_policy, a_product

NODES = (ListingNode(NodeId("n1"), LocationId("dallas")), ListingNode(NodeId("n2"), LocationId("reno")))
LISTINGS = (
    a_listing("market-us", "capped", max_shown=5),
    a_listing("market-us", "free"),
    a_listing("shop", "nodes", max_shown=8, nodes=NODES),
)
PLACES = ("dallas", "reno")


class MarketplacesThatSell(RuleBasedStateMachine):
    """What buyers see is what was last said less what was sold since; nothing else is ever looked at."""

    @initialize(dallas=st.integers(0, 60), reno=st.integers(0, 60))
    def begin(self, dallas: int, reno: int) -> None:
        channels = [a_channel(name, locations=PLACES, percent_withheld=15) for name in ("market-us", "shop")]
        self.memory = Memory(a_policy(*channels))
        self.shown: dict[str, dict[str, int]] = {}
        self.waiting: list[InputRecord] = []
        self.catching_up = False
        self.orders = 0
        self.waiting.append(self.memory.wire.product(a_product(*LISTINGS, locations=dict.fromkeys(PLACES, 0))))
        for place, units in zip(PLACES, (dallas, reno), strict=True):
            self.count(place, units)
        self.batch(1)

    @rule(place=st.sampled_from(PLACES), units=st.integers(0, 60))
    def count(self, place: str, units: int) -> None:
        self.waiting.append(self.memory.wire.change(a_change(StockCounted(units), location=place)))

    @precondition(lambda self: any(any(parts.values()) for parts in self.shown.values()))
    @rule(data=st.data(), source_first=st.booleans(), twice=st.booleans())
    def sell(self, data: st.DataObject, source_first: bool, twice: bool) -> None:
        """A buyer takes units off what a listing shows; the channel reports it, and the source may be the quicker."""
        places = [(one, part) for one, parts in self.shown.items() for part, units in parts.items() if units]
        listing, part = data.draw(st.sampled_from(places))
        units = data.draw(st.integers(1, self.shown[listing][part]))
        self.shown[listing][part] -= units
        self.memory.now_ms += 1
        self.orders += 1
        order, wire = OrderId(f"o{self.orders}"), self.memory.wire
        sale = a_change(
            UnitsSold(ChannelId(listing.partition("/")[0]), order, units),
            location=None,
            occurred_at_ms=self.memory.now_ms,
        )
        reserved = wire.change(a_change(StockReserved(ReservationId(order), units, order)))
        reports = [wire.change(sale) for _ in range(1 + twice)]
        self.waiting += [reserved, *reports] if source_first else [*reports, reserved]

    @rule(kind=st.sampled_from([OverrideKind.HOLD, OverrideKind.CAP]))
    def bound(self, kind: OverrideKind) -> None:
        self.command(Override(kind, 4 if kind is OverrideKind.CAP else None, None, "ann", "recall"))

    @rule()
    def release(self) -> None:
        self.command(Override(OverrideKind.RELEASE, None, None, "ann", "over"))

    def command(self, override: Override) -> None:
        self.orders += 1
        command = SkuCommand(EventId(f"c{self.orders}"), SKU, self.memory.now_ms, "ann", override)
        self.waiting.append(self.memory.wire.command(command))

    @rule()
    def restart(self) -> None:
        """The engine comes back, and has to read what came meanwhile first."""
        self.catching_up = True

    @rule(share=st.floats(0.1, 1))
    def batch(self, share: float) -> None:
        count = round(len(self.waiting) * share)
        self.commit(*self.waiting[:count])
        del self.waiting[:count]

    @rule()
    def caught_up(self) -> None:
        self.catching_up = False
        state = self.memory.states.get(SKU)
        self.commit(wake={SKU: "caught-up"} if state is not None and state.owes_rise else {})

    def commit(self, *records: InputRecord, wake: Mapping[str, str] | None = None) -> None:
        self.memory.now_ms += 1
        computed = self.memory.batch(*records, catching_up=self.catching_up, wake=wake)  # type: ignore[arg-type]
        assert not computed.dead_letters
        for target in computed.targets:
            self.shown[target.listing_id] = dict(target.nodes) or {"": target.quantity}

    def teardown(self) -> None:
        """Everything is told and nothing is held any more: each listing shows its target."""
        if not hasattr(self, "memory"):
            return
        self.release()
        self.batch(1)
        self.caught_up()
        for listing_id, target in self.memory.states[SKU].targets.items():
            assert self.shown[listing_id] == (dict(target.nodes) or {"": target.quantity})


MarketplacesThatSell.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestMarketplacesThatSell = MarketplacesThatSell.TestCase
