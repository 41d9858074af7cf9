"""From the bytes of a batch of documents to their signatures, band keys and passages.

One pass: a piece of a document is cut into tokens, its shingles are hashed, permuted and winnowed
while they are in the cache, and the last four tokens go on into the next piece. What a token, a
shingle, a band and a passage are says `docs/sketch-v1.md`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, types

from registry.core.kernel.vectors import (
    LANES,
    append_changes,
    beyond_ascii,
    load32,
    load64,
    pack,
    permute,
    store32,
    trailing_zeros,
)
from registry.core.kernel.xxh3 import PRIME64_1, xxh3_64

SHINGLE: Final = 5
_APART: Final = 3

# How many tokens are looked at in one step; their text, hashes and minima stay in a core's cache.
_PIECE: Final = 2048
_TEXT: Final = 24 * 1024
# What a step may write past the limit it looks at, and read before the first byte of text.
_SLACK: Final = 256
_LEAD: Final = 64
_LONGEST: Final = (1 << 32) - 4096

_U: Final = np.uint64
_KEY: Final = _U(0xFFFFFFFFFF000000)
_BAND: Final = _U(0x9E3779B97F4A7C15)
_HIGH: Final = _U(0x8080808080808080)
_NONE: Final = np.uint32(0xFFFFFFFF)

_options = {"nogil": True, "boundscheck": False, "error_model": "numpy"}


@njit(**_options)
def _characters(data, position, end, pages, entries, limit, text, o, edges, w, running):
    """Append characters one by one, until a stretch of ASCII begins."""
    size = len(data)
    last = len(pages) - 1
    full = len(text) - _SLACK
    while position < end and w < limit and o < full:
        if position + 8 <= size:
            if load64(data, position) & _HIGH == _U(0) and position + 64 <= size:
                break
            raw = load32(data, position)
        else:
            raw = np.uint32(0)
            for step in range(min(4, end - position)):
                raw |= np.uint32(data[position + step]) << np.uint32(8 * step)
        lead = raw & np.uint32(0xFF)
        shift = np.uint32(0)
        if lead < 0xC0:
            # A byte that continues nothing is no UTF-8; U+0000 is a separator too.
            point = lead if lead < 0x80 else np.uint32(0)
            length = 1
            raw &= np.uint32(0xFF)
        elif lead < 0xE0:
            point = ((raw & np.uint32(0x1F)) << np.uint32(6)) | ((raw >> np.uint32(8)) & np.uint32(0x3F))
            length = 2
            raw &= np.uint32(0xFFFF)
        elif lead < 0xF0:
            point = (
                ((raw & np.uint32(0x0F)) << np.uint32(12))
                | ((raw >> np.uint32(2)) & np.uint32(0xFC0))
                | ((raw >> np.uint32(16)) & np.uint32(0x3F))
            )
            length = 3
            raw &= np.uint32(0xFFFFFF)
        else:
            point = (
                ((raw & np.uint32(0x07)) << np.uint32(18))
                | ((raw << np.uint32(4)) & np.uint32(0x3F000))
                | ((raw >> np.uint32(10)) & np.uint32(0xFC0))
                | ((raw >> np.uint32(24)) & np.uint32(0x3F))
            )
            length = 4
            shift = np.uint32(8)
        if length > end - position:
            point = np.uint32(0)
            length = end - position
        page = min(np.int64(point >> np.uint32(6)), last)
        entry = entries[(np.int64(pages[page]) << 6) | np.int64(point & np.uint32(63))]
        kind = entry >> np.uint32(27)
        position += length

        closes = running & np.int64(kind != 1)
        text[o] = 0x20
        edges[w + 1] = o
        o += closes
        w += closes
        store32(text, o, raw ^ ((entry & np.uint32(0xFFFFFF)) << shift))
        o += np.int64((entry >> np.uint32(24)) & np.uint32(7))
        alone = np.int64(kind == 2)
        text[o] = 0x20
        edges[w + 1] = o
        o += alone
        w += alone
        running = np.int64(kind == 1)
    return position, o, w, running


@njit(**_options)
def _tokens(data, position, end, pages, entries, text, o, edges, w, running):
    """Append the tokens of a document to `text`, until it or the piece is full."""
    safe = len(data) - 64
    full = len(text) - _SLACK
    while position < end and w < _PIECE and o < full:
        if position <= safe:
            size = min(end - position, 64)
            size = min(size, trailing_zeros(beyond_ascii(data, position)))
            if size > 0:
                kept, ended, running = pack(data, position, size, running, text, o, edges, w)
                position += size
                o += kept
                w += ended
                continue
        position, o, w, running = _characters(
            data, position, end, pages, entries, _PIECE, text, o, edges, w, running
        )
    return position, o, w, running


@njit(**_options)
def _mix(hashes, first, count, mixed):
    """Mix the low halves of the hashes, as MurmurHash3 finishes."""
    for index in range(count):
        h = np.uint32(hashes[first + index])
        h ^= h >> np.uint32(16)
        h = np.uint32(h * np.uint32(0x85EBCA6B))
        h ^= h >> np.uint32(13)
        h = np.uint32(h * np.uint32(0xC2B2AE35))
        mixed[index] = h ^ (h >> np.uint32(16))


@njit(**_options)
def _minima(values, first, count, window):
    """Replace values, from `first`, by the least of a window that begins with each."""
    span = 1
    while 2 * span <= window:
        for index in range(first, first + count - span):
            values[index] = min(values[index], values[index + span])
        count -= span
        span *= 2
    if span < window:
        rest = window - span
        for index in range(first, first + count - rest):
            values[index] = min(values[index], values[index + rest])


@njit(**_options)
def _band_keys(signature, bands, rows, keys):
    """Write the keys of the bands of one signature, given as bytes."""
    for band in range(bands):
        h = xxh3_64(signature, _LEAD + 4 * rows * band, 4 * rows)
        keys[band] = (h + _U(band) * _BAND) & _KEY


_u8, _u16, _u32, _i64, _u64 = types.uint8, types.uint16, types.uint32, types.int64, types.uint64


def _given(kind, dimensions=1):
    return types.Array(kind, dimensions, "C", readonly=True)


def _made(kind, dimensions=1):
    return types.Array(kind, dimensions, "C")


@njit(
    types.Tuple((_made(_u64), _i64))(
        _given(_u8), _given(_i64), _given(_u16), _given(_u32), _given(_u32), _given(_u32),
        _i64, _i64, _i64, types.boolean, _made(_u32, 2), _made(_i64), _made(_u64, 2), _made(_i64),
    ),
    cache=True,
    **_options,
)  # fmt: skip
def sketch(
    data, offsets, pages, entries, factors, terms,
    bands, rows, window, every, signatures, tokens, keys, counts,
):  # fmt: skip
    """Sketch documents.

    Args:
        data: Their bytes.
        offsets: Where they begin, and where the last one ends.
        pages: For every 64 code points, which 64 of `entries` are theirs.
        entries: What becomes of a code point; see `registry.core.sketch`.
        factors: One for each permutation, filled up to whole `LANES`.
        terms: Likewise.
        bands: How many band keys to make.
        rows: How many slots of a signature make a band.
        window: Of how many passage hashes the least is kept; 0 for none.
        every: Whether to keep passage hashes that equal the one before them.
        signatures: Written, one row for each document; has the length of `factors`.
        tokens: Written: how many tokens each document has.
        keys: Written: the band keys.
        counts: Written: how many passages each document has.

    Returns:
        An array that begins with the passages of all documents, and how many they are.
    """
    width = len(factors)
    text = np.empty(_TEXT, dtype=np.uint8)
    edges = np.empty(_PIECE + _SLACK, dtype=np.uint32)
    hashes = np.empty(_PIECE + _SLACK, dtype=np.uint64)
    mixed = np.empty(_PIECE + _SLACK, dtype=np.uint32)
    passed = np.empty(_PIECE + _SLACK + window, dtype=np.uint64)
    least = np.empty(_PIECE + _SLACK + window, dtype=np.uint64)
    minima = np.empty(width, dtype=np.uint32)
    signature = np.zeros(2 * _LEAD + 4 * width, dtype=np.uint8)
    begin, final = offsets[0], offsets[len(offsets) - 1]
    passages = np.empty((final - begin) // 32 + 4 * _PIECE, dtype=np.uint64)
    found = 0
    for document in range(len(offsets) - 1):
        position, end = offsets[document], offsets[document + 1]
        o, w, running, total = _LEAD, 0, 0, 0
        edges[0] = _LEAD - 1
        carried, waiting, kept_from = 0, 0, found
        minima[:] = _NONE
        fresh = True
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
            shingles = w - SHINGLE + 1
            span = SHINGLE
            if done and 0 < total < SHINGLE:
                shingles, span = 1, total
            if shingles <= 0 and not done:
                # Five tokens that fill the buffer: it grows, and is left so.
                if len(text) > _LONGEST // 2:
                    raise OverflowError
                larger = np.empty(2 * len(text), dtype=np.uint8)
                larger[:o] = text[:o]
                text = larger
                continue
            shingles = max(shingles, 0)
            for index in range(shingles):
                start = np.int64(edges[index]) + 1
                size = np.int64(edges[index + span]) - start
                hashes[carried + index] = xxh3_64(text, start, size)
            _mix(hashes, carried, shingles, mixed)
            for first in range(0, width, LANES):
                permute(mixed, shingles, factors, terms, minima, first)

            if window > 0 and total >= SHINGLE + _APART:
                many = max(carried + shingles - _APART, 0)
                for index in range(many):
                    one, two = hashes[index], hashes[index + _APART]
                    passed[waiting + index] = (one * PRIME64_1 + two) & _KEY
                waiting += many
                windows = waiting - window + 1
                size = window
                if windows <= 0 and done and fresh:
                    windows, size = 1, waiting
                if windows > 0:
                    if found + windows + 8 > len(passages):
                        wider = np.empty(2 * len(passages) + windows, dtype=np.uint64)
                        wider[:found] = passages[:found]
                        passages = wider
                    last = least[0]
                    least[1 : waiting + 1] = passed[:waiting]
                    _minima(least, 1, waiting, size)
                    least[0] = ~least[1] if fresh else last
                    fresh = False
                    if every:
                        passages[found : found + windows] = least[1 : windows + 1]
                        found += windows
                    else:
                        for index in range(0, windows, 8):
                            mask = _U(0xFF) >> _U(max(0, index + 8 - windows))
                            found += append_changes(least, index + 1, mask, passages, found)
                    least[0] = least[windows]
                    stay = window - 1
                    for index in range(stay):
                        passed[index] = passed[waiting - stay + index]
                    waiting = stay
            if done:
                break
            if window > 0:
                stay = min(carried + shingles, _APART)
                for index in range(stay):
                    hashes[index] = hashes[carried + shingles - stay + index]
                carried = stay
            first = w - SHINGLE + 1
            moved = np.int64(edges[first]) + 1 - _LEAD
            for index in range(o - _LEAD - moved):
                text[_LEAD + index] = text[_LEAD + moved + index]
            for index in range(SHINGLE):
                edges[index] = np.uint32(np.int64(edges[first + index]) - moved)
            o -= moved
            w = SHINGLE - 1
        tokens[document] = total
        counts[document] = found - kept_from
        for index in range(signatures.shape[1]):
            signatures[document, index] = minima[index]
        if bands > 0 and total > 0:
            for index in range(bands * rows):
                store32(signature, _LEAD + 4 * index, minima[index])
            _band_keys(signature, bands, rows, keys[document])
    return passages, found


@njit(
    types.void(_given(_u32, 2), _i64, _i64, _made(_u64, 2)),
    cache=True,
    **_options,
)
def band_keys(signatures, bands, rows, keys):
    """Write the band keys of signatures, a row for each."""
    signature = np.zeros(2 * _LEAD + 4 * bands * rows, dtype=np.uint8)
    for document in range(len(signatures)):
        for index in range(bands * rows):
            store32(signature, _LEAD + 4 * index, signatures[document, index])
        _band_keys(signature, bands, rows, keys[document])
