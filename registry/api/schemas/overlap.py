"""The documents of `/v1/overlap`: what may be asked, and the matrix that is answered."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.api.schemas.base import Count, Name, Number, Reference

MOST_VERSIONS: Final = 200
"""How many versions are compared with one another for a request."""
MOST_DOCUMENTS: Final = 250_000
"""How many documents are compared while a request waits."""

Fraction = Annotated[float, Field(ge=0, le=1, description="Rounded down: only all is 1.")]


class MatrixIn(BaseModel):
    """Which versions are compared."""

    model_config = ConfigDict(extra="forbid")

    ref: list[Reference] = Field(
        [],
        max_length=MOST_VERSIONS,
        description="Names of datasets or versions, or the words `protected`, `evals`, `ai`, "
        "`human`, `all`. Several are compared with one another, one with the latest version of "
        "every other dataset, and without any those are.",
    )


class MatrixVersionOut(BaseModel):
    """A version that was compared."""

    dataset: Name
    version: Number
    documents: Count
    bytes: Count
    without_words: Count | None = Field(
        description="Documents without a word are never near; null where there are no sketches."
    )
    compared: Literal["all", "exact", "nothing"] = Field(
        description="What could be looked for: the index may lack the sketches, or all of it."
    )


class OverlapAmountOut(BaseModel):
    """Some documents of a version, and the bytes of their texts."""

    documents: Count
    bytes: Count
    share_documents: Fraction
    share_bytes: Fraction


class OverlapSideOut(BaseModel):
    """Which documents of one version the other one has."""

    dataset: Name
    version: Number
    exact: OverlapAmountOut = Field(description="Those whose very bytes are there.")
    near: OverlapAmountOut | None = Field(
        description="Those that have a near text there that is not equal; they may have an equal "
        "one too. Null where that is not known."
    )
    either: OverlapAmountOut | None = Field(description="Those that have any of the two.")


class OverlapPairOut(BaseModel):
    """What two versions have in common."""

    texts: Count = Field(description="How many different texts are in both.")
    skipped: Count = Field(
        description="How many candidates were not compared, because very many documents are "
        "alike; if there are any, more documents may be near."
    )
    sides: Annotated[list[OverlapSideOut], Field(min_length=2, max_length=2)]


class OverlapNearOut(BaseModel):
    """What counts as near, and what that misses."""

    min_similarity: Fraction
    recall: Fraction = Field(description="How probably a pair of just that similarity is found.")
    standard_error: Fraction = Field(description="Of the similarity that is compared, there.")


class ComparedWithOut(BaseModel):
    """The version that all others are compared with."""

    dataset: Name
    version: Number


class MatrixOut(BaseModel):
    """Which documents of versions other versions have too."""

    rule: str
    near: OverlapNearOut
    documents: Count
    compared_with: ComparedWithOut | None = Field(
        description="The one version that all others are compared with; null if all are, with one "
        "another."
    )
    compared: Count = Field(description="How many pairs of versions were compared.")
    versions: list[MatrixVersionOut]
    pairs: list[OverlapPairOut] = Field(
        description="Pairs with anything in common; no match says nothing about who or what wrote "
        "the texts."
    )
