"""Every table of the ledger. What a record said is appended; what is true now is replaced, one row per key.

Times are milliseconds since 1970 UTC. `appended_at_ms` is Kafka's time of the record: retention goes by it, so that a
ledger that was built anew forgets the same rows.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text

metadata: Final = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)


def _text(name: str, *, null: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, primary_key=key)


def _number(name: str, *, null: bool = False, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null, primary_key=key, autoincrement=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _record() -> tuple[Column[int], Column[int], Column[int]]:
    """Which record a row came from: it can come from no other row's record, so nothing is ever in it twice."""
    return (
        Column("record_partition", Integer, primary_key=True, autoincrement=False),
        _number("record_offset", key=True),
        _number("appended_at_ms"),
    )


def _listing() -> tuple[Column[str], Column[str], Column[str]]:
    """Which listing a row is about."""
    return _text("listing_id"), _text("sku"), _text("channel")


offsets: Final = Table(
    "offsets",
    metadata,
    _text("topic", key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    _number("next_offset"),
)
"""Up to where each partition is in the tables, exclusive; written in the transaction of the rows themselves."""

changes: Final = Table(
    "changes",
    metadata,
    *_record(),
    _text("sku"),
    _text("event_id"),
    _text("source"),
    _number("sequence", null=True),
    _text("kind"),
    _text("location", null=True),
    _number("units", null=True),
    _text("channel", null=True),
    _text("order_id", null=True),
    _text("reservation_id", null=True),
    _text("reason", null=True),
    _number("occurred_at_ms"),
)
"""Stock changes as the source or a channel's sales told them; `units` is the count of a StockCounted."""

sku_states: Final = Table(
    "sku_states",
    metadata,
    *_record(),
    _text("sku"),
    _text("positions"),
    _text("sales"),
    _text("parts"),
    _number("changed_at_ms"),
)
"""The engine's own positions after each of its steps: JSON by location, and units sold that no source reported yet.

`parts`, for a kit: what each component last said it would do for."""

targets: Final = Table(
    "targets",
    metadata,
    _text("marketplace", key=True),
    *_record(),
    *_listing(),
    _number("version"),
    _number("quantity"),
    _text("nodes"),
    _number("atp"),
    _number("allocation"),
    _number("buffer"),
    _text("strategy"),
    _text("cause"),
    _text("derivation"),
    _number("changed_at_ms"),
    _number("computed_at_ms"),
    _flag("withdrawn"),
)

outcomes: Final = Table(
    "outcomes",
    metadata,
    *_record(),
    *_listing(),
    _number("version"),
    _number("attempt"),
    _number("quantity"),
    _text("mask", null=True),
    _text("outcome"),
    _text("reason"),
    _text("api"),
    _text("request_id", null=True),
    Column("status", Integer, nullable=True),
    _text("error", null=True),
    _number("changed_at_ms"),
    _number("committed_at_ms"),
    _number("sent_at_ms"),
    _number("answered_at_ms"),
)

observations: Final = Table(
    "observations",
    metadata,
    _text("marketplace", key=True),
    *_record(),
    *_listing(),
    _number("quantity", null=True),
    _text("nodes"),
    _text("observed_by"),
    _number("as_of_ms"),
    _number("observed_at_ms"),
    _text("evidence"),
)

discrepancies: Final = Table(
    "discrepancies",
    metadata,
    *_record(),
    *_listing(),
    _number("expected_low"),
    _number("expected_high"),
    _number("observed"),
    _number("delta"),
    _text("cause"),
    _text("action"),
    _number("observed_at_ms"),
    _text("severity"),
    _text("evidence"),
    _number("corrections"),
    _number("since_ms"),
    _text("details"),
)
"""A case is a listing with its `since_ms`: it is written at each step. `details` has every field of the record as JSON,
also those that this version of the ledger has no column for.
"""

operator_commands: Final = Table(
    "operator_commands",
    metadata,
    *_record(),
    _text("command_id"),
    _text("channel"),
    _text("action"),
    _text("asked_by"),
    _text("why"),
    _number("at_ms"),
    _text("details"),
)

sku_commands: Final = Table(
    "sku_commands",
    metadata,
    *_record(),
    _text("command_id"),
    _text("sku"),
    _text("kind"),
    _text("listing_id", null=True),
    _text("issued_by"),
    _number("issued_at_ms"),
    _text("details"),
)

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    _text("topic", key=True),
    *_record(),
    _text("record_key"),
    _text("reason"),
    _text("error"),
    _number("attempts"),
    _text("origin_topic"),
    Column("origin_partition", Integer, nullable=False),
    _number("origin_offset"),
)

letter_decisions: Final = Table(
    "letter_decisions",
    metadata,
    _text("topic", key=True),
    *_record(),
    _number("letter_offset"),
    _text("decision"),
    _text("decided_by"),
    _text("why"),
)
"""What operators decided on dead letters: each is written to the letter's own partition, behind it."""

unreadable: Final = Table(
    "unreadable",
    metadata,
    _text("topic", key=True),
    *_record(),
    _text("reason"),
    _text("error"),
)
"""Records that could not be decoded here: nothing that was on a topic is passed over in silence."""

channel_states: Final = Table(
    "channel_states",
    metadata,
    _text("channel", key=True),
    _number("epoch", key=True),
    _text("state", key=True),
    _number("since_ms", key=True),
    _text("reason"),
    _text("brought_by"),
    _number("appended_at_ms"),
)
"""Each state that a channel was in, with when it came into it, why and by whom."""

reconciliations: Final = Table(
    "reconciliations",
    metadata,
    _text("channel", key=True),
    _number("started_at_ms", key=True),
    _text("phase"),
    _number("at_ms"),
    _number("listings"),
    _number("found"),
    _number("judged"),
    _number("missing"),
    _number("ghosts"),
    _number("discrepancies"),
    _number("corrections"),
    _text("reason"),
    _number("appended_at_ms"),
)
"""Each reconciliation of a channel, as far as it came: it tells of itself while it pulls, and when it has ended."""

channels: Final = Table(
    "channels",
    metadata,
    _text("channel", key=True),
    _text("state"),
    _number("epoch"),
    _number("since_ms"),
    _number("failures_in_a_row"),
    _number("last_success_ms", null=True),
    _text("reason"),
    _text("brought_by"),
    _text("details"),
    _number("appended_at_ms"),
)

listings: Final = Table(
    "listings",
    metadata,
    _text("listing_id", key=True),
    _text("sku"),
    _text("channel"),
    _text("marketplace"),
    _number("version"),
    _number("quantity"),
    _text("cause"),
    _flag("withdrawn"),
    _number("computed_at_ms"),
    _number("appended_at_ms"),
)
"""The newest target of each listing that the engine has not forgotten."""

exposures: Final = Table(
    "exposures",
    metadata,
    _text("listing_id", key=True),
    _text("sku"),
    _text("channel"),
    _number("confirmed_quantity", null=True),
    _number("confirmed_version", null=True),
    _number("confirmed_at_ms", null=True),
    _text("proof", null=True),
    _number("last_attempt", null=True),
    _number("last_version", null=True),
    _number("last_quantity", null=True),
    _text("last_mask", null=True),
    _number("last_at_ms", null=True),
    _text("last_result", null=True),
    _number("failures"),
    _number("highest_units", null=True),
    _text("open_attempts"),
    _number("appended_at_ms"),
)

products: Final = Table(
    "products",
    metadata,
    _text("sku", key=True),
    _text("status"),
    _text("category"),
    _text("details"),
    _number("appended_at_ms"),
)

product_listings: Final = Table(
    "product_listings",
    metadata,
    _text("sku", key=True),
    _text("listing_id", key=True),
    _text("channel"),
    _text("listing_type"),
    _text("fulfillment"),
    _flag("is_written"),
)

engine_progress: Final = Table(
    "engine_progress",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    _number("complete_until_ms"),
    _number("written_at_ms"),
    _flag("catching_up"),
    _number("uncounted"),
    _number("skus"),
    _text("sources"),
    _number("appended_at_ms"),
)

reports: Final = Table(
    "reports",
    metadata,
    _text("kind", key=True),
    _text("period", key=True),
    _number("made_at_ms"),
    _text("page"),
    _text("rows"),
    _text("figures"),
)
"""Reports as they were made: the page, the CSV and the JSON. Building the ledger anew leaves them."""

for _table, _columns in (
    # What is asked of one SKU, newest first; and what is old enough to be forgotten, or falls into a report's day.
    (changes, ("sku", "record_offset")),
    (changes, ("appended_at_ms",)),
    (sku_states, ("sku", "record_offset")),
    (sku_states, ("appended_at_ms",)),
    (targets, ("listing_id", "version")),
    (targets, ("appended_at_ms",)),
    (outcomes, ("listing_id", "attempt")),
    (outcomes, ("appended_at_ms",)),
    (observations, ("listing_id", "observed_at_ms")),
    (observations, ("appended_at_ms",)),
    (discrepancies, ("listing_id", "observed_at_ms")),
    (discrepancies, ("appended_at_ms",)),
    (sku_commands, ("sku", "issued_at_ms")),
    (sku_commands, ("appended_at_ms",)),
    (operator_commands, ("channel", "at_ms")),
    (dead_letters, ("record_key",)),
    (dead_letters, ("appended_at_ms",)),
    (letter_decisions, ("topic", "record_partition", "letter_offset")),
    (letter_decisions, ("appended_at_ms",)),
    (reconciliations, ("appended_at_ms",)),
    (listings, ("sku",)),
    (exposures, ("sku",)),
    (product_listings, ("listing_id",)),
):
    Index(None, *[_table.c[name] for name in _columns])
