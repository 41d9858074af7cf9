"""The footer of a Parquet file, read without pyarrow and within limits.

pyarrow shows a footer as its own readers would use it: of two conflicting statistics it keeps
one, and it hides those of writers it distrusts. Another engine may believe the other. So the
verifier reads the Thrift structures itself (parquet-format `parquet.thrift`, compact protocol),
and walks the page headers, whose sizes bound the memory that reading will take.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from registry.errors import VerificationError

MAX_FOOTER: Final = 16 * 2**20
MAX_VALUES: Final = 2_000_000
MAX_PAGE: Final = 2**30
_MAX_PAGE_HEADER: Final = 64 * 2**10
_MAX_DEPTH: Final = 16
MAGIC: Final = b"PAR1"

INT64: Final = 2
BYTE_ARRAY: Final = 6
FIXED_BYTES: Final = 7
# Encodings in which a value can be longer than the bytes it takes in its page.
_EXPANDING: Final = {2, 7, 8}


def unreadable(message: str) -> VerificationError:
    """Return the error for a file that says it is Parquet and cannot be read as such."""
    return VerificationError(f"the Parquet file is damaged: {message}", code="E_UNREADABLE")


def _limit(message: str) -> VerificationError:
    return VerificationError(message, code="E_LIMIT")


class _Thrift:
    """Decodes the compact protocol into `{field id: value}` dictionaries and lists."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.values = data, 0, 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) != size:
            raise unreadable("a structure ends too early")
        self.at += size
        return piece

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise unreadable("a number is too long")

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        made: dict[int, Any] = {}
        field = 0
        while head := self.take(1)[0]:
            delta = head >> 4
            field = field + delta if delta else self.integer()
            if field in made:
                raise unreadable("a field stands twice")
            kind = head & 0x0F
            made[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return made

    def _value(self, kind: int, depth: int) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            raise _limit(f"the Parquet footer has more than {MAX_VALUES:,} values")
        if depth > _MAX_DEPTH:
            raise _limit("the Parquet footer is nested too deeply")
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 8:
            return self.take(self.varint())
        if kind == 12:
            return self.struct(depth + 1)
        if kind in (9, 10):
            head = self.take(1)[0]
            size = head >> 4
            if size == 15:
                size = self.varint()
            return [self._value(head & 0x0F, depth + 1) for _ in range(size)]
        if kind in (1, 2, 3):
            return self.take(1)[0]
        if kind == 7:
            return self.take(8)
        raise unreadable("a field has an unknown type")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a footer says about the values of one column chunk; bytes as they stand there."""

    minimums: tuple[bytes, ...]
    maximums: tuple[bytes, ...]
    exact_min: bool
    exact_max: bool
    nulls: int | None
    distinct: int | None

    @property
    def stated(self) -> bool:
        """Return whether anything is said at all."""
        return bool(
            self.minimums or self.maximums or self.nulls is not None or self.distinct is not None
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group."""

    column: str
    physical: int
    start: int
    size: int
    statistics: Statistics
    unchecked: bool


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group."""

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Footer:
    """What the verifier needs of a footer.

    Attributes:
        rows: Of the whole file.
        groups: The row groups.
        metadata: The key-value metadata; no key stands twice.
        unchecked: Whether it carries indexes, Bloom filters or a sort order, which other engines
            trust and which we do not recompute.
    """

    rows: int
    groups: tuple[RowGroup, ...]
    metadata: dict[bytes, bytes]
    unchecked: bool


def read_footer(file: BinaryIO, size: int) -> Footer:
    """Return the footer of an open Parquet file of `size` bytes.

    Raises:
        VerificationError: `E_NOT_PARQUET`, `E_UNREADABLE` or `E_LIMIT`.
        OSError: The disk does not answer.
    """
    file.seek(0)
    head = file.read(4)
    file.seek(max(size - 8, 0))
    tail = file.read(8)
    if head != MAGIC or tail[4:] != MAGIC or size < 12:
        raise VerificationError(
            "not a Parquet file (it does not begin and end with `PAR1`)", code="E_NOT_PARQUET"
        )
    length = int.from_bytes(tail[:4], "little")
    if length > MAX_FOOTER:
        raise _limit(f"a footer of {length:,} bytes is more than the limit of {MAX_FOOTER:,}")
    if length > size - 12:
        raise unreadable("its footer is longer than the file")
    file.seek(size - 8 - length)
    try:
        return _footer(_Thrift(file.read(length)).struct(), size - 8 - length)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise unreadable("its footer lacks what Parquet requires") from error


def _footer(value: dict[int, Any], data_end: int) -> Footer:
    pairs = [(item[1], item.get(2, b"")) for item in value.get(5, [])]
    metadata = dict(pairs)
    if len(metadata) != len(pairs):
        raise unreadable("a key of its metadata stands twice")
    groups = tuple(_group(item, data_end) for item in value[4])
    rows = _count(value[3])
    if sum(group.rows for group in groups) != rows:
        raise unreadable("its row groups do not add up to its rows")
    sorted_by = any(item.get(4) for item in value[4])
    unchecked = sorted_by or any(chunk.unchecked for group in groups for chunk in group.chunks)
    return Footer(rows, groups, metadata, unchecked)


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise unreadable("a count is negative")
    return value


def _group(value: dict[int, Any], data_end: int) -> RowGroup:
    rows = _count(value[3])
    return RowGroup(rows, tuple(_chunk(item, rows, data_end) for item in value[1]))


def _chunk(value: dict[int, Any], rows: int, data_end: int) -> Chunk:
    if 1 in value:
        raise unreadable("a column is said to be in another file")
    meta = value[3]
    path = meta[3]
    if len(path) != 1:
        raise unreadable("a column is nested")
    start = _count(meta[9])
    if 0 < meta.get(11, 0) < start:
        start = meta[11]
    # Without rows there are no pages to read, and writers put any offset.
    size = _count(meta[7]) if rows else 0
    if size and not 4 <= start <= start + size <= data_end:
        raise unreadable("a column lies outside the file")
    stated = meta.get(12, {})
    return Chunk(
        column=path[0].decode("utf-8"),
        physical=meta[1],
        start=start,
        size=size,
        statistics=Statistics(
            # 1 and 2 are the old fields, which engines still fall back on.
            minimums=tuple(stated[key] for key in (6, 2) if key in stated),
            maximums=tuple(stated[key] for key in (5, 1) if key in stated),
            exact_min=stated.get(8) is True,
            exact_max=stated.get(7) is True,
            nulls=stated.get(3),
            distinct=stated.get(4),
        ),
        unchecked=any(key in value for key in (4, 6)) or 14 in meta,
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """What the page headers of a column chunk add up to.

    Attributes:
        row_bytes: The most memory a row may take, on the average of its page.
        unsummed: Whether some page has no checksum.
    """

    row_bytes: float
    unsummed: bool


def walk_pages(file: BinaryIO, chunk: Chunk) -> Pages:
    """Read the page headers of a column chunk.

    Raises:
        VerificationError: `E_UNREADABLE` or `E_LIMIT`.
        OSError: The disk does not answer.
    """
    row_bytes, unsummed = 8.0, False
    dictionary = 0
    for header in _page_headers(file, chunk):
        size = header[2]
        if size > MAX_PAGE:
            raise _limit(f"a page of {size:,} bytes is more than the limit of {MAX_PAGE:,}")
        unsummed = unsummed or 4 not in header
        if header[1] == 2:
            dictionary = max(dictionary, size)
            continue
        data = header.get(5) or header.get(8)
        if not data:
            continue
        expands = data.get(2 if 5 in header else 4) in _EXPANDING
        if expands and chunk.physical == BYTE_ARRAY:
            row_bytes = max(row_bytes, dictionary, size if not dictionary else 0)
        else:
            row_bytes = max(row_bytes, size / max(data[1], 1))
    return Pages(row_bytes, unsummed)


def _page_headers(file: BinaryIO, chunk: Chunk) -> Iterator[dict[int, Any]]:
    at, end = chunk.start, chunk.start + chunk.size
    while at < end:
        file.seek(at)
        piece = file.read(min(256, end - at))
        try:
            reader = _Thrift(piece)
            header = reader.struct()
        except VerificationError:
            # Long minimums and maximums make long headers; most have none.
            reader = _Thrift(piece + file.read(min(_MAX_PAGE_HEADER, end - at) - len(piece)))
            header = reader.struct()
        try:
            size = _count(header[3])
            _count(header[2])
            _count(header[1])
        except KeyError as error:
            raise unreadable("a page header lacks what Parquet requires") from error
        at += reader.at + size
        if at > end:
            raise unreadable("a page is longer than its column")
        yield header


def number(raw: bytes) -> int:
    """Return an INT64 statistic as a number.

    Raises:
        VerificationError: `E_STATISTICS`; it does not have eight bytes.
    """
    try:
        return int(struct.unpack("<q", raw)[0])
    except struct.error as error:
        raise VerificationError(
            "a statistic of numbers does not have 8 bytes", code="E_STATISTICS"
        ) from error
