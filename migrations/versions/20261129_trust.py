"""Trust: signed checkpoints, cosignatures, timestamps, keys of others, revocations, supersession.

Revision: 20261129_trust
After: 20261125_dedup
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

revision = "20261129_trust"
down_revision = "20261125_dedup"
branch_labels = None
depends_on = None


def _key_roles(*values: str) -> None:
    """Let a key of the registry have these roles."""
    quoted = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table("signing_keys") as table:
        table.drop_constraint(op.f("ck_signing_keys_key_role"), type_="check")
        table.create_check_constraint(op.f("ck_signing_keys_key_role"), f"role IN ({quoted})")


def upgrade() -> None:
    """Change the schema."""
    _key_roles("certificate", "log")
    op.create_table(
        "supersessions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("snapshot_id", BIG, nullable=False),
        sa.Column("certificate_digest", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("superseded_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshots.id"], name=op.f("fk_supersessions_snapshot_id_snapshots")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supersessions")),
        sa.UniqueConstraint("snapshot_id", name=op.f("uq_supersessions_snapshot_id")),
    )
    op.create_index(
        op.f("ix_supersessions_certificate_digest"), "supersessions", ["certificate_digest"]
    )
    op.create_table(
        "trusted_keys",
        sa.Column("id", BIG, nullable=False),
        sa.Column("keyid", sa.String(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "witness",
                "timestamp",
                "archive",
                name="trust_role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trusted_keys")),
        sa.UniqueConstraint("role", "keyid", name=op.f("uq_trusted_keys_role_keyid")),
    )
    op.create_table(
        "key_revocations",
        sa.Column("id", BIG, nullable=False),
        sa.Column("keyid", sa.String(), nullable=False),
        sa.Column("revoked_from", TIME, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("revoked_by", sa.String(), nullable=False),
        sa.Column("revoked_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_revocations")),
    )
    op.create_index(op.f("ix_key_revocations_keyid"), "key_revocations", ["keyid"])
    op.create_table(
        "log_checkpoints",
        sa.Column("id", BIG, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("signed_at", TIME, nullable=False),
        sa.CheckConstraint("size >= 0", name=op.f("ck_log_checkpoints_size_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_checkpoints")),
        sa.UniqueConstraint("size", name=op.f("uq_log_checkpoints_size")),
    )
    op.create_table(
        "cosignatures",
        sa.Column("id", BIG, nullable=False),
        sa.Column("checkpoint_id", BIG, nullable=False),
        sa.Column("keyid", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"],
            ["log_checkpoints.id"],
            name=op.f("fk_cosignatures_checkpoint_id_log_checkpoints"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cosignatures")),
        sa.UniqueConstraint(
            "checkpoint_id", "keyid", name=op.f("uq_cosignatures_checkpoint_id_keyid")
        ),
    )
    op.create_table(
        "timestamps",
        sa.Column("id", BIG, nullable=False),
        sa.Column("log_size", BIG, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("attached_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timestamps")),
        sa.UniqueConstraint("digest", name=op.f("uq_timestamps_digest")),
    )


def downgrade() -> None:
    """Change it back; keys of other roles must be gone before, or it refuses."""
    for name in (
        "timestamps",
        "cosignatures",
        "log_checkpoints",
        "key_revocations",
        "trusted_keys",
        "supersessions",
    ):
        op.drop_table(name)
    _key_roles("certificate")
