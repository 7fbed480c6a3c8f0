"""The weekly audit: every listing of every channel, and what the buffers were worth."""

from __future__ import annotations

import json
from typing import Final

from sqlalchemy import Connection, and_, case, distinct, exists, func, literal, not_, or_, select

from inventory_domain.catalog import ProductStatus
from inventory_domain.reconciliation import Action, Cause, ObservedBy
from inventory_domain.targets import TWO_DAY_ELSEWHERE
from inventory_ledger import tables
from inventory_ledger.reports import asking
from inventory_ledger.reports.asking import SETTLED, sheet
from inventory_ledger.reports.model import DAY_MS, TREND_WEEKS, Cell, Figure, Period, Report, Sheet, Tone
from inventory_ledger.telling import clock

NEW_GRACE_MS: Final = 6 * 3_600_000
"""A mapping that came within the last hours may still be on its way."""


def weekly(connection: Connection, period: Period, made_at_ms: int) -> Report:
    """The audit of that week; listings and mappings are those of now."""
    begin, end = period.from_ms, period.until_ms
    names = asking.channels(connection)
    ghosts, missing = _ghosts(connection, begin, end), _missing(connection)
    unsynced, uncounted, twice = _never_synced(connection, made_at_ms), _uncounted(connection), _twice(connection)
    elsewhere = _two_day_elsewhere(connection)
    buffers, every = _buffers(connection, begin, end, names), _every_channel(connection, names)
    first = end - TREND_WEEKS * 7 * DAY_MS

    listings = sum(int(str(row[1])) for row in every.rows)
    found = (ghosts, missing, unsynced, uncounted, twice, elsewhere)
    figures = (
        Figure("listings", "listings audited", listings),
        *(Figure(one.key, one.title.lower(), one.count, Tone.BAD if one.rows else Tone.GOOD) for one in found),
    )
    plots = (
        asking.drift_plot(connection, "Drift by the day", begin, end, DAY_MS, names),
        asking.drift_plot(connection, f"Drift over {TREND_WEEKS} weeks", first, end, 7 * DAY_MS, names),
    )
    return Report(period, made_at_ms, figures, plots, (every, *found, buffers))


def _every_channel(connection: Connection, names: list[str]) -> Sheet:
    """Each channel with how many listings it has by the catalog, by the engine, by delivery."""
    mapped = _counts(connection, tables.product_listings.c.channel, tables.product_listings.c.is_written)
    told = _counts(connection, tables.listings.c.channel, not_(tables.listings.c.withdrawn))
    confirmed = _counts(connection, tables.exposures.c.channel, tables.exposures.c.confirmed_quantity.is_not(None))
    on_sale = _counts(connection, tables.exposures.c.channel, tables.exposures.c.confirmed_quantity > 0)
    rows: list[tuple[Cell, ...]] = [
        (name, mapped.get(name, 0), told.get(name, 0), confirmed.get(name, 0), on_sale.get(name, 0)) for name in names
    ]
    columns = ("channel", "mapped_in_the_catalog", "with_a_target", "confirmed_once", "on_sale")
    note = "Listings that we write, as the catalog, the engine and delivery know them. The columns should agree."
    return sheet("listings", "Every channel", note, columns, rows)


def _counts(connection: Connection, channel: object, which: object) -> dict[str, int]:
    question = select(channel, func.count()).where(which).group_by(channel)  # type: ignore[call-overload]
    return {str(name): int(count) for name, count in connection.execute(question)}


def _ghosts(connection: Connection, begin: int, end: int) -> Sheet:
    """Shown, but the product is discontinued or unknown, by what was confirmed or by what a reconciliation saw.

    One that the catalog never had is reported once and not again before it changes: it is one until it is said to be
    none.
    """
    seen, mapped, product = tables.exposures, tables.product_listings, tables.products
    known = exists().where((mapped.c.listing_id == seen.c.listing_id) & (mapped.c.sku == seen.c.sku))
    gone = exists().where((product.c.sku == seen.c.sku) & (product.c.status == ProductStatus.DISCONTINUED.value))
    question = (
        select(
            seen.c.channel,
            seen.c.sku,
            seen.c.listing_id,
            seen.c.confirmed_quantity,
            seen.c.confirmed_at_ms,
            case((gone, "discontinued"), else_="not in the catalog"),
        )
        .where(seen.c.confirmed_quantity > 0, or_(not_(known), gone))
        .order_by(seen.c.channel, seen.c.listing_id)
    )
    rows: dict[str, tuple[Cell, ...]] = {
        row[2]: (row[0], row[1], row[2], row[3], clock(row[4]), row[5]) for row in connection.execute(question)
    }
    table, later = tables.discrepancies, tables.discrepancies.alias("later")
    followed = exists().where(
        later.c.listing_id == table.c.listing_id,
        later.c.observed_at_ms > table.c.observed_at_ms,
        later.c.observed_at_ms < end,
    )
    reported = select(table).where(table.c.cause == Cause.GHOST.value, table.c.action.not_in(SETTLED))
    lasts = or_(table.c.action == Action.REPORT.value, table.c.observed_at_ms >= begin)
    reported = reported.where(table.c.observed_at_ms < end, lasts, not_(followed))
    for row in connection.execute(reported.order_by(table.c.observed_at_ms)):
        why = row.evidence or "seen by a reconciliation"
        seen_at = clock(row.observed_at_ms)
        rows.setdefault(row.listing_id, (row.channel, row.sku, row.listing_id, row.observed, seen_at, why))
    columns = ("channel", "sku", "listing_id", "units_shown", "seen", "why")
    note = "Buyers can order what nobody means to sell."
    return sheet("ghosts", "Ghost listings", note, columns, list(rows.values()))


def _missing(connection: Connection) -> Sheet:
    """Mapped in the catalog, and the marketplace says that it has no such listing."""
    mapped, seen = tables.product_listings, tables.observations
    shows = seen.c.observed_by != ObservedBy.SIGNAL.value  # a signal is a hint: it neither names a listing nor hides it
    newest = (
        select(seen.c.listing_id, func.max(seen.c.as_of_ms).label("at_ms"))
        .where(shows)
        .group_by(seen.c.listing_id)
        .subquery()
    )
    last = (seen.c.listing_id == newest.c.listing_id) & (seen.c.as_of_ms == newest.c.at_ms)
    not_listed = (
        select(mapped.c.channel, mapped.c.sku, mapped.c.listing_id, seen.c.observed_at_ms, seen.c.evidence)
        .select_from(mapped)
        .join(seen, seen.c.listing_id == mapped.c.listing_id)
        .join(newest, last)
        .where(mapped.c.is_written, seen.c.quantity.is_(None), shows)
    )
    rows: dict[str, tuple[Cell, ...]] = {
        row[2]: (row[0], row[1], row[2], clock(row[3]), f"not listed ({row[4] or 'no id'})")
        for row in connection.execute(not_listed)
    }
    tried = tables.outcomes
    # By their time: a listing that was forgotten and came back counts its attempts from one again.
    newest_attempt = (
        select(tried.c.listing_id, func.max(tried.c.committed_at_ms).label("at_ms"))
        .group_by(tried.c.listing_id)
        .subquery()
    )
    rejected = (
        select(mapped.c.channel, mapped.c.sku, mapped.c.listing_id, tried.c.answered_at_ms, tried.c.reason)
        .select_from(mapped)
        .join(tried, tried.c.listing_id == mapped.c.listing_id)
        .join(
            newest_attempt,
            and_(tried.c.listing_id == newest_attempt.c.listing_id, tried.c.committed_at_ms == newest_attempt.c.at_ms),
        )
        .where(mapped.c.is_written, tried.c.outcome == "rejected")
    )
    for row in connection.execute(rejected):
        rows.setdefault(row[2], (row[0], row[1], row[2], clock(row[3]), f"refused: {row[4]}"))
    columns = ("channel", "sku", "listing_id", "seen", "why")
    note = "The catalog maps a listing here, and the marketplace has none, or refuses it."
    return sheet("missing", "Products without their listing", note, columns, sorted(rows.values(), key=repr))


def _never_synced(connection: Connection, now_ms: int) -> Sheet:
    mapped, product, seen, tried = tables.product_listings, tables.products, tables.exposures, tables.outcomes
    told, said = tables.listings, tables.targets
    confirmed = exists().where((seen.c.listing_id == mapped.c.listing_id) & seen.c.confirmed_quantity.is_not(None))
    taken = exists().where((tried.c.listing_id == mapped.c.listing_id) & tried.c.outcome.in_(("applied", "accepted")))
    has_target = exists().where(told.c.listing_id == mapped.c.listing_id)
    # A catalog that is sent anew each night makes every product new: a target tells how old the mapping is at least.
    targeted = exists().where(
        said.c.listing_id == mapped.c.listing_id, said.c.computed_at_ms < now_ms - NEW_GRACE_MS, not_(said.c.withdrawn)
    )
    question = (
        select(
            mapped.c.channel,
            mapped.c.sku,
            mapped.c.listing_id,
            product.c.appended_at_ms,
            case((has_target, "has a target"), else_="has no target"),
        )
        .join(product, product.c.sku == mapped.c.sku)
        .where(mapped.c.is_written, product.c.status == ProductStatus.ACTIVE.value)
        .where(not_(confirmed), not_(taken), or_(product.c.appended_at_ms < now_ms - NEW_GRACE_MS, targeted))
        .order_by(mapped.c.channel, mapped.c.listing_id)
    )
    rows: list[tuple[Cell, ...]] = [
        (channel, sku, listing, clock(at_ms), why) for channel, sku, listing, at_ms, why in connection.execute(question)
    ]
    columns = ("channel", "sku", "listing_id", "catalog_said_it", "state")
    note = "Mapped for hours, and no write was ever taken for it."
    return sheet("never_synced", "Mappings that never synced", note, columns, rows)


def _uncounted(connection: Connection) -> Sheet:
    """Listings without a target: left alone until each of their locations was counted once (unknown is not zero)."""
    mapped, product, told = tables.product_listings, tables.products, tables.listings
    has_target = exists().where(told.c.listing_id == mapped.c.listing_id)
    question = (
        select(mapped.c.channel, mapped.c.sku, mapped.c.listing_id, product.c.details)
        .join(product, product.c.sku == mapped.c.sku)
        .where(mapped.c.is_written, product.c.status == ProductStatus.ACTIVE.value, not_(has_target))
        .order_by(mapped.c.channel, mapped.c.listing_id)
    )
    rows: list[tuple[Cell, ...]] = [
        (
            channel,
            sku,
            listing,
            ", ".join([*json.loads(details)["locations"]]),
            ", ".join(json.loads(details)["components"]),
        )
        for channel, sku, listing, details in connection.execute(question)
    ]
    columns = ("channel", "sku", "listing_id", "locations", "parts")
    note = (
        "Nothing was ever said of these: a location that stocks them was never counted, no channel sells from any of "
        "them, or their own channel has no policy."
    )
    return sheet("uncounted", "Uncounted", note, columns, rows)


def _twice(connection: Connection) -> Sheet:
    mapped = tables.product_listings
    skus = func.count(distinct(mapped.c.sku))
    question = (
        select(mapped.c.channel, mapped.c.listing_id, skus, func.min(mapped.c.sku), func.max(mapped.c.sku))
        .group_by(mapped.c.channel, mapped.c.listing_id)
        .having(skus > 1)
        .order_by(mapped.c.listing_id)
    )
    rows: list[tuple[Cell, ...]] = [tuple(row) for row in connection.execute(question)]
    columns = ("channel", "listing_id", "skus", "one", "another")
    note = "One listing id under several SKUs: each would overwrite the other's number."
    return sheet("twice", "Listing ids under two SKUs", note, columns, rows)


def _two_day_elsewhere(connection: Connection) -> Sheet:
    """Two-day listings of which every unit is at a place that cannot deliver so soon, by their newest targets."""
    now, told = tables.listings, tables.targets
    newest = (told.c.listing_id == now.c.listing_id) & (told.c.version == now.c.version)
    question = (
        select(now.c.channel, now.c.sku, now.c.listing_id, func.max(told.c.quantity), func.max(told.c.nodes))
        .join(told, newest)
        .where(not_(now.c.withdrawn), told.c.derivation.contains(TWO_DAY_ELSEWHERE, autoescape=True))
        .group_by(now.c.channel, now.c.sku, now.c.listing_id)
        .order_by(now.c.channel, now.c.listing_id)
    )
    rows: list[tuple[Cell, ...]] = [tuple(row) for row in connection.execute(question)]
    columns = ("channel", "sku", "listing_id", "units", "nodes")
    note = "These promise two days and would be late: move stock to a place that offers it, or take the promise off."
    return sheet("two_day", "Two-day listings supplied elsewhere", note, columns, rows)


def _buffers(connection: Connection, begin: int, end: int, names: list[str]) -> Sheet:
    """What was withheld, beside what it was withheld for."""
    said, drift = tables.targets, tables.discrepancies
    within = (said.c.computed_at_ms >= begin) & (said.c.computed_at_ms < end)
    held = {
        str(row[0]): row
        for row in connection.execute(
            select(
                said.c.channel,
                func.count(),
                func.sum(said.c.buffer),
                func.sum(said.c.allocation),
                func.max(said.c.buffer),
            )
            .where(within, said.c.quantity > 0)
            .group_by(said.c.channel)
        )
    }
    over = (drift.c.observed_at_ms >= begin) & (drift.c.observed_at_ms < end) & (drift.c.delta > 0)
    target = (said.c.listing_id == drift.c.listing_id) & (said.c.version == _judged(drift))
    beyond = {
        str(row[0]): row
        for row in connection.execute(
            select(
                drift.c.channel,
                func.count(distinct(drift.c.listing_id)),
                func.max(drift.c.delta),
                func.sum(case((drift.c.delta > func.coalesce(said.c.buffer, literal(0)), 1), else_=0)),
            )
            .select_from(drift)
            .outerjoin(said, target)
            .where(over, drift.c.action.not_in(SETTLED))
            .group_by(drift.c.channel)
        )
    }
    sold, speed = asking.oversold(connection, begin, end), asking.speeds(connection, begin, end)
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        kept, past = held.get(name), beyond.get(name)
        share = round(100 * int(kept[2] or 0) / int(kept[3]), 1) if kept and kept[3] else 0
        rows.append(
            (
                name,
                int(kept[1]) if kept else 0,
                round(int(kept[2] or 0) / int(kept[1]), 1) if kept else 0,
                share,
                int(past[1]) if past else 0,
                int(past[2] or 0) if past else 0,
                int(past[3] or 0) if past else 0,
                sold.get(name, (0, 0))[1],
                speed.get(name, (None, None))[1],
            )
        )
    columns = (
        "channel",
        "targets_above_zero",
        "buffer_units_mean",
        "buffer_percent_mean",
        "listings_over_shown",
        "over_shown_units_max",
        "times_beyond_the_buffer",
        "units_oversold",
        "95_of_100_taken_within_s",
    )
    note = (
        "Oversold units, or times beyond the buffer: it is too small for the channel's delay. Neither, week after "
        "week: it withholds units that could be sold."
    )
    return sheet("buffers", "Buffers against what happened", note, columns, rows)


def _judged(drift: object) -> object:
    """The newest target of the listing that was said before it was seen to show something else."""
    said = tables.targets.alias("judged")
    return (
        select(func.max(said.c.version))
        .where(said.c.listing_id == drift.c.listing_id, said.c.computed_at_ms <= drift.c.observed_at_ms)  # type: ignore[attr-defined]
        .scalar_subquery()
    )
