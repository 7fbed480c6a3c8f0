"""Reconciliations of channels, and what operators decided on dead letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables. They fill from now on; `inventory-sync ledger rebuild` brings what the topics still have."""
    op.create_table(
        "reconciliations",
        _text("channel"),
        _long("started_at_ms"),
        _text("phase"),
        *[_long(name) for name in ("at_ms", "listings", "found", "judged", "missing", "ghosts")],
        *[_long(name) for name in ("discrepancies", "corrections")],
        _text("reason"),
        _long("appended_at_ms"),
        sa.PrimaryKeyConstraint("channel", "started_at_ms", name="pk_reconciliations"),
    )
    op.create_index("ix_reconciliations_appended_at_ms", "reconciliations", ["appended_at_ms"])
    op.create_table(
        "letter_decisions",
        _text("topic"),
        sa.Column("record_partition", sa.Integer, nullable=False, autoincrement=False),
        *[_long(name) for name in ("record_offset", "appended_at_ms", "letter_offset")],
        *[_text(name) for name in ("decision", "decided_by", "why")],
        sa.PrimaryKeyConstraint("topic", "record_partition", "record_offset", name="pk_letter_decisions"),
    )
    of_letter = ["topic", "record_partition", "letter_offset"]
    op.create_index("ix_letter_decisions_topic_record_partition_letter_offset", "letter_decisions", of_letter)
    op.create_index("ix_letter_decisions_appended_at_ms", "letter_decisions", ["appended_at_ms"])
    # A decision was taken for one more letter, without a reason; the topics have it as what it is.
    op.execute("DELETE FROM dead_letters WHERE reason = '' AND origin_topic = ''")


def downgrade() -> None:
    """Remove them; what came from the topics can be built again."""
    op.drop_table("letter_decisions")
    op.drop_table("reconciliations")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _long(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)
