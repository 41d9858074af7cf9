"""Sort content hashes in bounded memory, for the content root of any number of texts.

Hashes come in any order. They are sorted in memory up to `IN_MEMORY` of them; beyond that, sorted
runs of so many go to a nameless file, which nothing has to clean up after a kill, and are merged
block by block. How the hashes are spread does not matter: a billion equal ones are merged too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from registry.core.contents import Hashes
from registry.core.merkle import HASH_SIZE, ContentTree

IN_MEMORY: Final = 1 << 22
"""How many hashes are sorted in memory: 128 MiB of them."""


_TYPE: Final = f"S{HASH_SIZE}"


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
        # The system gives pages when they are first written to, so few hashes take little.
        self._buffer: Hashes = np.empty(in_memory, _TYPE)
        self._filled = 0
        self._runs = 0
        self._spill: BinaryIO | None = None

    def add(self, hashes: bytes | bytearray | memoryview | Hashes) -> None:
        """Take hashes, 32 bytes each.

        Raises:
            OSError: The disk refused; all hashes are given up.
            ValueError: They were given up before.
        """
        if not len(self._buffer):
            raise ValueError("the hashes were given up")
        more = hashes if isinstance(hashes, np.ndarray) else np.frombuffer(hashes, _TYPE)
        while len(more):
            if self._filled == len(self._buffer):
                self._end_run()
            taken = more[: len(self._buffer) - self._filled]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            more = more[len(taken) :]

    def finish(self) -> tuple[bytes, int]:
        """Return the content root and how many different hashes there are, which are given up.

        Raises:
            OSError: The disk refused.
        """
        tree, distinct, last = ContentTree(), 0, None
        try:
            for ordered in self._sorted():
                tree.add(ordered.view(np.uint8).data)
                distinct += int(np.count_nonzero(ordered[1:] != ordered[:-1]))
                distinct += last is None or bool(ordered[0] != last)
                last = ordered[-1:].copy()[0]
        finally:
            self.discard()
        return tree.root(), distinct

    def ordered(self) -> Iterator[bytes]:
        """Give all hashes, ascending, in pieces of whole ones; in the end they are given up.

        Raises:
            OSError: The disk refused.
        """
        try:
            for piece in self._sorted():
                yield bytes(piece)
        finally:
            self.discard()

    def discard(self) -> None:
        """Give up the hashes and what was written of them; doing so twice is fine."""
        self._buffer, self._filled, self._runs = np.empty(0, _TYPE), 0, 0
        if self._spill is not None:
            self._spill.close()
            self._spill = None

    def _end_run(self) -> None:
        """Write the hashes that are held, sorted, behind the runs before them."""
        try:
            if self._spill is None:
                self._spill = tempfile.TemporaryFile(  # noqa: SIM115 - open until `discard`
                    dir=self._scratch, buffering=0
                )
            self._buffer.sort()
            _write(self._spill, self._buffer.view(np.uint8).data)
        except OSError:
            self.discard()
            raise
        self._runs += 1
        self._filled = 0

    def _sorted(self) -> Iterator[Hashes]:
        """Give all hashes, ascending, in pieces that are not empty."""
        run = len(self._buffer)
        rest = self._buffer[: self._filled]
        rest.sort()
        if self._spill is None:
            if len(rest):
                yield rest
            return
        # What is held becomes a run like the others: the memory it had is what they are merged in.
        _write(self._spill, rest.view(np.uint8).data)
        total = self._runs * run + len(rest)
        self._buffer = rest = np.empty(0, _TYPE)
        starts = range(0, total, run)
        block = max(1, run // (2 * len(starts)))
        yield from _merged([_Run(self._spill, at, min(at + run, total), block) for at in starts])


class _Run:
    """A sorted run in a file, of which one block is held."""

    def __init__(self, file: BinaryIO, at: int, end: int, block: int) -> None:
        self._file = file
        self._at = at
        self._end = end
        self._block = block
        self.held: Hashes = np.empty(0, _TYPE)

    def fill(self) -> bool:
        """Read the next block if nothing is held; return whether something is."""
        if not len(self.held) and self._at < self._end:
            count = min(self._block, self._end - self._at)
            self._file.seek(self._at * HASH_SIZE)
            raw = self._file.read(count * HASH_SIZE)
            if len(raw) != count * HASH_SIZE:
                raise OSError("a file of sorted hashes was cut short while it was read")
            self.held = np.frombuffer(raw, _TYPE)
            self._at += count
        return len(self.held) > 0


def _merged(runs: list[_Run]) -> Iterator[Hashes]:
    """Give the hashes of sorted runs, ascending.

    Nothing that is not read yet is below the end of a block that is held, so each round gives what
    is up to the lowest such end.
    """
    while runs := [run for run in runs if run.fill()]:
        upto = min(run.held[-1:].tobytes() for run in runs)
        parts = []
        for run in runs:
            count = int(np.searchsorted(run.held, np.frombuffer(upto, _TYPE)[0], side="right"))
            parts.append(run.held[:count])
            run.held = run.held[count:]
        ordered = np.concatenate(parts)
        ordered.sort()
        yield ordered


def _write(file: BinaryIO, data: memoryview) -> None:
    """Write all of the data: a file without a buffer may take less at a time."""
    while len(data):
        data = data[file.write(data) :]
