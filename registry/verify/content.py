"""Read every row of a shard and compare it with what is signed about it.

The bytes come from a stranger. Sizes are bounded before memory is taken (`footer.py`), page
checksums are on, rows come in batches of bounded size, and whatever pyarrow raises on damaged
bytes leaves here as a reason code.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from registry import shards
from registry.core.certificate import GRADE_NAMES, Amount, Certificate, Grades
from registry.core.digest import hash_slices
from registry.core.evidence import to_micros
from registry.core.manifest import ORIGIN_NAMES, Column, ShardEntry, Tally
from registry.core.merkle import HASH_SIZE
from registry.errors import UnavailableError, VerificationError
from registry.plain_files import BLOCK
from registry.sorted_hashes import HashSorter
from registry.verify.footer import (
    MAX_FOOTER,
    Footer,
    RowGroup,
    read_footer,
    unreadable,
    walk_pages,
)
from registry.verify.statistics import ChunkStatistics

MAX_COLUMNS: Final = 1000
BATCH_ROWS: Final = 8192
BATCH_BYTES: Final = 32 * 2**20
_REQUIRED: Final = {
    "text": "text",
    "content_hash": "bytes",
    "dataset": "text",
    "version": "integer",
    "origin": "text",
    "human_bytes": "integer",
    "date_grade": "text",
}
_DATED: Final = "not_after"


@dataclass(slots=True)
class Totals:
    """What the rows of all shards add up to.

    Attributes:
        hashes: The content hashes of all rows, which `check` gives up.
        rows: How many rows there are.
        empty: Texts of no bytes.
        counts: Documents, bytes and human bytes by what rows have in common.
        latest: The latest time by which a text existed, in microseconds; None if one has no such
            time.
    """

    hashes: HashSorter = field(default_factory=HashSorter)
    rows: int = 0
    empty: int = 0
    counts: shards.Counts = field(default_factory=dict)
    latest: int | None = -(2**63)

    def check(self, certificate: Certificate) -> Iterator[VerificationError]:
        """Yield what differs from the signed certificate, once every shard was read.

        Raises:
            UnavailableError: There are more rows than fit into memory, and the disk refused.
        """
        manifest = certificate.manifest
        if shards.origins(self.counts) != present(manifest.origins):
            yield _mismatch("the rows of all shards do not add up to the signed origins")
        if shards.grades(self.counts) != _given(certificate.grades):
            yield _mismatch("the rows of all shards do not add up to the signed date grades")
        if self._inputs() != _inputs(certificate):
            yield _mismatch("the rows do not come from the signed inputs, or have other grades")
        cutoff = certificate.policy.cutoff
        if cutoff is not None and self.rows and not self._before(cutoff):
            yield _mismatch(f"a row has no date before the signed cutoff, {cutoff}")
        if self.empty != manifest.empty:
            yield _mismatch(f"{self.empty:,} texts are empty, signed are {manifest.empty:,}")
        with _spilling():
            root, distinct = self.hashes.finish()
        if root.hex() != manifest.content_root:
            yield VerificationError(
                "the texts are not those of the signed content root", code="E_CONTENT_ROOT"
            )
        if distinct != manifest.distinct:
            yield _mismatch(f"{distinct:,} texts are distinct, signed are {manifest.distinct:,}")

    def _inputs(self) -> dict[tuple[str, int], tuple[int, int, str]]:
        """Return documents, bytes and lowest grade by dataset and version."""
        lowest = shards.lowest(self.counts)
        found: dict[tuple[str, int], tuple[int, int, str]] = {}
        for kind, tally in self.counts.items():
            key = (kind.dataset, kind.version)
            documents, size, _ = found.get(key, (0, 0, ""))
            found[key] = (documents + tally.documents, size + tally.bytes, lowest[key])
        return found

    def _before(self, cutoff: str) -> bool:
        moment = dt.datetime.fromisoformat(cutoff)
        return self.latest is not None and self.latest < to_micros(moment)


def _inputs(certificate: Certificate) -> dict[tuple[str, int], tuple[int, int, str]]:
    """Return what the inputs add up to; of one that gave nothing no row can say so."""
    found: dict[tuple[str, int], tuple[int, int, str]] = {}
    for item in certificate.inputs:
        key = (item.dataset, item.version)
        documents, size, grade = found.get(key, (0, 0, item.grade))
        if item.documents or item.bytes:
            found[key] = (documents + item.documents, size + item.bytes, min(grade, item.grade))
    return found


def _given(grades: Grades) -> Grades:
    """Return the cells that count something."""
    cells = {
        origin: {grade: cell for grade, cell in row.items() if cell != Amount()}
        for origin, row in grades.items()
    }
    return {origin: row for origin, row in cells.items() if row}


@contextmanager
def _spilling() -> Iterator[None]:
    """Say what a disk refuses that has no room for the hashes of many rows.

    Raises:
        UnavailableError: Always, in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"the hashes of so many rows cannot be put aside: {error.strerror or error}",
            hint="make room for 32 bytes per row in the folder that `TMPDIR` names",
        ) from error


def present(origins: dict[str, Tally]) -> dict[str, Tally]:
    """Return the tallies that count something."""
    return {name: tally for name, tally in origins.items() if tally != Tally()}


def _mismatch(message: str) -> VerificationError:
    return VerificationError(message, code="E_CLAIM_MISMATCH")


class ShardReader:
    """One open shard: its footer first, then its rows."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Read the footer.

        Raises:
            VerificationError: `E_NOT_PARQUET`, `E_UNREADABLE` or `E_LIMIT`.
            UnavailableError: The disk does not answer.
        """
        self._file = file
        with _translated():
            self.footer: Footer = read_footer(file, size)
        self.statistics = 0
        self.unsummed = False
        self.origins: dict[str, Tally] = {}

    @property
    def statement(self) -> bytes | None:
        """Return the signed envelope in the footer, or None."""
        return self.footer.metadata.get(shards.STATEMENT_KEY)

    def check(
        self,
        entry: ShardEntry,
        columns: tuple[Column, ...],
        totals: Totals,
        *,
        progress: Callable[[int], None],
    ) -> Iterator[VerificationError]:
        """Read all rows, add them to the totals, and yield what does not hold.

        Raises:
            VerificationError: Reading had to stop: `E_MANIFEST`, `E_UNREADABLE`, `E_PAGE_CRC`,
                `E_LIMIT`.
            UnavailableError: The disk does not answer.
        """
        check_columns(columns)
        rows = _Rows(totals)
        wrong: list[VerificationError] = []
        with _translated(), self._open(columns) as parquet:
            if shards.columns(parquet.schema_arrow) != columns:
                raise VerificationError(
                    "its columns are not those that are signed", code="E_MANIFEST"
                )
            for index, group in enumerate(self.footer.groups):
                wrong += self._group(parquet, index, group, rows)
                progress(sum(chunk.size for chunk in group.chunks))
        self.origins = shards.origins(rows.counts)
        yield from rows.wrong.values()
        if rows.tree.rows != entry.rows:
            yield VerificationError(
                f"it has {rows.tree.rows:,} rows, signed are {entry.rows:,}", code="E_RECORD_ROOT"
            )
        elif rows.tree.root().hex() != entry.record_root:
            yield VerificationError(
                "its rows are not those of the signed record root", code="E_RECORD_ROOT"
            )
        yield from wrong

    def _open(self, columns: tuple[Column, ...]) -> pq.ParquetFile:
        self._file.seek(0)
        return pq.ParquetFile(
            pa.PythonFile(self._file, mode="r"),
            buffer_size=BLOCK,
            pre_buffer=False,
            page_checksum_verification=True,
            thrift_string_size_limit=MAX_FOOTER,
            thrift_container_size_limit=1_000_000,
            arrow_extensions_enabled=False,
            # Provenance repeats: each different value is taken in once.
            read_dictionary=[it.name for it in columns if it.type == "text" and it.name != "text"],
        )

    def _group(
        self, parquet: pq.ParquetFile, index: int, group: RowGroup, rows: _Rows
    ) -> list[VerificationError]:
        """Read one row group; return its statistics that are wrong."""
        if [chunk.column for chunk in group.chunks] != parquet.schema_arrow.names:
            raise unreadable("a row group does not have the columns of the file")
        row_bytes = 0.0
        for chunk in group.chunks:
            pages = walk_pages(self._file, chunk)
            row_bytes += pages.row_bytes
            self.unsummed = self.unsummed or pages.unsummed
        size = max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(row_bytes, 1))))
        stated = [
            (at, ChunkStatistics(chunk))
            for at, chunk in enumerate(group.chunks)
            if chunk.statistics.stated
        ]
        before = rows.tree.rows
        for batch in parquet.iter_batches(size, row_groups=[index], use_threads=False):
            for column in batch.columns:
                column.validate(full=True)
            rows.add(batch)
            for at, statistics in stated:
                statistics.add(batch.column(at))
        if rows.tree.rows - before != group.rows:
            raise unreadable("a row group does not have the rows it says")
        wrong = []
        for _, statistics in stated:
            try:
                statistics.check()
            except VerificationError as error:
                wrong.append(error)
        self.statistics += len(stated)
        return wrong


class _Rows:
    """Takes the rows of one shard, batch by batch, and keeps the first of each kind of failure."""

    def __init__(self, totals: Totals) -> None:
        self.totals = totals
        self.tree = shards.RecordTree()
        self.counts: shards.Counts = {}
        self.wrong: dict[str, VerificationError] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        if not batch.num_rows:
            return
        for name in _REQUIRED:
            if batch.column(name).null_count:
                raise _mismatch(f"column `{name}` has empty cells")
        texts = _plain(batch.column("text"))
        hashes = _hash(texts)
        beside = bytes(_joined(batch.column("content_hash")))
        if beside != hashes:
            self._note(self._unlike(hashes, beside))
        with _spilling():
            self.totals.hashes.add(hashes)
        self.totals.rows += batch.num_rows
        self.tree.add(batch)
        self._labels(batch, shards.text_bytes(texts).cast(pa.int64()))

    def _unlike(self, real: bytes, listed: bytes) -> VerificationError:
        row = next(
            (
                at // HASH_SIZE
                for at in range(0, len(real), HASH_SIZE)
                if real[at : at + HASH_SIZE] != listed[at : at + HASH_SIZE]
            ),
            0,
        )
        return VerificationError(
            f"the text of row {self.tree.rows + row:,} does not have the content hash beside it",
            code="E_CONTENT_ROOT",
        )

    def _labels(self, batch: pa.RecordBatch, sizes: pa.Array) -> None:
        origin, human = _plain(batch.column("origin")), batch.column("human_bytes")
        if not pc.all(pc.is_in(origin, pa.array(ORIGIN_NAMES, origin.type))).as_py():
            raise _mismatch("a row has an unknown origin")
        fits = pc.if_else(
            pc.equal(origin, "human"),
            pc.equal(human, sizes),
            pc.if_else(
                pc.equal(origin, "mixed"),
                pc.and_(pc.greater_equal(human, 0), pc.less_equal(human, sizes)),
                pc.equal(human, 0),
            ),
        )
        if not pc.all(fits).as_py():
            self._note(_mismatch("a row has human bytes that its origin and its text cannot have"))
        grades = batch.column("date_grade")
        if not pc.all(pc.is_in(_values(grades), pa.array(GRADE_NAMES))).as_py():
            raise _mismatch("a row has an unknown date grade")
        self.totals.empty += pc.sum(pc.equal(sizes, 0)).as_py()
        counts = shards.count(batch, sizes)
        shards.add(self.counts, counts)
        shards.add(self.totals.counts, counts)
        self._dates(batch, grades)

    def _dates(self, batch: pa.RecordBatch, grades: pa.Array) -> None:
        """Hold grades to the dates they are about, and keep the latest of those."""
        totals = self.totals
        if _DATED not in batch.schema.names or batch.column(_DATED).null_count:
            totals.latest = None
        if _DATED not in batch.schema.names:
            return
        dates = _values(batch.column(_DATED))
        if dates.null_count:
            undated = _values(grades).filter(dates.is_null())
            if not pc.all(pc.equal(undated, GRADE_NAMES[0])).as_py():
                self._note(_mismatch("a row has a grade for a date that it does not have"))
        elif totals.latest is not None:
            totals.latest = max(totals.latest, pc.max(dates.cast(pa.int64())).as_py())

    def _note(self, error: VerificationError) -> None:
        self.wrong.setdefault(error.code, error)


def check_columns(columns: tuple[Column, ...]) -> None:
    """Refuse signed columns that cannot be those of a snapshot.

    Raises:
        VerificationError: `E_MANIFEST` or `E_LIMIT`.
    """
    if len(columns) > MAX_COLUMNS:
        raise VerificationError(
            f"{len(columns):,} columns are more than the limit of {MAX_COLUMNS:,}", code="E_LIMIT"
        )
    types = {column.name: column.type for column in columns}
    if len(types) != len(columns):
        raise VerificationError("the signed columns name one twice", code="E_MANIFEST")
    for name, kind in _REQUIRED.items():
        if types.get(name) != kind:
            raise VerificationError(
                f"the signed columns have no `{name}` of type {kind}", code="E_MANIFEST"
            )
    if "?" in types.values():
        raise VerificationError(
            "a signed column has a type that rows cannot hold", code="E_MANIFEST"
        )


def _plain(column: pa.Array) -> pa.Array:
    """Return texts or bytes as one contiguous array with 64-bit offsets."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    text = shards.canonical_type(column.type) == "text"
    return column.cast(pa.large_string() if text else pa.large_binary())


def _values(column: pa.Array) -> pa.Array:
    """Return a column as plain values."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _hash(texts: pa.Array) -> bytes:
    """Return the SHA-256 of each text, joined."""
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("q")[texts.offset : texts.offset + len(texts) + 1]
    return hash_slices(memoryview(data if data is not None else b""), ends.tolist())


def _joined(hashes: pa.Array) -> memoryview:
    """Return the bytes of a column of content hashes, one after the other.

    Raises:
        VerificationError: `E_CONTENT_ROOT`; one of them does not have 32 bytes.
    """
    if not pa.types.is_fixed_size_binary(hashes.type):
        hashes = _plain(hashes)
        if not pc.all(pc.equal(pc.binary_length(hashes), HASH_SIZE)).as_py():
            raise _not_hashes()
        hashes = hashes.cast(pa.binary(HASH_SIZE))
    if hashes.type.byte_width != HASH_SIZE:
        raise _not_hashes()
    if not len(hashes):
        return memoryview(b"")
    begin = hashes.offset * HASH_SIZE
    return memoryview(hashes.buffers()[1])[begin : begin + len(hashes) * HASH_SIZE]


def _not_hashes() -> VerificationError:
    return VerificationError("a content hash does not have 32 bytes", code="E_CONTENT_ROOT")


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what pyarrow raises on damaged bytes into a reason code.

    Raises:
        VerificationError: `E_PAGE_CRC` or `E_UNREADABLE`.
        UnavailableError: The disk does not answer.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise UnavailableError(
                f"a shard cannot be read: {error.strerror}",
                hint="check the disk, then verify again",
            ) from error
        if "CRC" in str(error):
            raise VerificationError(
                "a page does not have its checksum", code="E_PAGE_CRC"
            ) from error
        raise unreadable(_first_line(error)) from error
    except _RAISED as error:
        raise unreadable(_first_line(error)) from error


_RAISED: Final[tuple[type[Exception], ...]] = (
    pa.ArrowException,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def _first_line(error: Any) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def beyond_rows(name: str, reader: ShardReader) -> list[str]:
    """Return what of a file that is not the signed one nobody vouches for."""
    found = [f"{name}: metadata other than rows and footer statistics"]
    if reader.footer.unchecked:
        found.append(f"{name}: page indexes, Bloom filters or sort order, which engines trust")
    return found
