"""The tables as they were first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TYPES = {"text": sa.Text, "long": sa.BigInteger, "int": sa.Integer, "flag": sa.Boolean}

# Each column is its name and its type; ? stands for one that may be null, and the key's columns stand apart.
TABLES: dict[str, tuple[str, str]] = {
    "changes": (
        "record_partition int, record_offset long",
        "appended_at_ms long, sku text, event_id text, source text, sequence long?, kind text, location "
        "text?, units long?, channel text?, order_id text?, reservation_id text?, reason text?, "
        "occurred_at_ms long",
    ),
    "channel_states": (
        "channel text, epoch long, state text, since_ms long",
        "reason text, brought_by text, appended_at_ms long",
    ),
    "channels": (
        "channel text",
        "state text, epoch long, since_ms long, failures_in_a_row long, last_success_ms long?, reason text, "
        "brought_by text, details text, appended_at_ms long",
    ),
    "dead_letters": (
        "topic text, record_partition int, record_offset long",
        "appended_at_ms long, record_key text, reason text, error text, attempts long, origin_topic text, "
        "origin_partition int, origin_offset long",
    ),
    "discrepancies": (
        "record_partition int, record_offset long",
        "appended_at_ms long, listing_id text, sku text, channel text, expected_low long, expected_high long, "
        "observed long, delta long, cause text, action text, observed_at_ms long, severity text, evidence "
        "text, corrections long, since_ms long, details text",
    ),
    "engine_progress": (
        "partition int",
        "complete_until_ms long, written_at_ms long, catching_up flag, uncounted long, skus long, sources "
        "text, appended_at_ms long",
    ),
    "exposures": (
        "listing_id text",
        "sku text, channel text, confirmed_quantity long?, confirmed_version long?, confirmed_at_ms long?, "
        "proof text?, last_attempt long?, last_version long?, last_quantity long?, last_mask text?, "
        "last_at_ms long?, last_result text?, failures long, highest_units long?, open_attempts text, "
        "appended_at_ms long",
    ),
    "listings": (
        "listing_id text",
        "sku text, channel text, marketplace text, version long, quantity long, cause text, withdrawn flag, "
        "computed_at_ms long, appended_at_ms long",
    ),
    "observations": (
        "marketplace text, record_partition int, record_offset long",
        "appended_at_ms long, listing_id text, sku text, channel text, quantity long?, nodes text, "
        "observed_by text, as_of_ms long, observed_at_ms long, evidence text",
    ),
    "offsets": (
        "topic text, partition int",
        "next_offset long",
    ),
    "operator_commands": (
        "record_partition int, record_offset long",
        "appended_at_ms long, command_id text, channel text, action text, asked_by text, why text, at_ms "
        "long, details text",
    ),
    "outcomes": (
        "record_partition int, record_offset long",
        "appended_at_ms long, listing_id text, sku text, channel text, version long, attempt long, quantity "
        "long, mask text?, outcome text, reason text, api text, request_id text?, status int?, error text?, "
        "changed_at_ms long, committed_at_ms long, sent_at_ms long, answered_at_ms long",
    ),
    "product_listings": (
        "sku text, listing_id text",
        "channel text, listing_type text, fulfillment text, is_written flag",
    ),
    "products": (
        "sku text",
        "status text, category text, details text, appended_at_ms long",
    ),
    "reports": (
        "kind text, period text",
        "made_at_ms long, page text, rows text, figures text",
    ),
    "sku_commands": (
        "record_partition int, record_offset long",
        "appended_at_ms long, command_id text, sku text, kind text, listing_id text?, issued_by text, "
        "issued_at_ms long, details text",
    ),
    "sku_states": (
        "record_partition int, record_offset long",
        "appended_at_ms long, sku text, positions text, sales text, parts text, changed_at_ms long",
    ),
    "targets": (
        "marketplace text, record_partition int, record_offset long",
        "appended_at_ms long, listing_id text, sku text, channel text, version long, quantity long, nodes "
        "text, atp long, allocation long, buffer long, strategy text, cause text, derivation text, "
        "changed_at_ms long, computed_at_ms long, withdrawn flag",
    ),
    "unreadable": (
        "topic text, record_partition int, record_offset long",
        "appended_at_ms long, reason text, error text",
    ),
}

INDEXES = (
    ("changes", ("appended_at_ms",)),
    ("changes", ("sku", "record_offset")),
    ("dead_letters", ("appended_at_ms",)),
    ("dead_letters", ("record_key",)),
    ("discrepancies", ("appended_at_ms",)),
    ("discrepancies", ("listing_id", "observed_at_ms")),
    ("exposures", ("sku",)),
    ("listings", ("sku",)),
    ("observations", ("appended_at_ms",)),
    ("observations", ("listing_id", "observed_at_ms")),
    ("operator_commands", ("channel", "at_ms")),
    ("outcomes", ("appended_at_ms",)),
    ("outcomes", ("listing_id", "attempt")),
    ("product_listings", ("listing_id",)),
    ("sku_commands", ("appended_at_ms",)),
    ("sku_commands", ("sku", "issued_at_ms")),
    ("sku_states", ("appended_at_ms",)),
    ("sku_states", ("sku", "record_offset")),
    ("targets", ("appended_at_ms",)),
    ("targets", ("listing_id", "version")),
)


def upgrade() -> None:
    """Make every table with its indexes."""
    for name, (keys, others) in TABLES.items():
        columns = [*_columns(keys), *_columns(others)]
        op.create_table(name, *columns, sa.PrimaryKeyConstraint(*_names(keys), name=f"pk_{name}"))
    for table, names in INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(names)}", table, list(names))


def downgrade() -> None:
    """Remove every table; what came from the topics can be built again."""
    for name in TABLES:
        op.drop_table(name)


def _names(columns: str) -> list[str]:
    return [one.split()[0] for one in columns.split(", ")]


def _columns(columns: str) -> list[sa.Column[object]]:
    found: list[sa.Column[object]] = []
    for one in columns.split(", "):
        name, kind = one.split()
        column = sa.Column(name, TYPES[kind.rstrip("?")](), nullable=kind.endswith("?"), autoincrement=False)
        found.append(column)
    return found
