"""Document tables: what is known of each document of a location, as Parquet, without the texts.

One table per location, in reading order. Billions must fit, so nothing here makes an object per
document; and since plans rely on them, the files are bound by a digest that stands in the log.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from registry.core import words
from registry.core.dataset import FIELD_ORIGINS, ORIGINS_BY_CAUTION, Origin
from registry.core.digest import hash_slices, sha256_hex
from registry.core.merkle import HASH_SIZE
from registry.errors import ConflictError
from registry.sorted_hashes import HashSorter

Hashes = npt.NDArray[np.bytes_]
"""Content hashes as a NumPy array of dtype `S32`, which compares like the bytes themselves."""

HASH_TYPE: Final = pa.binary(HASH_SIZE)
ROWS_PER_GROUP: Final = 1 << 16
_PLAIN: Final = ("text",)
_SMALL: Final = 4 << 20
"""Tables of so many bytes are held while they are read."""


def as_hashes(raw: bytes | memoryview) -> Hashes:
    """Return concatenated 32-byte hashes as an array, without a copy."""
    return np.frombuffer(raw, f"S{HASH_SIZE}")


def salted(salt: bytes, hashes: Hashes) -> Hashes:
    """Return what content hashes are recognized by after their texts were erased."""
    raw = np.ascontiguousarray(hashes).tobytes()
    parts = (hashlib.sha256(salt + raw[at : at + 32]).digest() for at in range(0, len(raw), 32))
    return as_hashes(b"".join(parts))


def hash_column(hashes: Hashes) -> pa.Array:
    """Return hashes as an Arrow column."""
    raw = np.ascontiguousarray(hashes)
    return pa.Array.from_buffers(HASH_TYPE, len(raw), [None, pa.py_buffer(raw)])


def hashes_of(column: pa.ChunkedArray | pa.Array) -> Hashes:
    """Return an Arrow column of hashes as an array."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], HASH_TYPE)
    if not len(whole):
        return np.empty(0, f"S{HASH_SIZE}")
    begin = whole.offset * HASH_SIZE
    return as_hashes(memoryview(whole.buffers()[1])[begin : begin + len(whole) * HASH_SIZE])


def text_buffers(texts: pa.Array) -> tuple[memoryview, npt.NDArray[np.int64]]:
    """Return the bytes of a text column and its n + 1 offsets into them."""
    if not pa.types.is_large_string(texts.type):
        texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data if data is not None else b""), ends


def hash_texts(texts: pa.Array) -> bytes:
    """Return the content hashes of a text column, 32 bytes each."""
    if not len(texts):
        return b""
    data, ends = text_buffers(texts)
    return hash_slices(data, ends.tolist())


def measure(
    batch: pa.RecordBatch, *, counted: npt.NDArray[np.int64] | None = None
) -> pa.RecordBatch:
    """Return the rows of a document table for a batch of documents: hashed and counted.

    Args:
        batch: The documents.
        counted: How many words each has, where that is known: the tokens of a sketch are words.
    """
    texts = batch.column("text")
    data, ends = text_buffers(texts)
    raw = hash_slices(data, ends.tolist()) if len(texts) else b""
    if counted is None:
        counted = words.count(np.frombuffer(data, np.uint8), ends)
    columns = {
        "content_hash": hash_column(as_hashes(raw)),
        "bytes": pa.array(np.diff(ends)),
        "words": pa.array(counted),
    }
    for name in batch.schema.names:
        if name not in _PLAIN:
            columns[name] = batch.column(name)
    return pa.record_batch(columns)


class TableWriter:
    """Writes one Parquet file of a table, batch by batch."""

    def __init__(self, path: Path, *, plain: Sequence[str] = ("content_hash",)) -> None:
        """Write a file that does not exist yet.

        Args:
            path: The file.
            plain: Columns whose values hardly repeat: no dictionary, no statistics.
        """
        self._path = path
        self._plain = set(plain)
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += batch.nbytes
        if self._pending_rows >= ROWS_PER_GROUP or self._pending_bytes >= 1 << 25:
            self._flush()

    def close(self, schema: pa.Schema) -> None:
        """Write what is left; a table without rows is a file without rows."""
        if self._pending or self._writer is None:
            self._flush(schema)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def discard(self) -> None:
        """Let go of the open file, if it is; whoever owns the folder removes it."""
        self._pending = []
        # Closing writes the footer: where the disk is full, that has been said already.
        with contextlib.suppress(OSError):
            if self._writer is not None:
                self._writer.close()
        self._writer = None

    def _flush(self, schema: pa.Schema | None = None) -> None:
        table = pa.Table.from_batches(self._pending, schema if not self._pending else None)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        if self._writer is None:
            names = [name for name in table.schema.names if name not in self._plain]
            compression: dict[str, Any] = {
                name: "none" if name == "content_hash" else "zstd" for name in table.schema.names
            }
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema,
                compression=compression,
                use_dictionary=names,
                write_statistics=names,
                write_page_checksum=True,
            )
        self._writer.write_table(table.combine_chunks(), row_group_size=ROWS_PER_GROUP)


def part_name(number: int) -> str:
    """Return the name of a table's file; the names sort like the numbers."""
    return f"part-{number:05d}.parquet"


@dataclass(slots=True)
class Totals:
    """What the rows of a document table add up to."""

    documents: int = 0
    empty: int = 0
    bytes: int = 0
    words: int = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        sizes = rows.column("bytes").to_numpy()
        self.documents += rows.num_rows
        self.empty += int(np.count_nonzero(sizes == 0))
        self.bytes += int(sizes.sum())
        self.words += int(rows.column("words").to_numpy().sum())

    def merge(self, other: Totals) -> None:
        """Count what another table adds up to."""
        self.documents += other.documents
        self.empty += other.empty
        self.bytes += other.bytes
        self.words += other.words


class Contents:
    """Gathers what makes a set of texts this one, from their content hashes in reading order."""

    def __init__(self, scratch: Path | None = None) -> None:
        """Start with no texts; `scratch` is a folder for hashes that do not fit into memory."""
        self._sorter = HashSorter(scratch)
        self._order = hashlib.sha256()

    def add(self, hashes: Hashes) -> None:
        """Append texts.

        Raises:
            OSError: The disk refused.
        """
        self._sorter.add(hashes.data)
        self._order.update(hashes.tobytes())

    def identity(self) -> Identity:
        """Return the identity; the hashes are given up for it.

        Raises:
            OSError: The disk refused.
        """
        root, distinct = self._sorter.finish()
        return Identity(root.hex(), self._order.hexdigest(), distinct)


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a set of texts this one: its content root, its order, its different texts."""

    content_root: str
    order_root: str
    distinct: int


def hashes_in(folder: Path) -> Iterator[Hashes]:
    """Give the content hashes of a table that nobody has bound with a digest yet."""
    for path in files_of(folder):
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(ROWS_PER_GROUP, columns=["content_hash"]):
                yield hashes_of(batch.column("content_hash"))


def files_of(folder: Path) -> list[Path]:
    """Return the files of a table in order."""
    return sorted(folder.glob("part-*.parquet"))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file of a table."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(digests: Iterable[str]) -> str:
    """Return the digest of a table, from those of its files in order."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()


def digest_table(folder: Path) -> str:
    """Return the SHA-256 over the digests of a table's files, in order."""
    return digest_files(digest_file(path) for path in files_of(folder))


def is_whole(folder: Path, digest: str) -> bool:
    """Return whether a table is there, and is what the catalogue says its files hash to."""
    try:
        return bool(files_of(folder)) and digest_table(folder) == digest
    except OSError:
        return False


def load(folder: Path, *, digest: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a document table, or those of its columns that it has.

    Args:
        folder: Where the table is.
        digest: What the catalogue says its files hash to.
        columns: Which columns; all of them by default.

    Raises:
        ConflictError: The table is missing, or is not what was registered.
    """
    batches = list(read(folder, digest=digest, columns=columns))
    return pa.Table.from_batches(batches)


def read(
    folder: Path, *, digest: str, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Give a document table, or those of its columns that it has, in batches of bounded size.

    A table without rows is one batch without rows.

    Args:
        folder: Where the table is.
        digest: What the catalogue says its files hash to.
        columns: Which columns; all of them by default.

    Raises:
        ConflictError: The table is missing, or is not what was registered.
    """
    files = files_of(folder)
    held: list[bytes] | None = None
    if files and sum(path.stat().st_size for path in files) <= _SMALL:
        # What was compared is what is read, and the files are opened once.
        held = [path.read_bytes() for path in files]
        found = digest_files(sha256_hex(data) for data in held)
    else:
        found = digest_table(folder)
    if not files or found != digest:
        problem = "was changed after it was registered" if files else "is missing"
        raise ConflictError(
            f"the document table `{folder}` {problem}",
            hint="restore the storage folder from a backup, or register the dataset again",
        )
    try:
        names: list[str] | None = None
        for source in files if held is None else map(pa.BufferReader, held):
            with pq.ParquetFile(source, pre_buffer=False) as file:
                schema = file.schema_arrow
                if names is None:
                    asked = schema.names if columns is None else columns
                    names = [name for name in asked if name in schema.names]
                if not file.metadata.num_rows:
                    fields = [schema.field(name) for name in names]
                    yield pa.RecordBatch.from_pylist([], pa.schema(fields))
                yield from file.iter_batches(batch_size=ROWS_PER_GROUP, columns=names)
    except (OSError, pa.ArrowException) as error:
        raise ConflictError(
            f"the document table `{folder}` cannot be read: {error}",
            hint="restore the storage folder from a backup",
        ) from error


def read_texts(folder: Path) -> Iterator[pa.RecordBatch]:
    """Give the kept texts of a location in order, in batches of bounded size.

    Raises:
        ConflictError: The vault's files are missing or damaged.
    """
    files = files_of(folder)
    if not files:
        raise ConflictError(
            f"the kept texts `{folder}` are missing", hint="restore the storage from a backup"
        )
    for path in files:
        yield from read_texts_of(path)


def read_texts_of(path: Path) -> Iterator[pa.RecordBatch]:
    """Give the kept texts of one file in order, in batches of bounded size.

    Raises:
        ConflictError: It is missing or damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            yield from file.iter_batches(batch_size=_batch_rows(file), columns=["text"])
    except (OSError, pa.ArrowException) as error:
        raise ConflictError(
            f"the kept texts `{path}` cannot be read: {error}",
            hint="restore the storage from a backup",
        ) from error


def _batch_rows(file: pq.ParquetFile) -> int:
    meta = file.metadata
    if not meta.num_rows:
        return 1
    size = sum(meta.row_group(index).total_byte_size for index in range(meta.num_row_groups))
    return int(max(1, min(8192, (8 << 20) * meta.num_rows // max(size, 1))))


def sums_by_origin(rows: pa.RecordBatch) -> dict[Origin, dict[str, int]]:
    """Return documents, bytes and words by origin, as the data itself says.

    The bytes and words of a document that says them per field go to the fields' origins; what
    belongs to none, such as the joining newlines, goes to `unknown`.
    """
    ranks = origin_ranks(rows.column("origin"))
    sizes, counted = rows.column("bytes").to_numpy(), rows.column("words").to_numpy()
    by_field = "human_bytes" in rows.schema.names
    sums: dict[Origin, dict[str, int]] = {}

    def add(origin: Origin, documents: int, size: int, count: int) -> None:
        entry = sums.setdefault(origin, {"documents": 0, "bytes": 0, "words": 0})
        entry["documents"] += documents
        entry["bytes"] += size
        entry["words"] += count

    for rank in np.unique(ranks):
        origin = ORIGINS_BY_CAUTION[rank]
        mask = ranks == rank
        documents = int(np.count_nonzero(mask))
        size, count = int(sizes[mask].sum()), int(counted[mask].sum())
        if origin is not Origin.MIXED or not by_field:
            add(origin, documents, size, count)
            continue
        add(origin, documents, 0, 0)
        for part in FIELD_ORIGINS:
            part_size = int(rows.column(f"{part}_bytes").to_numpy()[mask].sum())
            part_count = int(rows.column(f"{part}_words").to_numpy()[mask].sum())
            add(part, 0, part_size, part_count)
            size, count = size - part_size, count - part_count
        add(Origin.UNKNOWN, 0, size, max(count, 0))
    return sums


def origin_ranks(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int8]:
    """Return the caution rank of each label; an empty label is `unknown`."""
    table = {str(origin): origin.caution for origin in ORIGINS_BY_CAUTION}
    encoded = column.dictionary_encode()
    chunks = encoded.chunks if isinstance(encoded, pa.ChunkedArray) else [encoded]
    unknown = np.int8(Origin.UNKNOWN.caution)
    ranks = []
    for chunk in chunks:
        values = np.array(
            [table[label] if label else unknown for label in chunk.dictionary.to_pylist()]
            + [unknown],
            np.int8,
        )
        indices = chunk.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
        ranks.append(values[indices])
    return np.concatenate(ranks) if ranks else np.empty(0, np.int8)
