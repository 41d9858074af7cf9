"""What is answered about when the documents of a version were first seen."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from registry.api.schemas.base import Count, Name, Number, Plain, Time
from registry.core.evidence import instant_range
from registry.errors import RegistryError
from registry.query.first_seen.report import CUTOFF


def _date(text: str) -> str:
    try:
        instant_range(text)
    except RegistryError as error:
        raise ValueError(f"{error.message}; {error.hint}") from error
    return text


class FirstSeenIn(BaseModel):
    """What is asked of the dates."""

    model_config = ConfigDict(extra="forbid")

    before: Annotated[str, AfterValidator(_date)] = Field(
        CUTOFF,
        max_length=40,
        pattern=Plain,
        description="A day, month or year: what was seen before it begins is counted.",
        # Times and dates before 1000 are accepted too; what is published is the shorter promise.
        json_schema_extra={"pattern": r"^[1-9]\d{3}(-(0[1-9]|1[0-2])(-(0[1-9]|1\d|2[0-8]))?)?$"},
    )


class SeenSumsOut(BaseModel):
    """How many documents were first seen when."""

    before: Count = Field(description="Before the day that was asked about.")
    later: Count
    undated: Count = Field(description="No version with the same bytes claims a date.")
    earliest: Time | None
    latest: Time | None


class SeenYearOut(BaseModel):
    """How many documents were first seen in a year."""

    year: str = Field(pattern="^[0-9]{4}$")
    documents: Number


class SeenByOut(BaseModel):
    """A version whose dates are the earliest of some documents."""

    dataset: Name
    version: Number
    own: bool = Field(description="It is the version that was asked about.")
    documents: Number
    before: Count
    grade: str = Field(pattern="^E[0-6]$")
    claimed_by: list[str]


class SeenGroupsOut(BaseModel):
    """How many values of a field were first seen when, each by the first of its documents."""

    field: str
    values: Count
    before: Count
    later: Count
    undated: Count
    documents_without: Count = Field(description="Documents without a value.")


class HintOut(BaseModel):
    """A version that has documents which are only similar: they lend no date."""

    dataset: Name
    version: Number
    documents: Number
    rule: str


class SeenSearchedOut(BaseModel):
    """What was searched for equal bytes."""

    versions: Count
    documents: Count
    dated_versions: Count = Field(description="Those that claim dates.")
    rule: str


class FirstSeenOut(BaseModel):
    """When the documents of a version were first seen: a date says nothing about who wrote them."""

    dataset: Name
    version: Number
    documents: Count
    before: Time = Field(description="The beginning of the day that was asked about.")
    first_seen: SeenSumsOut
    years: list[SeenYearOut]
    by: list[SeenByOut] = Field(description="Whose dates these are, most documents first.")
    groups: SeenGroupsOut | None = Field(
        description="By a field of the records; only on the command line."
    )
    hints: list[HintOut]
    searched: SeenSearchedOut
