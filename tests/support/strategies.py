"""Hypothesis strategies for every value that goes over the wire: anything that the system may say, edges included."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

from inventory_domain.catalog import (
    Component,
    Fulfillment,
    Listing,
    ListingNode,
    ListingType,
    Product,
    ProductStatus,
    StockingLocation,
)
from inventory_domain.changes import (
    QUANTITY_MAX,
    InventoryChange,
    OrderShipped,
    ReservationReleased,
    SaleCancelled,
    SourceHeartbeat,
    StockAdjusted,
    StockCounted,
    StockReserved,
    UnitsSold,
)
from inventory_domain.commands import (
    KitAvailability,
    KitRegistered,
    KitRemoved,
    KitSold,
    Override,
    OverrideKind,
    Restate,
    SaleSettled,
    SilentSource,
    SkuCommand,
)
from inventory_domain.exposure import Attempt, AttemptState, Confirmed, Exposure, LastAttempt, Proof, Result
from inventory_domain.health import ChannelHealth, ChannelReport, ChannelState, Pause, Stop
from inventory_domain.identifiers import ChannelId, Sku, listing_id
from inventory_domain.kits import KitLinks, Served
from inventory_domain.operations import OperatorAction, OperatorCommand
from inventory_domain.outcomes import AttemptOutcome
from inventory_domain.overrides import LATEST_MS
from inventory_domain.progress import EngineProgress
from inventory_domain.reconciliation import CyclePhase, Discrepancy, Observation, ObservedBy, ReconciliationCycle
from inventory_domain.sku_state import (
    EmittedTarget,
    HeldRecord,
    InputPosition,
    PartitionProgress,
    SeenExposure,
    SkuState,
)
from inventory_domain.stock import ChannelSale, KitSale, Move, Position, Reservation, SourceLog, Stock
from inventory_domain.targets import Target
from inventory_schemas.records import HealthRecord

T = TypeVar("T")

LONG_MAX = 2**63 - 1
INT_MAX = 2**31 - 1

identifiers = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
channels = identifiers.map(lambda name: ChannelId(name.replace("/", "-")))
texts = st.text(st.characters(codec="utf-8"), max_size=20)
units = st.integers(1, QUANTITY_MAX)
quantities = st.integers(0, QUANTITY_MAX)
moves = st.integers(-QUANTITY_MAX, QUANTITY_MAX)
counters = st.integers(0, LONG_MAX)
times = st.integers(0, LONG_MAX)
past = st.integers(0, LATEST_MS)
booleans = st.booleans()
nodes = st.dictionaries(identifiers, quantities, max_size=3)
marketplace_ids = st.dictionaries(identifiers, identifiers, max_size=3)


def maybe(values: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """A value, or none."""
    return st.none() | values


# --- inventory changes

position_kinds = st.one_of(
    st.builds(StockCounted, quantities, maybe(times)),
    st.builds(StockAdjusted, moves),
    st.builds(StockReserved, identifiers, units, maybe(identifiers), maybe(times)),
    st.builds(ReservationReleased, identifiers),
    st.builds(OrderShipped, units, maybe(identifiers), maybe(identifiers)),
)
sale_kinds = st.one_of(
    st.builds(UnitsSold, channels, identifiers, units),
    st.builds(SaleCancelled, channels, identifiers, units, texts),
)
inventory_changes = st.one_of(
    st.builds(
        InventoryChange, identifiers, identifiers, maybe(counters), past, identifiers, identifiers, position_kinds
    ),
    st.builds(
        InventoryChange, identifiers, identifiers, maybe(counters), past, identifiers, maybe(identifiers), sale_kinds
    ),
    st.builds(
        InventoryChange,
        identifiers,
        identifiers,
        maybe(counters),
        past,
        st.none(),
        st.none(),
        st.builds(SourceHeartbeat),
    ),
)

# --- products


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """A listing whose id begins with its channel."""
    channel = draw(channels)
    return Listing(
        listing_id=listing_id(channel, draw(identifiers)),
        channel=channel,
        marketplace_ids=draw(marketplace_ids),
        listing_type=draw(st.sampled_from(ListingType)),
        fulfillment=draw(st.sampled_from(Fulfillment)),
        variation_of=draw(maybe(identifiers)),
        nodes=tuple(draw(st.lists(listing_nodes, max_size=3, unique_by=lambda node: node.node))),
        two_day=draw(booleans),
        price_minor=draw(maybe(st.integers(0, 10**15))),
        margin_minor=draw(maybe(st.integers(-(10**15), 10**15))),
        min_shown=draw(quantities),
        max_shown=draw(maybe(quantities)),
    )


listing_nodes = st.builds(ListingNode, identifiers, identifiers, booleans)


@st.composite
def products(draw: st.DrawFn) -> Product:
    """A product, with or without listings, locations and components."""
    sku = draw(identifiers)
    parts = draw(st.lists(st.builds(Component, identifiers, units), max_size=2, unique_by=lambda part: part.sku))
    stocked = st.lists(
        st.builds(StockingLocation, identifiers, quantities), max_size=3, unique_by=lambda stocking: stocking.location
    )
    return Product(
        sku=Sku(sku),
        status=draw(st.sampled_from(ProductStatus)),
        category=draw(st.just("") | identifiers),
        locations=tuple(draw(stocked)),
        listings=tuple(draw(st.lists(listings(), max_size=3, unique_by=lambda listing: listing.listing_id))),
        components=tuple(part for part in parts if part.sku != sku),
    )


# --- commands to a SKU

overrides = st.one_of(
    st.builds(Override, st.just(OverrideKind.CAP), quantities, maybe(times), identifiers, identifiers),
    st.builds(
        Override,
        st.sampled_from([kind for kind in OverrideKind if kind is not OverrideKind.CAP]),
        maybe(quantities),
        maybe(times),
        identifiers,
        identifiers,
    ),
)
names = st.lists(identifiers, max_size=2).map(tuple)
kit_answers = st.builds(
    KitAvailability,
    identifiers,
    st.lists(st.tuples(identifiers, quantities), max_size=3).map(tuple),
    units,
    names,
    quantities,
    booleans,
    names,
    texts,
    names,
    names,
    counters,
    st.lists(st.builds(SilentSource, identifiers, identifiers, names), max_size=2).map(tuple),
    texts,
)
command_kinds = st.one_of(
    st.builds(Restate, identifiers, counters, texts),
    st.builds(KitRegistered, identifiers, units, names),
    st.builds(KitRemoved, identifiers),
    kit_answers,
    st.builds(KitSold, identifiers, identifiers, quantities, texts),
    overrides,
    st.builds(SaleSettled, identifiers, identifiers, identifiers),
)
sku_commands = st.builds(SkuCommand, identifiers, identifiers, times, texts, command_kinds)

# --- the engine's state and progress

source_logs = st.builds(
    SourceLog,
    maybe(counters),
    maybe(quantities),
    st.lists(st.builds(Move, counters, moves), max_size=3).map(tuple),
    maybe(counters),
)
positions = st.builds(
    Position,
    maybe(moves),
    st.dictionaries(identifiers, st.builds(Reservation, units, maybe(identifiers), maybe(times)), max_size=2),
    st.dictionaries(identifiers, source_logs, max_size=2),
)
stocks = st.builds(
    Stock,
    st.dictionaries(identifiers, positions, max_size=2),
    st.dictionaries(identifiers, st.builds(ChannelSale, channels, units, times), max_size=2),
    st.lists(identifiers, max_size=3).map(tuple),
    st.lists(identifiers, max_size=3).map(tuple),
    st.dictionaries(st.tuples(identifiers, identifiers), st.builds(KitSale, texts, quantities, times), max_size=2),
    st.dictionaries(identifiers, st.builds(ChannelSale, channels, units, times), max_size=2),
)
emitted_targets = st.builds(
    EmittedTarget,
    counters,
    quantities,
    nodes,
    channels,
    identifiers,
    marketplace_ids,
    booleans,
    maybe(identifiers),
    booleans,
)
held_records = st.builds(
    HeldRecord,
    identifiers,
    st.integers(0, INT_MAX),
    counters,
    times,
    maybe(st.binary(max_size=8)),
    st.binary(max_size=8),
)
sku_states = st.builds(
    SkuState,
    identifiers,
    stocks,
    maybe(products()),
    st.dictionaries(identifiers, emitted_targets, max_size=2),
    st.dictionaries(
        identifiers, st.builds(SeenExposure, maybe(quantities), maybe(quantities), maybe(counters)), max_size=2
    ),
    times,
    booleans,
    st.lists(held_records, max_size=2).map(tuple),
    maybe(times),
    maybe(overrides),
    booleans,
    links=maybe(
        st.builds(
            KitLinks,
            st.dictionaries(identifiers, st.builds(Served, units, names, maybe(kit_answers)), max_size=2),
            st.dictionaries(identifiers, kit_answers, max_size=2),
            st.dictionaries(identifiers, names, max_size=2),
            names,
        )
    ),
    overshown_listing_units=quantities,
    overshown_sku_units=quantities,
    scarce=booleans,
)
partition_progress = st.builds(
    PartitionProgress,
    st.dictionaries(identifiers, st.builds(InputPosition, identifiers, counters), max_size=3),
    st.dictionaries(identifiers, times, max_size=3),
    texts,
    st.dictionaries(identifiers, times, max_size=3),
    st.frozensets(identifiers, max_size=3),
    counters,
)
engine_progress = st.builds(
    EngineProgress,
    st.integers(0, INT_MAX),
    times,
    times,
    booleans,
    counters,
    counters,
    st.dictionaries(identifiers, times, max_size=3),
)

# --- listings

targets = st.builds(
    Target,
    listing_id=identifiers,
    sku=identifiers,
    channel=channels,
    marketplace=identifiers,
    version=counters,
    quantity=quantities,
    nodes=nodes,
    marketplace_ids=marketplace_ids,
    atp=quantities,
    allocation=quantities,
    buffer=quantities,
    strategy=identifiers,
    cause=texts,
    derivation=texts,
    changed_at_ms=times,
    computed_at_ms=times,
    withdrawn=booleans,
    guard=maybe(identifiers),
)
confirmed = st.builds(Confirmed, quantities, counters, times, st.sampled_from(Proof))
last_attempts = st.builds(
    LastAttempt, counters, counters, quantities, nodes, maybe(texts), times, st.sampled_from(Result), counters
)
attempts = st.builds(
    Attempt,
    number=counters,
    version=counters,
    quantity=quantities,
    nodes=nodes,
    mask=maybe(texts),
    path=texts,
    feed_id=maybe(texts),
    sent_at_ms=times,
    settles_by_ms=times,
    state=st.sampled_from(AttemptState),
    fall=booleans,
)
exposures = st.builds(
    Exposure,
    identifiers,
    identifiers,
    maybe(confirmed),
    maybe(last_attempts),
    st.lists(attempts, max_size=3).map(tuple),
)
attempt_outcomes = st.builds(
    AttemptOutcome,
    listing_id=identifiers,
    sku=identifiers,
    channel=channels,
    version=counters,
    attempt=counters,
    quantity=quantities,
    mask=maybe(texts),
    outcome=identifiers,
    reason=texts,
    api=texts,
    request_id=maybe(texts),
    status=maybe(st.integers(100, 599)),
    error=maybe(texts),
    changed_at_ms=times,
    committed_at_ms=times,
    sent_at_ms=times,
    answered_at_ms=times,
)
observations = st.builds(
    Observation,
    identifiers,
    identifiers,
    channels,
    maybe(quantities),
    nodes,
    st.sampled_from(ObservedBy),
    times,
    times,
    texts,
)
discrepancies = st.builds(
    Discrepancy,
    identifiers,
    identifiers,
    channels,
    quantities,
    quantities,
    quantities,
    moves,
    texts,
    texts,
    times,
    texts,
    texts,
    counters,
    counters,
    times,
    texts,
)
reconciliation_cycles = st.builds(
    ReconciliationCycle,
    channels,
    st.sampled_from(CyclePhase),
    times,
    times,
    counters,
    counters,
    counters,
    counters,
    counters,
    counters,
    counters,
    texts,
)

# --- channels

small_counters = st.integers(0, 2**31 - 1)
channel_reports = st.builds(
    ChannelReport,
    channels,
    identifiers,
    times,
    counters,
    st.dictionaries(identifiers, counters, max_size=3),
    counters,
    maybe(times),
    counters,
    st.dictionaries(identifiers, counters, max_size=3),
    *[small_counters] * 3,
    *[counters] * 3,
)
health_records = st.builds(
    HealthRecord,
    st.builds(
        ChannelHealth,
        channels,
        st.sampled_from(ChannelState),
        counters,
        times,
        counters,
        maybe(times),
        texts,
        texts,
        times,
        maybe(times),
        booleans,
        maybe(times),
        identifiers,
        small_counters,
        *[booleans] * 4,
        maybe(st.builds(Pause, identifiers, texts, times, booleans)),
        maybe(st.builds(Stop, identifiers, texts, times, booleans)),
        booleans,
        maybe(times),
        maybe(times),
        maybe(texts),
    ),
    st.dictionaries(identifiers, counters, max_size=3),
)
operator_commands = st.builds(
    OperatorCommand, identifiers, channels, st.sampled_from(OperatorAction), texts, texts, times, booleans
)
