"""Snapshots, and what is in them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from registry.api.deps import DIGEST_PATTERN
from registry.api.schemas.base import Count, Digest, Name, Number, PageIn, Time
from registry.core.dataset import Origin


class SnapshotsIn(PageIn):
    """A page of snapshots."""

    after: str | None = Field(
        None, pattern=DIGEST_PATTERN, description="Begin behind the one with this certificate."
    )


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
