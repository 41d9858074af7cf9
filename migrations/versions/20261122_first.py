"""The first schema: catalogue, claims, log, intents.

Revision: 20261122_first
After: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "20261122_first"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "intents",
        sa.Column("id", BIG, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "register",
                "export",
                name="intent_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "committed",
                "cleaning",
                name="intent_state",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("owner", sa.JSON(), nullable=False),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intents")),
        sa.UniqueConstraint("uid", name=op.f("uq_intents_uid")),
    )
    op.create_table(
        "log_entries",
        sa.Column("position", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("position >= 0", name=op.f("ck_log_entries_position_not_negative")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_log_entries")),
    )
    op.create_table(
        "log_state",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_state_single")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_log_state_size_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_state")),
    )
    op.create_table(
        "namespaces",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum(
                "private",
                "internal",
                "public",
                name="visibility",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_namespaces")),
        sa.UniqueConstraint("name", name=op.f("uq_namespaces_name")),
    )
    op.create_table(
        "recipes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipes")),
        sa.UniqueConstraint("digest", name=op.f("uq_recipes_digest")),
    )
    op.create_table(
        "selections",
        sa.Column("id", BIG, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("texts", BIG, nullable=False),
        sa.CheckConstraint("texts >= 1", name=op.f("ck_selections_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selections")),
        sa.UniqueConstraint("digest", name=op.f("uq_selections_digest")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", BIG, nullable=False),
        sa.Column("keyid", sa.String(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "certificate", name="key_role", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("pem", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("keyid", name=op.f("uq_signing_keys_keyid")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", BIG, nullable=False),
        sa.Column("namespace_id", BIG, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "visibility",
            sa.Enum(
                "private",
                "internal",
                "public",
                name="visibility",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["namespace_id"], ["namespaces.id"], name=op.f("fk_datasets_namespace_id_namespaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("namespace_id", "name", name=op.f("uq_datasets_namespace_id_name")),
    )
    op.create_table(
        "log_salts",
        sa.Column("position", BIG, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["position"], ["log_entries.position"], name=op.f("fk_log_salts_position_log_entries")
        ),
        sa.PrimaryKeyConstraint("position", "name", name=op.f("pk_log_salts")),
    )
    op.create_table(
        "mixtures",
        sa.Column("id", BIG, nullable=False),
        sa.Column("recipe_id", BIG, nullable=False),
        sa.Column("plan_digest", sa.String(), nullable=False),
        sa.Column("log_size", BIG, nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("words", BIG, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipe_id"], ["recipes.id"], name=op.f("fk_mixtures_recipe_id_recipes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mixtures")),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("dataset_id", BIG, nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.Column("content_root", sa.String(), nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("distinct", BIG, nullable=False),
        sa.Column("empty", BIG, nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.Column("words", BIG, nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            '"distinct" >= 0 AND "distinct" <= documents',
            name=op.f("ck_dataset_versions_distinct_within"),
        ),
        sa.CheckConstraint(
            "documents >= 0 AND empty >= 0 AND bytes >= 0 AND words >= 0",
            name=op.f("ck_dataset_versions_sums"),
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_dataset_versions_number_positive")),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_dataset_versions_dataset_id_datasets")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_versions")),
        sa.UniqueConstraint(
            "dataset_id", "content_root", name=op.f("uq_dataset_versions_dataset_id_content_root")
        ),
        sa.UniqueConstraint(
            "dataset_id", "number", name=op.f("uq_dataset_versions_dataset_id_number")
        ),
    )
    with op.batch_alter_table("dataset_versions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_dataset_versions_content_root"), ["content_root"], unique=False
        )

    op.create_table(
        "snapshots",
        sa.Column("id", BIG, nullable=False),
        sa.Column("mixture_id", BIG, nullable=False),
        sa.Column("key_id", BIG, nullable=False),
        sa.Column("snapshot_root", sa.String(), nullable=False),
        sa.Column("certificate_digest", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["signing_keys.id"], name=op.f("fk_snapshots_key_id_signing_keys")
        ),
        sa.ForeignKeyConstraint(
            ["mixture_id"], ["mixtures.id"], name=op.f("fk_snapshots_mixture_id_mixtures")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
        sa.UniqueConstraint("certificate_digest", name=op.f("uq_snapshots_certificate_digest")),
    )
    with op.batch_alter_table("snapshots", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_snapshots_snapshot_root"), ["snapshot_root"], unique=False
        )

    op.create_table(
        "lineage_edges",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("source_id", BIG, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "filtered",
                "merged",
                "deduplicated",
                "translated",
                "reformatted",
                "generated",
                "copied",
                name="edge_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version_id <> source_id", name=op.f("ck_lineage_edges_not_itself")),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["dataset_versions.id"],
            name=op.f("fk_lineage_edges_source_id_dataset_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_lineage_edges_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage_edges")),
        sa.UniqueConstraint(
            "version_id",
            "source_id",
            "kind",
            name=op.f("uq_lineage_edges_version_id_source_id_kind"),
        ),
    )
    with op.batch_alter_table("lineage_edges", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lineage_edges_source_id"), ["source_id"], unique=False)

    op.create_table(
        "locations",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("order_root", sa.String(), nullable=False),
        sa.Column("table_digest", sa.String(), nullable=False),
        sa.Column("claims_root", sa.String(), nullable=True),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_locations_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
        sa.UniqueConstraint("uid", name=op.f("uq_locations_uid")),
    )
    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_locations_version_id"), ["version_id"], unique=False)

    op.create_table(
        "mixture_inputs",
        sa.Column("id", BIG, nullable=False),
        sa.Column("mixture_id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("documents", BIG, nullable=False),
        sa.Column("bytes", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["mixture_id"], ["mixtures.id"], name=op.f("fk_mixture_inputs_mixture_id_mixtures")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_mixture_inputs_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mixture_inputs")),
        sa.UniqueConstraint(
            "mixture_id", "version_id", name=op.f("uq_mixture_inputs_mixture_id_version_id")
        ),
    )
    with op.batch_alter_table("mixture_inputs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_mixture_inputs_version_id"), ["version_id"], unique=False
        )

    op.create_table(
        "acquisitions",
        sa.Column("id", BIG, nullable=False),
        sa.Column("location_id", BIG, nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column(
            "access",
            sa.Enum(
                "not_assessed",
                "public",
                "licensed",
                "crawled",
                "user",
                "bought",
                "private",
                name="access",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("crawler", sa.String(), nullable=False),
        sa.Column("opt_out_policy", sa.String(), nullable=False),
        sa.Column("opt_out_date", sa.String(), nullable=False),
        sa.Column("personal_data", sa.String(), nullable=False),
        sa.Column("purchase", sa.String(), nullable=False),
        sa.Column("first_use", sa.String(), nullable=False),
        sa.Column("url_field", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name=op.f("fk_acquisitions_location_id_locations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acquisitions")),
        sa.UniqueConstraint("location_id", name=op.f("uq_acquisitions_location_id")),
    )
    op.create_table(
        "claims",
        sa.Column("id", BIG, nullable=False),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column(
            "property",
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
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("location_id", BIG, nullable=True),
        sa.Column("selection_id", BIG, nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "registration",
                "correction",
                name="claim_kind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "assessment",
            sa.Enum(
                "not_assessed",
                "declared",
                "audited",
                "disputed",
                name="assessment",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("claimed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "location_id IS NULL OR selection_id IS NULL", name=op.f("ck_claims_one_scope")
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name=op.f("fk_claims_location_id_locations")
        ),
        sa.ForeignKeyConstraint(
            ["selection_id"], ["selections.id"], name=op.f("fk_claims_selection_id_selections")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["dataset_versions.id"],
            name=op.f("fk_claims_version_id_dataset_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claims")),
    )
    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_claims_version_id"), ["version_id"], unique=False)
    op.execute("INSERT INTO log_state (id, size) VALUES (1, 0)")


def downgrade() -> None:
    """Change it back."""
    with op.batch_alter_table("claims", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_claims_version_id"))

    op.drop_table("claims")
    op.drop_table("acquisitions")
    with op.batch_alter_table("mixture_inputs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mixture_inputs_version_id"))

    op.drop_table("mixture_inputs")
    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_locations_version_id"))

    op.drop_table("locations")
    with op.batch_alter_table("lineage_edges", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lineage_edges_source_id"))

    op.drop_table("lineage_edges")
    with op.batch_alter_table("snapshots", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_snapshots_snapshot_root"))

    op.drop_table("snapshots")
    with op.batch_alter_table("dataset_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dataset_versions_content_root"))

    op.drop_table("dataset_versions")
    op.drop_table("mixtures")
    op.drop_table("log_salts")
    op.drop_table("datasets")
    op.drop_table("signing_keys")
    op.drop_table("selections")
    op.drop_table("recipes")
    op.drop_table("namespaces")
    op.drop_table("log_state")
    op.drop_table("log_entries")
    op.drop_table("intents")
