"""The index: sketches, segments, what overlaps, and the intent to write such files.

Revision: 20261122_index
After: 20261122_first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "20261122_index"
down_revision = "20261122_first"
branch_labels = None
depends_on = None


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _kinds_of_intents(*values: str) -> None:
    said = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table("intents") as batch:
        batch.drop_constraint(op.f("ck_intents_intent_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_intents_intent_kind"), sa.text(f"kind IN ({said})"))


def upgrade() -> None:
    """Change the schema."""
    _kinds_of_intents("register", "export", "index")
    op.create_table(
        "segments",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", _one_of("segment_kind", "content", "bands", "passages"), nullable=False),
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("entries", BIG, nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "documents >= 0 AND entries >= 0 AND bytes >= 0", name=op.f("ck_segments_sums")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
        sa.UniqueConstraint("name", name=op.f("uq_segments_name")),
    )
    op.create_table(
        "sketch_tables",
        sa.Column("id", BIG, nullable=False),
        sa.Column("location_id", BIG, nullable=False),
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("permutations", BIG, nullable=False),
        sa.Column("window", BIG, nullable=True),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("sketched", BIG, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("compared_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "sketched >= 0 AND sketched <= documents", name=op.f("ck_sketch_tables_sketched_within")
        ),
        sa.CheckConstraint(
            '"window" IS NULL OR "window" >= 1', name=op.f("ck_sketch_tables_window_positive")
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name=op.f("fk_sketch_tables_location_id_locations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sketch_tables")),
        sa.UniqueConstraint("location_id", name=op.f("uq_sketch_tables_location_id")),
    )
    op.create_table(
        "version_overlaps",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("other_id", BIG, nullable=False),
        sa.Column("kind", _one_of("overlap_kind", "exact", "near"), nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("texts", BIG, nullable=False),
        sa.Column("other_documents", BIG, nullable=False),
        sa.Column("conflicts", sa.JSON(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version_id <> other_id", name=op.f("ck_version_overlaps_not_itself")),
        sa.CheckConstraint(
            "documents >= 1 AND texts >= 1 AND other_documents >= 1",
            name=op.f("ck_version_overlaps_not_empty"),
        ),
        sa.ForeignKeyConstraint(
            ["other_id"],
            ["dataset_versions.id"],
            name=op.f("fk_version_overlaps_other_id_dataset_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_version_overlaps_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version_overlaps")),
        sa.UniqueConstraint(
            "version_id",
            "other_id",
            "kind",
            name=op.f("uq_version_overlaps_version_id_other_id_kind"),
        ),
    )
    op.create_index(op.f("ix_version_overlaps_other_id"), "version_overlaps", ["other_id"])


def downgrade() -> None:
    """Change it back; what is left half-done in the index is given up."""
    op.drop_table("version_overlaps")
    op.drop_table("sketch_tables")
    op.drop_table("segments")
    op.execute("DELETE FROM intents WHERE kind = 'index'")
    _kinds_of_intents("register", "export")
