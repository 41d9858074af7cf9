"""The documents of `/v1/impact`: what may be asked, and what was touched."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from registry.api.deps import DIGEST_PATTERN, HASH_PATTERN, LAST_NUMBER, as_number
from registry.api.schemas.base import Count, Digest, Name, Number, Reference, Time, TombstoneOut
from registry.api.schemas.snapshots import FractionOut
from registry.core.dataset import Origin
from registry.core.lineage import EdgeKind


class ImpactIn(BaseModel):
    """What is asked about: one of the first three."""

    model_config = ConfigDict(extra="forbid")

    ref: Reference | None = Field(None, description="A dataset or version.")
    hash: Annotated[str, Field(pattern=HASH_PATTERN)] | None = Field(
        None, description="The SHA-256 of a text, wherever it is."
    )
    dispute: Annotated[int, BeforeValidator(as_number)] | None = Field(
        None, ge=1, le=LAST_NUMBER, description="The number of a dispute."
    )
    limit: Annotated[int, BeforeValidator(as_number)] = Field(
        50, ge=1, le=200, description="How many snapshots are counted anew, the newest first."
    )
    after: str | None = Field(
        None, pattern=DIGEST_PATTERN, description="Begin behind the one with this certificate."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(it is not None for it in (self.ref, self.hash, self.dispute)) != 1:
            raise ValueError("name one of `ref`, `hash` and `dispute`")
        return self


class BoundsOut(BaseModel):
    """A number of documents: exact where both are the same."""

    at_least: Count
    at_most: Count


class ImpactVersionOut(BaseModel):
    """A version that is asked about."""

    dataset: Name
    version: Number
    documents: Count = Field(description="How many of its documents are asked about.")
    of: Count = Field(description="How many it has.")
    origins: dict[Origin, Count] = Field(description="What they count as today.")
    withdrawn: list[TombstoneOut]


class ImpactDerivedOut(BaseModel):
    """A version that was made from one that is asked about, directly or not."""

    dataset: Name
    version: Number
    kind: EdgeKind
    source: str = Field(alias="from", description="What it was derived from.")
    steps: Count = Field(description="How many steps it is away.")
    documents: Count


class ImpactTotalsOut(BaseModel):
    """How much is touched."""

    snapshots: Count = Field(description="Those that hold, or may hold, documents of it.")
    certificates: Count
    mixtures: Count = Field(description="Different plans among them.")
    counted: Count = Field(description="How many of them are counted anew in this answer.")
    broken: Count = Field(description="How many of these are known to break a promise.")


class ThenAndTodayOut(BaseModel):
    """A share when the snapshot was made, and under today's claims."""

    then: FractionOut | None = Field(description="Null where it is not on record.")
    today: FractionOut | None = Field(description="Null where it is not known exactly.")
    today_between: Annotated[list[FractionOut], Field(min_length=2, max_length=2)] | None = Field(
        description="What it lies between; null where nothing is known."
    )


class NotAssessedOut(BaseModel):
    """A share that was not assessed."""

    then: Literal["not_assessed"]
    today: Literal["not_assessed"]


class ImpactFractionOut(BaseModel):
    """The three human numbers of a snapshot."""

    of: str
    count: list[Origin]
    asked: str | None
    declared: ThenAndTodayOut
    evidenced: NotAssessedOut
    audited: NotAssessedOut


class PromiseOut(BaseModel):
    """Something that the recipe of a snapshot asked for."""

    promise: Literal["share", "filter", "evaluations"]
    asked: str
    holds: bool | None = Field(description="Null where that is not known.")
    because: str | None


class ImpactInputOut(BaseModel):
    """How much a snapshot holds of a version."""

    dataset: Name
    version: Number
    documents: Count
    bytes: Count


class ImpactSnapshotOut(BaseModel):
    """A snapshot that is touched."""

    snapshot_root: Digest
    certificate: Digest
    path: str
    issued_at: Time
    as_of: Count = Field(description="The log size that it was drawn at.")
    plan: Digest
    documents: Count
    touched: BoundsOut = Field(description="How many of them are asked about.")
    rows_known: bool = Field(description="Whether it is on record which rows it holds.")
    human_fraction: ImpactFractionOut
    withdrawn: BoundsOut = Field(description="How many of them are withdrawn today.")
    promises: list[PromiseOut]
    inputs: list[ImpactInputOut]
    superseded_by: list[Digest] = Field(description="Certificates that took its place.")


class ImpactExcludedOut(BaseModel):
    """A snapshot that documents were left out of for an evaluation set that is asked about."""

    snapshot_root: Digest
    certificate: Digest
    path: str
    exact: Count
    near: Count
    passage: Count


class ImpactOut(BaseModel):
    """What a version, a text or a dispute touched, and what still holds."""

    about: str
    dispute: Number | None
    log_size: Count = Field(description="The state of the catalogue.")
    versions: list[ImpactVersionOut]
    derived: list[ImpactDerivedOut]
    totals: ImpactTotalsOut
    snapshots: list[ImpactSnapshotOut] = Field(description="The newest first.")
    after: Digest | None = Field(description="Ask behind this one for more; null at the end.")
    excluded: list[ImpactExcludedOut]
    training_runs: Literal["not_recorded"]
