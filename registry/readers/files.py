"""Which files are read, in which order, and the bytes inside them.

Formats are told by the file's name, never guessed from its content. What the bytes mean is left
to the module of the format.
"""

from __future__ import annotations

import bz2
import lzma
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from registry.core.source import Format, ReadOptions
from registry.errors import InvalidInputError

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
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".md": Format.TEXT,
    ".rst": Format.TEXT,
}
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
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
    """A file to read, as it was when it was found.

    Attributes:
        path: Its normalised absolute path; links are not followed in it.
        format: What it holds, once decompressed.
        compression: `gzip`, `zstd`, `bz2`, `xz` or None.
        size: Its bytes on disk.
        mtime_ns: When it was last written, in nanoseconds since 1970.
    """

    path: Path
    format: Format
    compression: str | None
    size: int
    mtime_ns: int

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
            now = self.path.stat()
        except OSError as error:
            raise unreadable(self.path, error) from error
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


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found under some paths.

    Attributes:
        files: The files to read, sorted by path.
        skipped: Hidden files and cards, sorted by path.
    """

    files: tuple[SourceFile, ...]
    skipped: tuple[Path, ...]


def discover(paths: Sequence[Path], options: ReadOptions, *, every: bool = False) -> Discovered:
    """Find the files to read under some paths, sorted by their normalised absolute path.

    Folders are searched to any depth and links are followed. Hidden files and folders are skipped,
    unless they are named, and so are the cards of a named folder: the files in it, not in folders
    below, that are called `dataset.json`, `README…` or `LICENSE…` in exactly this case. A
    `dataset.json` among several named paths is skipped too. A file that is reached in two ways is
    read once, under the first of its names.

    Args:
        paths: Files and folders.
        options: `format` decides for every file but archives; without it each file's name does.
        every: Take every named file, also a card: it was chosen before.

    Raises:
        InvalidInputError: A path does not exist, cannot be read or leads back to itself, a name
            does not tell the format, or there is nothing to read.
    """
    if not paths:
        raise InvalidInputError("no files were named", hint="name files or folders to read")
    search = _Search(options.format)
    # Sorted first, so that of two names for one folder the same one is kept in any order.
    for path in sorted({Path(os.path.normpath(path.absolute())) for path in paths}, key=str):
        if path.name == CARD_NAME and len(paths) > 1 and not every:
            search.skipped.add(path)
        else:
            search.named(path)
    files: dict[str, SourceFile] = {}
    for file in sorted(search.found, key=lambda file: str(file.path)):
        files.setdefault(os.path.realpath(file.path), file)
    if not files:
        raise InvalidInputError(
            f"there are no files to read in {_in_words(paths)} besides cards and hidden files",
            hint="name a folder or files that hold documents",
        )
    return Discovered(tuple(files.values()), tuple(sorted(search.skipped, key=str)))


def _in_words(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"`{shown(paths[0].absolute())}`{more}"


@contextmanager
def open_stream(file: Source) -> Iterator[ByteStream]:
    """Open a file for reading from its beginning, decompressed.

    Files of several members, streams or frames are read to their end.

    Raises:
        InvalidInputError: It cannot be opened, or is truncated or damaged. A zstd file that was
            written without checksums can be damaged unnoticed.
    """
    if file.compression is not None and file.size == 0:
        raise _damaged(file, "it is empty, which no compressed file is")
    try:
        with file.raw() as raw:
            if file.compression is None:
                yield raw
            elif file.compression in _DECOMPRESSORS:
                yield _Decompressed(raw, _DECOMPRESSORS[file.compression])
            else:
                native = raw if isinstance(raw, pa.NativeFile) else pa.PythonFile(raw, "r")
                with pa.CompressedInputStream(native, file.compression) as stream:
                    yield stream
    except READ_ERRORS as error:
        raise failed(file, error) from error


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


def shown(path: Path | str) -> str:
    """Return a path for a message, without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(path))


def _damaged(file: Source, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"`{file}` cannot be decompressed as {file.compression}: {reason}",
        hint="it is truncated or damaged, or its name is wrong: fetch it again",
    )


def unreadable(path: Path | Source, error: Exception) -> InvalidInputError:
    """Return the error for a file or folder that the system does not let us read."""
    reason = getattr(error, "strerror", None) or str(error)
    name = shown(path) if isinstance(path, Path) else str(path)
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


class _Search:
    """Walks folders and collects what it finds."""

    def __init__(self, format: Format | None) -> None:
        self.format = format
        self.found: list[SourceFile] = []
        self.skipped: set[Path] = set()
        self._folders: set[str] = set()

    def named(self, path: Path) -> None:
        """Take a path that somebody named."""
        info = _stat(path)
        if not stat.S_ISDIR(info.st_mode):
            self.found.append(_source_file(path, info, self.format))
            return
        before = len(self.found)
        self._folder(path, ())
        check_one_kind(shown(path), self.found[before:])

    def _folder(self, folder: Path, above: tuple[str, ...]) -> None:
        real = os.path.realpath(folder)
        if real in above:
            raise InvalidInputError(
                f"`{shown(folder)}` is a link back to `{shown(Path(real))}`, which holds it",
                hint="remove the link, or name the files to read",
            )
        if real in self._folders:
            return
        self._folders.add(real)
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            raise unreadable(folder, error) from error
        for path in inside:
            if path.name.startswith("."):
                self.skipped.add(path)
                continue
            info = _stat(path)
            if not above and is_card(path.name) and not stat.S_ISDIR(info.st_mode):
                self.skipped.add(path)
                continue
            if stat.S_ISDIR(info.st_mode):
                self._folder(path, (*above, real))
            else:
                self.found.append(_source_file(path, info, self.format))


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        # Unlike `Path.is_symlink`, this is no error where the name itself is one.
        if os.path.islink(path):  # noqa: PTH114
            raise InvalidInputError(
                f"`{shown(path)}` is a link that leads nowhere", hint="remove or repair the link"
            ) from error
        if isinstance(error, FileNotFoundError):
            raise InvalidInputError(
                f"`{shown(path)}` does not exist", hint="check the path"
            ) from error
        raise unreadable(path, error) from error


def _source_file(path: Path, info: os.stat_result, format: Format | None) -> SourceFile:
    if not stat.S_ISREG(info.st_mode):
        raise InvalidInputError(
            f"`{shown(path)}` is neither a file nor a folder", hint="write its content to a file"
        )
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"the name `{shown(path)}` is not valid UTF-8", hint="rename the file"
        ) from error
    if not os.access(path, os.R_OK):
        raise InvalidInputError(
            f"`{shown(path)}` cannot be read: permission denied", hint="check its permissions"
        )
    format, compression = kind(path.name, format, shown(path))
    return SourceFile(path, format, compression, info.st_size, info.st_mtime_ns)
