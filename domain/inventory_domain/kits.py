"""Kits, whose number follows from components that live elsewhere: what the two sides say to each other, and when.

A kit registers with its components; each answers for how many kits it would do at each location, and again whenever
that changes. A kit's sales go to its components, which net them until the source reports the order. A component may be
a kit of plain products itself; nothing deeper. Every message is the whole of what it is about, so that its repetition
changes nothing, and nobody answers an answer, so that there is no loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from inventory_domain.catalog import Product
from inventory_domain.commands import KitAvailability, KitRegistered, KitRemoved, SilentSource
from inventory_domain.errors import InvalidRecord
from inventory_domain.identifiers import LocationId, OrderId, Sku
from inventory_domain.netting import order_known
from inventory_domain.stock import Stock

KITS_MAX: Final = 1_000  # kits that one SKU may be a part of
COMPONENTS_MAX: Final = 50  # components of one kit

OTHER_UNITS: Final = 0  # of an answer for units that are not asked for any more: only that the next is newer counts

CYCLE: Final = "kit-cycle"
TOO_DEEP: Final = "kit-too-deep"
PART_TWICE: Final = "kit-part-twice"
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        CYCLE: "it contains the kit itself",
        TOO_DEEP: "it is a kit of kits, and kits nest one level only",
        PART_TWICE: "one product is in the kit by more than one way; list it once, with all the units that a kit needs",
    }
)


@dataclass(frozen=True, slots=True)
class Served:
    """A kit that this SKU is a part of. `told` is the last answer, with nothing settled in it; None: none yet."""

    units: int
    above: tuple[Sku, ...] = ()
    told: KitAvailability | None = None


@dataclass(frozen=True, slots=True)
class KitLinks:
    """A SKU's relations to others. `serves`: kits that it is a part of. For a kit: what its components answered.

    `waiting` has, by order of this kit, the components at which the source has not told of it yet. `told_above` is
    what components were told of the kits that this kit is in.
    """

    serves: Mapping[Sku, Served] = field(default_factory=dict)
    answers: Mapping[Sku, KitAvailability] = field(default_factory=dict)
    waiting: Mapping[OrderId, tuple[Sku, ...]] = field(default_factory=dict)
    told_above: tuple[Sku, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to remember."""
        return not (self.serves or self.answers or self.waiting or self.told_above)

    @property
    def above(self) -> tuple[Sku, ...]:
        """Every kit that this SKU is in, directly or through another one."""
        found = set(self.serves)
        for served in self.serves.values():
            found.update(served.above)
        return tuple(sorted(found))


NO_LINKS: Final = KitLinks()


def units_needed(product: Product | None) -> dict[Sku, int]:
    """The components of a kit with the units that one kit needs; empty for all else."""
    return {part.sku: part.units for part in product.components} if product is not None else {}


def check_kit(product: Product, links: KitLinks) -> None:
    """Accept the product as the kit that it says it is, or say why not; the former product then stays.

    Raises:
        InvalidRecord: it has too many components, or one of them is a kit that this SKU is in.
    """
    if len(product.components) > COMPONENTS_MAX:
        raise InvalidRecord("too-many-components", f"{len(product.components)} components, at most {COMPONENTS_MAX}")
    above = links.above
    for part in product.components:
        if part.sku in above:
            raise InvalidRecord(CYCLE, f"component {part.sku} of {product.sku} is a kit that {product.sku} is in")


def registered(links: KitLinks, asked: KitRegistered) -> KitLinks:
    """The links with that kit; the same object when it is known just like this.

    Raises:
        InvalidRecord: the SKU is in more kits than one may be.
    """
    known = links.serves.get(asked.kit)
    if known is not None and (known.units, known.above) == (asked.units, asked.above):
        return links
    if known is None and len(links.serves) >= KITS_MAX:
        raise InvalidRecord("too-many-kits", f"kit {asked.kit}: this SKU is in {KITS_MAX} kits already")
    told = known.told if known is not None else None
    if told is not None and known is not None and known.units != asked.units:
        told = replace(told, units=OTHER_UNITS)
    return replace(links, serves={**links.serves, asked.kit: Served(asked.units, asked.above, told)})


def removed(links: KitLinks, asked: KitRemoved) -> KitLinks:
    """The links without that kit; the same object when it is not known."""
    if asked.kit not in links.serves:
        return links
    return replace(links, serves={kit: one for kit, one in links.serves.items() if kit != asked.kit})


def is_awaited(product: Product | None, links: KitLinks, answer: KitAvailability) -> bool:
    """Whether the answer is about a component as this kit has it now, and newer than the one known.

    Units that differ are those of a kit as it was before: its number is in other kits than ours.
    """
    if units_needed(product).get(answer.component) != answer.units:
        return False
    known = links.answers.get(answer.component)
    return known is None or known.version < answer.version


def answered(stock: Stock, links: KitLinks, answer: KitAvailability) -> tuple[Stock, KitLinks]:
    """A kit's stock and links after an answer that it awaits. A refusal leaves the component without any answer."""
    stock, links = orders_settled(stock, links, answer)
    if answer.refused:
        return stock, without_answer(links, answer.component)
    kept = replace(answer, settled=(), cause="") if answer.settled or answer.cause else answer
    return stock, replace(links, answers={**links.answers, answer.component: kept})


def orders_settled(stock: Stock, links: KitLinks, answer: KitAvailability) -> tuple[Stock, KitLinks]:
    """A kit's stock and links after what the answer says of its orders; the same objects where it says nothing new.

    That the source has told of an order is said once only, so it holds also in an answer for other units.
    """
    for order_id in answer.settled:
        stock, links = _settled(stock, links, order_id, answer.component)
    return stock, links


def without_answer(links: KitLinks, component: Sku) -> KitLinks:
    """The links without what that component said."""
    if component not in links.answers:
        return links
    return replace(links, answers={one: said for one, said in links.answers.items() if one != component})


def _settled(stock: Stock, links: KitLinks, order_id: OrderId, component: Sku) -> tuple[Stock, KitLinks]:
    """The source has told of the order at this component; when it has at all of them, the kit nets it no longer."""
    awaited = links.waiting.get(order_id)
    if awaited is None:
        return stock, links
    left = tuple(one for one in awaited if one != component)
    waiting = {order: parts for order, parts in links.waiting.items() if order != order_id}
    if left:
        return stock, replace(links, waiting={**waiting, order_id: left})
    return order_known(stock, order_id), replace(links, waiting=waiting)


def component_left(stock: Stock, links: KitLinks, component: Sku) -> tuple[Stock, KitLinks]:
    """A kit's stock and links when a component is no longer a part of it: nothing is awaited from there."""
    for order_id in list(links.waiting):
        stock, links = _settled(stock, links, order_id, component)
    return stock, without_answer(links, component)


def rescaled(answer: KitAvailability, units: int) -> KitAvailability:
    """An answer for another number of units per kit, never above what the component would say itself.

    It stands in until the component has answered anew, so that a kit need not show nothing for a moment.
    """
    kits = tuple((place, number * answer.units // units) for place, number in answer.kits_by_location)
    unplaced = answer.unplaced * answer.units if units < answer.units else answer.unplaced
    return replace(answer, units=units, kits_by_location=kits, unplaced=unplaced)


def scarcest(
    product: Product, answers: Mapping[Sku, KitAvailability], places: Iterable[LocationId]
) -> dict[LocationId, tuple[int, Sku]]:
    """By location, for how many kits the component that bounds the kit there would do, and which one it is.

    Each component must have answered.
    """
    kits = {part.sku: dict(answers[part.sku].kits_by_location) for part in product.components}
    return {place: min((numbers.get(place, 0), sku) for sku, numbers in kits.items()) for place in places}


def silent_parts(
    bounds: Mapping[LocationId, tuple[int, Sku]], answers: Mapping[Sku, KitAvailability]
) -> Iterator[tuple[Sku, SilentSource]]:
    """What the components that bound a kit, as `scarcest` says, have said of silent sources where they bound it.

    What other components said of theirs does not matter there, so no more is told on than there are locations.
    """
    for component in sorted({sku for _, sku in bounds.values()}):
        for one in answers[component].silent:
            here = tuple([place for place in one.locations if bounds.get(place, (0, ""))[1] == component])
            if here:
                yield component, SilentSource(one.source, one.sku, here)
