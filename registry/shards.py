"""The shards of a snapshot as Arrow and Parquet: columns, how they are written, record roots.

Shared by the export, which writes them, and the verifier, which reads them with nothing but
pyarrow at hand. Signing and comparing is theirs.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from registry.core.certificate import Amount, Grades
from registry.core.digest import (
    TAG_BYTES,
    TAG_INTEGER,
    TAG_NULL,
    TAG_TEXT,
    TAG_TIME,
    encode_cell,
)
from registry.core.manifest import ORIGIN_NAMES, Column, Tally
from registry.core.merkle import CHUNK, HASH_SIZE, RECORD_LEAF, TreeBuilder

TIME: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("content_hash", pa.binary(HASH_SIZE), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("human_bytes", pa.int64(), nullable=False),
        pa.field("generator", pa.string()),
        pa.field("not_before", TIME),
        pa.field("not_after", TIME),
        pa.field("date_grade", pa.string(), nullable=False),
        pa.field("license", pa.string()),
    ]
)
STATEMENT_KEY: Final = b"firsthand.shard"
"""The footer key of the signed shard statement."""

_CANONICAL_TYPES: Final = (
    (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"),
    (pa.types.is_string_view, "text"),
    (pa.types.is_binary, "bytes"),
    (pa.types.is_large_binary, "bytes"),
    (pa.types.is_fixed_size_binary, "bytes"),
    (pa.types.is_int64, "integer"),
)
_KIND: Final = ("origin", "date_grade", "dataset", "version")
_TAGS: Final = {
    "bytes": TAG_BYTES,
    "text": TAG_TEXT,
    "integer": TAG_INTEGER,
    "time": TAG_TIME,
}


def canonical_type(kind: pa.DataType) -> str | None:
    """Return the canonical name of an Arrow type, or None when rows cannot hold it.

    Dictionary encoding, large and view types are erased: they say how a value is stored.
    """
    if pa.types.is_dictionary(kind):
        return canonical_type(kind.value_type)
    if pa.types.is_timestamp(kind):
        return "time" if kind.unit == "us" and kind.tz == "UTC" else None
    return next((name for test, name in _CANONICAL_TYPES if test(kind)), None)


def columns(schema: pa.Schema = SCHEMA) -> tuple[Column, ...]:
    """Return the columns of a schema with their canonical types; `?` for any other type."""
    return tuple(Column(field.name, canonical_type(field.type) or "?") for field in schema)


def writer_options() -> dict[str, Any]:
    """Return how shards are written.

    Page checksums are off by default in pyarrow, and without them most flipped bits read back as
    wrong data without an error. Content-defined chunking makes equal rows give equal pages.
    """
    others = [name for name in SCHEMA.names if name not in ("text", "content_hash")]
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": others,
        "write_statistics": others,
        "write_page_checksum": True,
        "use_content_defined_chunking": True,
    }


class RecordTree:
    """The record root of one shard, fed with its rows in order, in constant memory.

    A leaf holds up to 256 consecutive row encodings; `text` is not encoded, because its content
    hash is.
    """

    def __init__(self) -> None:
        """Start with no rows."""
        self.rows = 0
        self._tree = TreeBuilder()
        self._leaf = hashlib.sha256()
        self._filled = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch; a column `text` is passed over."""
        rows = batch.num_rows
        if not rows:
            return
        parts: list[pa.Array | bytes] = []
        for index, field in enumerate(batch.schema):
            if field.name == "text":
                continue
            for part in _encode(batch.column(index), canonical_type(field.type)):
                # What is the same in all rows is joined once.
                if isinstance(part, bytes) and parts and isinstance(parts[-1], bytes):
                    parts[-1] += part
                else:
                    parts.append(part)
        if all(isinstance(part, bytes) for part in parts):
            parts.append(pa.repeat(_scalar(b""), rows))
        cells = [_scalar(part) if isinstance(part, bytes) else part for part in parts]
        encoded = pc.binary_join_element_wise(*cells, _scalar(b""))
        _, offsets, data = encoded.buffers()
        ends = memoryview(offsets).cast("q")
        view = memoryview(data)
        start = encoded.offset
        at = 0
        while at < rows:
            if not self._filled:
                self._leaf = hashlib.sha256(b"\x00" + RECORD_LEAF)
            take = min(CHUNK - self._filled, rows - at)
            self._leaf.update(view[ends[start + at] : ends[start + at + take]])
            self._filled += take
            at += take
            if self._filled == CHUNK:
                self._close_leaf()
        self.rows += rows

    def root(self) -> bytes:
        """Return the root; no more rows may follow."""
        if self._filled:
            self._close_leaf()
        return self._tree.root()

    def _close_leaf(self) -> None:
        self._tree.add(self._leaf.digest())
        self._filled = 0


def _encode(column: pa.Array, kind: str | None) -> list[pa.Array | bytes]:
    """Return what the cell encodings of a column are joined of: binary values, or the same for all.

    The same bytes as `encode_cell`, in bulk: numbers all at once, and each different text once,
    because provenance repeats from row to row.
    """
    if kind is None:
        raise ValueError(f"rows cannot hold the type {column.type}")
    if column.null_count == len(column):
        return [TAG_NULL]
    if kind in ("integer", "time"):
        numbers = _big_endian(column)
        if not column.null_count:
            return _prefixed(_TAGS[kind], numbers, 8)
        prefix, values = _prefixed(_TAGS[kind], numbers, 8)
        cells = pc.binary_join_element_wise(_scalar(prefix), values, _scalar(b""))
        return [pc.if_else(column.is_valid(), cells, _scalar(TAG_NULL))]
    if pa.types.is_fixed_size_binary(column.type) and not column.null_count:
        width = column.type.byte_width
        begin = column.offset * width
        raw = column.buffers()[1].slice(begin, len(column) * width)
        return _prefixed(_TAGS[kind], raw, width)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    cells = [encode_cell(value, _TAGS[kind]) for value in column.dictionary.to_pylist()]
    if len(cells) == 1 and not column.null_count:
        return [cells[0]]
    taken = pa.array(cells, pa.large_binary()).take(column.indices)
    return [pc.fill_null(taken, _scalar(TAG_NULL))]


def _scalar(value: bytes) -> pa.Scalar:
    return pa.scalar(value, pa.large_binary())


def _prefixed(tag: bytes, raw: pa.Buffer, width: int) -> list[pa.Array | bytes]:
    """Return tag ‖ length, and the bytes, of values that all have the same size."""
    count = raw.size // width
    ends = pa.py_buffer(_multiples(width, count))
    values = pa.Array.from_buffers(pa.large_binary(), count, [None, ends, raw])
    return [tag + width.to_bytes(4, "big"), values]


@lru_cache(maxsize=8)
def _multiples(width: int, count: int) -> array[int]:
    """Return the offsets of values that all have the same size."""
    return array("q", range(0, (count + 1) * width, width))


def _big_endian(column: pa.Array) -> pa.Buffer:
    """Return integers or times as 8 bytes each, the highest first; nulls become any bytes."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    column = column.cast(pa.int64())
    begin = column.offset * 8
    numbers = array("q")
    numbers.frombytes(memoryview(column.buffers()[1])[begin : begin + len(column) * 8])
    if sys.byteorder == "little":
        numbers.byteswap()
    return pa.py_buffer(numbers)


@dataclass(frozen=True, slots=True)
class Kind:
    """What rows have in common that are counted together."""

    origin: str
    grade: str
    dataset: str
    version: int


Counts = dict[Kind, Tally]
"""What rows add up to, by what they have in common."""


def count(batch: pa.RecordBatch, sizes: pa.Array) -> Counts:
    """Return what the rows of a batch add up to.

    Args:
        batch: Rows with the columns `origin`, `date_grade`, `dataset`, `version`, `human_bytes`.
        sizes: The size of each text in bytes, in the same order.
    """
    table = pa.table(
        {name: batch.column(name) for name in _KIND}
        | {"human": batch.column("human_bytes"), "bytes": sizes.cast(pa.int64())}
    )
    sums = table.group_by(list(_KIND), use_threads=False).aggregate(
        [("human", "count"), ("bytes", "sum"), ("human", "sum")]
    )
    return {
        Kind(*(row[name] for name in _KIND)): Tally(
            row["human_count"], row["bytes_sum"], row["human_sum"]
        )
        for row in sums.to_pylist()
    }


def add(sums: Counts, more: Counts) -> None:
    """Add counts to others."""
    for kind, tally in more.items():
        sums[kind] = sums.get(kind, Tally()) + tally


def origins(counts: Counts) -> dict[str, Tally]:
    """Return the counts by origin, in the order of caution."""
    sums: dict[str, Tally] = {}
    for kind, tally in counts.items():
        sums[kind.origin] = sums.get(kind.origin, Tally()) + tally
    return {name: sums[name] for name in ORIGIN_NAMES if name in sums}


def grades(counts: Counts) -> Grades:
    """Return documents and bytes by origin and date grade."""
    sums: Grades = {}
    for kind, tally in sorted(counts.items(), key=lambda item: item[0].grade):
        row = sums.setdefault(kind.origin, {})
        row[kind.grade] = row.get(kind.grade, Amount()) + Amount(tally.documents, tally.bytes)
    return sums


def lowest(counts: Counts) -> dict[tuple[str, int], str]:
    """Return the lowest date grade of the rows of each dataset and version."""
    found: dict[tuple[str, int], str] = {}
    for kind in counts:
        key = (kind.dataset, kind.version)
        found[key] = min(found.get(key, kind.grade), kind.grade)
    return found


def text_bytes(texts: pa.Array) -> pa.Array:
    """Return the size of each text in UTF-8 bytes."""
    return pc.binary_length(texts)
