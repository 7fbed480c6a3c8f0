"""SKUs that are looked at without input."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.changes import StockReserved
from inventory_domain.commands import KitAvailability
from inventory_domain.decisions import decide
from inventory_domain.identifiers import LocationId, ReservationId, Sku, SourceId
from inventory_domain.kits import KitLinks, Served
from inventory_domain.sku_state import HeldRecord, SkuState
from inventory_domain.surges import Peak
from inventory_streams.engine.waking import InForce, Owing, Sweep, Timers, next_wake_ms, sources_changed, sweep_cause
from tests.support.stock import NOW_MS, SKU, a_policy, a_product, a_stock, after

A, B, C = Sku("A"), Sku("B"), Sku("C")


def test_timers_are_due_in_their_order_and_once() -> None:
    timers = Timers()
    timers.set(A, 30)
    timers.set(B, 10)
    timers.set(C, 20)

    assert timers.due(20, 10) == [B, C]
    assert timers.due(20, 10) == []
    assert timers.due(30, 10) == [A]


def test_a_timer_that_is_set_again_is_due_at_the_new_time_only() -> None:
    timers = Timers()
    timers.set(A, 10)
    timers.set(A, 50)

    assert timers.due(49, 10) == []
    assert timers.due(50, 10) == [A]


def test_a_timer_that_is_taken_off_is_never_due() -> None:
    timers = Timers()
    timers.set(A, 10)
    timers.set(A, None)

    assert timers.due(99, 10) == []
    assert len(timers) == 0


def test_no_more_than_the_limit_is_due_at_once() -> None:
    timers = Timers()
    for sku in (A, B, C):
        timers.set(sku, 1)

    assert timers.due(5, 2) == [A, B]
    assert timers.due(5, 2) == [C]


def test_a_state_wakes_at_its_next_expiry_or_at_the_end_of_its_wait() -> None:
    reserved = after(a_stock(dallas=5), StockReserved(ReservationId("r"), 1, expires_at_ms=NOW_MS + 100))
    held = HeldRecord("t", 0, 0, 0, b"k", b"v")
    waiting = SkuState(SKU, held=(held,), unknown_since_ms=NOW_MS - 10)

    assert next_wake_ms(SkuState(SKU, stock=reserved), NOW_MS, 1_000) == NOW_MS + 100
    assert next_wake_ms(waiting, NOW_MS, 1_000) == NOW_MS + 990
    assert next_wake_ms(replace(waiting, stock=reserved), NOW_MS, 50) == NOW_MS + 40
    assert next_wake_ms(SkuState(SKU), NOW_MS, 1_000) is None


def test_what_is_owed_is_paid_first_come_first_served_and_stays_until_paid() -> None:
    owing = Owing()
    owing.note({A: True, B: False, C: True})

    assert owing.first(1) == [A]
    assert owing.first(5) == [A, C]
    owing.note({A: False})
    assert owing.first(5) == [C]
    assert len(owing) == 1


def test_a_sweep_hands_every_sku_out_once() -> None:
    sweep = Sweep([A, B, C], mark="print", cause="policy")

    assert sweep.chunk(2) == [A, B]
    assert sweep.left == 1
    assert sweep.chunk(2) == [C]
    assert sweep.chunk(2) == []
    assert sweep.total == 3


def test_the_mark_of_what_is_in_force_changes_at_each_edge_and_is_the_same_when_a_peak_is_over() -> None:
    in_force = InForce("print", [Peak("a", 10, 20, 200), Peak("b", 15, 25, 150)])

    marks = [in_force.mark(at) for at in (9, 10, 14, 15, 20, 25, 9)]

    assert marks == ["print", "print:a", "print:a", "print:a:b", "print:b", "print", "print"]


def test_without_a_schedule_the_mark_is_the_policy() -> None:
    assert InForce("print", ()).mark(5) == "print"


def test_a_sweep_is_for_the_schedule_only_while_the_policy_stays() -> None:
    assert sweep_cause("print", "print:a") == sweep_cause("print:a", "print") == "schedule"
    assert sweep_cause("", "print") == sweep_cause("print:a", "other:a") == "policy"


def test_the_mark_names_the_sources_that_are_silent() -> None:
    """So a sweep for them that a crash cut short is made up for by whoever owns the partition next."""
    erp, wms = SourceId("erp"), SourceId("wms")
    in_force = InForce("print", ())
    speaking, silent, both = (in_force.mark(5, frozenset(some)) for some in ((), (erp,), (wms, erp)))

    assert len({speaking, silent, both}) == 3
    assert sweep_cause(speaking, silent) == sweep_cause(silent, both) == "source-silent"
    assert sweep_cause(both, silent) == "source-heard"
    assert sources_changed(silent, both) == {wms}
    assert sources_changed(silent, InForce("other", ()).mark(5)) is None
    assert sweep_cause(silent, InForce("other", ()).mark(5)) == "policy"


def test_what_ended_while_no_engine_ran_is_due_at_once() -> None:
    """A look that came too early is harmless, one that never comes is not."""
    expired = SkuState(SKU, stock=after(a_stock(dallas=5), StockReserved(ReservationId("r"), 1, None, NOW_MS - 100)))
    stopped = SkuState(SKU, a_stock(dallas=5), a_product(sale_stops_at_ms=NOW_MS - 50))
    showing = decide(stopped, a_policy(), NOW_MS - 60, catching_up=False, cause="test").state

    assert next_wake_ms(expired, NOW_MS, 1_000) == NOW_MS - 100
    assert next_wake_ms(showing, NOW_MS, 1_000) == NOW_MS - 50
    assert (
        next_wake_ms(decide(showing, a_policy(), NOW_MS, catching_up=False, cause="test").state, NOW_MS, 1_000) is None
    )


def test_the_end_of_a_pre_sale_is_a_time_to_look() -> None:
    state = SkuState(SKU, a_stock(dallas=5), a_product(sale_stops_at_ms=NOW_MS + 50))

    assert next_wake_ms(state, NOW_MS, 1_000) == NOW_MS + 50


def test_the_end_of_a_components_sale_is_made_up_for_though_it_shows_nothing_itself() -> None:
    """Its kits go by what it said before; nobody else tells them."""
    told = KitAvailability(SKU, ((LocationId("dallas"), 5),))
    part = SkuState(SKU, product=a_product(sale_stops_at_ms=NOW_MS - 50), links=KitLinks({A: Served(1, told=told)}))
    silenced = replace(part, links=KitLinks({A: Served(1, told=replace(told, kits_by_location=()))}))

    assert next_wake_ms(part, NOW_MS, 1_000) == NOW_MS - 50
    assert next_wake_ms(silenced, NOW_MS, 1_000) is None
