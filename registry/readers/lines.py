"""Lines of a file as bytes, with their place, for the formats that are made of lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.encodings import not_valid, utf8_stream
from registry.readers.files import Source

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


def lines(file: Source, options: ReadOptions) -> Iterator[Line]:
    """Read the lines of a file as UTF-8, split at newlines only.

    A byte order mark at the beginning is dropped. A file that ends with a newline has no empty
    line after it.

    Raises:
        InvalidInputError: The file cannot be read, or a line is longer than `LONGEST_LINE`.
    """
    number, offset = 1, 0
    begun: list[bytes] = []
    begun_size = 0
    with utf8_stream(file, options) as stream:
        while chunk := stream.read(_CHUNK):
            pieces = chunk.split(b"\n")
            begun.append(pieces[0])
            begun_size += len(pieces[0])
            if begun_size > LONGEST_LINE:
                raise too_long(file, f"line {number}")
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


def whole(file: Source, options: ReadOptions) -> bytes:
    """Read all bytes of a file, as UTF-8 where the options say another encoding.

    Raises:
        InvalidInputError: The file cannot be read, or has more than `LONGEST_LINE` bytes.
    """
    chunks: list[bytes] = []
    size = 0
    with utf8_stream(file, options) as stream:
        while chunk := stream.read(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > LONGEST_LINE:
                raise too_long(file, "the text")
    return b"".join(chunks)


def decode(file: Source, line: Line, options: ReadOptions) -> str:
    """Return a line as text.

    Raises:
        InvalidInputError: It is not valid; the message names the line and the byte.
    """
    try:
        return line.content.decode()
    except UnicodeDecodeError as error:
        raise not_valid(f"{file}:{line.number}", options, error, line.offset) from error


def _line(number: int, offset: int, content: bytes) -> Line:
    if number == 1 and content.startswith(_BOM):
        return Line(1, len(_BOM), content[len(_BOM) :])
    return Line(number, offset, content)


def too_long(file: Source, what: str) -> InvalidInputError:
    """Return the error for a part of a file with more than `LONGEST_LINE` bytes."""
    return InvalidInputError(
        f"{what} of `{file}` is longer than {LONGEST_LINE >> 30} GiB",
        hint="a document can be at most this long: split it, or check the format of the file",
    )
