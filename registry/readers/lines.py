"""Lines of a file as bytes, with their place, for the formats that are made of lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from registry.errors import InvalidInputError
from registry.readers.files import SourceFile, open_stream

LONGEST_LINE: Final = 1 << 30
"""The most bytes a line, a field or a whole text may have: 1 GiB."""
_CHUNK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line without its newline.

    Attributes:
        number: Its number, from 1.
        offset: The position of its first byte in the decompressed file.
        content: Its bytes; a carriage return at the end is still there.
    """

    number: int
    offset: int
    content: bytes


def lines(file: SourceFile) -> Iterator[Line]:
    """Read the lines of a file, split at newlines only.

    A byte order mark at the beginning is dropped. A file that ends with a newline has no empty
    line after it.

    Raises:
        InvalidInputError: The file cannot be read, or a line is longer than `LONGEST_LINE`.
    """
    number, offset = 1, 0
    begun: list[bytes] = []
    begun_size = 0
    with open_stream(file) as stream:
        while chunk := stream.read(_CHUNK):
            pieces = chunk.split(b"\n")
            begun.append(pieces[0])
            begun_size += len(pieces[0])
            if begun_size > LONGEST_LINE:
                raise _too_long(file, f"line {number}")
            if len(pieces) == 1:
                continue
            pieces[0] = b"".join(begun)
            begun = [pieces.pop()]
            begun_size = len(begun[0])
            for piece in pieces:
                yield _line(number, offset, piece)
                number += 1
                offset += len(piece) + 1
    if begun_size:
        yield _line(number, offset, b"".join(begun))


def whole(file: SourceFile) -> bytes:
    """Read all bytes of a file.

    Raises:
        InvalidInputError: The file cannot be read, or has more than `LONGEST_LINE` bytes.
    """
    chunks: list[bytes] = []
    size = 0
    with open_stream(file) as stream:
        while chunk := stream.read(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > LONGEST_LINE:
                raise _too_long(file, "the text")
    return b"".join(chunks)


def decode(file: SourceFile, line: Line) -> str:
    """Return a line as text.

    Raises:
        InvalidInputError: It is not valid UTF-8; the message names the line and the byte.
    """
    try:
        return line.content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"`{file}:{line.number}` is not valid UTF-8 at byte {line.offset + error.start}"
            f" of the file: {error.reason}",
            hint="convert the file to UTF-8 first",
        ) from error


def _line(number: int, offset: int, content: bytes) -> Line:
    if number == 1 and content.startswith(_BOM):
        return Line(1, len(_BOM), content[len(_BOM) :])
    return Line(number, offset, content)


def _too_long(file: SourceFile, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"{what} of `{file}` is longer than {LONGEST_LINE >> 30} GiB",
        hint="a document can be at most this long: split it, or check the format of the file",
    )
