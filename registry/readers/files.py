"""Which files are read, in which order, and the bytes inside them.

Formats are told by the file's name, never guessed from its content. What the bytes mean is left
to the module of the format.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from registry.core.source import Format, ReadOptions
from registry.errors import InvalidInputError

CARD_NAME: Final = "dataset.json"
"""A card that describes the files beside it; it is never read as data."""
SUFFIXES: Final = {
    ".parquet": Format.PARQUET,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".md": Format.TEXT,
    ".rst": Format.TEXT,
}
COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd"}


class ByteStream(Protocol):
    """Bytes that can be read once, from the beginning."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, and none only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read, as it was when it was found.

    Attributes:
        path: Its normalised absolute path; links are not followed in it.
        format: What it holds, once decompressed.
        compression: `gzip`, `zstd` or None.
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

    def check_unchanged(self) -> None:
        """Compare the file with what was found at first; called when all of it was read.

        Size and time of the last write are compared, so a change that restores both goes unseen.

        Raises:
            InvalidInputError: It was written to, replaced or removed since.
        """
        try:
            now = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns):
            raise InvalidInputError(
                f"`{self}` changed while it was read",
                hint="wait until nothing writes to it any more, then start again",
            )


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found under some paths.

    Attributes:
        files: The files to read, sorted by path.
        skipped: Hidden files and dataset cards, sorted by path.
    """

    files: tuple[SourceFile, ...]
    skipped: tuple[Path, ...]


def discover(paths: Sequence[Path], options: ReadOptions) -> Discovered:
    """Find the files to read under some paths, sorted by their normalised absolute path.

    Folders are searched to any depth and links are followed. Hidden files and folders and
    `dataset.json` cards are skipped, unless they are the one path that was named. A file that is
    reached in two ways is read once, under the first of its names.

    Args:
        paths: Files and folders.
        options: `format` decides for every file; without it each file's name does.

    Raises:
        InvalidInputError: A path does not exist, cannot be read or leads back to itself, a name
            does not tell the format, or there is nothing to read.
    """
    if not paths:
        raise InvalidInputError("no files were named", hint="name files or folders to read")
    search = _Search(options.format)
    # Sorted first, so that of two names for one folder the same one is kept in any order.
    for path in sorted({Path(os.path.normpath(path.absolute())) for path in paths}, key=str):
        if path.name == CARD_NAME and len(paths) > 1:
            search.skipped.add(path)
        else:
            search.named(path)
    files: dict[str, SourceFile] = {}
    for file in sorted(search.found, key=lambda file: str(file.path)):
        files.setdefault(os.path.realpath(file.path), file)
    if not files:
        raise InvalidInputError(
            "there are no files to read besides cards and hidden files",
            hint="name a folder or files that hold documents",
        )
    return Discovered(tuple(files.values()), tuple(sorted(search.skipped, key=str)))


@contextmanager
def open_stream(file: SourceFile) -> Iterator[ByteStream]:
    """Open a file for reading from its beginning, decompressed.

    Gzip files of several members and zstd files of several frames are read to their end.

    Raises:
        InvalidInputError: It cannot be opened, or is truncated or damaged. A zstd file that was
            written without checksums can be damaged unnoticed.
    """
    if file.compression is not None and file.size == 0:
        raise _damaged(file, "it is empty, which no compressed file is")
    try:
        with pa.OSFile(str(file.path), "rb") as raw:
            if file.compression is None:
                yield raw
                return
            with pa.CompressedInputStream(raw, file.compression) as stream:
                yield stream
    except (OSError, pa.ArrowException) as error:
        if file.compression is None or isinstance(error, PermissionError | FileNotFoundError):
            raise _unreadable(file.path, error) from error
        raise _damaged(file, str(error)) from error


def shown(path: Path) -> str:
    """Return a path for a message, without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(path))


def _damaged(file: SourceFile, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"`{file}` cannot be decompressed as {file.compression}: {reason}",
        hint="it is truncated or damaged, or its name is wrong: fetch it again",
    )


def _unreadable(path: Path, error: Exception) -> InvalidInputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InvalidInputError(
        f"`{shown(path)}` cannot be read: {reason}", hint="check the path and its permissions"
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
        inside = self.found[before:]
        texts = [file for file in inside if file.format is Format.TEXT]
        others = [file for file in inside if file.format is not Format.TEXT]
        if texts and others:
            raise InvalidInputError(
                f"`{shown(path)}` holds text files, such as `{texts[0]}`, "
                f"beside {others[0].format} files, such as `{others[0]}`",
                hint="name the files to read, so that no readme becomes a document",
            )

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
            raise _unreadable(folder, error) from error
        for path in inside:
            if path.name.startswith(".") or path.name == CARD_NAME:
                self.skipped.add(path)
                continue
            info = _stat(path)
            if stat.S_ISDIR(info.st_mode):
                self._folder(path, (*above, real))
            else:
                self.found.append(_source_file(path, info, self.format))


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        if path.is_symlink():
            raise InvalidInputError(
                f"`{shown(path)}` is a link that leads nowhere", hint="remove or repair the link"
            ) from error
        if isinstance(error, FileNotFoundError):
            raise InvalidInputError(
                f"`{shown(path)}` does not exist", hint="check the path"
            ) from error
        raise _unreadable(path, error) from error


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
    name = path.name.lower()
    stem, dot, last = name.rpartition(".")
    compression = COMPRESSIONS.get(dot + last) if stem else None
    if compression:
        stem, dot, last = stem.rpartition(".")
    format = format or (SUFFIXES.get(dot + last) if stem else None)
    if format is None:
        raise InvalidInputError(
            f"the name of `{shown(path)}` does not tell its format",
            hint=f"say it with `--format {'|'.join(Format)}`, or name only the files to read",
        )
    if format is Format.PARQUET and compression:
        raise InvalidInputError(
            f"`{shown(path)}` is a compressed Parquet file, which cannot be read in parts",
            hint="decompress it; Parquet files are compressed inside",
        )
    return SourceFile(path, format, compression, info.st_size, info.st_mtime_ns)
