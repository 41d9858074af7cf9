"""What was left out of mixtures for evaluation sets.

Revision: 20261124_exclusions
After: 20261123_vault
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "20261124_exclusions"
down_revision = "20261123_vault"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "mixture_exclusions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("mixture_id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("exact", BIG, nullable=False),
        sa.Column("near", BIG, nullable=False),
        sa.Column("passages", BIG, nullable=False),
        sa.CheckConstraint(
            "exact >= 0 AND near >= 0 AND passages >= 0", name=op.f("ck_mixture_exclusions_sums")
        ),
        sa.ForeignKeyConstraint(
            ["mixture_id"],
            ["mixtures.id"],
            name=op.f("fk_mixture_exclusions_mixture_id_mixtures"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_mixture_exclusions_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mixture_exclusions")),
        sa.UniqueConstraint(
            "mixture_id", "version_id", name=op.f("uq_mixture_exclusions_mixture_id_version_id")
        ),
    )
    op.create_index(op.f("ix_mixture_exclusions_version_id"), "mixture_exclusions", ["version_id"])


def downgrade() -> None:
    """Change it back."""
    op.drop_table("mixture_exclusions")
