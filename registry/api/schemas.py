"""The documents that cross the border: what may be asked (`…In`), what is answered (`…Out`).

They say what `--json` says on the command line (`schemas/`), without the paths of the registry's
machine.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from registry.api.deps import (
    DIGEST_PATTERN,
    HASH_PATTERN,
    LAST_NUMBER,
    MOST_QUESTIONS,
    NAME_PATTERN,
    as_number,
)
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import (
    MAX_NAME_LENGTH,
    Assessment,
    DatasetRef,
    Origin,
    Role,
    Visibility,
    check_name,
)
from registry.core.lineage import EdgeKind
from registry.core.policy import Policy
from registry.db.models import OverlapKind

Item = TypeVar("Item")

Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Time = Annotated[
    str, Field(description="RFC 3339, in UTC.", json_schema_extra={"format": "date-time"})
]
Name = Annotated[str, Field(description="`team/name`.")]
Plain = r"^[^\x00-\x1f\x7f]*$"


AFTER_PATTERN = f"{NAME_PATTERN[:-1]}/{NAME_PATTERN[1:]}"


def _after_name(text: str) -> str:
    """Check a key to begin behind: any two names, also longer ones than a dataset may have."""
    if not re.fullmatch(AFTER_PATTERN[1:-1], text):
        raise ValueError("`team/name` is expected")
    return text


def _namespace(text: str) -> str:
    return check_name(text, "namespace")


class PageIn(BaseModel):
    """How much of a list is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, BeforeValidator(as_number)] = Field(
        50, ge=1, le=200, description="How many items at most."
    )


class DatasetsIn(PageIn):
    """Which datasets are asked for. Origin and license are those claimed of the latest version."""

    q: str = Field(
        "", max_length=200, pattern=Plain, description="Words that all occur in `team/name`."
    )
    namespace: Annotated[str, AfterValidator(_namespace)] | None = Field(
        None,
        description="The team.",
        json_schema_extra={"pattern": NAME_PATTERN, "maxLength": MAX_NAME_LENGTH},
    )
    visibility: Visibility | None = Field(None, description="Who may see it.")
    origin: Origin | None = Field(
        None,
        description="Some claim names it; `unknown` also finds those about which nobody said.",
    )
    license: str | None = Field(
        None, max_length=200, pattern=Plain, description="Some claim states exactly this."
    )
    after: Annotated[str, AfterValidator(_after_name)] | None = Field(
        None,
        description="Begin behind this `team/name`.",
        max_length=2 * MAX_NAME_LENGTH + 1,
        json_schema_extra={"pattern": AFTER_PATTERN},
    )

    @property
    def start(self) -> DatasetRef | None:
        """Return the name to begin behind."""
        if self.after is None:
            return None
        namespace, _, name = self.after.partition("/")
        return DatasetRef(namespace, name)


class NumbersIn(PageIn):
    """A page of things that are numbered from 1."""

    after: Annotated[int, BeforeValidator(as_number)] = Field(
        0, ge=0, le=LAST_NUMBER, description="Begin behind this number."
    )


class SnapshotsIn(PageIn):
    """A page of snapshots."""

    after: str | None = Field(
        None, pattern=DIGEST_PATTERN, description="Begin behind the one with this certificate."
    )


class Page(BaseModel, Generic[Item]):
    """Some of a list, and where it goes on."""

    items: list[Item]
    next: str | None = Field(description="The path of the next page; null on the last.")


class DatasetOut(BaseModel):
    """A dataset: its latest version, and what is claimed about that."""

    dataset: Name
    visibility: Visibility
    version: Number = Field(description="The latest.")
    versions: Number
    roles: list[Role]
    documents: Count
    bytes: Count
    claimed_origins: list[Origin]
    assessment: Assessment
    licenses: list[str]
    registered_at: Time


class VersionOut(BaseModel):
    """What a version holds, and nothing that anybody claims about it."""

    version: Number
    registered_at: Time
    content_root: Digest
    documents: Count
    distinct: Count
    exact_duplicates: Count
    empty: Count
    bytes: Count
    words: Count


class SumsOut(BaseModel):
    """What texts come to."""

    documents: Count
    bytes: Count
    words: Count
    human_bytes: Count


class FractionOut(BaseModel):
    """An exact share."""

    numerator: Count
    denominator: Count


class HumanFractionOut(BaseModel):
    """The human share: three numbers that always stand together."""

    of: str
    count: list[Origin]
    declared: FractionOut
    evidenced: Literal["not_assessed"]
    audited: Literal["not_assessed"]
    asked: str | None


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


class NumberedClaimOut(ClaimOut):
    """A claim with its number among those about the version."""

    number: Number


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


class SnapshotPartOut(BaseModel):
    """How much of a version a snapshot holds."""

    snapshot_root: Digest
    certificate: Digest
    documents: Count
    bytes: Count
    issued_at: Time


class LeftOutOut(BaseModel):
    """How many documents were left out because they resemble items of an evaluation set."""

    exact: Count = Field(description="Equal to an item.")
    near: Count = Field(description="Nearly equal to one.")
    passage: Count = Field(description="Sharing a run of words with one.")


class LeftOutForOut(LeftOutOut):
    """The same, and for which set."""

    dataset: Name
    version: Number


class LeftOutOfOut(LeftOutOut):
    """The same, and of which snapshot."""

    snapshot_root: Digest
    certificate: Digest
    issued_at: Time


class HeldOut(SnapshotPartOut):
    """How much of a version a snapshot holds, and what was left out of that snapshot."""

    evaluations: list[LeftOutForOut] = Field(description="Of all its inputs together.")


class AnchoringOut(BaseModel):
    """A protected version that has some of the documents."""

    dataset: Name
    version: Number
    documents: Number


class NamedOut(BaseModel):
    """A version."""

    dataset: Name
    version: Number


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


class CaseOut(BaseModel):
    """What this version says, what the other one says, and of how many texts."""

    here: str
    there: str
    texts: Count


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
    claims: list[ClaimOut]
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


class EventOut(BaseModel):
    """Something that happened to a version."""

    number: Number
    dataset: Name
    version: Number
    at: Time


class RegisteredOut(EventOut):
    """The version was registered."""

    event: Literal["registered"]
    documents: Count
    content_root: Digest


class FoundOut(EventOut):
    """Its content was found at a place."""

    event: Literal["location"]
    files: Count
    kept: bool


class ClaimedOut(EventOut, ClaimOut):
    """Somebody claimed something."""

    event: Literal["claim"]


class DerivedOut(EventOut):
    """Somebody recorded where it came from."""

    model_config = ConfigDict(serialize_by_alias=True)

    event: Literal["lineage"]
    kind: EdgeKind
    source: str = Field(alias="from")
    added_by: str


class KeptOut(EventOut):
    """Its texts were put into the vault."""

    event: Literal["kept"]
    documents: Count
    kept_by: str


class RoleChangedOut(EventOut):
    """It was given a role, or one was taken from it."""

    event: Literal["role"]
    given: bool
    role: Role
    terms: TermsOut | None
    changed_by: str
    changed_at: Time
    reason: str | None


class ExportedOut(EventOut, SnapshotPartOut):
    """Documents of it went into a snapshot."""

    event: Literal["snapshot"]


AnyEventOut = Annotated[
    RegisteredOut | FoundOut | KeptOut | ClaimedOut | DerivedOut | RoleChangedOut | ExportedOut,
    Field(discriminator="event"),
]


class InputOut(BaseModel):
    """How much a snapshot holds of which version."""

    dataset: Name
    version: Number
    documents: Count
    bytes: Count


class SnapshotOut(BaseModel):
    """An exported snapshot."""

    snapshot_root: Digest
    certificate: Digest = Field(description="SHA-256 of `certificate.json`.")
    keyid: Digest
    issued_at: Time
    documents: Count
    bytes: Count
    words: Count
    inputs: list[InputOut]
    evaluations: list[LeftOutForOut] = Field(
        description="What was left out of it for evaluation sets."
    )


ContentHash = Annotated[str, Field(pattern=HASH_PATTERN)]
Share = Annotated[float, Field(ge=0, le=1)]
Date = Annotated[
    str | None,
    Field(description="RFC 3339, in UTC; null if unbounded or not claimed."),
]


class LookupIn(BaseModel):
    """Texts and content hashes, of which it is asked where they come from."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list, max_length=MOST_QUESTIONS, description="Sentences or pages."
    )
    hashes: list[ContentHash] = Field(
        default_factory=list,
        max_length=MOST_QUESTIONS,
        description="SHA-256 of texts' UTF-8 bytes, in hexadecimal; `sha256:` may stand before it.",
    )
    min_similarity: float = Field(
        0.8, gt=0, le=1, description="The smallest similarity of near matches."
    )
    limit: int = Field(10, ge=1, le=100, description="How many texts at most for each question.")
    thorough: bool = Field(
        False,
        description="Read a lot, if need be, to compare passages with the texts that have them.",
    )


class SideOut(BaseModel):
    """What is said about one property of a text on behalf of one version."""

    dataset: Name
    version: Number
    says: list[str]
    generators: list[str]
    claimed_by: list[str]
    basis: Literal["registration", "correction", "generator", "lineage"] | None = Field(
        description="Of an origin: the kind of claim; or a record that names a generator and no "
        "origin; or lineage, which says that a model made all of it."
    )


class ConflictOut(BaseModel):
    """A property on which those who speak about a text differ."""

    property: Literal["origin", "generator", "license", "date"]
    sides: list[SideOut]


class BracketOut(BaseModel):
    """When a text was written or existed, as claimed."""

    not_before: Date
    not_after: Date
    grade: str = Field(pattern="^E[0-6]$")


class EarliestOut(BracketOut):
    """The earliest date that is claimed, of which version and by whom."""

    dataset: Name
    version: Number
    claimed_by: list[str]


class HoldingOut(BaseModel):
    """A snapshot that holds documents of a version."""

    snapshot_root: Digest
    certificate: Digest
    issued_at: Time
    documents: Count = Field(description="How many of the version's documents it holds.")
    has_text: Literal[True] | None = Field(
        description="True if it holds all of them, and so this text; null if it may or may not."
    )


class PlaceOut(BracketOut):
    """Rows of a version that have a text, all of which stand alike."""

    dataset: Name
    version: Number
    row: Number = Field(description="The first of them, from 1 in reading order.")
    documents: Number
    file: str = Field(description="The file that row was read from.")
    record: Number = Field(description="The record in it, from 1.")
    origin: Origin = Field(description="What counts under all live claims.")
    human_bytes: Count
    contested: bool
    generators: list[str]
    licenses: list[str]
    languages: list[str]
    snapshots: list[HoldingOut] = Field(description="The newest.")
    more_snapshots: Count


class TextOut(BaseModel):
    """What is known of a text."""

    content_hash: Digest
    bytes: Count
    words: Count
    documents: Count = Field(description="How many documents have it.")
    origin: Origin = Field(description="The most cautious of what it counts as anywhere.")
    conflicts: list[ConflictOut]
    earliest: EarliestOut | None
    places: list[PlaceOut] = Field(description="Where it is, the earliest date first.")
    more_documents: Count = Field(description="Those at places that are not listed.")


class PassageOut(BaseModel):
    """A run of tokens (words, as `words/v1` counts them) that a question shares with a text."""

    compared: bool = Field(
        description="Whether the texts were compared; otherwise the run is probable."
    )
    tokens: Number
    words: str | None = Field(description="The shared words, as they stand in the text.")
    pieces: Number = Field(description="How many pieces of eight tokens the index has of it.")
    of: Number = Field(description="How many such pieces the question has.")


class MatchOut(TextOut):
    """A text that matches a question."""

    kind: Literal["exact", "normalised", "near", "passage"]
    change: str | None = Field(description="What was done to the question, if it was normalised.")
    similarity: Share | None = Field(description="Of a near match, estimated.")
    standard_error: Share | None
    passage: PassageOut | None


class QuestionOut(BaseModel):
    """What was asked."""

    content_hash: Digest
    bytes: Count | None
    tokens: Count | None = Field(
        description="Under 8, no passage can be found; null for a hash, of which only exact "
        "matches can be."
    )


class MoreOut(BaseModel):
    """How many further documents match, by kind."""

    exact: Count
    normalised: Count
    near: Count
    passage: Count


class AnswerOut(BaseModel):
    """Where one text comes from."""

    question: QuestionOut
    found: bool = Field(description="False says nothing about who or what wrote the text.")
    first_seen: EarliestOut | None = Field(
        description="The earliest date of the same bytes; what is only similar lends none."
    )
    matches: list[MatchOut] = Field(
        description="Exact, normalised, near, passages; the best of each first."
    )
    more: MoreOut


class NearSearchedOut(BaseModel):
    """Which documents' sketches were compared, and what that misses."""

    documents: Count
    min_similarity: Share
    recall: Share = Field(description="How probably a document of just that similarity is found.")


class PassagesSearchedOut(BaseModel):
    """Which documents' passages were looked up, and what that misses."""

    documents: Count
    guaranteed_tokens: Number | None = Field(
        description="A shared run of so many tokens is found without fail."
    )


class SearchedOut(BaseModel):
    """What was searched."""

    documents: Count = Field(description="All; exact matches were looked for among all of them.")
    not_indexed: Count = Field(description="Those that were gone through, for want of an index.")
    near: NearSearchedOut
    passages: PassagesSearchedOut


class LookupOut(BaseModel):
    """The answers: of the texts in their order, then of the hashes."""

    answers: list[AnswerOut]
    searched: SearchedOut


class DuplicatesIn(NumbersIn):
    """Which documents with counterparts are asked for."""

    min_similarity: float = Field(
        0.8, gt=0, le=1, description="The smallest similarity of near counterparts."
    )


class EqualOut(BaseModel):
    """Documents of a version that are equal to one."""

    dataset: Name
    version: Number
    row: Number = Field(description="The first of them.")
    documents: Number


class NearOut(BaseModel):
    """A document that resembles one."""

    dataset: Name
    version: Number
    row: Number
    similarity: Share


class EqualsOut(BaseModel):
    """All documents that are equal to one; of some versions, how many."""

    documents: Count
    listed: list[EqualOut]


class NearsOut(BaseModel):
    """All documents that resemble one, and the nearest of them."""

    documents: Count
    listed: list[NearOut]


class DuplicateOut(BaseModel):
    """A document with its counterparts, in its own version too."""

    row: Number
    content_hash: Digest
    exact: EqualsOut
    near: NearsOut


class HealthOut(BaseModel):
    """The server answers, and so does its database."""

    status: Literal["ok"]
    version: str = Field(description="Of Firsthand.")
    revision: str = Field(description="Of the database's schema.")
