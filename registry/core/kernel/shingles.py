"""The shingles of documents as sets of 64-bit hashes, and how many of them two sets share.

Plain loops over arrays: this runs on the few documents whose sketches are alike already.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, types

SHINGLE: Final = 5
_RUN: Final = 1
_U: Final = np.uint64
_BEGIN: Final = _U(0x9E3779B97F4A7C15)
_ONE: Final = _U(0xFF51AFD7ED558CCD)
_TWO: Final = _U(0xC4CEB9FE1A85EC53)

_u8, _u32, _i64, _u64 = types.uint8, types.uint32, types.int64, types.uint64


def _given(kind):
    return types.Array(kind, 1, "C", readonly=True)


def _made(kind):
    return types.Array(kind, 1, "C")


@njit(nogil=True)
def _mixed(state, value):
    """Take a value into a hash: MurmurHash3's finisher, which is a bijection for each value."""
    state = (state ^ value) * _ONE
    state ^= state >> _U(33)
    state *= _TWO
    return state ^ (state >> _U(29))


@njit(nogil=True)
def _decoded(data, position, end):
    """Return the code point at a position, and how many bytes it takes."""
    lead = np.int64(data[position])
    length = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
    point = lead if length == 1 else lead & (0x7F >> length)
    for later in range(position + 1, min(position + length, end)):
        point = (point << 6) | (np.int64(data[later]) & 0x3F)
    return point, length


@njit(nogil=True)
def _shingle(recent, tokens, size):
    """Return the hash of the last so many tokens."""
    hashed = _BEGIN if size == SHINGLE else _mixed(_BEGIN, _U(size))
    for token in range(tokens - size, tokens):
        hashed = _mixed(hashed, recent[token % SHINGLE])
    return hashed


@njit(nogil=True)
def _add(token, recent, tokens, found, kept):
    """Take another token, and with it another shingle if there are enough of them."""
    recent[tokens % SHINGLE] = token
    tokens += 1
    if tokens >= SHINGLE:
        found[kept] = _shingle(recent, tokens, SHINGLE)
        kept += 1
    return tokens, kept


@njit(nogil=True)
def _different(hashes):
    """Sort hashes, let each different one stand once at the beginning, and return how many."""
    hashes.sort()
    many = min(len(hashes), 1)
    for index in range(1, len(hashes)):
        if hashes[index] != hashes[index - 1]:
            hashes[many] = hashes[index]
            many += 1
    return many


@njit(
    types.Tuple((_made(_u64), _i64))(
        _given(_u8), _given(_i64), _given(_u8), _given(_u32), _made(_i64)
    ),
    nogil=True,
    cache=True,
)
def shingles(data, offsets, kinds, lower, counts):
    """Hash the shingles of documents, each different one of a document once, ascending.

    Args:
        data: Their bytes.
        offsets: Where they begin, and where the last one ends.
        kinds: What each code point is, as `registry.core.words` has it.
        lower: What each code point is in lower case.
        counts: Written: how many different shingles each document has.

    Returns:
        An array that begins with the shingles of all documents, and how many they are.
    """
    last = len(kinds) - 1
    found = np.empty((offsets[len(offsets) - 1] - offsets[0]) // 4 + 1024, dtype=np.uint64)
    kept = 0
    recent = np.zeros(SHINGLE, dtype=np.uint64)
    for document in range(len(offsets) - 1):
        position, end = offsets[document], offsets[document + 1]
        begin, tokens, running, token = kept, 0, False, _BEGIN
        # Behind the last character a token ends as before a separator.
        while position <= end:
            point, length = 0, 1
            if position < end:
                point, length = _decoded(data, position, end)
            position += length
            point = min(point, last)
            kind = kinds[point]
            if kind == _RUN:
                token = _mixed(token, _U(lower[point]) + _U(1))
                running = True
                continue
            # Room for a token that ends here, one that stands alone, and that of a short document.
            if kept + 3 > len(found):
                wider = np.empty(2 * len(found), dtype=np.uint64)
                wider[:kept] = found[:kept]
                found = wider
            if running:
                tokens, kept = _add(token, recent, tokens, found, kept)
                token, running = _BEGIN, False
            if kind != 0:
                alone = _mixed(_BEGIN, _U(lower[point]) + _U(1))
                tokens, kept = _add(alone, recent, tokens, found, kept)
        if 0 < tokens < SHINGLE:
            found[kept] = _shingle(recent, tokens, tokens)
            kept += 1
        counts[document] = _different(found[begin:kept])
        kept = begin + counts[document]
    return found, kept


@njit(
    types.void(_given(_u64), _given(_i64), _given(_i64), _given(_i64), _given(_i64), _made(_i64)),
    nogil=True,
    cache=True,
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
