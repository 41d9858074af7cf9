"""Life cycle: disputes, evidence, withdrawals, relocations, and which rows a mixture holds.

Revision: 20261130_lifecycle
After: 20261129_trust
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

revision = "20261130_lifecycle"
down_revision = "20261129_trust"
branch_labels = None
depends_on = None


def _claim_kinds(*values: str) -> None:
    """Let a claim be of these kinds."""
    quoted = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table("claims") as table:
        table.drop_constraint(op.f("ck_claims_claim_kind"), type_="check")
        table.create_check_constraint(op.f("ck_claims_claim_kind"), f"kind IN ({quoted})")


def upgrade() -> None:
    """Change the schema."""
    _claim_kinds("registration", "correction", "dispute")
    op.create_table(
        "disputes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("challenged_id", BIG, nullable=True),
        sa.Column("claim_id", BIG, nullable=False),
        sa.Column("field", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["challenged_id"], ["claims.id"], name=op.f("fk_disputes_challenged_id_claims")
        ),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_disputes_claim_id_claims")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_disputes_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_disputes_claim_id")),
    )
    op.create_index(op.f("ix_disputes_challenged_id"), "disputes", ["challenged_id"])
    op.create_index(op.f("ix_disputes_version_id"), "disputes", ["version_id"])
    op.create_table(
        "dispute_resolutions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("dispute_id", BIG, nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "upheld",
                "rejected",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("resolved_by", sa.String(), nullable=False),
        sa.Column("resolved_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["dispute_id"], ["disputes.id"], name=op.f("fk_dispute_resolutions_dispute_id_disputes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_resolutions")),
        sa.UniqueConstraint("dispute_id", name=op.f("uq_dispute_resolutions_dispute_id")),
    )
    op.create_table(
        "ended_claims",
        sa.Column("id", BIG, nullable=False),
        sa.Column("resolution_id", BIG, nullable=False),
        sa.Column("claim_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claims.id"], name=op.f("fk_ended_claims_claim_id_claims")
        ),
        sa.ForeignKeyConstraint(
            ["resolution_id"],
            ["dispute_resolutions.id"],
            name=op.f("fk_ended_claims_resolution_id_dispute_resolutions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_claims")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_ended_claims_claim_id")),
    )
    op.create_index(op.f("ix_ended_claims_resolution_id"), "ended_claims", ["resolution_id"])
    op.create_table(
        "evidence",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("selection_id", BIG, nullable=True),
        sa.Column("dispute_id", BIG, nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "note",
                "contract",
                "platform",
                "labels",
                "traced",
                "author",
                "rfc3161",
                "archive",
                "git",
                name="evidence_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "concerns",
            sa.Enum(
                "origin",
                "license",
                "date",
                "language",
                name="property",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "grade",
            sa.Enum(
                "E0",
                "E1",
                "E2",
                "E3",
                "E4",
                "E5",
                "E6",
                name="grade",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("not_before", BIG, nullable=True),
        sa.Column("not_after", BIG, nullable=True),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.CheckConstraint("documents >= 0", name=op.f("ck_evidence_documents_not_negative")),
        sa.ForeignKeyConstraint(
            ["dispute_id"], ["disputes.id"], name=op.f("fk_evidence_dispute_id_disputes")
        ),
        sa.ForeignKeyConstraint(
            ["selection_id"], ["selections.id"], name=op.f("fk_evidence_selection_id_selections")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_evidence_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_version_id"), "evidence", ["version_id"])
    op.create_table(
        "withdrawals",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("selection_id", BIG, nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_by", sa.String(), nullable=False),
        sa.Column("withdrawn_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["selection_id"], ["selections.id"], name=op.f("fk_withdrawals_selection_id_selections")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_withdrawals_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawals")),
    )
    op.create_index(op.f("ix_withdrawals_version_id"), "withdrawals", ["version_id"])
    op.create_table(
        "erased_texts",
        sa.Column("id", BIG, nullable=False),
        sa.Column("withdrawal_id", BIG, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["withdrawal_id"],
            ["withdrawals.id"],
            name=op.f("fk_erased_texts_withdrawal_id_withdrawals"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erased_texts")),
    )
    op.create_index(op.f("ix_erased_texts_withdrawal_id"), "erased_texts", ["withdrawal_id"])
    op.create_table(
        "relocations",
        sa.Column("id", BIG, nullable=False),
        sa.Column("location_id", BIG, nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("relocated_by", sa.String(), nullable=False),
        sa.Column("relocated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name=op.f("fk_relocations_location_id_locations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relocations")),
    )
    op.create_index(op.f("ix_relocations_location_id"), "relocations", ["location_id"])
    op.create_table(
        "drawn_rows",
        sa.Column("id", BIG, nullable=False),
        sa.Column("input_id", BIG, nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("weight", BIG, nullable=False),
        sa.Column("human", BIG, nullable=False),
        sa.CheckConstraint(
            "human >= 0 AND human <= weight AND documents >= 0", name=op.f("ck_drawn_rows_sums")
        ),
        sa.ForeignKeyConstraint(
            ["input_id"], ["mixture_inputs.id"], name=op.f("fk_drawn_rows_input_id_mixture_inputs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drawn_rows")),
        sa.UniqueConstraint("input_id", name=op.f("uq_drawn_rows_input_id")),
    )


def downgrade() -> None:
    """Change it back; claims of disputes must be gone before, or it refuses."""
    for name in (
        "drawn_rows",
        "relocations",
        "erased_texts",
        "withdrawals",
        "evidence",
        "ended_claims",
        "dispute_resolutions",
        "disputes",
    ):
        op.drop_table(name)
    _claim_kinds("registration", "correction")
