"""A SKU's whole story: why each of its listings shows what it shows, from the change to what was seen since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, RowMapping, Select, Table, select, union

from inventory_domain.atp import availability
from inventory_domain.catalog import Component, Product, ProductStatus, StockingLocation
from inventory_domain.commands import KitAvailability
from inventory_domain.errors import InventorySyncError
from inventory_domain.identifiers import LocationId, ReservationId, Sku
from inventory_domain.reconciliation import CyclePhase, ObservedBy
from inventory_domain.stock import Position, Reservation, Stock
from inventory_ledger import tables

CHANGES_MAX: Final = 20
ATTEMPTS_MAX: Final = 20
OBSERVATIONS_MAX: Final = 10
DISCREPANCIES_MAX: Final = 10
COMMANDS_MAX: Final = 10
LISTINGS_MAX: Final = 200

Facts = Mapping[str, object]
"""A row of a table, by column."""


class UnknownSku(InventorySyncError):
    """The ledger holds nothing about this SKU, or nothing before the time that was asked for."""


@dataclass(frozen=True, slots=True)
class LocationStory:
    """One location: what is there, what of it is promised, and what it adds to available-to-promise.

    `on_hand` and `adds` are None while the location was never counted. What the catalog said at a past time is not
    kept, so `safety_stock` and `adds` are None then: the derivations of that time's targets have what came of them.
    """

    location: str
    on_hand: int | None
    reserved: int
    safety_stock: int | None
    adds: int | None


@dataclass(frozen=True, slots=True)
class ListingStory:
    """One listing. `target` is the newest one said until the time that was asked for, None before the first.

    `withdrawn`: it holds no longer, and no other does; never said of a past time. `seen` is what was shown at the
    latest time of which a read tells, which is not always the one that was read last.

    `queued_ms`: how long the target waited until its first attempt was committed, None while there is none; `tried`
    says whether one was made all the same, and is not kept any more. `exposure` is what it may be showing now; it is
    left out when a past time was asked for (`now` is false). `reconciled` is the channel's last reconciliation that
    reached its end.
    """

    listing_id: str
    channel: str
    target: Facts | None
    withdrawn: bool
    queued_ms: int | None
    attempts: Sequence[Facts]
    exposure: Facts | None
    seen: Facts | None
    observed: Sequence[Facts]
    discrepancies: Sequence[Facts]
    channel_state: Facts | None
    reconciled: Facts | None
    now: bool = True

    @property
    def tried(self) -> bool:
        """Whether an attempt of the target was made."""
        last = self.exposure["last_version"] if self.exposure else None
        known = last is not None and self.target is not None and int(str(last)) >= int(str(self.target["version"]))
        return self.queued_ms is not None or known


@dataclass(frozen=True, slots=True)
class Story:
    """Everything about one SKU until `at_ms`. `state` says from which record of the engine its positions are.

    `product` is what the catalog says now; `now` is false where a past time was asked for.

    `components`, for a kit: how many of each it takes. `parts`: by component that has answered, how many kits it would
    do for at each location, None where it was never counted.
    """

    sku: str
    at_ms: int
    product: Facts | None
    changes: Sequence[Facts]
    state: Facts | None
    locations: Sequence[LocationStory]
    sold_unreported: Mapping[str, int]
    components: Mapping[str, int]
    parts: Mapping[str, Mapping[str, int | None]]
    listings: Sequence[ListingStory]
    commands: Sequence[Facts] = field(default=())
    dead_letters: Sequence[Facts] = field(default=())
    now: bool = True

    @property
    def unanswered(self) -> Sequence[str]:
        """The components of a kit of whose answers nothing is kept: what they would do for is not known here."""
        return [component for component in self.components if component not in self.parts]


def story(connection: Connection, sku: str, at_ms: int, *, channel: str | None = None, now: bool = True) -> Story:
    """The story of this SKU until that time; `now` adds what is true only of the present.

    Raises:
        UnknownSku: there is nothing to tell.
    """
    product = _first(connection, select(tables.products).where(tables.products.c.sku == sku))
    changes = _newest(connection, tables.changes, tables.changes.c.sku == sku, at_ms, CHANGES_MAX)
    state = _state(connection, sku, at_ms)
    names = _listings(connection, sku)
    if product is None and not changes and state is None and not names:
        raise UnknownSku(
            f"the ledger holds nothing about SKU {sku!r}; it knows what `inventory-sync ledger` has read by now"
        )
    wanted = [one for one in names if channel is None or one.partition("/")[0] == channel]
    if channel is not None and not wanted:
        channels = sorted({one.partition("/")[0] for one in names})
        there = f"it has listings on {', '.join(channels)}" if channels else "it has no listings"
        raise UnknownSku(f"SKU {sku!r} has no listing on channel {channel!r}; {there}")
    listings = tuple(_listing(connection, one, at_ms, now=now) for one in wanted[:LISTINGS_MAX])
    if not now and not changes and state is None and not any(one.target for one in listings):
        raise UnknownSku(f"the ledger holds nothing about SKU {sku!r} before that time")
    answers = _answers(state)
    locations, sold = _locations(sku, product, state, answers, at_ms, now=now)
    return Story(
        sku=sku,
        at_ms=at_ms,
        product=product,
        changes=changes,
        state=state,
        locations=locations,
        sold_unreported=sold,
        components=json.loads(str(product["details"]))["components"] if product else {},
        parts={
            component: {**dict(answer.kits_by_location), **dict.fromkeys(answer.uncounted)}
            for component, answer in answers.items()
        },
        listings=listings,
        commands=_newest(connection, tables.sku_commands, tables.sku_commands.c.sku == sku, at_ms, COMMANDS_MAX),
        dead_letters=_dead_letters(connection, [sku, *wanted], at_ms),
        now=now,
    )


def _listings(connection: Connection, sku: str) -> list[str]:
    """Every listing of the SKU: in the catalog, with a target, or still exposed."""
    parts = [
        select(table.c.listing_id).where(table.c.sku == sku)
        for table in (tables.product_listings, tables.listings, tables.exposures)
    ]
    return sorted(connection.execute(union(*parts)).scalars())


def _state(connection: Connection, sku: str, at_ms: int) -> Facts | None:
    table = tables.sku_states
    until = (table.c.sku == sku) & (table.c.appended_at_ms <= at_ms)
    return _first(connection, select(table).where(until).order_by(table.c.record_offset.desc()))


def _answers(state: Facts | None) -> dict[Sku, KitAvailability]:
    """What the components of a kit last said to it."""
    kept = json.loads(str(state["parts"])) if state else {}
    return {
        Sku(component): KitAvailability(
            Sku(component),
            tuple((LocationId(location), kits) for location, kits in said["kits"].items()),
            uncounted=tuple(LocationId(location) for location in said["uncounted"]),
        )
        for component, said in kept.items()
    }


def _locations(
    sku: str,
    product: Facts | None,
    state: Facts | None,
    answers: Mapping[Sku, KitAvailability],
    at_ms: int,
    *,
    now: bool,
) -> tuple[tuple[LocationStory, ...], Mapping[str, int]]:
    """Positions as the engine had them, and what each adds by the engine's own rule."""
    kept = json.loads(str(state["positions"])) if state else {}
    sold: Mapping[str, int] = json.loads(str(state["sales"])) if state else {}
    details = json.loads(str(product["details"])) if product else {}
    safety: Mapping[str, int] = details.get("locations", {})
    components = tuple(Component(Sku(part), units) for part, units in details.get("components", {}).items())
    positions = {LocationId(name): _position(one) for name, one in kept.items()}
    stocked = tuple(StockingLocation(LocationId(name), units) for name, units in sorted(safety.items()))
    shell = Product(Sku(sku), ProductStatus.ACTIVE, "", stocked, (), components)
    adds = availability(shell, Stock(positions=positions), at_ms, answers).by_location if now else {}
    found = []
    for name in sorted({*safety, *kept} if now else kept):
        position, units = positions.get(LocationId(name), Position()), safety.get(name, 0) if now else None
        found.append(LocationStory(name, position.on_hand, position.reserved(at_ms), units, adds.get(LocationId(name))))
    return tuple(found), sold


def _position(kept: Mapping[str, object]) -> Position:
    held = kept["reserved"]
    assert isinstance(held, list)
    reservations = {
        ReservationId(str(number)): Reservation(units, None, expires) for number, (units, expires) in enumerate(held)
    }
    on_hand = kept["on_hand"]
    return Position(None if on_hand is None else int(str(on_hand)), reservations)


def _listing(connection: Connection, listing: str, at_ms: int, *, now: bool) -> ListingStory:
    targets, outcomes, exposures = tables.targets, tables.outcomes, tables.exposures
    said = (targets.c.listing_id == listing) & (targets.c.computed_at_ms <= at_ms)
    target = _first(connection, select(targets).where(said).order_by(targets.c.version.desc()))
    tried = (outcomes.c.listing_id == listing) & (outcomes.c.committed_at_ms <= at_ms)
    # By their time: a listing that was forgotten and came back counts its attempts from one again.
    newest = (outcomes.c.committed_at_ms.desc(), outcomes.c.attempt.desc())
    attempts = _all(connection, select(outcomes).where(tried).order_by(*newest).limit(ATTEMPTS_MAX))
    queued = None
    if target is not None:
        version = target["version"]
        first = _first(
            connection,
            select(outcomes).where(tried & (outcomes.c.version == version)).order_by(outcomes.c.committed_at_ms),
        )
        queued = int(str(first["committed_at_ms"])) - int(str(target["computed_at_ms"])) if first else None
    channel = listing.partition("/")[0]
    return ListingStory(
        listing_id=listing,
        channel=channel,
        target=target,
        withdrawn=now and target is not None and not _holds(connection, listing),
        queued_ms=queued,
        attempts=attempts,
        exposure=_first(connection, select(exposures).where(exposures.c.listing_id == listing)) if now else None,
        seen=_last_seen(connection, listing, at_ms),
        observed=_seen(connection, tables.observations, listing, at_ms, OBSERVATIONS_MAX),
        discrepancies=_seen(connection, tables.discrepancies, listing, at_ms, DISCREPANCIES_MAX),
        channel_state=_channel_state(connection, channel, at_ms, now=now),
        reconciled=_reconciled(connection, channel, at_ms),
        now=now,
    )


def _holds(connection: Connection, listing: str) -> bool:
    """Whether the engine has a target for the listing: it takes it back where the listing is not ours to write."""
    return _first(connection, select(tables.listings).where(tables.listings.c.listing_id == listing)) is not None


def _last_seen(connection: Connection, listing: str, at_ms: int) -> Facts | None:
    """A signal is a hint and shows nothing; a report tells of a time long before it was read."""
    table = tables.observations
    read = (table.c.listing_id == listing) & (table.c.observed_at_ms <= at_ms)
    shown = read & (table.c.observed_by != ObservedBy.SIGNAL.value)
    return _first(connection, select(table).where(shown).order_by(table.c.as_of_ms.desc()))


def _channel_state(connection: Connection, channel: str, at_ms: int, *, now: bool) -> Facts | None:
    """Of the present what was said last: a state's reason may change while it lasts, and its history has the first."""
    if now:
        newest = _first(connection, select(tables.channels).where(tables.channels.c.channel == channel))
        if newest is not None:
            return newest
    table = tables.channel_states
    until = (table.c.channel == channel) & (table.c.since_ms <= at_ms)
    return _first(connection, select(table).where(until).order_by(table.c.epoch.desc(), table.c.since_ms.desc()))


def _reconciled(connection: Connection, channel: str, at_ms: int) -> Facts | None:
    table = tables.reconciliations
    ended = (table.c.phase == CyclePhase.COMPLETE.value) & (table.c.at_ms <= at_ms)
    question = select(table).where((table.c.channel == channel) & ended)
    return _first(connection, question.order_by(table.c.started_at_ms.desc()))


def _dead_letters(connection: Connection, keys: Sequence[str], at_ms: int) -> Sequence[Facts]:
    """The newest letters, each with the newest decision on it."""
    table = tables.dead_letters
    until = table.c.record_key.in_(keys) & (table.c.appended_at_ms <= at_ms)
    letters = _all(connection, select(table).where(until).order_by(table.c.appended_at_ms.desc()).limit(COMMANDS_MAX))
    return tuple({**letter, **_decision(connection, letter, at_ms)} for letter in letters)


def _decision(connection: Connection, letter: Facts, at_ms: int) -> Facts:
    table = tables.letter_decisions
    of_letter = (
        (table.c.topic == letter["topic"])
        & (table.c.record_partition == letter["record_partition"])
        & (table.c.letter_offset == letter["record_offset"])
        & (table.c.appended_at_ms <= at_ms)
    )
    question = select(table.c.decision, table.c.decided_by, table.c.why).where(of_letter)
    found = _first(connection, question.order_by(table.c.record_offset.desc()))
    return found or {"decision": None, "decided_by": None, "why": None}


def _seen(connection: Connection, table: Table, listing: str, at_ms: int, limit: int) -> Sequence[Facts]:
    until = (table.c.listing_id == listing) & (table.c.observed_at_ms <= at_ms)
    return _all(connection, select(table).where(until).order_by(table.c.observed_at_ms.desc()).limit(limit))


def _newest(connection: Connection, table: Table, which: object, at_ms: int, limit: int) -> Sequence[Facts]:
    until = select(table).where(which, table.c.appended_at_ms <= at_ms)  # type: ignore[arg-type]
    return _all(connection, until.order_by(table.c.record_offset.desc()).limit(limit))


def _first(connection: Connection, question: Select[tuple[object, ...]]) -> Facts | None:
    row = connection.execute(question.limit(1)).mappings().first()
    return None if row is None else _facts(row)


def _all(connection: Connection, question: Select[tuple[object, ...]]) -> tuple[Facts, ...]:
    return tuple(_facts(row) for row in connection.execute(question).mappings())


def _facts(row: RowMapping) -> Facts:
    return {str(name): value for name, value in row.items()}
