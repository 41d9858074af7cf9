"""The documents that cross the border: what may be asked (`…In`), what is answered (`…Out`).

They say what `--json` says on the command line (`schemas/`), without the paths of the registry's
machine.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from registry.api.deps import DIGEST_PATTERN, LAST_NUMBER, NAME_PATTERN, as_number
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import (
    MAX_NAME_LENGTH,
    Assessment,
    DatasetRef,
    Origin,
    Visibility,
    check_name,
)
from registry.core.lineage import EdgeKind
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


class SnapshotPartOut(BaseModel):
    """How much of a version a snapshot holds."""

    snapshot_root: Digest
    certificate: Digest
    documents: Count
    bytes: Count
    issued_at: Time


class CaseOut(BaseModel):
    """What this version says, what the other one says, and of how many texts."""

    here: str
    there: str
    texts: Count


class ConflictOut(BaseModel):
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
    conflicts: list[ConflictOut]
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


class VersionRecordOut(VersionOut):
    """Everything that is recorded about a version, and what it adds up to under all live claims."""

    dataset: Name
    visibility: Visibility
    origin: Origin
    assessment: Assessment
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
    snapshots: list[SnapshotPartOut]


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


class ExportedOut(EventOut, SnapshotPartOut):
    """Documents of it went into a snapshot."""

    event: Literal["snapshot"]


AnyEventOut = Annotated[
    RegisteredOut | FoundOut | ClaimedOut | DerivedOut | ExportedOut, Field(discriminator="event")
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


class HealthOut(BaseModel):
    """The server answers, and so does its database."""

    status: Literal["ok"]
    version: str = Field(description="Of Firsthand.")
    revision: str = Field(description="Of the database's schema.")
