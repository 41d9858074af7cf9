"""What happened to a dataset."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.api.schemas.base import Count, Digest, Name, Number, Time
from registry.api.schemas.snapshots import SnapshotPartOut
from registry.api.schemas.versions import ClaimOut, TermsOut
from registry.core.claim import Property
from registry.core.dataset import Role
from registry.core.lineage import EdgeKind
from registry.db.models import Outcome


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


class DisputedOut(EventOut):
    """Somebody said that a claim is wrong."""

    event: Literal["dispute"]
    dispute: Number
    property: Property
    challenged: Number | None
    value: dict[str, Any]
    texts: Count | None
    field: str | None
    evidence: Digest | None
    reason: str
    opened_by: str


class ResolvedOut(EventOut):
    """Somebody decided a dispute."""

    event: Literal["resolution"]
    dispute: Number
    outcome: Outcome
    role: str
    reason: str
    resolved_by: str
    ended: list[Number]


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


class MovedOut(EventOut):
    """Its files are somewhere else since then."""

    event: Literal["moved"]
    files: Count
    moved_by: str


class WithdrawnOut(EventOut):
    """It, or some of its texts, were withdrawn."""

    event: Literal["withdrawn"]
    withdrawal: Number
    about: str = Field(description="`all`, or how many texts.")
    reason: str
    erased: bool
    withdrawn_by: str


AnyEventOut = Annotated[
    RegisteredOut
    | FoundOut
    | KeptOut
    | ClaimedOut
    | DisputedOut
    | ResolvedOut
    | DerivedOut
    | RoleChangedOut
    | ExportedOut
    | MovedOut
    | WithdrawnOut,
    Field(discriminator="event"),
]
