"""Tar archives: their members, read in order as if they were files of a folder.

Nothing is ever written to the disk. Names of members are used in messages only, and still one that
leads out of the archive is refused: it tells of an archive made to harm.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final, Self, cast

import pyarrow as pa

from registry.core.source import Format, ReadOptions
from registry.errors import InvalidInputError
from registry.places import shown
from registry.readers.files import (
    READ_ERRORS,
    ByteStream,
    Source,
    SourceFile,
    check_one_kind,
    failed,
    held,
    kind,
    open_stream,
)

_BLOCK: Final = 1 << 20
_BUFFER: Final = 1 << 14
"""The module copies what is left of its buffer at every read, so it is small."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive, as long as the archive is at it.

    Attributes:
        archive: What it is in.
        name: Its name there.
        format: What it holds, once decompressed.
        compression: How it is compressed in the archive.
        size: Its bytes, before they are decompressed.
        content: Its bytes, which can be read once.
    """

    archive: SourceFile
    name: str
    format: Format
    compression: str | None
    size: int
    content: ByteStream

    def __str__(self) -> str:
        """Return the names of archive and member for a message."""
        return f"{self.archive}!{shown(self.name)}"

    @contextmanager
    def raw(self) -> Iterator[ByteStream]:
        """Open it as it is, compressed or not."""
        yield self.content

    def at_random(self) -> pa.NativeFile:
        """Hold it in memory for reading in any order."""
        return held(self, self.content)


def members(
    file: SourceFile, options: ReadOptions, on_skip: Callable[[str], None]
) -> Iterator[Member]:
    """Give the members of an archive that hold documents, in its order, each to be read at once.

    Hidden members, links and devices are skipped. Cards are not: in an archive they may well be
    documents. A name that occurs twice is read twice.

    Args:
        file: The archive.
        options: `format` decides for every member; without it each one's name does.
        on_skip: Called with the name of each member that is skipped.

    Raises:
        InvalidInputError: The archive is truncated, damaged, decompresses to far more than its
            size or has nothing to read, or a name leads out of it or does not tell the format.
    """
    format = None if options.format is Format.TAR else options.format
    outer = str(file)
    kinds: dict[bool, Member] = {}
    with open_stream(file) as stream:
        guarded = _Guarded(file, stream)
        for info, content in _entries(file, guarded):
            where = f"{outer}!{shown(info.name)}"
            parts = [part for part in info.name.split("/") if part not in ("", ".")]
            if info.name.startswith("/") or ".." in parts:
                raise InvalidInputError(
                    f"the member `{where}` has a name that leads out of the archive",
                    hint="do not trust this archive; extract what you need of it with care",
                )
            if info.isdir():
                continue
            if content is None or any(part.startswith(".") for part in parts):
                on_skip(where)
                continue
            told, compression = kind(parts[-1], format, where)
            if told is Format.TAR:
                raise InvalidInputError(
                    f"`{where}` is an archive in an archive", hint="extract the outer one"
                )
            raw = _MemberStream(file, content)
            member = Member(file, info.name, told, compression, info.size, raw)
            kinds.setdefault(told is Format.TEXT, member)
            if len(kinds) > 1:
                check_one_kind(str(file), list[Source](kinds.values()))
            yield member
    if not kinds:
        raise InvalidInputError(
            f"`{file}` holds no files to read besides hidden ones and links",
            hint="check that it is the right archive",
        )


class _Entry(tarfile.TarInfo):
    """A header that is either whole, or an error.

    The module takes a header that is damaged, or missing, for the end of the archive.
    """

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if isinstance(error, _END_OF_ARCHIVE):
                raise
            raise tarfile.ReadError(str(error) or "a header is damaged") from error


_END_OF_ARCHIVE: Final = tarfile.EOFHeaderError  # type: ignore[attr-defined]


def _entries(
    file: SourceFile, stream: _Guarded
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Give each entry, with its content where it is a file, and check that nothing is missing."""
    try:
        with tarfile.open(
            fileobj=cast("IO[bytes]", stream), mode="r|", bufsize=_BUFFER, tarinfo=_Entry
        ) as archive:
            while (info := archive.next()) is not None:
                # What was read is of no use any more, and there may be millions.
                archive.members = []  # type: ignore[attr-defined]
                if info.issparse():
                    raise tarfile.ReadError(f"`{shown(info.name)}` is a sparse file")
                yield info, archive.extractfile(info) if info.isfile() else None
            rest: Any = archive.fileobj
            while block := rest.read(_BLOCK):
                if block.strip(b"\0"):
                    raise tarfile.ReadError("something follows after its end")
    except tarfile.TarError as error:
        raise _damaged(file, error) from error


def _damaged(file: SourceFile, error: Exception) -> InvalidInputError:
    return InvalidInputError(
        f"`{file}` cannot be read as a tar archive: {error}",
        hint="it is truncated or damaged, or its name is wrong: fetch it again",
    )


class _MemberStream(io.RawIOBase):
    """Reads a member; errors are the archive's."""

    def __init__(self, file: SourceFile, content: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._content = content

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._content.read(size)
        except tarfile.TarError as error:
            raise _damaged(self._file, error) from error


class _Guarded:
    """Reads an archive; errors are ours before the module can take them for something else."""

    def __init__(self, file: SourceFile, stream: ByteStream) -> None:
        self._file = file
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except READ_ERRORS as error:
            raise failed(self._file, error) from error
