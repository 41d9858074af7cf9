"""The longest run of words that two texts share, and where it stands in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from registry.core import words
from registry.core.contents import Rows
from registry.core.sketch import PASSAGE, lowered, passage_hashes
from registry.query.whereis.question import joined

_Keys = npt.NDArray[np.uint64]

# An odd number: multiplying by it loses nothing modulo 2^64. Knuth's for linear congruences.
_FACTOR: Final = 6364136223846793005


@dataclass(frozen=True, slots=True)
class Run:
    """A run of tokens that two texts share.

    Attributes:
        tokens: How many.
        words: They as they stand in the second text, with what is between them.
    """

    tokens: int
    words: str


def longest_run(question: bytes, text: bytes) -> Run | None:
    """Return the longest run of at least eight tokens that two texts share, or None.

    Args:
        question: UTF-8.
        text: UTF-8; the words are given as it has them.
    """
    ours, theirs = _hashes(question), _hashes(text)
    low, high, found = 0, min(len(ours), len(theirs)), (0, 0)
    # Runs of some length are shared only if shorter ones are.
    while low < high:
        length = (low + high + 1) // 2
        at = _common(ours, theirs, length)
        if at is None:
            high = length - 1
        else:
            low, found = length, at
    if not low:
        return None
    tokens = low + PASSAGE - 1
    here, there = _Tokens(question), _Tokens(text)
    # Keys are of 40 bits: what they say alike is compared.
    if here.normal(found[0], tokens) != there.normal(found[1], tokens):
        return None
    return Run(tokens, there.text(found[1], tokens))


def _hashes(text: bytes) -> _Keys:
    keys, _ = passage_hashes(*joined([text]))
    # Their low bits are zero; multiplied by an odd number they would stay so.
    return keys >> np.uint64(24)


def _common(ours: _Keys, theirs: _Keys, length: int) -> tuple[int, int] | None:
    """Return where some run of so many equal keys begins in both, or None."""
    highest = max(len(ours), len(theirs))
    mine, other = (_windows(keys, length, highest) for keys in (ours, theirs))
    ordered, first = np.unique(mine, return_index=True)
    at = np.minimum(np.searchsorted(ordered, other), len(ordered) - 1)
    hits = np.flatnonzero(ordered[at] == other)
    for hit in hits[:16].tolist():
        begin = int(first[at[hit]])
        if (ours[begin : begin + length] == theirs[hit : hit + length]).all():
            return begin, hit
    return None


def _windows(keys: _Keys, length: int, highest: int) -> _Keys:
    """Return a hash of every run of so many keys: a polynomial in `_FACTOR` modulo 2^64."""
    powers = np.full(highest + 1, _FACTOR, np.uint64)
    powers[0] = 1
    np.cumprod(powers, out=powers)
    sums = np.zeros(len(keys) + 1, np.uint64)
    np.cumsum(keys * powers[: len(keys)], out=sums[1:])
    begins = np.arange(len(keys) - length + 1)
    # All are brought to the highest power, so that equal runs are equal wherever they stand.
    return (sums[begins + length] - sums[begins]) * powers[highest - begins]


class _Tokens:
    """The tokens of a text, and where they stand in it."""

    def __init__(self, text: bytes) -> None:
        self._text = text.decode("utf-8")
        points = np.frombuffer(self._text.encode("utf-32-le"), np.uint32)
        kinds = words.kinds()[points]
        run, alone = kinds == 1, kinds == 2
        before, after = np.zeros(len(run), np.bool_), np.zeros(len(run), np.bool_)
        before[1:], after[:-1] = run[:-1], run[1:]
        self._starts: Rows = np.flatnonzero(alone | (run & ~before))
        self._ends: Rows = np.flatnonzero(alone | (run & ~after)) + 1

    def text(self, first: int, many: int) -> str:
        """Return some tokens with what is between them."""
        return self._text[self._starts[first] : self._ends[first + many - 1]]

    def normal(self, first: int, many: int) -> Sequence[str]:
        """Return some tokens as they are compared."""
        spans = zip(
            self._starts[first : first + many].tolist(),
            self._ends[first : first + many].tolist(),
            strict=True,
        )
        return [
            "".join(chr(lowered(ord(character))) for character in self._text[begin:end])
            for begin, end in spans
        ]
