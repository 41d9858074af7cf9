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

# A few buffers for a chunk stay in a core's cache. Bits take an eighth of the space, so that they
# are handled by the block: NumPy's cost per call would show otherwise.
_CHUNK_BYTES: Final = 1 << 19
_BLOCK_BYTES: Final = 1 << 20

# The lead bytes E5 to E9 open U+5000 to U+9FFF, which are all Han: most of a Chinese text needs no
# look-up. For the other lead bytes, from the first to before the second: the bytes of a character.
_HAN_LEADS: Final = (0xE5, 5)
# Where fewer than one byte in so many opens a character, looking all of them up costs less.
_SPARSE: Final = 16
_LEADS: Final = ((0xC0, 0xE0, 2), (0xE0, 0xF0, 3), (0xF0, 0x100, 4))

_Bytes = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]
_Bits = npt.NDArray[np.uint64]
_Integers = npt.NDArray[np.int64]


def count(data: _Bytes, offsets: _Integers) -> _Integers:
    """Return the number of words of each document of an Arrow string array.

    Words never reach from one document into the next. Scratch memory stays below a few megabytes
    however long the documents are, and no two calls share any, so threads may call this at once.

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
    # … and the offsets at which a word of that text runs on, where a document starts another.
    joined = np.zeros(len(offsets), dtype=np.bool_)
    if len(offsets) < 2:
        return before[1:]
    position, end = int(offsets[0]), int(offsets[-1])
    finder = _Finder(min(_CHUNK_BYTES, end - position))
    words, in_run, first = 0, False, 0
    while position < end:
        stop = _character_start(data, position + _BLOCK_BYTES, end)
        runs, starts = finder.find(data[position:stop], in_run)
        found = np.bitwise_count(starts)
        upto = np.zeros(len(found) + 1, dtype=np.int64)
        np.cumsum(found, out=upto[1:])

        last = first + int(np.searchsorted(offsets[first:], stop, side="left"))
        local = offsets[first:last] - position
        index, shift = local >> 6, (local & 63).astype(np.uint64)
        below = starts[index] & ((np.uint64(1) << shift) - np.uint64(1))
        before[first:last] = words + upto[index] + np.bitwise_count(below)
        joined[first:last] = ((runs & ~starts)[index] >> shift) & np.uint64(1)

        words += int(upto[-1])
        byte = stop - position - 1
        in_run = bool(int(runs[byte >> 6]) >> (byte & 63) & 1)
        position, first = stop, last
    before[first:] = words
    return np.diff(before) + (joined[:-1] & (np.diff(offsets) > 0))


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


class _Finder:
    """Finds the words of blocks of UTF-8, in buffers it reuses from chunk to chunk.

    Args:
        chunk_bytes: How many bytes are looked at in one step.
    """

    def __init__(self, chunk_bytes: int) -> None:
        # Chunks end where a byte of the packed bits ends.
        self._size = -(-chunk_bytes // 8) * 8
        self._shifted: _Bytes = np.empty(self._size, dtype=np.uint8)
        self._run: _Flags = np.empty(self._size, dtype=np.bool_)
        self._flag: _Flags = np.empty(self._size, dtype=np.bool_)
        self._own: _Flags = np.empty(self._size, dtype=np.bool_)

    def find(self, block: _Bytes, in_run: bool) -> tuple[_Bits, _Bits]:
        """Find the words of a block that begins and ends between characters.

        Args:
            block: The bytes, at least one.
            in_run: Whether the byte before them belongs to a run.

        Returns:
            Two sets of bits, bit i of which stands for byte i, padded with zeros to whole integers:
            the bytes that belong to a run, and the bytes at which a word starts.
        """
        runs, own, tails = (np.zeros(-(-len(block) // 64), dtype="<u8") for _ in range(3))
        tail = longest = 0
        for begin in range(0, len(block), self._size):
            chunk = block[begin : begin + self._size]
            size = len(chunk)
            shifted, run, flag = self._shifted[:size], self._run[:size], self._flag[:size]
            np.bitwise_or(chunk, 0x20, out=shifted)
            _within(shifted, ord("a"), 26, shifted, run)
            _within(chunk, ord("0"), 10, shifted, flag)
            np.logical_or(run, flag, out=run)
            # The last character of a chunk may end in the next one.
            reaching, tail = tail, 0
            if int(chunk.max()) >= 0x80:
                tail = self._look_up(block, begin, run, _part(own, begin, size))
                if tail or reaching:
                    np.less(chunk.view(np.int8), -0x40, out=flag)
                    _part(tails, begin, size)[:] = np.packbits(flag, bitorder="little")
                    longest = max(longest, tail)
            _part(runs, begin, size)[:] = np.packbits(run, bitorder="little")
        for _ in range(longest):
            # The look-up marked a character's first byte; the other bytes share its fate.
            runs |= _next(runs, False) & tails
        return runs, (runs & ~_next(runs, in_run)) | own

    def _look_up(self, block: _Bytes, begin: int, run: _Flags, own_bits: _Bytes) -> int:
        """Mark the first bytes of the characters beyond ASCII in one chunk.

        Args:
            block: The block that the chunk is a part of.
            begin: Where in the block the chunk begins.
            run: For each byte of the chunk, whether it belongs to a run; added to.
            own_bits: The bits of the characters that are words of their own; written.

        Returns:
            How many bytes may follow the first byte of a character added to `run`, 0 to 3.
        """
        size = len(run)
        chunk, shifted, flag = block[begin : begin + size], self._shifted[:size], self._flag[:size]
        own = self._own[:size]
        np.greater_equal(chunk, _LEADS[0][0], out=flag)
        every = np.flatnonzero(flag)
        if len(every) * _SPARSE > size:
            _within(chunk, *_HAN_LEADS, shifted, own)
            np.not_equal(flag, own, out=flag)
            every = np.flatnonzero(flag)
        else:
            own.fill(False)
        opening = chunk.take(every)
        tail = 0
        for first, after, length in _LEADS:
            leads, lead_bytes = every, opening
            chosen = (opening >= first) & (opening < after)
            if not chosen.all():
                leads, lead_bytes = every[chosen], opening[chosen]
            # What breaks off at the end of the block is no UTF-8 and no word.
            inside = int(np.searchsorted(leads, len(block) - begin - length, side="right"))
            if inside == 0:
                continue
            leads = leads[:inside]
            points = (lead_bytes[:inside] & (0x7F >> length)).astype(np.uint32)
            for later in range(1, length):
                points <<= 6
                # A character may reach into the next chunk.
                points |= block[begin + later :].take(leads) & 0x3F
            # Only what is not UTF-8 can name a code point past the end of the table.
            found = kinds().take(points, mode="clip")
            in_runs = found == _RUN
            if in_runs.any():
                run[leads] = in_runs
                tail = length - 1
            alone = found == _OWN
            if alone.any():
                own[leads] = alone
        if own.any():
            own_bits[:] = np.packbits(own, bitorder="little")
        return tail


def _within(values: _Bytes, first: int, many: int, shifted: _Bytes, out: _Flags) -> None:
    """Write to `out` which values are among the `many` that begin at `first`."""
    # Bytes below `first` wrap around to large ones.
    np.subtract(values, first, out=shifted)
    np.less(shifted, many, out=out)


def _part(bits: _Bits, begin: int, size: int) -> _Bytes:
    """Return the packed bits that stand for `size` bytes from `begin`, a multiple of 8."""
    return bits.view(np.uint8)[begin >> 3 : (begin + size + 7) >> 3]


def _character_start(data: _Bytes, position: int, end: int) -> int:
    """Return the last position up to `position` at which a character begins, or `end`."""
    if position >= end:
        return end
    for start in range(position, position - 4, -1):
        if int(data[start]) & 0xC0 != 0x80:
            return start
    return position


def _next(bits: _Bits, lowest: bool) -> _Bits:
    """Return the bits one place on, for the bytes that follow, with `lowest` for the first."""
    moved: _Bits = bits << np.uint64(1)
    moved[1:] |= bits[:-1] >> np.uint64(63)
    moved[0] |= lowest
    return moved


@cache
def kinds() -> _Bytes:
    """Return the kind of every code point, 0 to 2; building it takes a millisecond."""
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
