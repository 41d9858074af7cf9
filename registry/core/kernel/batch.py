"""From the bytes of a batch of documents to their signatures, band keys and passages.

One pass: a piece of a document is cut into tokens, its shingles are hashed, permuted and winnowed
while they are in the cache, and the last four tokens go on into the next piece. What a token, a
shingle, a band and a passage are says `docs/sketch-v1.md`.

Everything is an address: see `registry.core.kernel.vectors`. What is written in whole vectors
reaches beyond what is meant; the workspace leaves room for it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import from_dtype, njit, types

from registry.core.kernel.job import (
    BAND_KEYS,
    DONE,
    JOB,
    LANES,
    MORE_PASSAGES,
    MORE_TEXT,
    PIECE,
    SPARE,
)
from registry.core.kernel.vectors import (
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
from registry.core.kernel.xxh3 import PRIME64_1, inlined, xxh3_64

_SHINGLE: Final = 5
# How many tokens the two shingles of a passage are apart.
_APART: Final = 3

# What a step may write past the limit it looks at, and what is read before the first byte of text.
_SLACK: Final = 256
_LEAD: Final = 64
# How far a step reads.
_AHEAD: Final = 68

_U: Final = np.uint64
_KEY: Final = _U(0xFFFFFFFFFF000000)
_BAND: Final = _U(0x9E3779B97F4A7C15)
_SPACE: Final = 0x20
# How many bytes a character has, four bits for each upper half of its first byte.
_LENGTHS: Final = 0x4322111111111111


@inlined
def _mixture(  # noqa: PLR0917 - in registers, not in an object
    at, left, high, pages, page_count, entries, taken, text, edges, o, w, running
):
    """Append characters of any kind, up to a stretch of ASCII, 64 bytes or the document's end.

    Args:
        at: Where the first of them, which is beyond ASCII, begins.
        left: How many bytes the document has left.
        high: Which of 64 bytes are beyond ASCII, as `beyond_ascii` has it.
        pages: The table of characters; see `JOB`.
        page_count: Likewise.
        entries: Likewise.
        taken: 256 bytes of scratch memory.
        text: What is appended to.
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


@inlined
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


@inlined
def _begin(job):
    """Begin a document."""
    job.begun = 1
    job.position = np.int64(load64(job.offsets + 8 * job.document))
    job.filled, job.words, job.running, job.total = _LEAD, 0, 0, 0
    job.carried, job.waiting, job.winnowed, job.before = 0, 0, 0, job.found
    store32(job.edges, _LEAD - 1)
    for at in range(job.minima, job.minima + 4 * job.width, 8):
        store64(at, _U(0xFFFFFFFFFFFFFFFF))


@inlined
def _cut(job):
    """Append tokens to the text, until the document or the room for a piece ends.

    Returns:
        Whether the document has ended.
    """
    data, tail, safe = job.data, job.tail, job.size - _AHEAD
    pages, page_count, entries, taken = job.pages, job.page_count, job.entries, job.taken
    text, full, edges = job.text, job.text_size - _SLACK, job.edges
    position, o, w, running = job.position, job.filled, job.words, job.running
    end = np.int64(load64(job.offsets + 8 * job.document + 8))
    while position < end and w < PIECE and o < full:
        at = (data if position <= safe else tail) + position
        high = beyond_ascii(at)
        read = min(end - position, trailing_zeros(high))
        if read > 0:
            kept, ended, running = pack(at, read, running, text, o, edges + 4 * w + 4)
            o += kept
            w += ended
        else:
            read, o, w, running = _mixture(
                at, end - position, high, pages, page_count, entries, taken, text, edges,
                o, w, running,
            )  # fmt: skip
        position += read
    if position == end and running:
        store8(text + o, _SPACE)
        store32(edges + 4 * w + 4, o)
        o += 1
        w += 1
        running = 0
    job.total += w - job.words
    job.position, job.filled, job.words, job.running = position, o, w, running
    return position == end


@inlined
def _hash(job, shingles, tokens):
    """Hash the shingles of so many tokens, and lower the minima to their permutations."""
    text, edges, mixed = job.text, job.edges, job.mixed
    hashes = job.hashes + 8 * job.carried
    for index in range(shingles):
        begin = load32(edges + 4 * index) + 1
        length = load32(edges + 4 * (index + tokens)) - begin
        store64(hashes + 8 * index, xxh3_64(text + begin, length))
    for index in range(0, shingles, 8):
        mix(hashes + 8 * index, mixed + 4 * index)
    for lane in range(0, 4 * job.width, 4 * LANES):
        permute(mixed, shingles, job.factors + lane, job.terms + lane, job.minima + lane)


@inlined
def _winnow(job, shingles, done):
    """Append the passages that a piece completes; keep what the next piece needs."""
    window, hashes, passed, least = job.window, job.hashes, job.passed, job.least
    hashed = job.carried + shingles
    many = max(hashed - _APART, 0)
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
    if many > 0:
        move64(hashes, hashes + 8 * many)
    job.carried = min(hashed, _APART)


@inlined
def _carry(job):
    """Move the last four tokens, and what is open after them, to the front."""
    edges, first = job.edges, job.words - _SHINGLE + 1
    moved = load32(edges + 4 * first) + 1 - _LEAD
    for at in range(job.text + _LEAD, job.text + job.filled - moved, 64):
        move64(at, at + moved)
    for index in range(_SHINGLE):
        store32(edges + 4 * index, load32(edges + 4 * (first + index)) - moved)
    job.filled -= moved
    job.words = _SHINGLE - 1


@inlined
def _band_keys(job, document, signature):
    """Write the keys of one signature, of which 16 bytes around may be read."""
    keys, rows = job.keys + 8 * job.bands * document, job.rows
    for band in range(job.bands):
        h = xxh3_64(signature + 4 * rows * band, 4 * rows)
        store64(keys + 8 * band, (h + _U(band) * _BAND) & _KEY)


@inlined
def _finish(job):
    """Write the results of a document, and turn to the next."""
    store64(job.tokens + 8 * job.document, _U(job.total))
    store64(job.counts + 8 * job.document, _U(job.found - job.before))
    signature, minima = job.signatures + 4 * job.permutations * job.document, job.minima
    for lane in range(0, 4 * job.permutations, 4):
        store32(signature + lane, load32(minima + lane))
    if job.total > 0:
        _band_keys(job, job.document, minima)
    job.document += 1
    job.begun = 0


def _sketch(job):
    """Do a job.

    Returns:
        `DONE`; or `MORE_TEXT` or `MORE_PASSAGES` for what has to be larger, with the same content,
        before the same job is passed again.
    """
    if job.task == BAND_KEYS:
        for document in range(job.documents):
            _band_keys(job, document, job.signatures + 4 * job.permutations * document)
        return DONE
    while job.document < job.documents:
        if not job.begun:
            _begin(job)
        if job.window > 0 and job.passages_size - job.found < SPARE + job.window:
            return MORE_PASSAGES
        done = _cut(job)
        shingles, tokens = job.words - _SHINGLE + 1, _SHINGLE
        if shingles <= 0 and not done:
            return MORE_TEXT
        if done and 0 < job.total < _SHINGLE:
            shingles, tokens = 1, job.total
        shingles = max(shingles, 0)
        _hash(job, shingles, tokens)
        if job.window > 0 and job.total >= _SHINGLE:
            _winnow(job, shingles, done)
        if done:
            _finish(job)
        else:
            _carry(job)
    return DONE


def intermediate() -> tuple[str, str]:
    """Return LLVM's intermediate code of the kernel, and the name of its function.

    That takes the address of a result of 64 bits, one of an exception, which it never makes, and
    one of a job.
    """
    kinds = (from_dtype(JOB),)
    compiler: Any = njit
    made = compiler(
        types.int64(*kinds),
        nogil=True,
        boundscheck=False,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(_sketch)
    return made.inspect_llvm(kinds), made.overloads[kinds].fndesc.llvm_func_name
