"""What a Parquet file says of itself: its footer, its pages' checksums, its statistics.

Read from https://github.com/apache/parquet-format with a Thrift reader of its own, because `pyarrow`
shows neither the older statistics nor whether a bound is exact. Values are read by `pyarrow`.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.independent.form import MEGA, RefusedError

VALUES, COLUMNS, PAGE, FOOTER = 2_000_000, 1000, 1 << 30, 16 * MEGA
INT32 = 1  # of the physical types, the one whose bounds have four bytes


class Thrift:
    """Reads the compact protocol: a struct is a dict by field number."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at, self.left = data, at, VALUES

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise RefusedError("E_UNREADABLE", "the Thrift of the file ends early")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        number = shift = 0
        while (byte := self.take(1)[0]) & 0x80:
            number, shift = number | (byte & 0x7F) << shift, shift + 7
            if shift > 63:
                raise RefusedError("E_UNREADABLE", "a number in the footer is too long")
        return number | byte << shift

    def zigzag(self) -> int:
        number = self.varint()
        return number >> 1 ^ -(number & 1)

    def value(self, kind: int, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > 32:
            raise RefusedError("E_LIMIT", "the footer has too many values or levels")
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self.take(1)[0]
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 7:
            return self.take(8)
        if kind == 8:
            return self.take(self.varint())
        if kind in (9, 10):
            head = self.take(1)[0]
            count = self.varint() if head >> 4 == 15 else head >> 4
            if head & 15 in (1, 2):
                return [self.take(1)[0] == 1 for _ in range(min(count, len(self.data)))]
            return [self.value(head & 15, depth + 1) for _ in range(count)]
        if kind == 12:
            return self.struct(depth + 1)
        raise RefusedError("E_UNREADABLE", f"a footer has a value of kind {kind}")

    def struct(self, depth: int = 0) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while head := self.take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self.zigzag()
            fields[number] = self.value(head & 15, depth)
        return fields


class Shard:
    """One file of a snapshot, opened: `footer`, `statements`, and its rows by group."""

    def __init__(self, path: Path) -> None:
        self.data = data = path.read_bytes()
        if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1":
            raise RefusedError(
                "E_NOT_PARQUET", f"{path.name} does not begin and end as Parquet does"
            )
        size = int.from_bytes(data[-8:-4], "little")
        if size > FOOTER:
            raise RefusedError("E_LIMIT", f"{path.name} has a footer of {size} bytes")
        if size > len(data) - 12:
            raise RefusedError("E_UNREADABLE", f"{path.name} has a footer longer than the file")
        self.path, self.name = path, path.name
        try:
            self.footer = Thrift(data[-8 - size : -8]).struct()
            if len(self.footer[2]) > COLUMNS:
                raise RefusedError("E_LIMIT", f"{path.name} has {len(self.footer[2])} columns")
            pairs = [(pair[1], pair.get(2, b"")) for pair in self.footer.get(5, [])]
            self.pages()
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise RefusedError("E_UNREADABLE", f"{path.name}: {error!r} in the footer") from None
        self.statements = [value for key, value in pairs if key == b"firsthand.shard"]
        try:
            self.file = pq.ParquetFile(path, page_checksum_verification=True)
            self.schema = self.file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise RefusedError("E_UNREADABLE", f"{path.name}: {error}") from None

    def pages(self) -> None:
        """Look at the size and checksum of every page."""
        for group in self.footer[4]:
            for chunk in group[1]:
                column = chunk[3]
                at = min(filter(None, [column[9], column.get(11)]), default=0)
                end = at + column[7]
                while at < end:
                    reader = Thrift(self.data, at)
                    page = reader.struct()
                    if max(page[2], page[3]) > PAGE:
                        raise RefusedError("E_LIMIT", f"{self.name}: a page of more than 1 GiB")
                    body = reader.take(page[3])
                    if 4 in page and zlib.crc32(body) != page[4] & 0xFFFFFFFF:
                        raise RefusedError("E_PAGE_CRC", f"{self.name}: a page lacks its checksum")
                    at = reader.at

    def columns(self) -> list[tuple[str, str]]:
        """Name and kind of each column, in the words of a manifest."""
        return [(field.name, kind_of(field.type)) for field in self.schema]

    def rows(self) -> tuple[dict[str, list[Any]], list[str]]:
        """All values by column, and what the footer says falsely of them."""
        found: dict[str, list[Any]] = {name: [] for name in self.schema.names}
        false: list[str] = []
        for number, group in enumerate(self.footer[4]):
            try:
                table = self.file.read_row_group(number, use_threads=False)
                table.validate(full=True)
                for index, name in enumerate(self.schema.names):
                    stored, values = unpack(table.column(index))
                    false += statements(group[1][index][3], stored, len(values), name)
                    found[name] += values
            except (pa.ArrowException, OSError, ValueError, IndexError) as error:
                code = "E_PAGE_CRC" if "CRC" in str(error) else "E_UNREADABLE"
                raise RefusedError(code, f"{self.name}: {error}") from None
            if group[3] != table.num_rows:
                false.append(f"a row group of {group[3]} rows")
        if self.footer[3] != sum(group[3] for group in self.footer[4]):
            false.append(f"{self.footer[3]} rows")
        return found, false


def kind_of(kind: pa.DataType) -> str:
    """Which of the four kinds a value has, however Arrow stores it."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        return "text"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind == pa.binary_view():
        return "bytes"
    if pa.types.is_fixed_size_binary(kind):
        return "bytes"
    if kind == pa.int64():
        return "integer"
    return "time" if kind == pa.timestamp("us", "UTC") else str(kind)


def unpack(column: pa.ChunkedArray) -> tuple[list[Any], list[Any]]:
    """The values as they are stored, and as they are hashed (text as bytes, times in microseconds)."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = kind_of(column.type)
    if kind == "text":
        values = column.cast(pa.large_binary()).to_pylist()
    elif kind == "time":
        micro = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
        return column.cast(pa.int64()).to_pylist(), micro
    else:
        values = column.to_pylist()
    return values, values


def statements(column: dict[int, Any], values: list[Any], rows: int, name: str) -> list[str]:
    """What the statistics of a column chunk say that its values are not."""
    there = [value for value in values if value is not None]
    false = [] if column[5] == rows else [f"{name}: {column[5]} values"]
    told = column.get(12, {})
    if told.get(3, rows - len(there)) != rows - len(there):
        false.append(f"{name}: {told[3]} nulls")
    if 4 in told and told[4] != len(set(there)):
        false.append(f"{name}: {told[4]} different values")
    for field, exact, sign, most in (
        (5, 7, 1, max),
        (6, 8, -1, min),
        (1, 7, 1, max),
        (2, 8, -1, min),
    ):
        if field not in told:
            continue
        if not there:
            false.append(f"{name}: a bound of nothing")
            continue
        raw, true = told[field], most(there)
        if isinstance(true, int):
            width = 4 if column[1] == INT32 else 8
            true = (true % (1 << 8 * width)).to_bytes(width, "little")
        outside = told.get(exact) is False and isinstance(there[0], bytes)
        if raw != true and not (outside and (raw > true if sign > 0 else raw < true)):
            false.append(f"{name}: a bound is {raw[:40]!r}")
    return false
