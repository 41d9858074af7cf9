"""The documents of checks: texts that are compared with registered documents."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.api.deps import MOST_QUESTIONS
from registry.api.schemas.base import Count, Digest, Number, Reference, Share, Time
from registry.core.dataset import Origin

MOST_WORDS: Final = 100
"""How many words and names can be given to compare with."""
_Failure = Literal["contamination", "loss"]
_Kind = Literal["exact", "near", "passage"]
_Reason = Literal["evaluation", "ai", "known", "shared"]


class CheckIn(BaseModel):
    """Texts, and what they are compared with."""

    model_config = ConfigDict(extra="forbid")

    texts: list[str] = Field(
        min_length=1, max_length=MOST_QUESTIONS, description="The texts, each a document."
    )
    against: list[Reference] = Field(
        min_length=1,
        max_length=MOST_WORDS,
        description="`protected`, `evals`, `ai`, `human`, `all`, names of datasets or versions.",
    )
    fail_on: list[_Failure] = Field(
        default=["contamination", "loss"], max_length=2, description="What makes the answer no."
    )
    allow_incomplete: bool = Field(
        False, description="The answer may be yes although something was not searched for."
    )
    min_similarity: float = Field(
        0.8, gt=0, le=1, description="The smallest similarity of alike documents."
    )
    min_run: int = Field(
        25,
        ge=8,
        le=1000,
        description="The shortest shared run of tokens that counts; evaluation sets take 13 at "
        "most.",
    )
    limit: int = Field(100, ge=0, le=1000, description="How many matches are listed at most.")


class BadInputOut(BaseModel):
    """Records that were not valid and left out."""

    count: Count
    listed: list[str]


class CheckedDataOut(BaseModel):
    """What was checked."""

    files: Count
    documents: Count
    bytes: Count
    without_tokens: Count = Field(description="Of these, only equal documents can be found.")
    skipped_files: Count = Field(description="Hidden files, cards, members that are no input.")
    bad_input: BadInputOut


class KindsOut(BaseModel):
    """How many documents match, by kind."""

    exact: Count
    near: Count
    passage: Count


class ReasonsOut(BaseModel):
    """How many documents have a match, by reason; a document may have several."""

    evaluation: Count = Field(description="With an item of an evaluation set.")
    ai: Count = Field(description="With a text that a model wrote or had a hand in, as claimed.")
    known: Count = Field(description="Equal to or near a registered document of another kind.")
    shared: Count = Field(description="A passage is shared with such a document.")


class CheckFoundOut(BaseModel):
    """What was found."""

    documents: Count = Field(description="How many documents match anything.")
    matches: Count
    contamination: Count = Field(description="Documents with the reason `evaluation` or `ai`.")
    loss: Count = Field(description="Documents with the reason `known`.")
    reasons: ReasonsOut


class CheckSourceOut(BaseModel):
    """A version that was searched, and what matches it."""

    dataset: str = Field(description="`team/name`, or the path that was given.")
    version: Number
    registered: bool = Field(description="False for files that were named to compare with.")
    documents: Count
    evaluation: bool
    protected: bool
    run_tokens: Number = Field(description="The shortest shared run that counts.")
    guaranteed_tokens: Number | None = Field(
        description="A shared run of so many tokens is found without fail; null: not searched."
    )
    kinds: KindsOut
    reasons: ReasonsOut
    matched_documents: Count = Field(description="How many of its documents match something.")
    uncompared: Count = Field(description="Passages that were told from the index alone.")


class NotSearchedOut(BaseModel):
    """Something that could not be searched for."""

    dataset: str
    version: Number
    what: str
    why: str
    remedy: str


class CheckSearchedOut(BaseModel):
    """What was searched, and what that misses."""

    documents: Count
    min_similarity: Share
    recall: Share = Field(description="How probably a document of just that similarity is found.")
    not_searched: list[NotSearchedOut]
    misses: list[str] = Field(description="What no threshold changes.")


class CheckMatchOut(BaseModel):
    """A match: what was checked, how it matches, and what it matches."""

    file: str
    record: Number
    part: Number
    content_hash: Digest
    origin: str | None = Field(description="What is said of the text, if anything is.")
    generator: str | None
    license: str | None
    not_after: Time | None
    kind: _Kind
    reason: _Reason
    similarity: Share | None = Field(description="Of a near match, estimated.")
    run_tokens: Count | None = Field(description="The longest shared run, of a passage.")
    shared_tokens: Count | None = Field(
        description="How many tokens of the document stand in shared runs of at least eight."
    )
    compared: bool = Field(description="False: the run is what the index knows of it.")
    words: str | None = Field(description="The beginning of the longest shared run.")
    their_dataset: str
    their_version: Number
    their_row: Number
    their_file: str
    their_record: Number
    their_content_hash: Digest
    their_tokens: Count | None
    their_evaluation: bool
    their_origin: Origin
    their_generator: str | None
    their_license: str | None
    their_not_before: Time | None
    their_not_after: Time | None = Field(description="The earliest that is claimed of the text.")
    their_grade: str = Field(pattern="^E[0-6]$")
    their_dated_by: str | None = Field(description="Of which version that date is claimed.")


class CheckOut(BaseModel):
    """What came of a check."""

    clean: bool = Field(description="The answer; yes says nothing about who wrote the texts.")
    failed: list[Literal["contamination", "loss", "incomplete"]]
    fail_on: list[_Failure]
    allow_incomplete: bool
    data: CheckedDataOut
    found: CheckFoundOut
    sources: list[CheckSourceOut]
    searched: CheckSearchedOut
    matches: list[CheckMatchOut] = Field(description="The first ones.")
    more_matches: Count
    report: str | None = Field(description="The folder with all of them, if one was asked for.")
