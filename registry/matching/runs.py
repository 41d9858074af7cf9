"""What pairs of texts share: runs of equal tokens, from the hashes of all runs of eight."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.core import words
from registry.core.contents import Mask, Rows
from registry.core.sketch import PASSAGE, passage_hashes
from registry.readers import text_buffers

_Keys = npt.NDArray[np.uint64]
_AT_ONCE: Final = 1 << 18
"""How many hashes are looked for at a time."""
_REPEATED: Final = 16
"""A run of eight tokens that a text repeats, as in `0 0 0 0`, is met at so many places."""
MOST_TEXTS: Final = 1 << 24
"""How many texts can be hashed together: a hash leaves 24 bits for the number of its text."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hashes of all runs of eight tokens of some texts.

    Attributes:
        keys: Those of all texts, in order.
        begins: Where those of each text begin, and where the last ones end.
        tokens: How many tokens each text has.
    """

    keys: _Keys
    begins: Rows
    tokens: Rows

    @classmethod
    def of(cls, texts: pa.Array) -> Hashed:
        """Hash texts, a `large_string` array."""
        data, offsets = text_buffers(texts)
        tokens = words.count(data, offsets)
        keys, _ = passage_hashes(data, offsets)
        many = np.maximum(tokens - PASSAGE + 1, 0)
        return cls(keys, np.concatenate([[0], np.cumsum(many)]), tokens)

    def places(self, texts: Rows) -> tuple[Rows, Rows]:
        """Return where the hashes of some texts are: for each the position in `texts`, and its."""
        sizes = self.begins[texts + 1] - self.begins[texts]
        of = np.repeat(np.arange(len(texts)), sizes)
        firsts = np.cumsum(sizes) - sizes
        return of, np.arange(len(of)) - firsts[of] + self.begins[texts][of]


@dataclass(frozen=True, slots=True)
class Shared:
    """What each pair shares.

    Attributes:
        run: How many tokens its longest run has; 0 if that is less than eight.
        token: Where that begins in the first text.
        covered: How many tokens of the second text stand in shared runs.
    """

    run: Rows
    token: Rows
    covered: Rows


def shared(one: Hashed, two: Hashed, first: Rows, second: Rows) -> Shared:
    """Compare pairs of texts.

    Args:
        one: Texts.
        two: Other texts.
        first: For each pair, which of the former.
        second: And which of the latter.
    """
    many = len(first)
    found = Shared(*(np.zeros(many, np.int64) for _ in range(3)))
    texts = np.unique(first)
    of, place = one.places(texts)
    # The number of the text goes into the low bits, so that one search does for all texts.
    keys = one.keys[place] | texts[of].astype(np.uint64)
    order = np.argsort(keys, kind="stable")
    keys, place = keys[order], place[order]
    group = np.cumsum(two.begins[second + 1] - two.begins[second]) // _AT_ONCE
    starts = np.flatnonzero(np.diff(group, prepend=-1)).tolist()
    for begin, end in pairwise([*starts, many]):
        some = np.arange(begin, end)
        pair, there = two.places(second[some])
        asked = two.keys[there] | first[some][pair].astype(np.uint64)
        low = np.searchsorted(keys, asked)
        times = np.searchsorted(keys, asked, side="right") - low
        hits = np.flatnonzero(times)
        times = np.minimum(times[hits], _REPEATED)
        pair, there, low = pair[hits], there[hits], low[hits]
        found.covered[some] = _covered(pair, there, len(some))
        met = np.repeat(np.arange(len(hits)), times)
        further = np.arange(len(met)) - (np.cumsum(times) - times)[met]
        here = place[low[met] + further] - one.begins[first[some][pair[met]]]
        _longest(some[pair[met]], here, there[met], found)
    return found


def _covered(pair: Rows, there: Rows, many: int) -> Rows:
    """Return how many tokens the runs of eight that begin at some places cover, per pair."""
    each = np.full(len(pair), PASSAGE, np.int64)
    same = pair[1:] == pair[:-1]
    each[:-1][same] = np.minimum(np.diff(there)[same], PASSAGE)
    return np.bincount(pair, weights=each, minlength=many).astype(np.int64)


def _longest(pair: Rows, here: Rows, there: Rows, found: Shared) -> None:
    """Write the longest runs of pairs, from the places where both texts have the same hash."""
    if not len(pair):
        return
    order = np.lexsort((there, here - there, pair))
    pair, here, there = pair[order], here[order], there[order]
    broken: Mask = np.ones(len(pair), np.bool_)
    broken[1:] = (np.diff(pair) != 0) | (np.diff(there) != 1) | (np.diff(here) != 1)
    starts = np.flatnonzero(broken)
    lengths = np.diff(starts, append=len(pair)) + PASSAGE - 1
    best = np.lexsort((here[starts], -lengths, pair[starts]))
    each, at = np.unique(pair[starts[best]], return_index=True)
    found.run[each] = lengths[best[at]]
    found.token[each] = here[starts[best[at]]]
