"""The vault: kept texts, roles of versions, and the intent to keep.

Revision: 20261123_vault
After: 20261122_index
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "20261123_vault"
down_revision = "20261122_index"
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
    _kinds_of_intents("register", "export", "index", "keep")
    op.create_table(
        "kept_texts",
        sa.Column("id", BIG, nullable=False),
        sa.Column("location_id", BIG, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("kept_by", sa.String(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("documents >= 0 AND bytes >= 0", name=op.f("ck_kept_texts_sums")),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name=op.f("fk_kept_texts_location_id_locations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_texts")),
        sa.UniqueConstraint("uid", name=op.f("uq_kept_texts_uid")),
    )
    op.create_index(op.f("ix_kept_texts_location_id"), "kept_texts", ["location_id"])
    op.create_table(
        "role_changes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("role", _one_of("role", "protected", "evaluation"), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "given OR reason IS NOT NULL", name=op.f("ck_role_changes_taken_for_a_reason")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_role_changes_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_changes")),
    )
    op.create_index(op.f("ix_role_changes_version_id_role"), "role_changes", ["version_id", "role"])


def downgrade() -> None:
    """Change it back; what is left half-done of keeping texts is given up."""
    op.drop_table("role_changes")
    op.drop_table("kept_texts")
    op.execute("DELETE FROM intents WHERE kind = 'keep'")
    _kinds_of_intents("register", "export", "index")
