"""What a command makes of a SKU's state; repeating it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inventory_domain.commands import (
    KitAvailability,
    KitKind,
    KitRegistered,
    KitRemoved,
    Override,
    SaleSettled,
    SkuCommand,
)
from inventory_domain.errors import InvalidRecord
from inventory_domain.kits import (
    NO_LINKS,
    REFUSALS,
    KitLinks,
    answered,
    is_awaited,
    orders_settled,
    registered,
    removed,
)
from inventory_domain.mass_change import KIT_CAUSE, cause_of_kit
from inventory_domain.netting import is_netted, kit_sold, order_known
from inventory_domain.overrides import overridden
from inventory_domain.sku_state import SkuState


@dataclass(frozen=True, slots=True)
class Commanded:
    """The state after a command, and what its targets' cause is then. `refused`: it is a dead letter all the same.

    A component that refuses to be a part of a kit changes the kit, which has no number from it any more; and somebody
    has to hear of it.
    """

    state: SkuState
    cause: str
    refused: InvalidRecord | None = None


def commanded(state: SkuState, command: SkuCommand, kind: KitKind | Override | SaleSettled, now_ms: int) -> Commanded:
    """The state after the command; the same object where the command changes nothing.

    Raises:
        InvalidRecord: it asks for more than there may be of something.
    """
    if isinstance(kind, Override):
        override = overridden(state.override, kind, now_ms)
        after = state if override == state.override else replace(state, override=override)
        return Commanded(after, f"override-{kind.kind.value}")
    if isinstance(kind, SaleSettled):
        after = state
        if is_netted(state.stock, kind.order_id) or kind.order_id not in state.stock.known_orders:
            # Also an order that nobody has told of yet: the channel's word may be behind this one, on another topic.
            after = replace(state, stock=order_known(state.stock, kind.order_id))
        return Commanded(after, "sale-settled")
    if isinstance(kind, KitRegistered):
        return Commanded(_linked(state, registered(state.links or NO_LINKS, kind)), "kit-registered")
    if isinstance(kind, KitRemoved):
        return Commanded(_linked(state, removed(state.links or NO_LINKS, kind)), "kit-removed")
    if isinstance(kind, KitAvailability):
        return _answered(state, kind)
    stock = kit_sold(state.stock, kind, min(command.issued_at_ms, now_ms))
    return Commanded(state if stock is state.stock else replace(state, stock=stock), "kit-sold")


def _answered(state: SkuState, answer: KitAvailability) -> Commanded:
    links = state.links or NO_LINKS
    if not is_awaited(state.product, links, answer):
        stock, links = orders_settled(state.stock, links, answer)
        after = state if stock is state.stock else replace(state, stock=stock)
        return Commanded(_linked(after, links), KIT_CAUSE)
    stock, links = answered(state.stock, links, answer)
    refused = None
    if answer.refused:
        why = REFUSALS.get(answer.refused, answer.refused)
        text = f"{answer.component} cannot be a component of {state.sku}: {why}; {state.sku} shows nothing until then"
        refused = InvalidRecord(answer.refused if answer.refused in REFUSALS else "kit-refused", text)
    return Commanded(_linked(replace(state, stock=stock), links), cause_of_kit(answer.cause), refused)


def _linked(state: SkuState, links: KitLinks) -> SkuState:
    if links is state.links or (state.links is None and links.is_empty):
        return state
    return replace(state, links=None if links.is_empty else links)
