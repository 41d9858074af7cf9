"""What was found, as columns of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Self

import numpy as np
import numpy.typing as npt

from registry.core.contents import Mask, Rows


class Kind(IntEnum):
    """How a text matches a document, the closest first."""

    EXACT = 0
    """The same bytes."""
    NEAR = 1
    """As a whole alike, by their signatures."""
    PASSAGE = 2
    """They share a run of tokens, or the text contains most of the document."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of a text and a document, each pair once.

    Attributes:
        question: Which of the texts.
        kind: How they match, a value of `Kind`.
        location: Where the document is.
        row: Its row there.
        similarity: Estimated from the signatures, of near ones; otherwise 0.
        run: How many tokens the longest run has that both share, of passages; estimated from the
            index where the texts were not compared.
        covered: How many tokens of the document stand in shared runs of at least eight.
        of: How many tokens the document has, where the texts were compared.
        token: Where the longest run begins in the text, counted in its tokens.
        verified: Whether a passage was compared on both texts.
        cut: Whether more items share a run of eight tokens with the text than were looked at, and
            none of those was a match: nobody can tell.
    """

    question: Rows
    kind: npt.NDArray[np.int8]
    location: Rows
    row: Rows
    similarity: npt.NDArray[np.float32]
    run: Rows
    covered: Rows
    of: Rows
    token: Rows
    verified: Mask
    cut: Mask

    def __len__(self) -> int:
        return len(self.question)

    def at(self, which: Rows | Mask) -> Self:
        """Return some of them."""
        return type(self)(*(getattr(self, field.name)[which] for field in fields(self)))

    def moved(self, by: int) -> Self:
        """Return them with texts that are counted from elsewhere."""
        rest = (getattr(self, field.name) for field in fields(self)[1:])
        return type(self)(self.question + by, *rest)

    def ordered(self) -> Self:
        """Return them by text, then the closest first."""
        order = np.lexsort(
            (self.row, self.location, -self.run, -self.similarity, self.kind, self.question)
        )
        return self.at(order)

    @classmethod
    def of_kind(
        cls,
        kind: Kind,
        question: Rows,
        location: Rows,
        row: Rows,
        *,
        similarity: npt.NDArray[np.float32] | None = None,
        run: Rows | None = None,
    ) -> Self:
        """Return matches of one kind of which no texts were compared."""
        many = len(question)
        none = np.zeros(many, np.int64)
        return cls(
            question,
            np.full(many, kind, np.int8),
            location,
            row,
            np.zeros(many, np.float32) if similarity is None else similarity,
            none if run is None else run,
            none,
            none,
            none,
            np.zeros(many, np.bool_),
            np.zeros(many, np.bool_),
        )

    @classmethod
    def none(cls) -> Self:
        """Return no matches."""
        empty = np.empty(0, np.int64)
        return cls.of_kind(Kind.EXACT, empty, empty, empty)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return the matches of several parts, one after the other."""
        if not parts:
            return cls.none()
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            )
        )
