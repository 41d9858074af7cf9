"""All that is known of a version."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.api.schemas.base import Count, Digest, Name, Number, Time, TombstoneOut
from registry.api.schemas.datasets import VersionOut
from registry.api.schemas.snapshots import HeldOut, HumanFractionOut, LeftOutOfOut
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import Assessment, Origin, Role, Visibility
from registry.core.lineage import EdgeKind
from registry.core.policy import Policy
from registry.db.models import Outcome, OverlapKind


class SumsOut(BaseModel):
    """What texts come to."""

    documents: Count
    bytes: Count
    words: Count
    human_bytes: Count


class DatesOut(BaseModel):
    """The dates that are claimed."""

    dated: Count = Field(description="Documents with a date.")
    not_before: str | None
    not_after: str | None
    grade: str = Field(pattern="^E[0-6]$")


class ClaimOut(BaseModel):
    """What somebody says about a version, or about some of its texts."""

    property: Property
    value: dict[str, Any] = Field(description="Its keys depend on the property.")
    about: str = Field(description="`all`, or how many texts.")
    selection: Digest | None = Field(description="Of the stored list of texts it is about.")
    kind: ClaimKind
    assessment: Assessment
    claimed_by: str
    claimed_at: Time
    reason: str | None


class DecisionOut(BaseModel):
    """How somebody decided a dispute."""

    outcome: Outcome
    role: str = Field(description="In which role.")
    reason: str
    resolved_by: str
    resolved_at: Time


class EndedOut(DecisionOut):
    """What ended a claim."""

    dispute: Number = Field(description="The number of the dispute within the version.")


class NumberedClaimOut(ClaimOut):
    """A claim with its number among those about the version."""

    number: Number
    ended: EndedOut | None = Field(description="Null while it is live.")


class ResolutionOut(DecisionOut):
    """How a dispute ended."""

    ended: list[Number] = Field(description="The claims that count no more.")


class DisputeOut(BaseModel):
    """Somebody says that a claim is wrong."""

    dataset: Name
    version: Number
    number: Number = Field(description="Within the version.")
    id: Number | None = Field(
        description="Within the registry; null for those who may not see all of it."
    )
    state: Literal["open", "upheld", "rejected"]
    property: Property
    challenged: Number | None = Field(description="The claim that is said to be wrong.")
    claim: Number = Field(description="What is claimed instead.")
    value: dict[str, Any] = Field(description="Of that claim.")
    texts: Count | None = Field(description="How many texts it is about; null for all.")
    field: str | None
    evidence: Digest | None
    reason: str
    opened_by: str
    opened_at: Time
    resolution: ResolutionOut | None


class PlacedDisputeOut(DisputeOut):
    """A dispute in a list."""

    position: Number = Field(description="In this list.")


class NamedOut(BaseModel):
    """A version."""

    dataset: Name
    version: Number


class CaseOut(BaseModel):
    """What this version says, what the other one says, and of how many texts."""

    here: str
    there: str
    texts: Count


class FoundConflictOut(BaseModel):
    """Two sides that contradict each other about the same texts."""

    number: Number
    property: Literal["origin", "generator", "license", "language", "date"]
    texts: Count
    here: NamedOut
    there: NamedOut
    claims: list[Number] | None = Field(
        description="The two claims, where both are about one version."
    )
    cases: list[CaseOut]


class ConflictsOut(BaseModel):
    """Conflicts that a version has a side in; the gravest are listed."""

    count: Count
    listed: list[FoundConflictOut]


class LocationOut(BaseModel):
    """A place where the content was found, without its path on the registry's machine."""

    files: Count
    left_out: Count
    kept: bool
    sources: list[str]
    options: dict[str, Any]
    registered_at: Time


class AcquisitionOut(BaseModel):
    """How the texts were come by; `not_assessed` until somebody says."""

    owner: str
    access: str
    crawler: str
    opt_out_policy: str
    opt_out_date: str
    personal_data: str
    purchase: str
    first_use: str
    url_field: str


class EdgeOut(BaseModel):
    """A lineage edge, seen from one of its ends."""

    dataset: Name
    version: Number
    kind: EdgeKind
    note: str | None
    added_by: str
    added_at: Time


class LineageOut(BaseModel):
    """What a version came from, and what came from it."""

    model_config = ConfigDict(serialize_by_alias=True)

    sources: list[EdgeOut] = Field(alias="from")
    derived: list[EdgeOut] = Field(alias="to")


class TakenOut(BaseModel):
    """How many documents went, for one with an equal text and for one with a similar text."""

    exact: Count
    near: Count


class DeduplicatedOut(TakenOut):
    """What a deduplication took from a version."""

    dataset: Name
    version: Number
    protected: bool
    documents: Count
    budget: str = Field(description="Which share of its documents might go.")


class RemovalsOut(BaseModel):
    """The file that says which documents went, and for which."""

    name: str = Field(description="Its place in the registry's storage.")
    sha256: Digest


class DeduplicationOut(BaseModel):
    """How a version was made of others by keeping one of each group of alike documents."""

    rule: str
    log_size: Count
    documents: Count
    removed: TakenOut
    inputs: list[DeduplicatedOut]
    removals: RemovalsOut


class AnchoringOut(BaseModel):
    """A protected version that has some of the documents."""

    dataset: Name
    version: Number
    documents: Number


class AnchoredOut(BaseModel):
    """Documents whose text a protected version has."""

    documents: Count
    exact: Count = Field(description="Of the same bytes.")
    normalised: Count = Field(description="Of others; they differ in one newline at the end.")
    by: list[AnchoringOut]
    not_compared: list[NamedOut] = Field(
        description="Protected versions of which only the bytes were compared."
    )
    protected_versions: Count
    rule: str


class ContradictionOut(BaseModel):
    """A property on which two versions contradict each other about the same texts."""

    property: Literal["origin", "generator", "license", "date"]
    texts: Count
    cases: list[CaseOut]


class OverlapOut(BaseModel):
    """Documents that another version has too."""

    dataset: Name
    version: Number
    kind: OverlapKind
    documents: Count
    their_documents: Count
    their_total: Count
    texts: Count
    conflicts: list[ContradictionOut]
    rule: str
    found_at: Time


class OverlapsOut(BaseModel):
    """Documents that other versions have too; those with conflicts come first."""

    compared: bool
    count: Count
    listed: list[OverlapOut]


class RepeatedOut(BaseModel):
    """The text that most documents of a version have."""

    content_hash: Digest
    documents: Count
    row: Count
    file: str
    generators: list[str]


class IndexOut(BaseModel):
    """How the documents of a version are found, beyond their content."""

    scheme: str
    sketched: Count = Field(description="Documents with a sketch.")
    without_tokens: Count = Field(description="Documents that have none, for want of a word.")
    passages: Number | None = Field(
        description="A shared run of so many tokens is found; null without passages."
    )


class TermsOut(BaseModel):
    """What was asked of a version before it was protected."""

    policy: Policy
    cutoff: Time
    min_grade: str = Field(pattern="^E[0-6]$")


class ExampleOut(BaseModel):
    """A document that a reason is about."""

    row: Number
    content_hash: Digest
    where: str


class ReasonOut(BaseModel):
    """Why a version does not meet the policy."""

    code: str
    documents: Count
    message: str
    remedy: str
    examples: list[ExampleOut]


class RoleOut(BaseModel):
    """What a version is used as, and what keeps it from what that promises."""

    role: Role
    terms: TermsOut | None = Field(description="Of a protected version; null of others.")
    changed_by: str
    changed_at: Time
    reason: str | None
    lacking: str | None = Field(description="By what an evaluation set should be found and is not.")
    breaks: list[ReasonOut] = Field(
        description="What is said since that breaks the terms; it is protected all the same."
    )


class VersionRecordOut(VersionOut):
    """Everything that is recorded about a version, and what it adds up to under all live claims."""

    dataset: Name
    visibility: Visibility
    withdrawn: list[TombstoneOut]
    origin: Origin
    assessment: Assessment
    roles: list[RoleOut]
    origins: dict[str, SumsOut]
    human_fraction: HumanFractionOut
    contested: Count
    most_repeated: RepeatedOut | None
    overlaps: OverlapsOut
    generators: list[str]
    licenses: list[str]
    languages: list[str]
    dates: DatesOut
    claims: list[NumberedClaimOut]
    disputes: list[DisputeOut]
    conflicts: ConflictsOut
    locations: list[LocationOut]
    acquisition: list[AcquisitionOut]
    lineage: LineageOut
    deduplication: DeduplicationOut | None
    snapshots: list[HeldOut]
    left_out_of: list[LeftOutOfOut] = Field(
        description="Snapshots that left documents out because they resemble items of this set."
    )
    index: IndexOut | None
    anchored: AnchoredOut
