"""From the bytes of a batch of documents to their signatures, band keys and passages.

One pass: a piece of a document is cut into tokens, its shingles are hashed, permuted and winnowed
while they are in the cache, and the last four tokens go on into the next piece. What a token, a
shingle, a band and a passage are says `docs/sketch-v1.md`.

Everything is an address: see `registry.core.kernel.vectors`. What is written in whole vectors
reaches beyond what is meant; the workspace leaves room for it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import from_dtype, njit, types

from registry.core.kernel.vectors import (
    LANES,
    append_changes,
    beyond_ascii,
    characters,
    continuing,
    count,
    gather_begins,
    last_bit,
    load8,
    load32,
    load64,
    lower,
    mix,
    move64,
    pack,
    pair,
    permute,
    store8,
    store32,
    store64,
    trailing_zeros,
)
from registry.core.kernel.xxh3 import PRIME64_1, xxh3_64

DONE: Final = 0
MORE_TEXT: Final = 1
MORE_PASSAGES: Final = 2

JOB: Final = np.dtype(
    [
        # What is read: the documents, …
        ("data", "i8"), ("size", "i8"), ("offsets", "i8"), ("documents", "i8"),
        # … the table of characters (see `registry.core.sketch`), …
        ("pages", "i8"), ("page_count", "i8"), ("entries", "i8"),
        # … and the permutations, of which `width` fill whole `LANES`.
        ("factors", "i8"), ("terms", "i8"), ("permutations", "i8"), ("width", "i8"),
        ("bands", "i8"), ("rows", "i8"), ("window", "i8"), ("every", "i8"),
        # What is written, a row for each document: `counts` says how many passages it has.
        ("signatures", "i8"), ("tokens", "i8"), ("keys", "i8"), ("counts", "i8"),
        ("passages", "i8"), ("passages_size", "i8"),
        # Scratch memory.
        ("workspace", "i8"), ("text", "i8"), ("text_size", "i8"),
        # Where the work goes on after it stopped for more memory: which document, whether it is
        # begun, what is read of it and what of it the scratch memory holds, …
        ("document", "i8"), ("begun", "i8"), ("position", "i8"),
        ("filled", "i8"), ("words", "i8"), ("running", "i8"), ("carried", "i8"), ("waiting", "i8"),
        # … how many tokens it has had, whether a window of it was full, how many passages there
        # are, and how many there were before it.
        ("total", "i8"), ("winnowed", "i8"), ("found", "i8"), ("before", "i8"),
    ]
)  # fmt: skip
"""What `sketch` is told. Addresses and numbers; all begin as zero that are not said."""

SHINGLE: Final = 5
_APART: Final = 3

# How many tokens are looked at in one step: their text, hashes and minima stay in a core's cache.
_PIECE: Final = 2048
TEXT: Final = 24 * 1024
"""How large the text of a piece is to begin with."""
# What a step may write past the limit it looks at, and what is read before the first byte of text.
_SLACK: Final = 256
_LEAD: Final = 64
# How far a step reads.
_AHEAD: Final = 68
SPARE: Final = _PIECE + _SLACK
"""Room for what comes of one piece; passages need that and their window at all times."""

_U: Final = np.uint64
_KEY: Final = _U(0xFFFFFFFFFF000000)
_BAND: Final = _U(0x9E3779B97F4A7C15)
_SPACE: Final = 0x20
# How many bytes a character has, four bits for each upper half of its first byte.
_LENGTHS: Final = 0x4322111111111111

_options = {"nogil": True, "boundscheck": False, "error_model": "numpy", "forceinline": True}
_entry = {**_options, "forceinline": False, "cache": True}


def workspace(window: int, width: int) -> int:
    """Return how many bytes of scratch memory a job needs beside its text."""
    return 16 * SPARE + 16 * (SPARE + window) + 4 * width + 12 * _LEAD


@njit(**_options)
def _mixture(at, left, high, pages, page_count, entries, taken, text, edges, o, w, running):
    """Append characters of any kind, up to a stretch of ASCII, 64 bytes or the document's end.

    Args:
        at: Where the first of them, which is beyond ASCII, begins.
        left: How many bytes the document has left.
        high: Which of 64 bytes are beyond ASCII, as `beyond_ascii` has it.
        pages: See `JOB`; likewise `page_count`, `entries` and `text`.
        taken: 256 bytes of scratch memory.
        edges: Where the ends of tokens are kept.
        o: How many bytes the text has.
        w: How many tokens have ended.
        running: 1 if a run is open at the end of the text, and else 0.

    Returns:
        How many bytes were read, and the new `o`, `w` and `running`.
    """
    # Up to seven bytes of ASCII between others are no stretch.
    near = high | (high << _U(1))
    near |= near << _U(2)
    near |= near << _U(4)
    reach = min(left, trailing_zeros(~near))
    begins = ~continuing(at) & (_U(0xFFFFFFFFFFFFFFFF) >> _U(64 - reach))
    if begins == _U(0):
        return reach, o, w, running
    gather_begins(at, begins, taken)
    many = count(begins)
    for index in range(0, many, 16):
        kept, ended, running = characters(
            taken + index, min(many - index, 16), pages, page_count - 1, entries, running,
            text, o, edges + 4 * w + 4,
        )  # fmt: skip
        o += kept
        w += ended
    last = last_bit(begins)
    length = (_LENGTHS >> ((load8(at + last) & 0xF0) >> 2)) & 7
    return min(last + length, left), o, w, running


@njit(**_options)
def _signed(number):
    return np.int64(number)


@njit(**_options)
def _least(values, count, window):
    """Replace numbers by the least of a window that begins with each."""
    span = 1
    while 2 * span <= window:
        for at in range(values, values + 8 * count, 64):
            lower(at, at + 8 * span)
        span *= 2
    if span < window:
        for at in range(values, values + 8 * count, 64):
            lower(at, at + 8 * (window - span))


@njit(**_options)
def _band_keys(signature, bands, rows, keys):
    """Write the keys of the bands of one signature, of which 16 bytes around may be read."""
    for band in range(bands):
        h = xxh3_64(signature + 4 * rows * band, 4 * rows)
        store64(keys + 8 * band, (h + _U(band) * _BAND) & _KEY)


@njit(**_options)
def _winnow(job, hashes, shingles, passed, least, done):
    """Append the passages that a piece completes; keep what the next piece needs."""
    window = job.window
    many = max(job.carried + shingles - _APART, 0)
    for index in range(0, many, 8):
        pair(hashes + 8 * index, passed + 8 * (job.waiting + index), PRIME64_1, _KEY)
    waiting = job.waiting + many
    windows, span = waiting - window + 1, window
    if windows <= 0 and done and not job.winnowed and waiting > 0:
        windows, span = 1, waiting
    if windows > 0:
        for index in range(0, waiting, 8):
            move64(least + 8 * index, passed + 8 * index)
        _least(least, waiting, span)
        if not job.winnowed:
            store64(least - 8, ~load64(least))
            job.winnowed = 1
        found = job.passages + 8 * job.found
        for index in range(0, windows, 8):
            if job.every:
                move64(found, least + 8 * index)
                found += 8 * min(8, windows - index)
            else:
                mask = _U(0xFF) >> _U(max(0, index + 8 - windows))
                found += 8 * append_changes(least + 8 * index, mask, found)
        job.found = (found - job.passages) >> 3
        store64(least - 8, load64(least + 8 * (windows - 1)))
        gone = waiting - (window - 1)
        for index in range(0, window - 1, 8):
            move64(passed + 8 * index, passed + 8 * (gone + index))
        waiting = window - 1
    job.waiting = waiting
    gone = job.carried + shingles - _APART
    if gone > 0:
        move64(hashes, hashes + 8 * gone)
    job.carried = min(job.carried + shingles, _APART)


@njit(**_options)
def _carry(job, edges, w, o):
    """Move the last four tokens, and what is open after them, to the front."""
    first = w - SHINGLE + 1
    moved = load32(edges + 4 * first) + 1 - _LEAD
    for at in range(job.text + _LEAD, job.text + o - moved, 64):
        move64(at, at + moved)
    for index in range(SHINGLE):
        store32(edges + 4 * index, load32(edges + 4 * (first + index)) - moved)
    job.filled = o - moved
    job.words = SHINGLE - 1


_jobs = types.Array(from_dtype(JOB), 1, "C")


@njit(types.int64(_jobs), **_entry)
def sketch(jobs):
    """Sketch the documents of a job.

    Returns:
        `DONE`; or `MORE_TEXT` or `MORE_PASSAGES` for what has to be larger, with the same content,
        before the same job is passed again.
    """
    job = jobs[0]
    data, size, text = job.data, job.size, job.text
    pages, page_count, entries = job.pages, job.page_count, job.entries
    width, window, full = job.width, job.window, job.text_size - _SLACK

    hashes = (job.workspace + 63) & -64
    mixed = hashes + 8 * SPARE
    edges = mixed + 4 * SPARE
    passed = edges + 4 * SPARE
    # One place before it is for what was found last.
    least = passed + 8 * (SPARE + window) + 64
    minima = least + 8 * (SPARE + window)
    taken = minima + 4 * width + _LEAD
    # The last bytes are read from a copy, because whole blocks reach beyond them.
    tail = taken + 4 * _LEAD
    tail_begin = max(size - _LEAD - _AHEAD, 0)
    for at in range(tail, tail + 4 * _LEAD, 8):
        store64(at, _U(0))
    for index in range(tail_begin, size):
        store8(tail + index - tail_begin, load8(data + index))
    tail -= tail_begin
    while job.document < job.documents:
        document = job.document
        end = _signed(load64(job.offsets + 8 * document + 8))
        if not job.begun:
            job.begun = 1
            job.position = _signed(load64(job.offsets + 8 * document))
            job.filled, job.words, job.running, job.total = _LEAD, 0, 0, 0
            job.carried, job.waiting, job.winnowed, job.before = 0, 0, 0, job.found
            store32(edges, _LEAD - 1)
            for at in range(minima, minima + 4 * width, 8):
                store64(at, _U(0xFFFFFFFFFFFFFFFF))
        if window > 0 and job.passages_size - job.found < SPARE + window:
            return MORE_PASSAGES

        position, o, w, running = job.position, job.filled, job.words, job.running
        while position < end and w < _PIECE and o < full:
            at = (data if position + _AHEAD <= size else tail) + position
            high = beyond_ascii(at)
            ascii = min(end - position, trailing_zeros(high))
            if ascii > 0:
                read = ascii
                kept, ended, running = pack(at, ascii, running, text, o, edges + 4 * w + 4)
                o += kept
                w += ended
            else:
                read, o, w, running = _mixture(
                    at, end - position, high, pages, page_count, entries, taken, text, edges,
                    o, w, running,
                )  # fmt: skip
            position += read
        done = position == end
        if done and running:
            store8(text + o, _SPACE)
            store32(edges + 4 * w + 4, o)
            o += 1
            w += 1
            running = 0
        job.total += w - job.words
        job.position, job.filled, job.words, job.running = position, o, w, running

        shingles, tokens = w - SHINGLE + 1, SHINGLE
        if shingles <= 0 and not done:
            return MORE_TEXT
        if done and 0 < job.total < SHINGLE:
            shingles, tokens = 1, job.total
        shingles = max(shingles, 0)
        for index in range(shingles):
            begin = load32(edges + 4 * index) + 1
            length = load32(edges + 4 * (index + tokens)) - begin
            store64(hashes + 8 * (job.carried + index), xxh3_64(text + begin, length))
        for index in range(0, shingles, 8):
            mix(hashes + 8 * (job.carried + index), mixed + 4 * index)
        for lane in range(0, 4 * width, 4 * LANES):
            permute(mixed, shingles, job.factors + lane, job.terms + lane, minima + lane)
        if window > 0 and job.total >= SHINGLE:
            _winnow(job, hashes, shingles, passed, least, done)
        if not done:
            _carry(job, edges, w, o)
            continue

        store64(job.tokens + 8 * document, _U(job.total))
        store64(job.counts + 8 * document, _U(job.found - job.before))
        signature = job.signatures + 4 * job.permutations * document
        for lane in range(job.permutations):
            store32(signature + 4 * lane, load32(minima + 4 * lane))
        if job.total > 0:
            _band_keys(minima, job.bands, job.rows, job.keys + 8 * job.bands * document)
        job.document += 1
        job.begun = 0
    return DONE


@njit(types.void(*[types.int64] * 6), **_entry)
def band_keys(signatures, documents, stride, bands, rows, keys):
    """Write the band keys of signatures that are `stride` bytes apart; 16 bytes around are read."""
    for document in range(documents):
        _band_keys(signatures + stride * document, bands, rows, keys + 8 * bands * document)
