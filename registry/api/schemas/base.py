"""What many documents have: counts, times, digests, pages."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from registry.api.deps import (
    DIGEST_PATTERN,
    HASH_PATTERN,
    LAST_NUMBER,
    REF_PATTERN,
    PastText,
    as_number,
)
from registry.core.dataset import MAX_NAME_LENGTH

Item = TypeVar("Item")
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Time = Annotated[
    str, Field(description="RFC 3339, in UTC.", json_schema_extra={"format": "date-time"})
]


Name = Annotated[str, Field(description="`team/name`.")]
Plain = r"^[^\x00-\x1f\x7f]*$"


class PageIn(BaseModel):
    """How much of a list is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, BeforeValidator(as_number)] = Field(
        50, ge=1, le=200, description="How many items at most."
    )


class PastIn(BaseModel):
    """The state of the catalogue that is asked about; `registry.api.deps.past_session` opens it."""

    as_of: PastText = None


class NumbersIn(PageIn):
    """A page of things that are numbered from 1."""

    after: Annotated[int, BeforeValidator(as_number)] = Field(
        0, ge=0, le=LAST_NUMBER, description="Begin behind this number."
    )


class PastNumbersIn(NumbersIn, PastIn):
    """A page of things that are numbered from 1, now or then."""


class Page(BaseModel, Generic[Item]):
    """Some of a list, and where it goes on."""

    items: list[Item]
    next: str | None = Field(description="The path of the next page; null on the last.")


# Each part of a name may be that long; what is published is the shorter promise.
Reference = Annotated[
    str,
    Field(
        max_length=3 * MAX_NAME_LENGTH,
        pattern=REF_PATTERN,
        json_schema_extra={"maxLength": MAX_NAME_LENGTH},
    ),
]
ContentHash = Annotated[str, Field(pattern=HASH_PATTERN)]
Share = Annotated[float, Field(ge=0, le=1)]
Date = Annotated[
    str | None,
    Field(description="RFC 3339, in UTC; null if unbounded or not claimed."),
]


class HealthOut(BaseModel):
    """The server answers, and so does its database."""

    status: Literal["ok"]
    version: str = Field(description="Of Firsthand.")
    revision: str = Field(description="Of the database's schema.")


class TombstoneOut(BaseModel):
    """A withdrawal."""

    withdrawal: Number = Field(description="Its number, by which plans and messages name it.")
    about: Literal["all"] | Count = Field(description="`all`, or of how many texts it is.")
    reason: str
    erased: bool = Field(description="Whether the registry's own copies were removed too.")
    withdrawn_by: str
    withdrawn_at: Time
