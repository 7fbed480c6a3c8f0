"""What a component may say to its kits while an operator's hand is on it, or input is not caught up with."""

from __future__ import annotations

from dataclasses import replace

from inventory_domain.changes import QUANTITY_MAX
from inventory_domain.commands import KitAvailability, Override, OverrideKind
from inventory_domain.identifiers import LocationId, Sku
from inventory_domain.kit_answers import an_answer, no_rise, under_override
from inventory_domain.kits import TOO_DEEP, KitLinks, Served
from tests.support.stock import a_product, available

PART, DALLAS, RENO = Sku("PART"), LocationId("dallas"), LocationId("reno")
PLACES = (DALLAS, RENO)


def said(dallas: int, reno: int = 0, *, units: int = 1) -> KitAvailability:
    """An answer with so many kits at each place."""
    some = tuple((place, kits) for place, kits in ((DALLAS, dallas), (RENO, reno)) if kits)
    return KitAvailability(PART, some, units)


def test_a_cap_is_for_all_places_together() -> None:
    """Nine units at most are four kits of two: three at Dallas and one at Reno, not four at each."""
    cap = Override(OverrideKind.CAP, 9, None, "ann", "count under way")

    answer = under_override(said(3, 5, units=2), cap, None, PLACES)

    assert answer.kits_by_location == ((DALLAS, 3), (RENO, 1))


def test_no_place_rises_though_another_one_falls() -> None:
    assert no_rise(said(2, 6), said(5, 4), PLACES).kits_by_location == ((DALLAS, 2), (RENO, 4))


def test_a_place_that_was_not_counted_stays_so_while_nothing_may_rise() -> None:
    """The kit says nothing from there yet: a first number would be a rise."""
    told = replace(said(5), uncounted=(RENO,))

    assert no_rise(said(5), told, PLACES).uncounted == (RENO,)
    assert no_rise(replace(said(0, 3), uncounted=(DALLAS,)), told, PLACES).uncounted == (DALLAS, RENO)


def test_units_sold_that_a_source_reports_give_no_kit_back_while_nothing_may_rise() -> None:
    """Two kits were lost to sales of which nobody knows the place; without them the kit would show two more."""
    told = replace(said(5), unplaced=2)

    assert no_rise(said(5), told, PLACES).unplaced == 2
    assert no_rise(replace(said(5), unplaced=3), told, PLACES).unplaced == 3


def test_a_component_that_refused_says_no_number_while_nothing_may_rise() -> None:
    refused = replace(said(0), refused=TOO_DEEP)

    assert no_rise(said(5), refused, PLACES) is refused
    assert no_rise(refused, said(5), PLACES) is refused, "that is a fall"


def test_the_first_word_to_a_kit_is_that_nothing_was_counted_while_nothing_may_rise() -> None:
    first = no_rise(said(5, 2), None, PLACES)

    assert (first.kits_by_location, first.uncounted) == ((), PLACES)


def test_more_kits_than_a_record_may_tell_of_are_told_as_the_most() -> None:
    """What nobody counts (a card, a ribbon) is put in as the most there may be, and then more of it is booked."""
    answer = an_answer(PART, a_product(), KitLinks(), Served(1), available({"dallas": QUANTITY_MAX + 5}))

    assert answer.kits_by_location == ((DALLAS, QUANTITY_MAX),)
