"""Questions where texts come from, and their answers; what repeats in a version."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.api.deps import MOST_QUESTIONS
from registry.api.schemas.base import (
    ContentHash,
    Count,
    Date,
    Digest,
    Name,
    Number,
    NumbersIn,
    Share,
    Time,
)
from registry.core.dataset import Origin


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
