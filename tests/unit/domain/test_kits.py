"""What bounds a kit and its relations, and which answers of components a kit goes by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory_domain.catalog import Component
from inventory_domain.commands import KitAvailability, KitRegistered, SilentSource
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import LocationId, Sku, SourceId
from inventory_domain.kits import (
    COMPONENTS_MAX,
    KITS_MAX,
    NO_LINKS,
    KitLinks,
    Served,
    check_kit,
    is_awaited,
    registered,
    rescaled,
    silent_parts,
)
from tests.support.stock import a_product

PART, STRANGER = Sku("PART"), Sku("STRANGER")


def test_a_sku_is_in_so_many_kits_at_most_and_those_may_change() -> None:
    full = KitLinks(serves={Sku(f"K{number}"): Served(1) for number in range(KITS_MAX)})

    with pytest.raises(InvalidRecord, match="this SKU is in 1000 kits already"):
        registered(full, KitRegistered(Sku("one more"), 1))
    assert registered(full, KitRegistered(Sku("K0"), 2)).serves[Sku("K0")].units == 2


def test_a_kit_has_so_many_components_at_most() -> None:
    parts = tuple(Component(Sku(f"P{number}"), 1) for number in range(COMPONENTS_MAX + 1))
    check_kit(replace(a_product(), components=parts[1:]), NO_LINKS)

    with pytest.raises(InvalidRecord, match="51 components, at most 50"):
        check_kit(replace(a_product(), components=parts), NO_LINKS)


@pytest.mark.parametrize(
    ("component", "units", "version", "awaited"),
    [(PART, 2, 8, True), (PART, 2, 7, False), (PART, 3, 8, False), (STRANGER, 2, 8, False)],
    ids=["newer", "no newer", "for other units", "of no component"],
)
def test_a_kit_goes_by_newer_answers_for_its_own_units_alone(
    component: Sku, units: int, version: int, awaited: bool
) -> None:
    """A number for other units is in other kits than ours, and one of no component would stay for ever."""
    kit = replace(a_product(), components=(Component(PART, 2),))
    dallas = ((LocationId("dallas"), 5),)
    links = KitLinks(answers={PART: KitAvailability(PART, dallas, units=2, version=7)})

    assert is_awaited(kit, links, KitAvailability(component, dallas, units, version=version)) is awaited


def test_a_kit_of_a_kit_that_it_is_in_is_refused_before_anybody_is_told() -> None:
    """BASKET has the kit in it: the kit with a BASKET would be in itself."""
    links = KitLinks(serves={Sku("BASKET"): Served(1, above=(Sku("HAMPER"),))})

    for part in ("BASKET", "HAMPER"):
        with pytest.raises(InvalidRecord, match=f"component {part} of SKU-1 is a kit that SKU-1 is in"):
            check_kit(replace(a_product(), components=(Component(Sku(part), 1),)), links)


@pytest.mark.parametrize(
    ("units", "kits", "lost"),
    [(1, 10, 4), (2, 5, 2), (4, 2, 2)],
    ids=["fewer: a lost kit of two is two of one", "as many", "more: a lost kit is one all the same"],
)
def test_an_answer_for_other_units_never_promises_more_than_its_component_would(
    units: int, kits: int, lost: int
) -> None:
    """It said five kits of two, ten or eleven units, and two kits that are lost at nobody knows which place."""
    answer = KitAvailability(PART, ((LocationId("dallas"), 5),), units=2, unplaced=2)

    other = rescaled(answer, units)

    assert (other.kits_by_location, other.unplaced) == (((LocationId("dallas"), kits),), lost)


def test_a_silent_source_is_to_blame_only_where_its_component_bounds_the_kit() -> None:
    """The same source tells of PART at both places, and at Reno there is no STRANGER either."""
    dallas, reno = LocationId("dallas"), LocationId("reno")
    wms = SilentSource(SourceId("wms"), PART, (dallas, reno))
    answers = {PART: KitAvailability(PART, (), silent=(wms,)), STRANGER: KitAvailability(STRANGER, ((dallas, 3),))}

    told = list(silent_parts({dallas: (0, PART), reno: (0, STRANGER)}, answers))

    assert told == [(PART, SilentSource(SourceId("wms"), PART, (dallas,)))]
