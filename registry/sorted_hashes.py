"""Sort content hashes in bounded memory, for the content root of any number of texts.

Hashes come in any order. They are sorted in memory up to `IN_MEMORY` of them; beyond that, sorted
runs of so many go to a nameless file, which nothing has to clean up after a kill, and are merged
block by block. How the hashes are spread does not matter: a billion equal ones are merged too.

The verifier sorts with it too, so pyarrow is all it needs.
"""

from __future__ import annotations

import sys
import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

from registry.core.merkle import HASH_SIZE, ContentTree

IN_MEMORY: Final = 1 << 21
"""How many hashes are sorted in memory: 64 MiB of them, and about as much to sort them."""

_TYPE: Final = pa.binary(HASH_SIZE)
_PIECE: Final = 1 << 16
"""How many sorted hashes are put in order at a time."""


class HashSorter:
    """Takes content hashes in any order and gives what they add up to when sorted."""

    def __init__(self, scratch: Path | None = None, *, in_memory: int = IN_MEMORY) -> None:
        """Start with no hashes; nothing is written before there are more than fit.

        Args:
            scratch: The folder for what does not fit into memory, 32 bytes per hash; it must exist
                by then. By default the system's own.
            in_memory: How many hashes may be held at a time.
        """
        self._scratch = scratch
        self._most = in_memory * HASH_SIZE
        self._held: bytearray | None = bytearray()
        self._runs = 0
        self._spill: BinaryIO | None = None

    def add(self, hashes: bytes | bytearray | memoryview) -> None:
        """Take hashes, 32 bytes each, such as the `data` of an array of them.

        Raises:
            OSError: The disk refused; all hashes are given up.
            ValueError: They were given up before.
        """
        if self._held is None:
            raise ValueError("the hashes were given up")
        more = hashes if isinstance(hashes, bytes) else memoryview(hashes).tobytes()
        at = 0
        while at < len(more):
            if len(self._held) == self._most:
                self._end_run(self._held)
            end = at + self._most - len(self._held)
            self._held += more[at:end] if at or end < len(more) else more
            at = end

    def finish(self) -> tuple[bytes, int]:
        """Return the content root and how many different hashes there are, which are given up.

        Raises:
            OSError: The disk refused.
        """
        tree, distinct, last = ContentTree(), 0, b""
        try:
            for ordered in self._sorted():
                tree.add(ordered)
                hashes = _array(ordered)
                distinct += 1 + pc.sum(pc.not_equal(hashes[1:], hashes[:-1]), min_count=0).as_py()
                distinct -= ordered[:HASH_SIZE] == last
                last = ordered[-HASH_SIZE:]
        finally:
            self.discard()
        return tree.root(), distinct

    def discard(self) -> None:
        """Give up the hashes and what was written of them; doing so twice is fine."""
        self._held, self._runs = None, 0
        if self._spill is not None:
            self._spill.close()
            self._spill = None

    def _end_run(self, held: bytearray) -> None:
        """Write the hashes that are held, sorted, behind the runs before them."""
        try:
            if self._spill is None:
                self._spill = tempfile.TemporaryFile(  # noqa: SIM115 - open until `discard`
                    dir=self._scratch, buffering=0
                )
            for ordered in _ascending(held):
                _write(self._spill, ordered)
        except OSError:
            self.discard()
            raise
        self._runs += 1
        self._held = bytearray()

    def _sorted(self) -> Iterator[bytes]:
        """Give all hashes, ascending, in pieces that are not empty."""
        held, runs = self._held or bytearray(), self._runs
        if self._spill is None:
            yield from _ascending(held)
            return
        # What is held becomes a run like the others: the memory it had is what they are merged in.
        rest = len(held)
        self._end_run(held)
        self._held = None
        starts = range(0, runs * self._most + rest, self._most)
        block = max(1, self._most // HASH_SIZE // (2 * len(starts))) * HASH_SIZE
        end = starts.stop
        yield from _merged(
            [_Run(self._spill, at, min(at + self._most, end), block) for at in starts]
        )


def _array(hashes: bytes | bytearray) -> pa.Array:
    """Return hashes as Arrow, without a copy."""
    buffer = pa.py_buffer(hashes)
    return pa.Array.from_buffers(_TYPE, buffer.size // HASH_SIZE, [None, buffer])


def _ascending(hashes: bytes | bytearray) -> Iterator[bytes]:
    """Give hashes in ascending order, piece by piece.

    They are sorted by their first 64 bits, several times as fast as whole. Nobody promises that two
    texts differ in those: where different ones share them, all are sorted whole.
    """
    if not hashes:
        return
    whole = _array(hashes)
    words = array("Q", memoryview(hashes).cast("Q")[:: HASH_SIZE // 8].tobytes())
    if sys.byteorder == "little":
        words.byteswap()
    first = pa.Array.from_buffers(pa.uint64(), len(whole), [None, pa.py_buffer(words)])
    order = pc.array_sort_indices(first)
    if not _settled(whole, first, order):
        order = pc.array_sort_indices(whole)
    del first, words
    for begin in range(0, len(order), _PIECE):
        yield whole.take(order[begin : begin + _PIECE]).buffers()[1].to_pybytes()


def _settled(whole: pa.Array, first: pa.Array, order: pa.Array) -> bool:
    """Return whether hashes that share the first 64 bits, in this order of those, are equal."""
    for begin in range(0, len(order), _PIECE):
        # One more than the piece: the last of it has a neighbor too.
        part = order[begin : begin + _PIECE + 1]
        heads = first.take(part)
        alike = pc.equal(heads[1:], heads[:-1])
        if not pc.any(alike).as_py():
            continue
        one, other = (whole.take(side.filter(alike)) for side in (part[:-1], part[1:]))
        if not one.equals(other):
            return False
    return True


class _Run:
    """A sorted run in a file, of which one block is held."""

    def __init__(self, file: BinaryIO, at: int, end: int, block: int) -> None:
        self._file = file
        self._at = at
        self._end = end
        self._block = block
        self.held = b""

    def fill(self) -> bool:
        """Read the next block if nothing is held; return whether something is."""
        if not self.held and self._at < self._end:
            size = min(self._block, self._end - self._at)
            self._file.seek(self._at)
            self.held = self._file.read(size)
            if len(self.held) != size:
                raise OSError("a file of sorted hashes was cut short while it was read")
            self._at += size
        return bool(self.held)

    def take(self, upto: bytes) -> bytes:
        """Return what is held up to a hash, which is held no more."""
        held = self.held
        count = bisect_right(
            range(len(held) // HASH_SIZE),
            upto,
            key=lambda at: held[at * HASH_SIZE : (at + 1) * HASH_SIZE],
        )
        self.held = held[count * HASH_SIZE :]
        return held[: count * HASH_SIZE]


def _merged(runs: list[_Run]) -> Iterator[bytes]:
    """Give the hashes of sorted runs, ascending.

    Nothing that is not read yet is below the end of a block that is held, so each round gives what
    is up to the lowest such end.
    """
    while runs := [run for run in runs if run.fill()]:
        upto = min(run.held[-HASH_SIZE:] for run in runs)
        yield from _ascending(b"".join(run.take(upto) for run in runs))


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of the data: a file without a buffer may take less at a time."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
