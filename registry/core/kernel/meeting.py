"""Where pairs of texts have the same keys: a small hash table for each of the first texts."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, types

_U: Final = np.uint64
_FACTOR: Final = _U(0x9E3779B97F4A7C15)
_HIGH: Final = _U(32)

_i64, _u64 = types.int64, types.uint64
_keys = types.Array(_u64, 1, "C", readonly=True)
_given = types.Array(_i64, 1, "C", readonly=True)
_made = types.Array(_i64, 1, "C")


@njit(nogil=True)
def _slot(key, mask):
    return np.int64(((key * _FACTOR) >> _HIGH) & _U(mask))


@njit(
    types.UniTuple(_i64, 2)(
        _keys, _given, _keys, _given, _given, _given, _i64, _i64, _made, _made, _made, _made, _made
    ),
    nogil=True,
    cache=True,
)
def meetings(  # noqa: PLR0917 - compiled, and no object goes in
    ours, our_begins, theirs, their_begins, first, second, begin, most, heads, links, pair, here,
    there,
):  # fmt: skip
    """Write the places where pairs of texts have the same key.

    Args:
        ours: The keys of some texts.
        our_begins: Where those of each text begin, and where the last ones end.
        theirs: The keys of others.
        their_begins: Likewise.
        first: For each pair, which of the former; pairs of one stand side by side.
        second: And which of the latter.
        begin: The first pair that is looked at.
        most: At how many places of the first text a key of the second one is met.
        heads: Scratch memory: at least twice as many numbers as a text has keys, a power of two.
        links: Scratch memory: as many as a text has keys.
        pair: Written: which pair.
        here: Which key of the first text, counted from its first one.
        there: The same of the second text.

    Returns:
        The first pair that was not looked at for want of room, and how many places were written.
    """
    found, last, mask, start = 0, -1, 0, 0
    for at in range(begin, len(first)):
        low, high = their_begins[second[at]], their_begins[second[at] + 1]
        if found + most * (high - low) > len(pair):
            return at, found
        if first[at] != last:
            last = first[at]
            start = our_begins[last]
            many = our_begins[last + 1] - start
            size = 16
            while size < 2 * many:
                size *= 2
            mask = size - 1
            heads[:size] = -1
            for place in range(many - 1, -1, -1):
                slot = _slot(ours[start + place], mask)
                links[place] = heads[slot]
                heads[slot] = place
        for place in range(low, high):
            met, times = heads[_slot(theirs[place], mask)], 0
            while met >= 0 and times < most:
                if ours[start + met] == theirs[place]:
                    pair[found], here[found], there[found] = at, met, place - low
                    found += 1
                    times += 1
                met = links[met]
    return len(first), found
