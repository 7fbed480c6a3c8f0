"""What the pages ask of the ledger. Each answer is bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from inventory_domain.health import SILENT_MS
from inventory_domain.reconciliation import Action, CyclePhase
from inventory_ledger import tables

ROWS_MAX: Final = 200
FOUND_MAX: Final = 50
DAY_MS: Final = 86_400_000
SETTLED: Final = (Action.VERIFIED.value, Action.CLEARED.value)

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A channel on the first page. `health` is None before anything was said of it.

    `stop_at_ms` is when stop-sale begins unless something goes through, while that is coming. `reconciled_ms`: when
    the last reconciliation that reached its end began. `silent_since_ms`: when delivery last said anything of it, where
    that is longer ago than it ever is while delivery runs: how the channel is now is not known then.
    """

    channel: str
    health: Facts | None
    stop_at_ms: int | None
    listings: int
    drifted_today: int
    dead_letters_today: int
    reconciled_ms: int | None
    silent_since_ms: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page: the channels, how far the engine is, how fresh the ledger is."""

    channels: Sequence[ChannelLine]
    engine: Facts
    newest_ms: int | None


def overview(connection: Connection, now_ms: int) -> Overview:
    """How everything is now."""
    health = {str(row["channel"]): row for row in _rows(connection, select(tables.channels))}
    listings = _counts(connection, select(tables.listings.c.channel, func.count()).group_by(tables.listings.c.channel))
    drift = tables.discrepancies
    today = now_ms - DAY_MS
    drifted = _counts(
        connection,
        select(drift.c.channel, func.count(func.distinct(drift.c.listing_id)))
        .where(drift.c.appended_at_ms >= today, drift.c.action.not_in(SETTLED))
        .group_by(drift.c.channel),
    )
    dead = tables.dead_letters
    letters: dict[str, int] = {}
    undecided = select(dead.c.record_key).where(dead.c.appended_at_ms >= today, ~exists().where(_decided_on()))
    for (key,) in connection.execute(undecided.limit(10_000)):
        channel, slash, _ = str(key).partition("/")
        if slash:
            letters[channel] = letters.get(channel, 0) + 1
    cycles = tables.reconciliations
    reconciled = _counts(
        connection,
        select(cycles.c.channel, func.max(cycles.c.started_at_ms))
        .where(cycles.c.phase == CyclePhase.COMPLETE.value)
        .group_by(cycles.c.channel),
    )
    names = sorted({*health, *listings, *drifted})
    lines = [
        ChannelLine(
            name,
            health.get(name),
            _stop_at_ms(health.get(name)),
            listings.get(name, 0),
            drifted.get(name, 0),
            letters.get(name, 0),
            reconciled.get(name),
            _silent_since_ms(health.get(name), now_ms),
        )
        for name in names
    ]
    progress = tables.engine_progress
    question = select(
        func.count().label("partitions"),
        func.min(progress.c.complete_until_ms).label("complete_until_ms"),
        func.sum(progress.c.skus).label("skus"),
        func.sum(progress.c.uncounted).label("uncounted"),
    )
    engine = dict(connection.execute(question).mappings().one())
    written = [engine["complete_until_ms"], *(row["appended_at_ms"] for row in health.values())]
    newest = max((int(str(one)) for one in written if one is not None), default=None)
    return Overview(lines, engine, newest)


def _silent_since_ms(health: Facts | None, now_ms: int) -> int | None:
    said_ms = int(str(health["appended_at_ms"])) if health else None
    return said_ms if said_ms is not None and now_ms - said_ms > SILENT_MS else None


def _stop_at_ms(health: Facts | None) -> int | None:
    """When stop-sale begins, where the channel's record says so."""
    told = json.loads(str(health["details"])).get("stop_at_ms") if health else None
    return told if isinstance(told, int) else None


def mark(connection: Connection) -> str:
    """Changes whenever the first page would: what a browser that watches is told."""
    parts = [
        connection.execute(select(func.max(table.c.appended_at_ms))).scalar()
        for table in (tables.channels, tables.engine_progress, tables.discrepancies, tables.dead_letters)
    ]
    return "-".join(str(part) for part in parts)


def channel_history(connection: Connection, channel: str) -> Sequence[Facts]:
    """The states that the channel was in, the newest first."""
    table = tables.channel_states
    question = select(table).where(table.c.channel == channel).order_by(table.c.since_ms.desc()).limit(FOUND_MAX)
    return _rows(connection, question)


def reconciliations(connection: Connection, channel: str) -> Sequence[Facts]:
    """The channel's reconciliations, the newest first."""
    table = tables.reconciliations
    question = select(table).where(table.c.channel == channel).order_by(table.c.started_at_ms.desc()).limit(FOUND_MAX)
    return _rows(connection, question)


def commands(connection: Connection, channel: str | None = None) -> Sequence[Facts]:
    """What operators asked for, the newest first."""
    table = tables.operator_commands
    question = select(table).order_by(table.c.at_ms.desc()).limit(ROWS_MAX)
    return _rows(connection, question if channel is None else question.where(table.c.channel == channel))


def found_skus(connection: Connection, text: str) -> Sequence[str]:
    """SKUs that begin with the text, or have a listing whose id is it; first the one that is it.

    One that neither catalog nor engine names is found by its whole name: a change of it, or a listing that still shows.
    """
    exact = [select(table.c.sku).where(table.c.sku == text) for table in (tables.products, tables.changes)]
    for table in (tables.listings, tables.product_listings, tables.exposures):
        exact += [select(table.c.sku).where(table.c.listing_id == text), select(table.c.sku).where(table.c.sku == text)]
    beginning = [
        select(table.c.sku).where(table.c.sku.startswith(text, autoescape=True)).order_by(table.c.sku)
        for table in (tables.products, tables.listings)
    ]
    found: dict[str, None] = {}
    for part in (exact, beginning):
        names = {name for one in part for name in connection.execute(one.distinct().limit(FOUND_MAX)).scalars()}
        found |= dict.fromkeys(sorted(names))
    return list(found)[:FOUND_MAX]


def discrepancies(connection: Connection, channel: str | None, cause: str | None) -> Sequence[Facts]:
    """The newest steps of cases, of one channel or cause when it is given."""
    table = tables.discrepancies
    question = select(table).order_by(table.c.appended_at_ms.desc(), table.c.record_offset.desc()).limit(ROWS_MAX)
    if channel:
        question = question.where(table.c.channel == channel)
    if cause:
        question = question.where(table.c.cause == cause)
    return _rows(connection, question)


def dead_letters(connection: Connection, text: str | None, *, with_decided: bool) -> Sequence[Facts]:
    """The newest dead letters, each with the newest decision on it; those that have one only when they are asked for.

    Of one SKU, listing, channel or reason when a text is given.
    """
    table, decided = tables.dead_letters, tables.letter_decisions
    of_letter = _decided_on()
    newest = select(func.max(decided.c.record_offset)).where(of_letter).correlate(table).scalar_subquery()
    of_newest = of_letter & (decided.c.record_offset == newest)
    question = (
        select(table, decided.c.decision, decided.c.decided_by, decided.c.why)
        .outerjoin(decided, of_newest)
        .order_by(table.c.appended_at_ms.desc())
        .limit(ROWS_MAX)
    )
    if not with_decided:
        question = question.where(decided.c.decision.is_(None))
    if text:
        channel = table.c.record_key.startswith(f"{text}/", autoescape=True)
        of_sku = [
            table.c.record_key.in_(select(one.c.listing_id).where(one.c.sku == text))
            for one in (tables.listings, tables.product_listings)
        ]
        question = question.where(or_(table.c.record_key == text, channel, table.c.reason == text, *of_sku))
    return _rows(connection, question)


def _decided_on() -> ColumnElement[bool]:
    """Whether a decision is on a letter."""
    table, decided = tables.dead_letters, tables.letter_decisions
    return (
        (decided.c.topic == table.c.topic)
        & (decided.c.record_partition == table.c.record_partition)
        & (decided.c.letter_offset == table.c.record_offset)
    )


def _counts(connection: Connection, question: object) -> dict[str, int]:
    return {str(name): int(count) for name, count in connection.execute(question)}  # type: ignore[call-overload]


def _rows(connection: Connection, question: object) -> list[Facts]:
    return [dict(row) for row in connection.execute(question).mappings()]  # type: ignore[call-overload]
