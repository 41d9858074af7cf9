"""Look texts up: exact, nearly equal, and in passages; and say what was searched for that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np

from registry import documents
from registry.core.contents import Rows
from registry.errors import InvalidInputError, NotFoundError
from registry.query.standing import NEVER
from registry.query.whereis.candidates import NOTHING, Candidates, near, sharing
from registry.query.whereis.facts import Facts, Text
from registry.query.whereis.finder import Looking
from registry.query.whereis.occurrences import everywhere
from registry.query.whereis.places import Searched
from registry.query.whereis.question import Question, Sketched, sketched
from registry.query.whereis.shared import longest_run
from registry.query.whereis.texts import QUICK, THOROUGH, Effort, text_of

MIN_SIMILARITY: Final = 0.8
LIMIT: Final = 10
_COMPARED: Final = 5
"""With how many texts a passage is compared, where one question is asked."""
_COMPARED_OF_MANY: Final = 20
"""The same, for all of several questions together."""
_PLACES: Final = 3
"""At how many places such a text is looked for."""
_MOST: Final = 1 << 14
"""How many candidates are looked at for each question; more of them have few texts, many times."""


class Kind(StrEnum):
    """How a text matches, the closest first."""

    EXACT = "exact"
    NORMALISED = "normalised"
    NEAR = "near"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of words that the question shares with a text.

    Attributes:
        tokens: How many; where they were not compared, how many they seem to be.
        words: They as they stand in the text; None where they were not compared.
        pieces: How many pieces of eight tokens were found in the index.
        of: How many such pieces the question has.
    """

    tokens: int
    words: str | None
    pieces: int
    of: int


@dataclass(frozen=True, slots=True)
class Match:
    """A text that matches a question.

    Attributes:
        kind: How.
        text: The text, and what is known of it.
        similarity: Estimated from the signatures, of a near match.
        change: What was done to the question's text, of a normalised match.
        passage: What is shared, of a passage match.
    """

    kind: Kind
    text: Text
    similarity: float | None = None
    change: str | None = None
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for one question.

    Attributes:
        question: The question.
        tokens: How many tokens its text has; None for a hash.
        matches: The best matches, in order.
        more: How many further documents match, by kind, where any do.
    """

    question: Question
    tokens: int | None
    matches: tuple[Match, ...]
    more: dict[Kind, int]


def standard_error(share: float, permutations: int) -> float:
    """Return the standard error of a similarity: of a share of so many independent slots.

    One slot that agrees and one that does not are counted beside those there are (Laplace's rule
    of succession): that all slots agree does not make a similarity certain.
    """
    expected = (share * permutations + 1) / (permutations + 2)
    return math.sqrt(expected * (1 - expected) / permutations)


def search(
    looking: Looking,
    questions: Sequence[Question],
    *,
    min_similarity: float = MIN_SIMILARITY,
    limit: int = LIMIT,
    thorough: bool = False,
) -> tuple[list[Answer], Searched]:
    """Answer questions.

    Args:
        looking: The catalogue, as the caller sees it.
        questions: The questions.
        min_similarity: The smallest similarity of near matches, in (0, 1].
        limit: How many texts at most for each question.
        thorough: Read a lot, if need be, to compare passages with the texts that have them.

    Raises:
        InvalidInputError: `min_similarity` or `limit` is out of its range.
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    if not 0 < min_similarity <= 1:
        raise InvalidInputError(
            f"the smallest similarity is {min_similarity}", hint="it is above 0 and at most 1"
        )
    if limit < 1:
        raise InvalidInputError(f"the limit is {limit}", hint="it is at least 1")
    search = _Search(looking, questions, min_similarity, limit, thorough)
    return search.answers(), looking.places.searched(min_similarity)


def known_text(looking: Looking, written: str) -> Text:
    """Return what is known of the text with a content hash.

    Raises:
        InvalidInputError: It is no content hash.
        NotFoundError: No document that the caller may see has it.
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    digest = Question.of_hash(written).content_hash
    hashes = documents.as_hashes(bytes.fromhex(digest))
    found = everywhere(looking, hashes)
    text = Facts(looking.session, looking.seen, looking.reader, found).text(0)
    if text is None:
        raise NotFoundError(
            f"no document has the content hash `{digest}`",
            hint="hash the exact bytes of the text, as `sha256sum` does",
        )
    return text


class _Search:
    """Some questions while they are answered."""

    def __init__(
        self,
        looking: Looking,
        questions: Sequence[Question],
        min_similarity: float,
        limit: int,
        thorough: bool,
    ) -> None:
        self._looking = looking
        self._questions = questions
        self._min_similarity = min_similarity
        self._limit = limit
        self._thorough = thorough

    @cached_property
    def _sketched(self) -> Sketched | None:
        """Return the sketches of the questions, if there is anything to compare them with."""
        if not any(question.text for question in self._questions):
            return None
        return sketched(self._questions)

    def answers(self) -> list[Answer]:
        """Return the answers, in the order of the questions."""
        close = passages = [NOTHING] * len(self._questions)
        sketches = self._sketched
        if sketches is not None:
            close = near(self._looking.index, self._looking.places, sketches, self._min_similarity)
            passages = sharing(self._looking.index, self._looking.places, sketches, close)
        exact = [_wanted(question) for question in self._questions]
        chosen = [self._choose(*it) for it in zip(exact, close, passages, strict=True)]
        everything = sorted({one for mine in chosen for one in mine})
        hashes = documents.as_hashes(b"".join(everything))
        it = self._looking
        facts = Facts(it.session, it.seen, it.reader, everywhere(it, hashes))
        where = {one: at for at, one in enumerate(everything)}
        rows = facts.rows()
        self._effort = Effort(
            _COMPARED if len(self._questions) == 1 else _COMPARED_OF_MANY,
            THOROUGH if self._thorough else QUICK,
        )
        answers = []
        for number, mine in enumerate(chosen):
            matches = []
            for one, (kind, at) in mine.items():
                text = facts.text(where[one])
                if text is None:
                    continue
                change = exact[number].get(one)
                if kind is Kind.EXACT:
                    kind = Kind.NORMALISED if change else Kind.EXACT
                    matches.append(Match(kind, text, change=change))
                elif kind is Kind.NEAR:
                    score = float(close[number].score[at])
                    matches.append(Match(kind, text, similarity=score))
                else:
                    passage = self._compared(number, text, passages[number], at)
                    if passage is not None:
                        matches.append(Match(kind, text, passage=passage))
            matches.sort(key=_order)
            shown = [where[one] for one in mine]
            more = {
                Kind.NEAR: _left(close[number], rows, shown),
                Kind.PASSAGE: _left(passages[number], rows, shown),
            }
            for match in matches[self._limit :]:
                more[match.kind] = more.get(match.kind, 0) + match.text.documents
            tokens = None
            if sketches is not None and self._questions[number].text is not None:
                tokens = int(sketches.tokens[number])
            answers.append(
                Answer(
                    self._questions[number],
                    tokens,
                    tuple(matches[: self._limit]),
                    {kind: count for kind, count in more.items() if count},
                )
            )
        return answers

    def _choose(
        self, exact: dict[bytes, str | None], close: Candidates, passages: Candidates
    ) -> dict[bytes, tuple[Kind, int]]:
        """Return the texts to look at for one question: how each matches, as which candidate."""
        mine: dict[bytes, tuple[Kind, int]] = dict.fromkeys(exact, (Kind.EXACT, 0))
        room = self._limit
        for kind, found in ((Kind.NEAR, close), (Kind.PASSAGE, passages)):
            begin, step = 0, 2 * self._limit
            while room > 0 and begin < min(len(found), _MOST):
                for at, one in enumerate(self._hashes(found, begin, begin + step), begin):
                    if one not in mine and room > 0:
                        mine[one] = kind, at
                        room -= 1
                begin, step = begin + step, 4 * step
        return mine

    def _hashes(self, found: Candidates, begin: int, end: int) -> list[bytes]:
        """Return the content hashes of some candidates."""
        location, row = found.location[begin:end], found.row[begin:end]
        hashes = np.empty(len(row), "S32")
        for place in np.unique(location).tolist():
            mine = location == place
            table = self._looking.seen.place(self._looking.session, place)
            column = self._looking.reader.take(table, row[mine], ("content_hash",)).column(0)
            hashes[mine] = documents.hashes_of(column)
        raw = hashes.tobytes()
        return [raw[at : at + 32] for at in range(0, len(raw), 32)]

    def _compared(self, number: int, text: Text, candidates: Candidates, at: int) -> Passage | None:
        """Return what a text shares with a question, or None if it turns out to be nothing."""
        sketches, question = self._sketched, self._questions[number].text
        if sketches is None or question is None:
            return None
        pieces, of = int(candidates.pieces[at]), int(np.count_nonzero(sketches.of == number))
        for place in text.places[:_PLACES]:
            theirs = text_of(
                self._looking.store,
                self._looking.reader,
                place.known,
                place.row,
                text.content_hash,
                self._effort,
            )
            if theirs is not None:
                run = longest_run(question, theirs)
                return None if run is None else Passage(run.tokens, run.words, pieces, of)
        return Passage(int(candidates.score[at]), None, pieces, of)


def _wanted(question: Question) -> dict[bytes, str | None]:
    """Return the hashes that are looked for, and what was done to the text for each."""
    hashes: dict[str, str | None] = {question.content_hash: None, **question.variants()}
    return {bytes.fromhex(digest): change for digest, change in hashes.items()}


def _left(found: Candidates, rows: tuple[Rows, Rows, Rows], shown: list[int]) -> int:
    """Return how many candidates do not have one of the texts that are shown."""
    location, row, text = rows
    mine = np.isin(text, shown)
    return len(found.without(location[mine], row[mine]))


def _order(match: Match) -> tuple[int, float, int, bytes]:
    score = match.similarity or (match.passage.tokens if match.passage else 0)
    place = match.text.earliest
    date = NEVER if place is None or place.not_after is None else place.not_after
    return list(Kind).index(match.kind), -score, date, match.text.content_hash
