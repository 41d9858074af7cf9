"""Files whose every block is checked before it is believed.

A file is its body, a CRC-32 for each 4 KiB of it, a JSON footer that says what is where and holds
the SHA-256 of the check sums, and a trailer with the length and the CRC-32 of the footer. The
SHA-256 of the footer stands for the whole file. What the footer says of itself, beyond `format`,
`body` and `sums`, is for those who write and read it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import stat
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import orjson

from registry.errors import ConflictError

FORMAT: Final = 1
BLOCK: Final = 4096
ALIGNED: Final = 64
REMEDY: Final = "run `firsthand index rebuild`"
_TRAILER: Final = struct.Struct("<QI12s")
_MAGIC: Final = b"firsthand\r\n\x01"
_GATHERED: Final = 1 << 20
_MOST_SAID: Final = 1 << 28
"""How many bytes a footer may have, and how many the check sums: of bodies up to 256 GiB."""
_DIRECT: Final[int] = getattr(os, "O_DIRECT", 0)
OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
"""How files are opened: what is no file, such as a pipe, is not waited for."""

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


def damaged(path: Path, what: str) -> ConflictError:
    """Return the error that says what is wrong with a file of the index."""
    return ConflictError(f"the index file `{path}` {what}", hint=REMEDY)


class BlockWriter:
    """Writes such a file from front to back, under a hidden name until it is whole."""

    def __init__(self, path: Path, *, cold: bool = False) -> None:
        """Write a file that does not exist yet.

        Args:
            path: The file.
            cold: It is large and not read soon. Then it goes to the disk without passing through
                the system's cache, where that can be done: a copy less, and what others have
                there stays.

        Raises:
            OSError: The disk refused.
        """
        self._path = path
        self._hidden = path.with_name(f".{path.name}")
        self._handle = _created(self._hidden, cold=cold)
        self._buffer = _buffer()
        self._filled = 0
        self._at = 0
        self._sums: list[int] = []

    @property
    def at(self) -> int:
        """Return how long the body is."""
        return self._at

    def align(self) -> int:
        """Fill up with zeros, so that an array can begin, and return where it does."""
        if self._at % ALIGNED:
            self.write(bytes(-self._at % ALIGNED))
        return self._at

    def append(self, array: Array) -> int:
        """Append an array, aligned, and return where it begins.

        Raises:
            OSError: The disk refused.
        """
        begin = self.align()
        self.write(array)
        return begin

    def write(self, data: bytes | Array) -> None:
        """Append bytes right behind those before them.

        Raises:
            OSError: The disk refused.
        """
        if isinstance(data, bytes):
            view = memoryview(data)
        else:
            view = np.ascontiguousarray(data).reshape(-1).view(np.uint8).data
        self._at += len(view)
        while len(view):
            taken = min(len(view), len(self._buffer) - self._filled)
            self._buffer[self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]
            if self._filled == len(self._buffer):
                self._sum()
                _write(self._handle, memoryview(self._buffer))
                self._filled = 0

    def close(self, footer: dict[str, Any]) -> str:
        """Finish the file, give it its name, and return the SHA-256 of its footer.

        Raises:
            OSError: The disk refused.
        """
        self._sum()
        sums = np.asarray(self._sums, "<u4").tobytes()
        said = orjson.dumps(
            {
                "format": FORMAT,
                "body": self._at,
                "sums": hashlib.sha256(sums).hexdigest(),
                **footer,
            }
        )
        trailer = _TRAILER.pack(len(said), zlib.crc32(said), _MAGIC)
        with memoryview(self._buffer) as view:
            whole = self._filled - self._filled % BLOCK
            _write(self._handle, view[:whole])
            # What is left is no whole block, and so is for the cache.
            _through_cache(self._handle)
            rest = b"".join([view[whole : self._filled], sums, said, trailer])
        _write(self._handle, memoryview(rest))
        self._release()
        self._hidden.rename(self._path)
        return hashlib.sha256(said).hexdigest()

    def discard(self) -> None:
        """Remove the file unless it was finished; doing so twice is fine."""
        if self._handle >= 0:
            self._release()
            self._hidden.unlink(missing_ok=True)

    def _sum(self) -> None:
        """Note the check sums of what is in the buffer; only the last block is no whole one."""
        crc = zlib.crc32
        with memoryview(self._buffer) as view:
            self._sums += [
                crc(view[at : min(at + BLOCK, self._filled)])
                for at in range(0, self._filled, BLOCK)
            ]

    def _release(self) -> None:
        os.close(self._handle)
        self._handle = -1
        _buffers.append(self._buffer)


_BUFFER: Final = 1 << 20
_MOST_BUFFERS: Final = 8
_buffers: deque[mmap.mmap] = deque(maxlen=_MOST_BUFFERS)
"""Buffers that nobody uses: memory that is used again need not be made."""


def _buffer() -> mmap.mmap:
    """Return memory that begins with a page, as a disk wants it."""
    try:
        return _buffers.pop()
    except IndexError:
        return mmap.mmap(-1, _BUFFER)


def _created(path: Path, *, cold: bool) -> int:
    """Create a file, if it is cold and the system can do so, to be written past the cache."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    if cold and _DIRECT:
        try:
            return os.open(path, flags | _DIRECT, 0o666)
        except OSError as error:
            # Some file systems have nothing but the cache.
            if error.errno != errno.EINVAL:
                raise
    return os.open(path, flags, 0o666)


def _through_cache(handle: int) -> None:
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    if flags & _DIRECT:
        fcntl.fcntl(handle, fcntl.F_SETFL, flags & ~_DIRECT)


class BlockFile:
    """Reads such a file. Nothing of its body is given before its blocks were checked.

    Between calls no file is open, unless it is `mapped`.

    Attributes:
        path: Where it is.
        footer: What its writer said of it.
        digest: The SHA-256 of the footer.
        size: The size of the whole file.
    """

    def __init__(self, path: Path, *, digest: str | None = None, handle: int | None = None) -> None:
        """Read the footer and the check sums.

        Args:
            path: The file.
            digest: What the footer must hash to.
            handle: The open file, if it is; by default it is opened for each reading.

        Raises:
            ConflictError: The file is missing or damaged, or is another one.
        """
        self.path = path
        self._handle = handle
        with self._opened() as opened:
            self._read_footer(opened, digest)
        self._map: mmap.mmap | None = None
        self._checked = np.zeros(len(self._sums), np.bool_)
        self._whole = False

    @property
    def body(self) -> int:
        """Return how many bytes the body has."""
        return int(self.footer["body"])

    def map(self) -> Self:
        """Map the file into memory, for `view`.

        Raises:
            ConflictError: The file is gone.
        """
        if self._map is None and self.body:
            with self._opened() as opened:
                try:
                    self._map = mmap.mmap(opened, self.body, mmap.MAP_SHARED, mmap.PROT_READ)
                except ValueError as error:
                    raise damaged(self.path, "was cut short") from error
        return self

    def view(self, begin: int, count: int, dtype: Any) -> Array:
        """Return an array of the mapped body, nothing of which has been checked.

        What is taken from it must have been passed to `check` before.
        """
        if not count or self._map is None:
            return np.empty(0, dtype)
        return np.frombuffer(self._map, dtype, count, begin)

    def check(self, begins: Rows, ends: Rows) -> None:
        """Check the blocks of some ranges of bytes of the mapped body.

        Raises:
            ConflictError: One of them is damaged, or the file was cut short.
        """
        # Touching what a mapped file has lost would end the process.
        if self._handle is not None and os.fstat(self._handle).st_size < self.size:
            raise damaged(self.path, "was cut short")
        if self._whole or not len(begins):
            return
        first, last = begins // BLOCK, (ends - 1) // BLOCK
        if len(begins) == 1:
            blocks = np.arange(first[0], last[0] + 1)
        else:
            sizes = np.maximum(last - first + 1, 0)
            blocks = np.repeat(first - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        todo = blocks[~self._checked[blocks]]
        if not len(todo) or self._map is None:
            return
        with memoryview(self._map) as view:
            for block in np.unique(todo).tolist():
                at = block * BLOCK
                if zlib.crc32(view[at : min(at + BLOCK, self.body)]) != self._sums[block]:
                    raise damaged(self.path, f"is damaged in block {block}")
        self._checked[todo] = True
        if len(todo) > len(self._sums) // 8:
            self._whole = bool(self._checked.all())

    def forget(self) -> None:
        """Let go of the memory the mapped file takes; it is read again when needed."""
        if self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)

    def read(self, begin: int, count: int, dtype: Any) -> Array:
        """Return a checked array of the body, read from the disk.

        Raises:
            ConflictError: A block of it is damaged, or the file is gone.
        """
        kind = np.dtype(dtype)
        if not count:
            return np.empty(0, kind)
        with self._opened() as opened:
            return self._checked_read(opened, begin, count, kind)

    def gather(self, begins: Rows, width: int) -> npt.NDArray[np.uint8]:
        """Return checked ranges of the body, `width` bytes from each begin, read from the disk.

        Raises:
            ConflictError: A block of one is damaged, or the file is gone.
        """
        found = np.empty((len(begins), width), np.uint8)
        order = np.argsort(begins, kind="stable")
        ordered = begins[order]
        # What lies close together is read at once, up to a megabyte.
        apart = np.diff(ordered, prepend=-_GATHERED) > width + BLOCK
        group = np.cumsum(apart) + ordered // _GATHERED
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        with self._opened() as opened:
            for low, high in zip(starts, [*starts[1:], len(ordered)], strict=True):
                begin = int(ordered[low])
                size = int(ordered[high - 1]) - begin + width
                raw = self._checked_read(opened, begin, size, np.dtype(np.uint8))
                at = (ordered[low:high] - begin)[:, None] + np.arange(width)
                found[order[low:high]] = raw[at]
        return found

    def check_all(self) -> None:
        """Check every block.

        Raises:
            ConflictError: One is damaged.
        """
        step = 1 << 22
        for at in range(0, self.body, step):
            self.read(at, min(step, self.body - at), np.uint8)

    def fits(self, begin: Any, count: Any, width: int) -> bool:
        """Return whether an array that the footer speaks of lies within the body."""
        numbers = is_number(begin) and is_number(count)
        return numbers and begin + count * width <= self.body

    def _checked_read(self, handle: int, begin: int, count: int, kind: np.dtype[Any]) -> Array:
        first, size = begin // BLOCK, count * kind.itemsize
        at, end = first * BLOCK, min(-(-(begin + size) // BLOCK) * BLOCK, self.body)
        raw = _read(handle, at, end - at)
        if len(raw) != end - at:
            raise damaged(self.path, "was cut short")
        view = memoryview(raw)
        for number, offset in enumerate(range(0, len(raw), BLOCK), first):
            if zlib.crc32(view[offset : offset + BLOCK]) != self._sums[number]:
                raise damaged(self.path, f"is damaged in block {number}")
        return np.frombuffer(raw, kind, count, begin - at)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open meanwhile: who reads it often need not open it each time.

        Raises:
            ConflictError: The file is missing or cannot be read.
        """
        with self._opened() as handle:
            before, self._handle = self._handle, handle
            try:
                yield
            finally:
                self._handle = before

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Give the handle that is held, or one for a moment."""
        try:
            if self._handle is not None:
                yield self._handle
                return
            handle = os.open(self.path, OPEN)
            try:
                yield handle
            finally:
                os.close(handle)
        except FileNotFoundError as error:
            raise damaged(self.path, "is missing") from error
        except OSError as error:
            raise damaged(self.path, f"cannot be read: {error.strerror}") from error

    def _read_footer(self, handle: int, digest: str | None) -> None:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise damaged(self.path, "is no file")
        self.size = found.st_size
        tail = _read(handle, max(self.size - _TRAILER.size, 0), _TRAILER.size)
        if len(tail) != _TRAILER.size:
            raise damaged(self.path, "was cut short")
        length, crc, magic = _TRAILER.unpack(tail)
        if magic != _MAGIC:
            raise damaged(self.path, "was cut short, or is none")
        at = self.size - _TRAILER.size - length
        said = _read(handle, at, length) if at >= 0 and length <= _MOST_SAID else b""
        if len(said) != length or zlib.crc32(said) != crc:
            raise damaged(self.path, "is damaged in its footer")
        self.digest = hashlib.sha256(said).hexdigest()
        if digest is not None and self.digest != digest:
            raise damaged(self.path, "is not the one that the catalogue names")
        try:
            footer = orjson.loads(said)
        except orjson.JSONDecodeError as error:
            raise damaged(self.path, "is damaged in its footer") from error
        if not isinstance(footer, dict) or not is_number(footer.get("body")):
            raise damaged(self.path, "is damaged in its footer")
        if footer.get("format") != FORMAT:
            raise damaged(self.path, "has a format that this version of Firsthand does not know")
        self.footer: dict[str, Any] = footer
        count = -(-self.body // BLOCK)
        fits = at == self.body + 4 * count and 4 * count <= _MOST_SAID
        sums = _read(handle, self.body, 4 * count) if fits else b""
        if len(sums) != 4 * count or hashlib.sha256(sums).hexdigest() != footer.get("sums"):
            raise damaged(self.path, "is damaged in its check sums")
        self._sums = np.frombuffer(sums, "<u4")


def is_number(value: Any) -> bool:
    """Return whether a value of a footer can count something."""
    return type(value) is int and 0 <= value < 1 << 62


def _read(handle: int, at: int, size: int) -> bytes:
    """Read bytes; fewer only at the end of the file."""
    parts = []
    while size:
        part = os.pread(handle, size, at)
        if not part:
            break
        parts.append(part)
        at, size = at + len(part), size - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _write(handle: int, view: memoryview) -> None:
    while len(view):
        try:
            view = view[os.write(handle, view) :]
        except OSError as error:
            if error.errno != errno.EINVAL or not fcntl.fcntl(handle, fcntl.F_GETFL) & _DIRECT:
                raise
            # The disk wants larger blocks, or less was written than was asked for.
            _through_cache(handle)
