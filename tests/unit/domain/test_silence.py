"""Sources that fall silent: overdue first, then without a say, until they speak again."""

from __future__ import annotations

from inventory_domain.changes import StockAdjusted, StockCounted
from inventory_domain.identifiers import LocationId, SourceId
from inventory_domain.positions import apply
from inventory_domain.silence import SilencePolicy, Standing, standing, unvouched, vouched
from inventory_domain.stock import Stock
from tests.support.stock import NOW_MS, a_change, a_stock

ERP, WMS = SourceId("erp"), SourceId("wms")
POLICY = SilencePolicy(limit_ms=100, grace_ms=50, by_source={WMS: 1_000})
NOBODY: frozenset[SourceId] = frozenset()
LONG_AGO = NOW_MS - 10_000


def judged(
    silent_for_ms: int, *, source: SourceId = ERP, before: frozenset[SourceId] = NOBODY, watched_ms: int = LONG_AGO
) -> Standing:
    return standing({source: NOW_MS - silent_for_ms}, before, POLICY, NOW_MS, watched_ms)


def test_a_source_is_overdue_past_its_limit_and_silent_past_the_grace() -> None:
    states = [(bool(judged(ms).overdue), bool(judged(ms).silent)) for ms in (100, 101, 150, 151)]

    assert states == [(False, False), (True, False), (True, False), (True, True)]


def test_a_source_may_have_a_limit_of_its_own() -> None:
    assert not judged(900, source=WMS).overdue
    assert judged(1_051, source=WMS).silent == {WMS}


def test_the_grace_begins_when_somebody_watches() -> None:
    """After an engine that was away for an hour, the source gets the time to send its first heartbeat."""
    assert not judged(3_600_000, watched_ms=NOW_MS - 50).silent
    assert judged(3_600_000, watched_ms=NOW_MS - 51).silent == {ERP}


def test_who_was_silent_stays_so_for_a_new_owner_until_it_speaks() -> None:
    """A rebalance must not put stock back on sale that nobody vouches for."""
    assert judged(200, before=frozenset({ERP}), watched_ms=NOW_MS).silent == {ERP}
    assert not judged(10, before=frozenset({ERP})).silent


def test_a_source_without_heartbeats_is_never_judged() -> None:
    assert standing({}, NOBODY, POLICY, NOW_MS, LONG_AGO) == Standing({}, NOBODY, NOBODY)


def test_stock_of_a_silent_source_cannot_be_promised() -> None:
    stock = a_stock(dallas=10)
    stock, _ = apply(stock, a_change(StockCounted(7), location="reno", source="wms"))

    left = vouched(stock, frozenset({ERP}))

    assert {place: one.on_hand for place, one in left.positions.items()} == {"dallas": 0, "reno": 7}
    assert vouched(stock, NOBODY) is stock
    assert vouched(Stock(), frozenset({ERP})) == Stock()


def test_a_source_that_was_replaced_may_be_silent() -> None:
    """It will never speak again, and another one has counted what is there."""
    stock, _ = apply(a_stock(reno=3), a_change(StockCounted(10), sequence=7))
    stock, _ = apply(stock, a_change(StockCounted(4), source="wms", sequence=1))

    assert vouched(stock, frozenset({ERP})).positions[LocationId("dallas")].on_hand == 4
    assert vouched(stock, frozenset({WMS})).positions[LocationId("dallas")].on_hand == 0
    assert dict(unvouched(stock, frozenset({ERP}))) == {ERP: {"reno"}}
    back, _ = apply(stock, a_change(StockCounted(5), sequence=8))
    assert vouched(back, frozenset({ERP})).positions[LocationId("dallas")].on_hand == 0
    assert vouched(back, frozenset({WMS})).positions[LocationId("dallas")].on_hand == 5


def test_a_source_that_only_adjusts_what_another_one_counts_tells_of_it_still() -> None:
    stock, _ = apply(a_stock(dallas=10), a_change(StockAdjusted(-1), source="wms", sequence=1))
    stock, _ = apply(stock, a_change(StockCounted(9)))

    assert vouched(stock, frozenset({WMS})).positions[LocationId("dallas")].on_hand == 0


def test_what_was_never_counted_stays_unknown() -> None:
    """Unknown is not zero: the listing is left alone as before."""
    stock = a_stock(dallas=10)
    location = LocationId("dallas")
    uncounted = Stock({location: type(stock.positions[location])(None, {}, stock.positions[location].sources)})

    assert vouched(uncounted, frozenset({ERP})) == uncounted
