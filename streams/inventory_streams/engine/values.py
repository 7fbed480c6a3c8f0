"""What a computation is given and what it gives: rules, decoders, the effects of records, and all that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from inventory_domain.catalog import Product
from inventory_domain.changes import (
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import SkuCommand
from inventory_domain.exposure import Exposure
from inventory_domain.identifiers import ChannelId, ListingId, Marketplace, Sku, SourceId
from inventory_domain.plain_change import PlainChange
from inventory_domain.policies import AllocationPolicy
from inventory_domain.positions import Effect
from inventory_domain.sales import Sale
from inventory_domain.sku_state import SkuState
from inventory_domain.targets import Target
from inventory_domain.velocity import Demand
from inventory_streams.engine.dead_letters import DeadLetter
from inventory_streams.engine.settings import EngineSettings
from inventory_streams.topics import Topics

CAUSES = {
    StockCounted: "stock-counted",
    StockAdjusted: "stock-adjusted",
    StockReserved: "stock-reserved",
    ReservationReleased: "reservation-released",
    OrderShipped: "order-shipped",
    UnitsSold: "units-sold",
    SaleCancelled: "sale-cancelled",
}


class RecordEffect(Enum):
    """What became of a record that was read; the counts of all of them add up to the records read (P4)."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    DEAD_LETTERED = "dead-lettered"
    HELD = "held"

    __hash__ = object.__hash__  # each is there once; an enum's own hash is a call in Python, for every record


OF_STOCK = {
    Effect.APPLIED: RecordEffect.APPLIED,
    Effect.DUPLICATE: RecordEffect.DUPLICATE,
    Effect.SUPERSEDED: RecordEffect.SUPERSEDED,
}


class StateView(Protocol):
    """The durable states of one partition."""

    def get(self, sku: Sku) -> SkuState | None:
        """The SKU's state, or None when nothing is known of it."""
        ...


class DemandView(Protocol):
    """What is known of how fast SKUs sell."""

    def __call__(self, sku: Sku) -> Demand | None:
        """The SKU's demand, or None when nothing is known of it."""
        ...


def no_demand(sku: Sku) -> Demand | None:
    """Nothing is known of any SKU's sales."""
    return None


class GuardView(Protocol):
    """What is known of mass changes."""

    def __call__(self, zeroed: Mapping[ChannelId, int]) -> Mapping[ChannelId, str]:
        """The guard of each channel for which so many more listings zeroed by the input are a mass change."""
        ...


def no_guards(zeroed: Mapping[ChannelId, int]) -> Mapping[ChannelId, str]:
    """Every fall is believed."""
    return {}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a computation must know beside the states of SKUs: demand, sources that fell silent, mass changes.

    `newest_version` is the highest that the partition has given to a listing; `held` are the records of the partition
    that wait for their products. `given_up` tells which SKU has given a listing up, as `moving` says.
    """

    demand: DemandView = no_demand
    silent: frozenset[SourceId] = frozenset()
    guards: GuardView = no_guards
    newest_version: int | None = None
    held: int = 0
    given_up: Mapping[ListingId, Sku] = field(default_factory=dict)


ALONE = Surroundings()


@dataclass(frozen=True, slots=True)
class Decoders:
    """How the values of the inputs are read. Each raises BadRecord for bytes that it cannot accept.

    `plain_changes` is the quicker way of `change`, for many at once: it gives None for what it leaves to that.
    """

    change: Callable[[bytes], InventoryChange]
    plain_changes: Callable[[Iterable[bytes | None]], list[PlainChange | None]]
    product: Callable[[bytes], Product]
    command: Callable[[bytes], SkuCommand]
    exposure: Callable[[bytes], Exposure]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a computation needs beside the states: the policy, how inputs are read, where SKUs live, and its limits."""

    policy: AllocationPolicy
    topics: Topics
    decoders: Decoders
    partitions: int
    unknown_sku_grace_ms: int
    event_ids_max: int

    @classmethod
    def of(cls, settings: EngineSettings, policy: AllocationPolicy, decoders: Decoders) -> Rules:
        """The rules that an engine with these settings computes by."""
        grace_ms, ids_max = settings.unknown_sku_grace_ms, settings.event_ids_max
        return cls(policy, settings.topics, decoders, settings.partitions, grace_ms, ids_max)


@dataclass(frozen=True, slots=True)
class Computed:
    """All that follows from a batch; it becomes true by one transaction or not at all.

    `states` are those that changed; an empty one is forgotten. `commands` go to other SKUs, wherever they live.
    `uncounted` and `owing` tell of every SKU that was decided: how many of its listings wait for a count, and whether a
    rise was withheld. `words` are the newest times at which sources spoke, `beating` the sources that sent a heartbeat.
    `sales` were applied, and tell how fast SKUs sell. `zeroed` counts the listings per channel that the input zeroed.
    `live` tells per channel how long numbers took until they were seen there, in milliseconds. `effects` counts the
    records read by topic; `released` those that had been held. `forgotten_ids` counts the event ids that were forgotten
    because their SKU keeps only so many. `left` are listings that were left out of a product, with its SKU.
    """

    states: Mapping[Sku, SkuState]
    targets: tuple[Target, ...]
    forgotten: tuple[tuple[Marketplace, ListingId], ...]
    left: Mapping[ListingId, Sku]
    commands: tuple[SkuCommand, ...]
    dead_letters: tuple[DeadLetter, ...]
    words: Mapping[SourceId, int]
    beating: frozenset[SourceId]
    sales: tuple[Sale, ...]
    zeroed: Mapping[ChannelId, int]
    live: tuple[tuple[ChannelId, int], ...]
    uncounted: Mapping[Sku, int]
    owing: Mapping[Sku, bool]
    effects: Mapping[tuple[str, RecordEffect], int]
    released: Mapping[RecordEffect, int]
    forgotten_ids: int
    newest_record_ms: int | None
    computed_at_ms: int
