"""Deduplication: what a version was made of, and what went for it.

Revision: 20261125_dedup
After: 20261124_exclusions
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "20261125_dedup"
down_revision = "20261124_exclusions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "deduplications",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("log_size", BIG, nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("exact", BIG, nullable=False),
        sa.Column("near", BIG, nullable=False),
        sa.Column("removals_digest", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "exact >= 0 AND near >= 0 AND exact + near <= documents",
            name=op.f("ck_deduplications_sums"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_deduplications_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deduplications")),
        sa.UniqueConstraint("version_id", name=op.f("uq_deduplications_version_id")),
    )
    op.create_table(
        "deduplication_inputs",
        sa.Column("id", BIG, nullable=False),
        sa.Column("deduplication_id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("exact", BIG, nullable=False),
        sa.Column("near", BIG, nullable=False),
        sa.Column("budget", sa.String(), nullable=False),
        sa.CheckConstraint(
            "exact >= 0 AND near >= 0 AND exact + near <= documents",
            name=op.f("ck_deduplication_inputs_sums"),
        ),
        sa.ForeignKeyConstraint(
            ["deduplication_id"],
            ["deduplications.id"],
            name=op.f("fk_deduplication_inputs_deduplication_id_deduplications"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_deduplication_inputs_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deduplication_inputs")),
        sa.UniqueConstraint(
            "deduplication_id",
            "version_id",
            name=op.f("uq_deduplication_inputs_deduplication_id_version_id"),
        ),
    )
    op.create_index(
        op.f("ix_deduplication_inputs_version_id"), "deduplication_inputs", ["version_id"]
    )


def downgrade() -> None:
    """Change it back; versions that were made stay, and what went for them is forgotten."""
    op.drop_table("deduplication_inputs")
    op.drop_table("deduplications")
