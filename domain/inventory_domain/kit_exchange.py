"""What a SKU must say to others after its state has changed: to its components when it is a kit, and to its kits."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

from inventory_domain.atp import availability
from inventory_domain.catalog import Product, opened
from inventory_domain.changes import QUANTITY_MAX
from inventory_domain.commands import KitAvailability, KitKind, KitRegistered, KitRemoved, KitSold, SilentSource
from inventory_domain.identifiers import ChannelId, LocationId, OrderId, Sku, SourceId
from inventory_domain.kit_answers import an_answer, no_rise, refusal, silent_sources, under_override
from inventory_domain.kits import NO_LINKS, OTHER_UNITS, KitLinks, component_left, rescaled, units_needed
from inventory_domain.overrides import in_force
from inventory_domain.silence import vouched
from inventory_domain.sku_state import SkuState
from inventory_domain.stock import KitOrder, Stock


@dataclass(frozen=True, slots=True)
class Exchange:
    """The state that remembers what was said, and what is to be said, in order; all in one transaction.

    The state owes a rise where a kit would have been told of one that waits until input is caught up with.
    """

    state: SkuState
    commands: tuple[tuple[Sku, KitKind], ...]


def concerns_others(before: SkuState | None, after: SkuState) -> bool:
    """Whether the SKU is a kit or in one, or was before: all others have nothing to say to anybody."""
    if after.links is not None or (after.product is not None and after.product.components):
        return True
    return before is not None and (before.links is not None or bool(units_needed(before.product)))


def recomposed(state: SkuState, product: Product | None, durable: SkuState | None = None) -> SkuState:
    """The state with another product in it; what components said is kept where they are still a part.

    `durable` is the state before the batch: a component that is needed as it was then is not asked anew, so what it
    said then holds, and not what is left of it by reckoning to other units and back.

    A SKU that becomes a kit has no positions of its own any more. One without a product has none either, and forgets
    what the source told of orders with them; what channels sold is owed all the same, should the product come back.
    """
    stock, links = state.stock, state.links or NO_LINKS
    needed = units_needed(product)
    said_then = durable.links.answers if durable is not None and durable.links is not None else {}
    back = {part: said for part, said in said_then.items() if needed.get(part) == said.units}
    kept = {part: said for part, said in links.answers.items() if part in needed}
    answers = back | {part: _for_units(said, needed[part], back.get(part)) for part, said in kept.items()}
    links = replace(links, answers=answers)
    if product is None:
        stock = replace(stock, positions={}, known_orders=())
    elif needed and stock.positions:
        stock = replace(stock, positions={})
    return replace(state, product=product, stock=stock, links=None if links.is_empty else links)


def without_parts_that_left(state: SkuState) -> SkuState:
    """The state of a kit whose orders wait for no part that it has not; for the end of a batch, before it decides.

    Not sooner: a part that was left out and taken back within the batch is never told of it, and goes on netting the
    kit's orders.
    """
    links = state.links
    if links is None or not links.waiting:
        return state
    if state.product is None:  # what is still owed is said to the components anew when the kit comes back
        links = replace(links, waiting={})
        return replace(state, links=None if links.is_empty else links)
    needed, stock = units_needed(state.product), state.stock
    awaited = {part for parts in links.waiting.values() for part in parts}
    for part in sorted(awaited.difference(needed)):
        stock, links = component_left(stock, links, part)
    if links is state.links:
        return state
    return replace(state, stock=stock, links=None if links.is_empty else links)


def _for_units(said: KitAvailability, units: int, said_then: KitAvailability | None) -> KitAvailability:
    if said_then is not None and said_then.version == said.version:
        return said_then
    return said if said.units == units else rescaled(said, units)


def exchange(
    before: SkuState | None,
    after: SkuState,
    now_ms: int,
    *,
    heard: Set[KitOrder],
    cause: str = "",
    closed: frozenset[LocationId] = frozenset(),
    silent: frozenset[SourceId] = frozenset(),
    catching_up: bool,
) -> Exchange:
    """What follows for others from this change of a state.

    `heard` are the kits' orders that came in the same batch, `cause` is that of the SKU's targets. Nothing is promised
    from locations that are `closed`, nor from those of which a `silent` source tells.
    While catching up no answer rises.
    """
    product = None if after.product is None else opened(after.product, closed)
    stock = vouched(after.stock, silent)
    links = after.links or NO_LINKS
    commands: list[tuple[Sku, KitKind]] = []
    needed = units_needed(after.product)
    links, registrations = _registrations(before, after, links)
    commands.extend(registrations)
    if needed:
        links, sales = _sales(before, after, links)
        commands.extend(sales)
    owes = False
    quiet = silent_sources(product, after.stock, silent, links) if links.serves and product is not None else ()
    for kit, served in links.serves.items():
        gone = _no_longer_netted(before, after, kit, heard)
        bounded, answer = _answer(after, product, stock, links, kit, quiet, now_ms, catching_up=catching_up)
        if bounded is None:
            continue
        owes = owes or bounded != answer
        told = served.told
        if told is not None and not gone and replace(bounded, version=told.version) == told:
            continue
        bounded = replace(bounded, version=now_ms if told is None else max(told.version + 1, now_ms))
        links = replace(links, serves={**links.serves, kit: replace(served, told=bounded)})
        commands.append((kit, replace(bounded, settled=gone, cause=cause)))
    owes = owes or after.owes_rise
    if links is (after.links or NO_LINKS) and owes == after.owes_rise:
        return Exchange(after, tuple(commands))
    state = replace(after, links=None if links.is_empty else links, owes_rise=owes)
    return Exchange(state, tuple(commands))


def _registrations(
    before: SkuState | None, after: SkuState, links: KitLinks
) -> tuple[KitLinks, list[tuple[Sku, KitKind]]]:
    """A kit tells its components that it needs them, and anew when it is a part of other kits than it was."""
    former = units_needed(before.product) if before is not None else {}
    needed = units_needed(after.product)
    above = links.above if needed else ()
    said: list[tuple[Sku, KitKind]] = [(part, KitRemoved(after.sku)) for part in former if part not in needed]
    said += [
        (part, KitRegistered(after.sku, units, above))
        for part, units in needed.items()
        if former.get(part) != units or above != links.told_above
    ]
    return (links if above == links.told_above else replace(links, told_above=above)), said


def _sales(before: SkuState | None, after: SkuState, links: KitLinks) -> tuple[KitLinks, list[tuple[Sku, KitKind]]]:
    """Every order of this kit whose units changed goes to the components that have not settled it.

    A kit that has come back into the catalog says them all: it does not know any more who waits for which.
    """
    needed = units_needed(after.product)
    known = _orders(before.stock) if before is not None else {}
    was = known if before is not None and units_needed(before.product) else {}
    owed = known if before is not None and before.product is None else {}
    now = _orders(after.stock)
    if was == now and not owed:
        return links, []
    said: list[tuple[Sku, KitKind]] = []
    waiting = dict(links.waiting)
    for order_id in dict.fromkeys((*known, *now)):
        if order_id not in owed and was.get(order_id) == now.get(order_id):
            continue
        units, channel = now.get(order_id, (0, known.get(order_id, (0, ChannelId("")))[1]))
        parts: Iterable[Sku] = waiting.get(order_id, tuple(needed) if units or order_id in owed else ())
        said += [
            (part, KitSold(after.sku, order_id, min(units * needed[part], QUANTITY_MAX), channel))
            for part in parts
            if part in needed
        ]
        if units:
            waiting[order_id] = tuple(parts)
        else:
            waiting.pop(order_id, None)
    return replace(links, waiting=waiting), said


def _orders(stock: Stock) -> dict[OrderId, tuple[int, ChannelId]]:
    """Units of this SKU by order, sold by itself and in kits together, with a channel that sold some of them."""
    found = {order_id: (sale.units, sale.channel) for order_id, sale in stock.sales.items()}
    for (_, order_id), part in stock.kit_sales.items():
        units, channel = found.get(order_id, (0, part.channel))
        found[order_id] = (units + part.units, channel)
    return found


def _no_longer_netted(before: SkuState | None, after: SkuState, kit: Sku, heard: Set[KitOrder]) -> tuple[OrderId, ...]:
    """Orders of the kit that the source has told of here: netted before, or new in this batch, and not netted now."""
    known = {order_id for name, order_id in heard if name == kit}
    if before is not None:
        known.update(order_id for name, order_id in before.stock.kit_sales if name == kit)
    return tuple(sorted(order_id for order_id in known if (kit, order_id) not in after.stock.kit_sales))


def _answer(
    state: SkuState,
    product: Product | None,
    stock: Stock,
    links: KitLinks,
    kit: Sku,
    quiet: tuple[SilentSource, ...],
    now_ms: int,
    *,
    catching_up: bool,
) -> tuple[KitAvailability | None, KitAvailability | None]:
    """What may be said to the kit, and what would be said if input were caught up with; None: nothing is known."""
    served = links.serves[kit]
    told = served.told
    if told is not None and told.units == OTHER_UNITS:
        told = None
    refused = refusal(product, links, kit, served)
    if refused:
        answer = KitAvailability(state.sku, (), served.units, refused=refused)
        return answer, answer
    is_kit = bool(units_needed(product))
    nothing = KitAvailability(state.sku, (), served.units, is_kit=is_kit, heard=served.above)
    if product is None:
        return (None, None) if told is None else (nothing, nothing)
    if not product.is_sold(now_ms):
        return nothing, nothing
    available = availability(product, stock, now_ms, links.answers, besides=kit)
    places = tuple(sorted(stocking.location for stocking in product.locations))
    if any(kit not in said.heard for said in links.answers.values()):
        # A component that does not know of that kit yet may still refuse to be in it.
        answer = replace(nothing, uncounted=places)
        return answer, answer
    answer = replace(an_answer(state.sku, product, links, served, available), silent=quiet)
    override = in_force(state.override, now_ms)
    if override is not None:
        answer = under_override(answer, override, told, places)
    return (no_rise(answer, told, places) if catching_up else answer), answer
