"""The rows of the catalogue.

Documents are not here: they live in Parquet document tables, one set per location. Rows that
state something are never updated; corrections are rows. Every table named in
`registry.core.entry.FOLDED` is bound by the log: each row's digest stands in a log entry written
in the same transaction.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from registry.core.claim import ClaimKind, Property
from registry.core.dataset import Access, Assessment, Role, Visibility
from registry.core.evidence import EvidenceKind, Grade
from registry.core.lineage import EdgeKind
from registry.db.base import Base, one_of


class KeyRole(StrEnum):
    """What a key of this registry signs."""

    CERTIFICATE = "certificate"
    LOG = "log"


class TrustRole(StrEnum):
    """What a key of somebody else vouches for.

    A witness cosigns checkpoints, a timestamp authority (a root certificate) says when one
    existed, an archive (the digest of a manifest) had certain bytes.
    """

    WITNESS = "witness"
    TIMESTAMP = "timestamp"
    ARCHIVE = "archive"


class IntentKind(StrEnum):
    """What a writer of files is about to do."""

    REGISTER = "register"
    EXPORT = "export"
    INDEX = "index"
    KEEP = "keep"


class IntentState(StrEnum):
    """How far it is.

    `open`: files are being written, nothing is recorded. `committed`: the catalogue has it, and
    moving the files into place remains. `cleaning`: the writer is gone and its files are being
    removed; the writer, should it wake up, must not commit.
    """

    OPEN = "open"
    COMMITTED = "committed"
    CLEANING = "cleaning"


class SegmentKind(StrEnum):
    """What a segment of the index finds documents by."""

    CONTENT = "content"
    BANDS = "bands"
    PASSAGES = "passages"


class Outcome(StrEnum):
    """How a dispute ended.

    `upheld`: the challenged claim counts no more. `rejected`: what the dispute claimed instead
    counts no more.
    """

    UPHELD = "upheld"
    REJECTED = "rejected"


class OverlapKind(StrEnum):
    """How documents of two versions are alike."""

    EXACT = "exact"
    NEAR = "near"


class Namespace(Base):
    """A team whose datasets share the first part of their names."""

    __tablename__ = "namespaces"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    visibility: Mapped[Visibility] = mapped_column(one_of(Visibility))
    created_at: Mapped[dt.datetime]


class Dataset(Base):
    """A named collection; its states are versions."""

    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("namespace_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    namespace_id: Mapped[int] = mapped_column(ForeignKey("namespaces.id"))
    name: Mapped[str]
    visibility: Mapped[Visibility] = mapped_column(one_of(Visibility))
    created_at: Mapped[dt.datetime]
    namespace: Mapped[Namespace] = relationship(lazy="joined", innerjoin=True)


class DatasetVersion(Base):
    """One immutable state of a dataset: its content, and nothing that anybody claims about it."""

    __tablename__ = "dataset_versions"
    __table_args__ = (
        UniqueConstraint("dataset_id", "number"),
        UniqueConstraint("dataset_id", "content_root"),
        Index(None, "content_root"),
        CheckConstraint("number >= 1", name="number_positive"),
        CheckConstraint("documents >= 0 AND empty >= 0 AND bytes >= 0 AND words >= 0", name="sums"),
        CheckConstraint('"distinct" >= 0 AND "distinct" <= documents', name="distinct_within"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("datasets.id"))
    number: Mapped[int]
    content_root: Mapped[str]
    documents: Mapped[int]
    distinct: Mapped[int]
    empty: Mapped[int]
    bytes: Mapped[int]
    words: Mapped[int]
    registered_at: Mapped[dt.datetime]
    dataset: Mapped[Dataset] = relationship(lazy="joined", innerjoin=True)

    @property
    def exact_duplicates(self) -> int:
        """Return how many documents repeat another one byte for byte."""
        return self.documents - self.distinct


class Location(Base):
    """A place where the content of a version was found, and how it was read there.

    Attributes:
        uid: Names the document table in the registry's storage.
        base: The folder that the file names are relative to.
        options: The reader's options (`ReadOptions.to_json`).
        files: Name, size and modification time of each file, in the order they were read; and
            `skipped`, how much of it was left out because it is not valid, where any was.
        order_root: SHA-256 over the content hashes in reading order; locations with the same
            one hold the same documents in the same rows.
        table_digest: SHA-256 over the document table's files.
        claims_root: Over what the data says per document, or None when it says nothing; the same
            texts with other labels have another one.
        kept: Whether the texts went into the vault when it was registered; see `KeptTexts`.
    """

    __tablename__ = "locations"
    __table_args__ = (Index(None, "version_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    uid: Mapped[str] = mapped_column(unique=True)
    base: Mapped[str]
    options: Mapped[dict[str, Any]]
    files: Mapped[list[Any]]
    order_root: Mapped[str]
    table_digest: Mapped[str]
    claims_root: Mapped[str | None]
    kept: Mapped[bool]
    sources: Mapped[list[str]]
    registered_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)


class KeptTexts(Base):
    """The texts of a location were put into the vault after it was registered; the latest counts.

    Attributes:
        uid: Names them in the registry's storage; they are in the rows of the location.
        documents: How many there are.
        bytes: What they add up to, as UTF-8.
        digest: SHA-256 over the digests of the files, in order.
    """

    __tablename__ = "kept_texts"
    __table_args__ = (
        Index(None, "location_id"),
        CheckConstraint("documents >= 0 AND bytes >= 0", name="sums"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    uid: Mapped[str] = mapped_column(unique=True)
    documents: Mapped[int]
    bytes: Mapped[int]
    digest: Mapped[str]
    kept_by: Mapped[str]
    kept_at: Mapped[dt.datetime]
    location: Mapped[Location] = relationship(lazy="joined", innerjoin=True)


class Acquisition(Base):
    """How the texts at a location were come by. Each part is `not_assessed` until somebody says."""

    __tablename__ = "acquisitions"

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), unique=True)
    owner: Mapped[str]
    access: Mapped[Access] = mapped_column(one_of(Access))
    crawler: Mapped[str]
    opt_out_policy: Mapped[str]
    opt_out_date: Mapped[str]
    personal_data: Mapped[str]
    purchase: Mapped[str]
    first_use: Mapped[str]
    url_field: Mapped[str]


class Selection(Base):
    """A stored list of content hashes that claims can be about."""

    __tablename__ = "selections"
    __table_args__ = (CheckConstraint("texts >= 1", name="not_empty"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    texts: Mapped[int]


class Claim(Base):
    """What somebody says about a version, or about a selection of its documents.

    Attributes:
        value: What is claimed; its shape depends on the property (`registry.core.claim`).
        location_id: Set when the value stands per document in that location's table.
        selection_id: Set when the claim is about those texts only.
        role: A registration states what the data's owner says; a correction contradicts it.
    """

    __tablename__ = "claims"
    __table_args__ = (
        Index(None, "version_id"),
        CheckConstraint("location_id IS NULL OR selection_id IS NULL", name="one_scope"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    property: Mapped[Property] = mapped_column(one_of(Property))
    value: Mapped[dict[str, Any]]
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    selection_id: Mapped[int | None] = mapped_column(ForeignKey("selections.id"))
    kind: Mapped[ClaimKind] = mapped_column(one_of(ClaimKind))
    assessment: Mapped[Assessment] = mapped_column(one_of(Assessment))
    claimed_by: Mapped[str]
    reason: Mapped[str | None]
    claimed_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)
    location: Mapped[Location | None] = relationship(lazy="raise")
    selection: Mapped[Selection | None] = relationship(lazy="joined")


class Dispute(Base):
    """Somebody says that a claim is wrong. Until it is resolved, the more cautious side counts.

    Attributes:
        challenged_id: The claim that is said to be wrong, or None: what is said of the property.
        claim_id: What is claimed instead; it is live until the dispute is rejected.
        field: The field of the records that it is about, or None for all of them.
    """

    __tablename__ = "disputes"
    __table_args__ = (Index(None, "version_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    challenged_id: Mapped[int | None] = mapped_column(ForeignKey("claims.id"), index=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"), unique=True)
    field: Mapped[str | None]
    reason: Mapped[str]
    opened_by: Mapped[str]
    opened_at: Mapped[dt.datetime]
    claim: Mapped[Claim] = relationship(foreign_keys=[claim_id], lazy="joined", innerjoin=True)
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)


class DisputeResolution(Base):
    """A dispute ended.

    Attributes:
        role: In which role somebody decided it, such as `data owner`.
    """

    __tablename__ = "dispute_resolutions"

    id: Mapped[int] = mapped_column(primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("disputes.id"), unique=True)
    outcome: Mapped[Outcome] = mapped_column(one_of(Outcome))
    role: Mapped[str]
    reason: Mapped[str]
    resolved_by: Mapped[str]
    resolved_at: Mapped[dt.datetime]
    dispute: Mapped[Dispute] = relationship(lazy="joined", innerjoin=True)


class EndedClaim(Base):
    """A claim that a resolution ended: it counts no more, and stays on record."""

    __tablename__ = "ended_claims"
    __table_args__ = (Index(None, "resolution_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    resolution_id: Mapped[int] = mapped_column(ForeignKey("dispute_resolutions.id"))
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"), unique=True)
    resolution: Mapped[DisputeResolution] = relationship(lazy="joined", innerjoin=True)


class Evidence(Base):
    """What supports a claim about a version, or about some of its documents.

    Attributes:
        selection_id: The texts it is about, or None for all.
        dispute_id: The dispute it was brought for, or None.
        kind: What it is (`registry.core.evidence`).
        concerns: The property it is about: `date` or `origin`.
        grade: How hard a date is to forge; E0 for what concerns an origin.
        not_before: The bracket of a date, in microseconds since 1970 UTC, or None.
        not_after: Likewise.
        documents: How many documents it is about.
        issuer: Who says so.
        digest: SHA-256 of the evidence itself.
        value: The rest, by kind: addresses, how hashes were computed again.
    """

    __tablename__ = "evidence"
    __table_args__ = (
        Index(None, "version_id"),
        CheckConstraint("documents >= 0", name="documents_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    selection_id: Mapped[int | None] = mapped_column(ForeignKey("selections.id"))
    dispute_id: Mapped[int | None] = mapped_column(ForeignKey("disputes.id"))
    kind: Mapped[EvidenceKind] = mapped_column(one_of(EvidenceKind))
    concerns: Mapped[Property] = mapped_column(one_of(Property))
    grade: Mapped[Grade] = mapped_column(one_of(Grade))
    not_before: Mapped[int | None]
    not_after: Mapped[int | None]
    documents: Mapped[int]
    issuer: Mapped[str]
    digest: Mapped[str]
    value: Mapped[dict[str, Any]]
    added_by: Mapped[str]
    added_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)
    selection: Mapped[Selection | None] = relationship(lazy="joined")


class Withdrawal(Base):
    """Documents are to be used no more: hidden at once, refused in plans and exports.

    Attributes:
        selection_id: The texts it is about, or None for the whole version.
        erased: Whether the registry's own copies of them were removed too.
    """

    __tablename__ = "withdrawals"
    __table_args__ = (Index(None, "version_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    selection_id: Mapped[int | None] = mapped_column(ForeignKey("selections.id"))
    reason: Mapped[str]
    erased: Mapped[bool]
    withdrawn_by: Mapped[str]
    withdrawn_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)
    selection: Mapped[Selection | None] = relationship(lazy="joined")


class ErasedText(Base):
    """An erased text, by a salted hash, so that it is noticed when it comes again."""

    __tablename__ = "erased_texts"
    __table_args__ = (Index(None, "withdrawal_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    withdrawal_id: Mapped[int] = mapped_column(ForeignKey("withdrawals.id"))
    salt: Mapped[bytes]
    digest: Mapped[str]


class Relocation(Base):
    """The files of a location are at another place now; the latest counts.

    Attributes:
        base: The folder or address that the file names are relative to.
        files: Name, size and modification time of each file there, in the order of the location.
    """

    __tablename__ = "relocations"
    __table_args__ = (Index(None, "location_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    base: Mapped[str]
    files: Mapped[list[Any]]
    relocated_by: Mapped[str]
    relocated_at: Mapped[dt.datetime]
    location: Mapped[Location] = relationship(lazy="joined", innerjoin=True)


class LineageEdge(Base):
    """One version was derived from another."""

    __tablename__ = "lineage_edges"
    __table_args__ = (
        UniqueConstraint("version_id", "source_id", "kind"),
        Index(None, "source_id"),
        CheckConstraint("version_id <> source_id", name="not_itself"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    source_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    kind: Mapped[EdgeKind] = mapped_column(one_of(EdgeKind))
    note: Mapped[str | None]
    added_by: Mapped[str]
    added_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(
        foreign_keys=[version_id], lazy="joined", innerjoin=True
    )
    source: Mapped[DatasetVersion] = relationship(
        foreign_keys=[source_id], lazy="joined", innerjoin=True
    )


class RoleChange(Base):
    """A version was given a role, or it was taken from it again; the latest row counts.

    Attributes:
        given: Whether the version has the role from then on.
        value: On what terms: the policy that a protected version met, by its name and parameters.
        reason: Why; always there where a role is taken.
    """

    __tablename__ = "role_changes"
    __table_args__ = (
        Index(None, "version_id", "role"),
        CheckConstraint("given OR reason IS NOT NULL", name="taken_for_a_reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    role: Mapped[Role] = mapped_column(one_of(Role))
    given: Mapped[bool]
    value: Mapped[dict[str, Any]]
    changed_by: Mapped[str]
    reason: Mapped[str | None]
    changed_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)


class RecipeRow(Base):
    """A recipe that something was drawn by, as it was written."""

    __tablename__ = "recipes"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    body: Mapped[dict[str, Any]]
    recorded_at: Mapped[dt.datetime]


class Mixture(Base):
    """What a recipe drew from one state of the catalogue."""

    __tablename__ = "mixtures"

    id: Mapped[int] = mapped_column(primary_key=True)
    recipe_id: Mapped[int] = mapped_column(ForeignKey("recipes.id"))
    plan_digest: Mapped[str]
    log_size: Mapped[int]
    documents: Mapped[int]
    bytes: Mapped[int]
    words: Mapped[int]
    recorded_at: Mapped[dt.datetime]
    recipe: Mapped[RecipeRow] = relationship(lazy="joined", innerjoin=True)


class MixtureInput(Base):
    """How much of a version a mixture holds."""

    __tablename__ = "mixture_inputs"
    __table_args__ = (UniqueConstraint("mixture_id", "version_id"), Index(None, "version_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    mixture_id: Mapped[int] = mapped_column(ForeignKey("mixtures.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    documents: Mapped[int]
    bytes: Mapped[int]
    mixture: Mapped[Mixture] = relationship(lazy="joined", innerjoin=True)
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)


class DrawnRows(Base):
    """Which rows of a version a mixture holds: a file in the storage (`registry.query.drawn`).

    Attributes:
        digest: SHA-256 of the file, which names it; None where all rows were drawn.
        documents: How many rows were drawn.
        weight: What they came to, in the unit that the recipe asks the human share of.
        human: How much of that counted as human by declaration then.
    """

    __tablename__ = "drawn_rows"
    __table_args__ = (
        CheckConstraint("human >= 0 AND human <= weight AND documents >= 0", name="sums"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    input_id: Mapped[int] = mapped_column(ForeignKey("mixture_inputs.id"), unique=True)
    digest: Mapped[str | None]
    documents: Mapped[int]
    weight: Mapped[int]
    human: Mapped[int]


class MixtureExclusion(Base):
    """How many documents were left out of a mixture because they resemble an evaluation set.

    Attributes:
        version_id: The evaluation set.
        exact: Documents equal to one of its items.
        near: Documents nearly equal to one.
        passages: Documents that share a passage with one.
    """

    __tablename__ = "mixture_exclusions"
    __table_args__ = (
        UniqueConstraint("mixture_id", "version_id"),
        Index(None, "version_id"),
        CheckConstraint("exact >= 0 AND near >= 0 AND passages >= 0", name="sums"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mixture_id: Mapped[int] = mapped_column(ForeignKey("mixtures.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    exact: Mapped[int]
    near: Mapped[int]
    passages: Mapped[int]
    mixture: Mapped[Mixture] = relationship(lazy="joined", innerjoin=True)
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)


class SigningKey(Base):
    """A public key of this registry."""

    __tablename__ = "signing_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    keyid: Mapped[str] = mapped_column(unique=True)
    role: Mapped[KeyRole] = mapped_column(one_of(KeyRole))
    pem: Mapped[str]
    created_at: Mapped[dt.datetime]


class Snapshot(Base):
    """A mixture as Parquet files with a certificate."""

    __tablename__ = "snapshots"
    __table_args__ = (Index(None, "snapshot_root"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mixture_id: Mapped[int] = mapped_column(ForeignKey("mixtures.id"))
    key_id: Mapped[int] = mapped_column(ForeignKey("signing_keys.id"))
    snapshot_root: Mapped[str]
    certificate_digest: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str]
    issued_at: Mapped[dt.datetime]
    mixture: Mapped[Mixture] = relationship(lazy="joined", innerjoin=True)
    key: Mapped[SigningKey] = relationship(lazy="joined", innerjoin=True)


class Supersession(Base):
    """A snapshot takes the place of an older certificate, which stays checkable.

    Attributes:
        certificate_digest: SHA-256 of the envelope that it supersedes.
        reason: Why, in the issuer's words, or None.
    """

    __tablename__ = "supersessions"
    __table_args__ = (Index(None, "certificate_digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    snapshot_id: Mapped[int] = mapped_column(ForeignKey("snapshots.id"), unique=True)
    certificate_digest: Mapped[str]
    reason: Mapped[str | None]
    superseded_at: Mapped[dt.datetime]
    snapshot: Mapped[Snapshot] = relationship(lazy="joined", innerjoin=True)


class TrustedKey(Base):
    """A key of somebody else that this registry relies on and names in its trust file.

    Attributes:
        keyid: SHA-256 of the key: of its DER SubjectPublicKeyInfo, or of the root certificate's
            DER; of an archive's manifest, its SHA-256.
        name: Whose it is.
        key: As it is published: a witness's `NAME+ID+KEY`, a PEM certificate, a digest.
    """

    __tablename__ = "trusted_keys"
    __table_args__ = (UniqueConstraint("role", "keyid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    keyid: Mapped[str]
    role: Mapped[TrustRole] = mapped_column(one_of(TrustRole))
    name: Mapped[str]
    key: Mapped[str]
    added_by: Mapped[str]
    added_at: Mapped[dt.datetime]


class KeyRevocation(Base):
    """A key is not to be believed from some time on; the earliest time counts.

    Attributes:
        keyid: The key, of this registry or of somebody else.
        revoked_from: What it signed from then on counts for nothing.
    """

    __tablename__ = "key_revocations"
    __table_args__ = (Index(None, "keyid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    keyid: Mapped[str]
    revoked_from: Mapped[dt.datetime]
    reason: Mapped[str]
    revoked_by: Mapped[str]
    revoked_at: Mapped[dt.datetime]


class Deduplication(Base):
    """A version was made of others by keeping one of each group of alike documents.

    The file of removals, `removals.parquet`, lies with the document table of the version's first
    location.

    Attributes:
        rule: What counted as alike, and in which order documents were kept.
        log_size: The state of the catalogue that it was decided in.
        documents: How many documents the inputs have.
        exact: How many of them went for one with an equal text.
        near: How many went for one with a similar text.
        removals_digest: SHA-256 of the file of removals.
    """

    __tablename__ = "deduplications"
    __table_args__ = (
        CheckConstraint("exact >= 0 AND near >= 0 AND exact + near <= documents", name="sums"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"), unique=True)
    rule: Mapped[str]
    log_size: Mapped[int]
    documents: Mapped[int]
    exact: Mapped[int]
    near: Mapped[int]
    removals_digest: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)


class DeduplicationInput(Base):
    """What a deduplication took from a version.

    Attributes:
        protected: Whether the version was protected then.
        documents: How many documents it has.
        exact: How many of them went for one with an equal text.
        near: How many went for one with a similar text.
        budget: Which share of them might go, as a decimal fraction.
    """

    __tablename__ = "deduplication_inputs"
    __table_args__ = (
        UniqueConstraint("deduplication_id", "version_id"),
        Index(None, "version_id"),
        CheckConstraint("exact >= 0 AND near >= 0 AND exact + near <= documents", name="sums"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    deduplication_id: Mapped[int] = mapped_column(ForeignKey("deduplications.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    protected: Mapped[bool]
    documents: Mapped[int]
    exact: Mapped[int]
    near: Mapped[int]
    budget: Mapped[str]
    deduplication: Mapped[Deduplication] = relationship(lazy="joined", innerjoin=True)
    version: Mapped[DatasetVersion] = relationship(lazy="joined", innerjoin=True)


class LogEntry(Base):
    """A leaf of the transparency log. `position` is given by one sequencer, without gaps."""

    __tablename__ = "log_entries"
    __table_args__ = (CheckConstraint("position >= 0", name="position_not_negative"),)

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    leaf: Mapped[bytes]


class LogSalt(Base):
    """The salt of one commitment in a log entry; without it the commitment says nothing."""

    __tablename__ = "log_salts"

    position: Mapped[int] = mapped_column(ForeignKey("log_entries.position"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    salt: Mapped[bytes]


class LogState(Base):
    """The one row that whoever appends to the log must hold."""

    __tablename__ = "log_state"
    __table_args__ = (
        CheckConstraint("id = 1", name="single"),
        CheckConstraint("size >= 0", name="size_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]


class LogCheckpoint(Base):
    """A state of the log that was signed. The log does not bind it: its signature does.

    Attributes:
        size: How many entries it is about.
        root: The RFC 6962 root over them, in hexadecimal.
        note: The checkpoint with the log's signature and nothing else.
        published: Whether it has appeared as a file; until then, whoever comes next makes it.
    """

    __tablename__ = "log_checkpoints"
    __table_args__ = (CheckConstraint("size >= 0", name="size_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(unique=True)
    root: Mapped[str]
    note: Mapped[bytes]
    published: Mapped[bool]
    signed_at: Mapped[dt.datetime]


class Cosignature(Base):
    """A witness's signature of a checkpoint. The log does not bind it: it is a signature.

    Attributes:
        line: The line of the note, with its newline.
        time: When the witness says it saw the checkpoint.
    """

    __tablename__ = "cosignatures"
    __table_args__ = (UniqueConstraint("checkpoint_id", "keyid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("log_checkpoints.id"))
    keyid: Mapped[str]
    line: Mapped[str]
    time: Mapped[dt.datetime]
    added_at: Mapped[dt.datetime]
    checkpoint: Mapped[LogCheckpoint] = relationship(lazy="joined", innerjoin=True)


class Timestamp(Base):
    """An RFC 3161 token over a checkpoint.

    Attributes:
        log_size: Which checkpoint.
        digest: SHA-256 of the token.
        token: The token, DER.
        time: When the authority says it saw the checkpoint.
    """

    __tablename__ = "timestamps"

    id: Mapped[int] = mapped_column(primary_key=True)
    log_size: Mapped[int]
    digest: Mapped[str] = mapped_column(unique=True)
    token: Mapped[bytes]
    time: Mapped[dt.datetime]
    attached_at: Mapped[dt.datetime]


class Intent(Base):
    """Somebody is writing files; whoever cleans up knows from here which are whose."""

    __tablename__ = "intents"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[IntentKind] = mapped_column(one_of(IntentKind))
    state: Mapped[IntentState] = mapped_column(one_of(IntentState))
    owner: Mapped[dict[str, Any]]
    target: Mapped[str | None]
    opened_at: Mapped[dt.datetime]
    lease_until: Mapped[dt.datetime]


class SketchTable(Base):
    """The sketches of a location's documents: files beside its document table.

    The log does not bind it: it is derived from the texts and can be made again.

    Attributes:
        scheme: What the sketches are (`sketch/v1`); others never compare.
        permutations: How many numbers a signature has.
        window: Passages are the least of so many hashes in a row, or None where there are none.
        documents: How many documents the location has.
        sketched: How many of them have a token, and so a sketch.
        digest: SHA-256 over the digests of the files, in order.
        compared_at: When the documents were compared with those of other versions; None while that
            is still to be done.
    """

    __tablename__ = "sketch_tables"
    __table_args__ = (
        CheckConstraint("sketched >= 0 AND sketched <= documents", name="sketched_within"),
        CheckConstraint('"window" IS NULL OR "window" >= 1', name="window_positive"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), unique=True)
    scheme: Mapped[str]
    permutations: Mapped[int]
    window: Mapped[int | None]
    documents: Mapped[int]
    sketched: Mapped[int]
    digest: Mapped[str]
    made_at: Mapped[dt.datetime]
    compared_at: Mapped[dt.datetime | None]
    location: Mapped[Location] = relationship(lazy="joined", innerjoin=True)


class Segment(Base):
    """A file of the index that is in use; its header says which rows of which locations it holds.

    The log does not bind it: it is derived from document tables and sketches.

    Attributes:
        name: `UID/NAME`, its place below `storage/segments/`.
        scheme: What its keys are; others are not looked up in it.
        documents: How many documents it holds.
        entries: How many keys.
        bytes: The size of the file.
        digest: SHA-256 of its footer, which holds the check sums of all else.
    """

    __tablename__ = "segments"
    __table_args__ = (
        CheckConstraint("documents >= 0 AND entries >= 0 AND bytes >= 0", name="sums"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[SegmentKind] = mapped_column(one_of(SegmentKind))
    scheme: Mapped[str]
    documents: Mapped[int]
    entries: Mapped[int]
    bytes: Mapped[int]
    digest: Mapped[str]
    made_at: Mapped[dt.datetime]


class Overlap(Base):
    """Documents of a version that another version has too, found when the later one came.

    The log does not bind it: it is derived. Neither side's claims are changed by it.

    Attributes:
        version_id: The version whose registration found it.
        other_id: The version that was there.
        kind: Whether the texts are equal, or their sketches are near.
        documents: How many documents of the version have a counterpart.
        texts: How many different texts those are.
        other_documents: How many documents of the other version have one.
        conflicts: For each property on which both sides differ, on how many documents.
        rule: What counts as alike, with its version.
    """

    __tablename__ = "version_overlaps"
    __table_args__ = (
        UniqueConstraint("version_id", "other_id", "kind"),
        Index(None, "other_id"),
        CheckConstraint("version_id <> other_id", name="not_itself"),
        CheckConstraint("documents >= 1 AND texts >= 1 AND other_documents >= 1", name="not_empty"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    other_id: Mapped[int] = mapped_column(ForeignKey("dataset_versions.id"))
    kind: Mapped[OverlapKind] = mapped_column(one_of(OverlapKind))
    documents: Mapped[int]
    texts: Mapped[int]
    other_documents: Mapped[int]
    conflicts: Mapped[dict[str, Any]]
    rule: Mapped[str]
    found_at: Mapped[dt.datetime]
    version: Mapped[DatasetVersion] = relationship(
        foreign_keys=[version_id], lazy="joined", innerjoin=True
    )
    other: Mapped[DatasetVersion] = relationship(
        foreign_keys=[other_id], lazy="joined", innerjoin=True
    )
