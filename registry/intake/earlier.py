"""Rows for files that have not changed since a table was made of them: taken, not read again."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry import documents, readers
from registry.errors import ConflictError
from registry.intake.gathered import Gathered
from registry.intake.part import TEXTS, Asked, Part, PartWriter, schema
from registry.intake.step import Step
from registry.intake.units import Unit, cut, state

_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Earlier:
    """A document table that was made with the same options.

    Attributes:
        documents: Its folder.
        texts: The folder of the kept texts, or None.
        files: For each file it was made of, in order, what `state` returned, and maybe `skipped`:
            what was left out of it. None for one that may have changed unseen.
    """

    documents: Path
    texts: Path | None
    files: Sequence[dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """A unit whose rows another table has.

    Attributes:
        unit: The unit.
        earlier: The table.
        files: The number of each of its files in that table.
    """

    unit: Unit
    earlier: Earlier
    files: tuple[int, ...]


def plan(
    files: Sequence[readers.SourceFile], tables: Sequence[Earlier]
) -> tuple[list[Unit], dict[int, Taken]]:
    """Cut files into units, and say which of those need not be read.

    Returns:
        All units in order, and by their number those whose rows are there.
    """
    known: dict[tuple[Any, ...], tuple[Earlier, int]] = {}
    for made in tables:
        for number, file in enumerate(made.files):
            if file is not None:
                known.setdefault(_key(file), (made, number))
    units: list[Unit] = []
    taken: dict[int, Taken] = {}
    for table, first, numbers in _runs(files, known):
        part = files[first : first + len(numbers)]
        if table is None:
            units += cut(part, first=first, number=len(units))
            continue
        unit = Unit(len(units), first, tuple(part), size=sum(file.size for file in part))
        taken[unit.number] = Taken(unit, table, numbers)
        units.append(unit)
    return units, taken


def _runs(
    files: Sequence[readers.SourceFile], known: dict[tuple[Any, ...], tuple[Earlier, int]]
) -> Iterator[tuple[Earlier | None, int, tuple[int, ...]]]:
    """Give runs of files that one table has in the same order, or none has."""
    table: Earlier | None = None
    numbers: list[int] = []
    for at, file in enumerate(files):
        found, number = known.get(_key(state(file)), (None, -1))
        if numbers and (found is not table or (found and number <= numbers[-1])):
            yield table, at - len(numbers), tuple(numbers)
            numbers = []
        table = found
        numbers.append(number)
    if numbers:
        yield table, len(files) - len(numbers), tuple(numbers)


def read(taken: Taken, asked: Asked) -> Generator[Step, None, Part]:
    """Write the part of a unit from the rows that are there, and return what it adds up to.

    Raises:
        ConflictError: The texts were to be kept, and those that were are damaged.
        OSError: The part cannot be written.
    """
    gathered = Gathered()
    for at, number in enumerate(taken.files):
        skipped = (taken.earlier.files[number] or {}).get("skipped")
        if skipped:
            mine = taken.unit.first + at
            gathered.passed.count[mine] = skipped["count"]
            gathered.passed.bad += [(mine, why) for why in skipped["listed"]]
    columns = schema(asked.options)
    writer = PartWriter(asked, taken.unit.number, columns)
    keep = asked.texts is not None
    try:
        for rows, texts in _rows(taken, columns, keep=keep):
            if rows.num_rows:
                writer.add(rows, texts)
                gathered.add(rows)
            totals = gathered.totals
            yield Step(totals.documents, totals.bytes, 0)
        return Part(writer.close(), gathered)
    finally:
        writer.discard()


def _rows(
    taken: Taken, columns: pa.Schema, *, keep: bool
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Give the rows of the wanted files, with the numbers these have now, and maybe their texts."""
    renumber = np.full(len(taken.earlier.files), -1, np.int32)
    renumber[list(taken.files)] = np.arange(
        taken.unit.first, taken.unit.first + len(taken.files), dtype=np.int32
    )
    for path in documents.files_of(taken.earlier.documents):
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            groups = _groups(file, min(taken.files), max(taken.files))
            if not groups:
                continue
            texts = _texts(taken, path.name) if keep else None
            if texts is not None:
                groups = list(range(file.metadata.num_row_groups))
            for batch in file.iter_batches(_ROWS, groups, columns=columns.names):
                numbers = renumber[batch.column("file").to_numpy()]
                mask = pa.array(numbers >= 0)
                at = batch.schema.get_field_index("file")
                rows = batch.set_column(at, columns.field("file"), pa.array(numbers))
                kept = _NO_TEXTS if texts is None else texts.take(len(mask)).filter(mask)
                yield rows.filter(mask).cast(columns), kept


def _groups(file: pq.ParquetFile, low: int, high: int) -> list[int]:
    """Return the row groups that may have rows of files from `low` to `high`."""
    column = file.schema_arrow.get_field_index("file")
    found = []
    for group in range(file.metadata.num_row_groups):
        bounds = file.metadata.row_group(group).column(column).statistics
        if bounds is None or not bounds.has_min_max or (bounds.min <= high and bounds.max >= low):
            found.append(group)
    return found


def _texts(taken: Taken, name: str) -> _Texts:
    folder = taken.earlier.texts
    if folder is None:
        raise ValueError("the table has no texts")
    return _Texts(documents.read_texts_of(folder / name))


_NO_TEXTS = pa.RecordBatch.from_pylist([], schema=TEXTS)


class _Texts:
    """Texts in order, in as many as are asked for."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._current = _NO_TEXTS

    def take(self, rows: int) -> pa.RecordBatch:
        parts = []
        while rows:
            if not self._current.num_rows:
                following = next(self._batches, None)
                if following is None:
                    raise ConflictError(
                        "there are fewer kept texts than documents",
                        hint="restore the storage from a backup",
                    )
                self._current = following
            part = self._current.slice(0, rows)
            self._current = self._current.slice(part.num_rows)
            rows -= part.num_rows
            parts.append(part)
        return pa.concat_batches(parts) if parts else _NO_TEXTS


def _key(file: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(file.get(name) for name in ("path", "size", "mtime_ns", "etag"))
