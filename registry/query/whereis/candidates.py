"""Which documents may match a question, from the index alone: near ones and those that share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from registry.core.contents import Rows
from registry.core.sketch import PASSAGE, similarity
from registry.index.reading import Index
from registry.query.whereis.places import Places
from registry.query.whereis.question import Sketched

_CHUNK: Final = 1 << 14
"""How many signatures are compared at a time."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Documents that may match one question, the best first.

    Attributes:
        location: Where each is.
        row: Its row there.
        score: How good it is: a similarity, or a number of tokens.
        pieces: How many pieces of a passage each has.
    """

    location: Rows
    row: Rows
    score: npt.NDArray[np.float64]
    pieces: Rows

    def __len__(self) -> int:
        return len(self.row)

    def at(self, positions: Rows) -> Candidates:
        """Return some of them."""
        return Candidates(
            self.location[positions],
            self.row[positions],
            self.score[positions],
            self.pieces[positions],
        )

    def without(self, location: Rows, row: Rows) -> Candidates:
        """Return those that are not among some documents."""
        if not len(self) or not len(row):
            return self
        # Rows of one location are fewer than 2^40, and so are locations.
        mine, gone = (self.location << 40) + self.row, (location << 40) + row
        return self.at(np.flatnonzero(~np.isin(mine, gone)))


NOTHING: Final = Candidates(
    np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
)


def near(
    index: Index, places: Places, sketches: Sketched, min_similarity: float
) -> list[Candidates]:
    """Return the documents that resemble each question enough, the most similar first.

    Raises:
        ConflictError: A file of the index is missing or damaged.
    """
    asked = np.flatnonzero(sketches.tokens > 0)
    return resembling(index, places, sketches.signatures, sketches.bands, asked, min_similarity)


def resembling(
    index: Index,
    places: Places,
    signatures: npt.NDArray[np.uint32],
    bands: npt.NDArray[np.uint64],
    asked: Rows,
    min_similarity: float,
) -> list[Candidates]:
    """Return the documents that resemble each of some enough, the most similar first.

    Args:
        index: The index.
        places: What of it can be searched.
        signatures: A row for each question.
        bands: Its keys.
        asked: The questions that have a token; others resemble nothing.
        min_similarity: What is enough.

    Raises:
        ConflictError: A file of the index is missing or damaged.
    """
    found = index.bands(bands[asked], among=places.among(places.near))
    question = asked[found.question]
    score = np.zeros(len(found), np.float64)
    for place in np.unique(found.location).tolist():
        mine = np.flatnonzero(found.location == place)
        for begin in range(0, len(mine), _CHUNK):
            some = mine[begin : begin + _CHUNK]
            theirs = index.signatures(place, found.row[some])
            score[some] = similarity(signatures[question[some]], theirs)
    good = score >= min_similarity
    none = np.zeros(int(good.sum()), np.int64)
    return _by_question(
        len(signatures),
        question[good],
        Candidates(found.location[good], found.row[good], score[good], none),
    )


def sharing(
    index: Index, places: Places, sketches: Sketched, close: Sequence[Candidates]
) -> list[Candidates]:
    """Return the documents that share pieces with each question, the longest run first.

    Args:
        index: The index.
        places: What of it can be searched.
        sketches: Those of the questions.
        close: The documents that resemble each question, which are left out.

    Raises:
        ConflictError: A file of the index is missing or damaged.
    """
    found = index.passages(sketches.passages, among=places.among(places.passages))
    if not len(found):
        return [NOTHING] * len(close)
    question, token = sketches.of[found.question], sketches.token[found.question]
    order = np.lexsort((token, found.row, found.location, question))
    question, token = question[order], token[order]
    location, row = found.location[order], found.row[order]
    next_one = np.ones(len(order), np.bool_)
    next_one[1:] = (
        (question[1:] != question[:-1]) | (location[1:] != location[:-1]) | (row[1:] != row[:-1])
    )
    # Of a run that is shared, no two neighbors among the pieces found are further apart.
    broken = next_one.copy()
    broken[1:] |= np.diff(token) > places.widest
    begins = np.flatnonzero(broken)
    lasts = np.append(begins[1:], len(order)) - 1
    runs = token[lasts] - token[begins] + PASSAGE
    firsts = np.flatnonzero(next_one)
    longest = np.maximum.reduceat(runs, np.searchsorted(begins, firsts))
    pieces = np.diff(firsts, append=len(order))
    each = _by_question(
        len(sketches.tokens),
        question[firsts],
        Candidates(location[firsts], row[firsts], longest.astype(np.float64), pieces),
    )
    return [
        mine.without(other.location, other.row) for mine, other in zip(each, close, strict=True)
    ]


def _by_question(many: int, question: Rows, found: Candidates) -> list[Candidates]:
    """Return the candidates of each question, the best first."""
    order = np.lexsort((found.row, found.location, -found.pieces, -found.score, question))
    ends = np.searchsorted(question[order], np.arange(many + 1))
    return [found.at(order[begin:end]) for begin, end in pairwise(ends.tolist())]
