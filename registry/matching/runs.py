"""What pairs of texts share: runs of equal tokens, from the hashes of all runs of eight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.core import words
from registry.core.contents import Mask, Rows
from registry.core.sketch import PASSAGE, passage_hashes
from registry.readers import text_buffers

_Keys = npt.NDArray[np.uint64]
_AT_ONCE: Final = 1 << 20
"""At how many places where texts agree is looked at a time."""
_REPEATED: Final = 16
"""A run of eight tokens that a text repeats, as in `0 0 0 0`, is met at so many places."""


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
    from registry.core.kernel import meeting

    found = Shared(*(np.zeros(len(first), np.int64) for _ in range(3)))
    order = np.argsort(first, kind="stable")
    first, second = first[order], second[order]
    longest = int(np.diff(one.begins).max(initial=0))
    most = int(np.diff(two.begins).max(initial=0))
    heads = np.empty(max(16, 1 << (2 * longest).bit_length()), np.int64)
    links = np.empty(longest, np.int64)
    pair, here, there = (np.empty(max(_AT_ONCE, _REPEATED * most), np.int64) for _ in range(3))
    begin = 0
    while begin < len(first):
        begin, many = meeting.meetings(
            one.keys, one.begins, two.keys, two.begins, first, second, begin, _REPEATED,
            heads, links, pair, here, there,
        )  # fmt: skip
        which = order[pair[:many]]
        found.covered[:] += _covered(which, there[:many], len(first))
        _longest(which, here[:many], there[:many], found)
    return found


def _covered(pair: Rows, there: Rows, many: int) -> Rows:
    """Return how many tokens the runs of eight that begin at some places cover, per pair."""
    # Those of a pair stand side by side, ascending; one that is met several times counts once.
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
