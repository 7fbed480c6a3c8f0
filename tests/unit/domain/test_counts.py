"""The engine's positions against the source's own counts."""

from __future__ import annotations

from inventory_domain.counts import CountFault, KnownCount, SourceCount, count_differences
from inventory_domain.identifiers import LocationId, Sku, SourceId

PLACE = (Sku("A"), LocationId("main"))
ERP = SourceId("erp")


def faults(on_hand: int, sequence: int | None, known: KnownCount | None) -> list[CountFault]:
    counts = [SourceCount(*PLACE, ERP, on_hand, sequence)]
    return [one.fault for one in count_differences(counts, {} if known is None else {PLACE: known})]


def test_a_count_that_was_applied_as_it_was_sent_agrees_whatever_came_on_top() -> None:
    assert faults(10, 7, KnownCount(8, {ERP: (7, 10)})) == []


def test_a_count_that_is_over_is_not_compared() -> None:
    assert faults(10, 7, KnownCount(3, {ERP: (9, 3)})) == []


def test_a_count_that_the_engine_does_not_have_is_not_applied() -> None:
    assert faults(10, 7, KnownCount(8, {ERP: (6, 8)})) == [CountFault.NOT_APPLIED]
    assert faults(10, 7, KnownCount(8, {})) == [CountFault.NOT_APPLIED]


def test_the_same_count_with_another_number_differs() -> None:
    assert faults(10, 7, KnownCount(8, {ERP: (7, 8)})) == [CountFault.DIFFERS]


def test_a_count_that_another_sources_took_the_place_of_is_not_compared() -> None:
    assert faults(10, 7, KnownCount(4, {ERP: (7, None), SourceId("wms"): (1, 4)})) == []
    assert faults(10, 8, KnownCount(4, {ERP: (7, None), SourceId("wms"): (1, 4)})) == [CountFault.NOT_APPLIED]


def test_a_list_of_what_is_on_hand_is_compared_with_what_is_on_hand() -> None:
    assert faults(10, None, KnownCount(10, {ERP: (7, 12)})) == []
    assert faults(10, None, KnownCount(9, {ERP: (7, 10)})) == [CountFault.DIFFERS]


def test_a_place_that_the_engine_never_counted_is_unknown_and_not_zero() -> None:
    assert faults(0, None, None) == faults(0, 1, KnownCount(None, {})) == [CountFault.UNKNOWN]
