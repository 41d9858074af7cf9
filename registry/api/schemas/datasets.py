"""Datasets, and their versions in short."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from registry.api.deps import NAME_PATTERN
from registry.api.schemas.base import Count, Digest, Name, Number, PageIn, PastIn, Plain, Time
from registry.core.dataset import (
    MAX_NAME_LENGTH,
    Assessment,
    DatasetRef,
    Origin,
    Role,
    Visibility,
    check_name,
)

AFTER_PATTERN = f"{NAME_PATTERN[:-1]}/{NAME_PATTERN[1:]}"


def _after_name(text: str) -> str:
    """Check a key to begin behind: any two names, also longer ones than a dataset may have."""
    if not re.fullmatch(AFTER_PATTERN[1:-1], text):
        raise ValueError("`team/name` is expected")
    return text


def _namespace(text: str) -> str:
    return check_name(text, "namespace")


class DatasetsIn(PageIn, PastIn):
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
