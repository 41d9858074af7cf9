"""The shingles of documents as a set of 64-bit hashes each, and how many two sets share.

The same tokens and the same hashes as in `registry.core.kernel.batch`, before they are permuted.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, types

from registry.core.kernel.batch import _LEAD, _LONGEST, _PIECE, _SLACK, _TEXT, SHINGLE, _tokens
from registry.core.kernel.xxh3 import xxh3_64

_options: Final = {"nogil": True, "boundscheck": False, "error_model": "numpy"}
_u8, _u16, _u32, _i64, _u64 = types.uint8, types.uint16, types.uint32, types.int64, types.uint64


def _given(kind):
    return types.Array(kind, 1, "C", readonly=True)


def _made(kind):
    return types.Array(kind, 1, "C")


@njit(
    types.Tuple((_made(_u64), _i64))(
        _given(_u8), _given(_i64), _given(_u16), _given(_u32), _made(_i64)
    ),
    cache=True,
    **_options,
)
def shingles(data, offsets, pages, entries, counts):
    """Hash the shingles of documents, each different one of a document once, ascending.

    Args:
        data: Their bytes.
        offsets: Where they begin, and where the last one ends.
        pages: As in `registry.core.kernel.batch.sketch`.
        entries: Likewise.
        counts: Written: how many different shingles each document has.

    Returns:
        An array that begins with the shingles of all documents, and how many they are.
    """
    text = np.empty(_TEXT, dtype=np.uint8)
    edges = np.empty(_PIECE + _SLACK, dtype=np.uint32)
    found = np.empty((offsets[len(offsets) - 1] - offsets[0]) // 4 + _PIECE, dtype=np.uint64)
    kept = 0
    for document in range(len(offsets) - 1):
        position, end = offsets[document], offsets[document + 1]
        o, w, running, total = _LEAD, 0, 0, 0
        edges[0] = _LEAD - 1
        first_of_document = kept
        while True:
            before = w
            position, o, w, running = _tokens(
                data, position, end, pages, entries, text, o, edges, w, running
            )
            done = position == end
            if done and running:
                text[o] = 0x20
                edges[w + 1] = o
                o += 1
                w += 1
                running = 0
            total += w - before
            many = w - SHINGLE + 1
            span = SHINGLE
            if done and 0 < total < SHINGLE:
                many, span = 1, total
            if many <= 0 and not done:
                # Five tokens that fill the buffer: it grows, and is left so.
                if len(text) > _LONGEST // 2:
                    raise OverflowError
                larger = np.empty(2 * len(text), dtype=np.uint8)
                larger[:o] = text[:o]
                text = larger
                continue
            many = max(many, 0)
            if kept + many > len(found):
                wider = np.empty(2 * len(found) + many, dtype=np.uint64)
                wider[:kept] = found[:kept]
                found = wider
            for index in range(many):
                start = np.int64(edges[index]) + 1
                size = np.int64(edges[index + span]) - start
                found[kept + index] = xxh3_64(text, start, size)
            kept += many
            if done:
                break
            first = w - SHINGLE + 1
            moved = np.int64(edges[first]) + 1 - _LEAD
            for index in range(o - _LEAD - moved):
                text[_LEAD + index] = text[_LEAD + moved + index]
            for index in range(SHINGLE):
                edges[index] = np.uint32(np.int64(edges[first + index]) - moved)
            o -= moved
            w = SHINGLE - 1
        mine = found[first_of_document:kept]
        mine.sort()
        different = min(len(mine), 1)
        for index in range(1, len(mine)):
            if mine[index] != mine[index - 1]:
                mine[different] = mine[index]
                different += 1
        kept = first_of_document + different
        counts[document] = different
    return found, kept


@njit(
    types.void(_given(_u64), _given(_i64), _given(_i64), _given(_i64), _given(_i64), _made(_i64)),
    cache=True,
    **_options,
)
def common(values, begins, ends, other_begins, other_ends, found):
    """Write for each pair of ranges of different ascending numbers how many are in both."""
    for pair in range(len(begins)):
        one, end = begins[pair], ends[pair]
        two, other_end = other_begins[pair], other_ends[pair]
        number = 0
        while one < end and two < other_end:
            left, right = values[one], values[two]
            number += left == right
            one += left <= right
            two += right <= left
        found[pair] = number
