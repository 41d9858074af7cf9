"""How many words a text has, the same on every machine: the scheme `words/v1`.

`docs/words-v1.md` defines the scheme and lists test vectors. `count` goes over a batch of documents
as Arrow stores them, without a Python object per document; `count_text` says the same in plain
Python and is what the tests hold `count` to. The table of code points is in
`registry.core.word_table`; shingles and sketches are not made here.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from registry.core import word_table

SCHEME: Final = "words/v1"
UNICODE_VERSION: Final = word_table.UNICODE_VERSION

_RUN: Final = 1
_OWN: Final = 2

# A few such buffers stay in a core's cache; with smaller ones NumPy's cost per call shows.
_CHUNK_BYTES: Final = 1 << 17

# For each range of lead bytes beyond ASCII (first, how many): the length of the sequences they
# open. The lead bytes between the second and the third, E5 to E9, open U+5000 to U+9FFF, which
# are all Han: most of a Chinese text needs no look-up.
_LEADS: Final = ((0xC0, 0x20, 2), (0xE0, 0x05, 3), (0xEA, 0x06, 3), (0xF0, 0x10, 4))
_HAN_LEADS: Final = (0xE5, 0x05)

_Bytes = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]
_Bits = npt.NDArray[np.uint64]
_Integers = npt.NDArray[np.int64]


def count(data: _Bytes, offsets: _Integers) -> _Integers:
    """Return the number of words of each document of an Arrow string array.

    Words never reach from one document into the next. Scratch memory is about a megabyte however
    long the documents are, and no two calls share any, so that threads may call this at once.

    Args:
        data: The array's value buffer. Documents are valid UTF-8; the count of one that is not is
            unspecified, and may disturb its neighbors' counts, but is no error.
        offsets: For n documents n + 1 ascending positions in `data`; document i is
            `data[offsets[i]:offsets[i + 1]]`. The first position need not be 0.

    Returns:
        The n counts, in order.
    """
    # Words that start before each offset, as though all documents were one text …
    before = np.zeros(len(offsets), dtype=np.int64)
    # … and the offsets at which that text would run on: a word starts there all the same.
    joined = np.zeros(len(offsets), dtype=np.bool_)
    if len(offsets) < 2:
        return before[1:]
    position, end = int(offsets[0]), int(offsets[-1])
    scratch = _Scratch(min(_CHUNK_BYTES, end - position))
    words, in_run, first = 0, False, 0
    while position < end:
        stop = _character_start(data, position + _CHUNK_BYTES, end)
        runs, starts = scratch.find(data[position:stop], in_run)
        found = np.bitwise_count(starts)
        upto = np.zeros(len(found) + 1, dtype=np.int64)
        np.cumsum(found, out=upto[1:])

        last = first + int(np.searchsorted(offsets[first:], stop, side="left"))
        local = offsets[first:last] - position
        index, shift = local >> 6, (local & 63).astype(np.uint64)
        lower = (np.uint64(1) << shift) - np.uint64(1)
        before[first:last] = (
            words + upto[index] + np.bitwise_count(starts[index] & lower)
        )
        # A run goes on where a byte belongs to one and no word starts.
        joined[first:last] = ((runs[index] & ~starts[index]) >> shift) & np.uint64(1)

        words += int(upto[-1])
        byte = stop - position - 1
        in_run = bool(int(runs[byte >> 6]) >> (byte & 63) & 1)
        position, first = stop, last
    before[first:] = words
    lengths = np.diff(offsets)
    return np.diff(before) + (joined[:-1] & (lengths > 0))


def count_text(text: str) -> int:
    """Return the number of words of one text; slower than `count`, and its definition."""
    words = 0
    in_run = False
    for character in text:
        kind = _kind(ord(character))
        if kind == _OWN or (kind == _RUN and not in_run):
            words += 1
        in_run = kind == _RUN
    return words


class _Scratch:
    """The buffers one call of `count` works in, for chunks of at most `size` bytes."""

    def __init__(self, size: int) -> None:
        padded = -(-size // 64) * 64
        self._bytes: _Bytes = np.empty(padded, dtype=np.uint8)
        self._raw: _Bytes = np.empty(padded + 3, dtype=np.uint8)
        self._run: _Flags = np.empty(padded, dtype=np.bool_)
        self._flag: _Flags = np.empty(padded, dtype=np.bool_)
        self._own: _Flags = np.empty(padded, dtype=np.bool_)

    def find(self, chunk: _Bytes, in_run: bool) -> tuple[_Bits, _Bits]:
        """Find the words of a chunk that begins at a character.

        Args:
            chunk: The bytes.
            in_run: Whether the byte before them belongs to a run.

        Returns:
            Two sets of bits, bit i of which stands for byte i, padded with zeros to whole integers:
            the bytes that belong to a run, and the bytes at which a word starts.
        """
        size = len(chunk)
        padded = -(-size // 64) * 64
        run, flag, own = self._run[:padded], self._flag[:padded], self._own[:padded]
        run[size:] = flag[size:] = False
        low = self._bytes[:size]
        # Below, x - first < many is first <= x < first + many: a byte wraps around below zero.
        np.bitwise_or(chunk, 0x20, out=low)
        np.subtract(low, ord("a"), out=low)
        np.less(low, 26, out=run[:size])
        np.subtract(chunk, ord("0"), out=low)
        np.less(low, 10, out=flag[:size])
        np.logical_or(run, flag, out=run)
        if int(chunk.max()) < 0x80:
            runs = _packed(run)
            return runs, runs & ~_moved_up(runs, in_run)

        raw = self._raw[: size + 3]
        raw[:size] = chunk
        raw[size:] = 0
        first, many = _HAN_LEADS
        np.subtract(chunk, first, out=low)
        own[size:] = False
        np.less(low, many, out=own[:size])
        table = _table()
        longest = 1
        for first, many, length in _LEADS:
            np.subtract(chunk, first, out=low)
            np.less(low, many, out=flag[:size])
            leads = np.flatnonzero(flag)
            if len(leads) == 0:
                continue
            # Only what is not UTF-8 can name a code point past the end of the table.
            kinds = table.take(_code_points(raw, leads, length), mode="clip")
            run[leads] = kinds == _RUN
            own[leads] = kinds == _OWN
            longest = length
        np.less(chunk.view(np.int8), -0x40, out=flag[:size])
        runs, tails = _packed(run), _packed(flag)
        for _ in range(longest - 1):
            runs |= _moved_up(runs, False) & tails
        return runs, (runs & ~_moved_up(runs, in_run)) | _packed(own)


def _character_start(data: _Bytes, position: int, end: int) -> int:
    """Return the last position up to `position` at which a character begins, or `end`."""
    if position >= end:
        return end
    for start in range(position, position - 4, -1):
        if int(data[start]) & 0xC0 != 0x80:
            return start
    return position


def _code_points(raw: _Bytes, leads: npt.NDArray[np.intp], length: int) -> npt.NDArray[np.unsignedinteger]:
    """Decode the sequences of `length` bytes that begin at `leads`."""
    wide = np.uint16 if length < 4 else np.uint32
    points = (raw.take(leads) & (0xFF >> (length + 1))).astype(wide)
    for later in range(1, length):
        points <<= 6
        points |= raw[later:].take(leads) & 0x3F
    return points


def _packed(flags: _Flags) -> _Bits:
    return np.packbits(flags, bitorder="little").view("<u8")


def _moved_up(bits: _Bits, lowest: bool) -> _Bits:
    """Return the bits one place further up, with `lowest` in the place that frees."""
    moved = bits << 1
    moved[1:] |= bits[:-1] >> 63
    moved[0] |= lowest
    return moved


@cache
def _table() -> _Bytes:
    """Return the kind of every code point; building it takes a millisecond."""
    table = np.zeros(0x110000, dtype=np.uint8)
    for first, last, kind in zip(*_ranges(), strict=True):
        table[first : last + 1] = kind
    table.flags.writeable = False
    return table


@cache
def _ranges() -> tuple[list[int], list[int], list[int]]:
    """Return the first and last code point and the kind of every range, ascending."""
    ranges = []
    for kind, text in ((_RUN, word_table.RUN), (_OWN, word_table.OWN)):
        for part in text.split():
            first, _, last = part.partition("-")
            ranges.append((int(first, 16), int(last or first, 16), kind))
    ranges.sort()
    firsts, lasts, kinds = map(list, zip(*ranges, strict=True))
    return firsts, lasts, kinds


def _kind(point: int) -> int:
    """Return whether a code point is part of a run, a word of its own, or (0) neither."""
    firsts, lasts, kinds = _ranges()
    index = bisect_right(firsts, point) - 1
    return kinds[index] if index >= 0 and point <= lasts[index] else 0
