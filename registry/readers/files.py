"""The files that are read: what their names tell, and the bytes inside them.

Formats are told by the file's name, never guessed from its content. Which files are read is left to
`finding`, what the bytes mean to the module of the format.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from registry.core.source import Format
from registry.errors import InvalidInputError
from registry.places import Place, shown

CARD_NAME: Final = "dataset.json"
"""A card that describes the files beside it."""
CARD_BEGINNINGS: Final = ("README", "LICENSE")
"""How the names of other cards begin, in exactly this case; `license.md` is no card."""
SUFFIXES: Final = {
    ".parquet": Format.PARQUET,
    ".arrow": Format.ARROW,
    ".arrows": Format.ARROW,
    ".feather": Format.ARROW,
    ".ipc": Format.ARROW,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tar": Format.TAR,
    ".warc": Format.WARC,
    ".wet": Format.WARC,
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".md": Format.TEXT,
    ".rst": Format.TEXT,
}
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
MAX_RATIO: Final = 300
RATIO_FROM: Final = 256 << 20
"""A compressed file may decompress to 256 MiB, or to 300 times its size."""
_CHUNK: Final = 1 << 18
_TGZ: Final = ".tgz"
_COMPRESSED_INSIDE: Final = {Format.PARQUET: "Parquet", Format.ARROW: "Arrow"}
_XZ_MEMORY: Final = 256 << 20
"""More than any preset of xz needs to decompress; what a file may ask for is unbounded."""


class ByteStream(Protocol):
    """Bytes that can be read once, from the beginning."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, and none only at the end."""
        ...


class Source(Protocol):
    """What a reader reads: a file, or a member of an archive. As text it is its name."""

    @property
    def format(self) -> Format:
        """Return what it holds, once decompressed."""
        ...

    @property
    def compression(self) -> str | None:
        """Return how it is compressed, a value of `COMPRESSIONS`."""
        ...

    @property
    def size(self) -> int:
        """Return its bytes, before they are decompressed."""
        ...

    def raw(self) -> AbstractContextManager[ByteStream]:
        """Open it as it is, compressed or not. A member can be opened once."""
        ...

    def at_random(self) -> pa.NativeFile:
        """Open it for reading in any order, for formats that begin at their end."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read, as it was when it was found. Subclasses are not on this machine's disk.

    Attributes:
        path: Its normalised absolute path, in which links are not followed, or its URI.
        format: What it holds, once decompressed.
        compression: `gzip`, `zstd`, `bz2`, `xz` or None.
        size: Its bytes, before they are decompressed.
        mtime_ns: When it was last written, in nanoseconds since 1970, or None where the place
            does not say.
        etag: What an object store changes whenever the content does, or None.
        ctime_ns: When the file system last noted a change of it, in nanoseconds since 1970, or
            None. Unlike `mtime_ns` nobody can set it back, as unpacking an archive does.
    """

    path: Place
    format: Format
    compression: str | None
    size: int
    mtime_ns: int | None
    etag: str | None = None
    ctime_ns: int | None = None

    def __str__(self) -> str:
        """Return the path for a message, without control characters."""
        return shown(self.path)

    @contextmanager
    def raw(self) -> Iterator[ByteStream]:
        """Open it as it is, compressed or not."""
        with pa.OSFile(str(self.path), "rb") as file:
            yield file

    def at_random(self) -> pa.NativeFile:
        """Open it for reading in any order."""
        return pa.OSFile(str(self.path), "rb")

    def check_unchanged(self) -> None:
        """Compare the file with what was found at first; called when all of it was read.

        Size and time of the last write are compared, so a change that restores both goes unseen.

        Raises:
            InvalidInputError: It was written to, replaced or removed since.
        """
        try:
            now = Path(str(self.path)).stat()
        except OSError as error:
            raise unreadable(self, error) from error
        if (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns):
            raise InvalidInputError(
                f"`{self}` changed while it was read",
                hint="wait until nothing writes to it any more, then start again",
            )


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that was passed over while files were read.

    Attributes:
        file: The file it is in, or is.
        where: Its place, such as `a.jsonl:3`, for a person.
        why: What is wrong with it, or None for a member of an archive that is no input.
    """

    file: SourceFile
    where: str
    why: str | None


@contextmanager
def open_stream(file: Source) -> Iterator[ByteStream]:
    """Open a file for reading from its beginning, decompressed.

    Files of several members, streams or frames are read to their end.

    Raises:
        InvalidInputError: It cannot be opened, is truncated or damaged, or decompresses to more
            than `RATIO_FROM` and `MAX_RATIO` times its size. A zstd file that was written without
            checksums can be damaged unnoticed.
    """
    if file.compression is not None and file.size == 0:
        raise _damaged(file, "it is empty, which no compressed file is")
    try:
        with file.raw() as raw:
            if file.compression is None:
                yield raw
            elif file.compression in _DECOMPRESSORS:
                yield _InProportion(file, _Decompressed(raw, _DECOMPRESSORS[file.compression]))
            else:
                native = raw if isinstance(raw, pa.NativeFile) else pa.PythonFile(raw, "r")
                with pa.CompressedInputStream(native, file.compression) as stream:
                    yield _InProportion(file, stream)
    except READ_ERRORS as error:
        raise failed(file, error) from error


class _InProportion:
    """Reads what is decompressed, and stops when it grows out of all proportion."""

    def __init__(self, file: Source, stream: ByteStream) -> None:
        self._file = file
        self._stream = stream
        self._most = max(RATIO_FROM, MAX_RATIO * file.size)
        self._read = 0

    def read(self, size: int, /) -> bytes:
        content = self._stream.read(size)
        self._read += len(content)
        if self._read > self._most:
            raise InvalidInputError(
                f"`{self._file}` decompresses to more than {MAX_RATIO} times its size",
                hint="it may be made to fill a disk: if you trust it, decompress it, and register"
                " what was in it",
            )
        return content


LARGEST_HELD: Final = 256 << 20
"""The most bytes that are held in memory to be read in any order: 256 MiB."""


def held(source: Source, content: ByteStream) -> pa.NativeFile:
    """Read all that is left of a stream, to be read in any order.

    Raises:
        InvalidInputError: It is more than `LARGEST_HELD`.
    """
    chunks: list[bytes] = []
    size = 0
    while chunk := content.read(1 << 20):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_HELD:
            raise InvalidInputError(
                f"`{source}` has more than {LARGEST_HELD >> 20} MiB, too many to read"
                f" {source.format} there",
                hint="write it to a file, and register the file",
            )
    return pa.BufferReader(b"".join(chunks))


READ_ERRORS: Final = (OSError, EOFError, lzma.LZMAError, pa.ArrowException)
"""What reading a stream can raise."""


def failed(file: Source, error: Exception) -> InvalidInputError:
    """Return the error for a stream that broke off with one of `READ_ERRORS`."""
    if file.compression is None or isinstance(error, PermissionError | FileNotFoundError):
        return unreadable(file, error)
    return _damaged(file, str(error))


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_DECOMPRESSORS: Final[dict[str, Callable[[], _Decompressor]]] = {
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY),
}


class _Decompressed:
    """Reads one compressed stream after another to the end of the file.

    Unlike the file objects of the standard library, it takes nothing for granted after the first:
    bytes that are no stream are an error.
    """

    def __init__(self, raw: ByteStream, make: Callable[[], _Decompressor]) -> None:
        self._raw = raw
        self._make = make
        self._current = make()
        self._waiting = b""

    def read(self, size: int, /) -> bytes:
        while True:
            if self._current.eof:
                self._waiting = self._current.unused_data or self._raw.read(_CHUNK)
                if not self._waiting:
                    return b""
                self._current = self._make()
            elif self._current.needs_input and not self._waiting:
                self._waiting = self._raw.read(_CHUNK)
                if not self._waiting:
                    raise EOFError("truncated compressed stream")
            given, self._waiting = self._waiting, b""
            if content := self._current.decompress(given, size):
                return content


def _damaged(file: Source, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"`{file}` cannot be decompressed as {file.compression}: {reason}",
        hint="it is truncated or damaged, or its name is wrong: fetch it again",
    )


def unreadable(path: Path | Source, error: Exception) -> InvalidInputError:
    """Return the error for a file or folder that the system does not let us read."""
    reason = getattr(error, "strerror", None) or str(error)
    name = shown(str(path))
    return InvalidInputError(
        f"`{name}` cannot be read: {reason}", hint="check the path and its permissions"
    )


def is_card(name: str) -> bool:
    """Return whether a file of this name, at the top of a folder, is about the files there."""
    return name == CARD_NAME or name.startswith(CARD_BEGINNINGS)


def kind(name: str, format: Format | None, where: str) -> tuple[Format, str | None]:
    """Return what a name tells: the format of the file, and how it is compressed.

    Args:
        name: The name, without folders.
        format: The format of every file but archives, or None.
        where: The file, for messages.

    Raises:
        InvalidInputError: The name does not tell the format, or no file of it is compressed.
    """
    stem, dot, last = name.lower().rpartition(".")
    if stem and dot + last == _TGZ:
        return Format.TAR, "gzip"
    compression = COMPRESSIONS.get(dot + last) if stem else None
    if compression:
        stem, dot, last = stem.rpartition(".")
    told = SUFFIXES.get(dot + last) if stem else None
    found = told if told is Format.TAR else format or told
    if found is None:
        raise InvalidInputError(
            f"the name of `{where}` does not tell its format",
            hint=f"say it with `--format {'|'.join(Format)}`, or name only the files to read",
        )
    if found in _COMPRESSED_INSIDE and compression:
        raise InvalidInputError(
            f"`{where}` is a compressed {_COMPRESSED_INSIDE[found]} file, which cannot be read in"
            " parts",
            hint=f"decompress it; {_COMPRESSED_INSIDE[found]} files are compressed inside",
        )
    return found, compression


def check_one_kind(where: str, files: Sequence[Source]) -> None:
    """Refuse text files beside others: a readme must not become a document.

    Raises:
        InvalidInputError: There are text files and files of other formats.
    """
    texts = [file for file in files if file.format is Format.TEXT]
    others = [file for file in files if file.format not in (Format.TEXT, Format.TAR)]
    if texts and others:
        raise InvalidInputError(
            f"`{where}` holds text files, such as `{texts[0]}`, "
            f"beside {others[0].format} files, such as `{others[0]}`",
            hint="name the files to read, so that no readme becomes a document",
        )
