"""Rows for files that have not changed since a table was made of them: taken, not read again."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from registry import documents, readers
from registry.errors import ConflictError
from registry.index import parts
from registry.index.parts import Selected
from registry.intake.gathered import Gathered
from registry.intake.part import TEXTS, Asked, Part, PartWriter, schema
from registry.intake.step import Step
from registry.intake.units import Unit, cut, least_bytes, state

FEW: Final = 32
"""How many runs of files are worth taking however small they are."""
_ROWS, _ROWS_WITH_TEXTS = 1 << 16, 8192


@dataclass(frozen=True, slots=True)
class Earlier:
    """A document table that was made with the same options.

    Attributes:
        documents: Its folder.
        digest: Its digest.
        sketches: The folder of its sketches, which are such as are asked for.
        sketch_digest: Their digest.
        texts: The folder of the kept texts, or None.
        files: For each file it was made of, in order, what `state` returned, and maybe `skipped`:
            what was left out of it. None for one that may have changed unseen.
    """

    documents: Path
    digest: str
    sketches: Path
    sketch_digest: str
    texts: Path | None
    files: Sequence[dict[str, Any] | None]

    def is_whole(self, *, sketches: bool) -> bool:
        """Return whether it is there and what the catalogue says, maybe with its sketches.

        For that all of it is read.
        """
        if not documents.is_whole(self.documents, self.digest):
            return False
        if not sketches:
            return True
        try:
            found = [
                parts.SketchFile.open(self.sketches / parts.sketch_name(number)).file
                for number in range(len(documents.files_of(self.documents)))
            ]
            for file in found:
                file.check_all()
        except ConflictError:
            return False
        return parts.digest_of(file.digest for file in found) == self.sketch_digest


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
    files: Sequence[readers.SourceFile], tables: Sequence[Earlier], *, sketched: bool = True
) -> tuple[list[Unit], dict[int, Taken]]:
    """Cut files into units, and say which of those need not be read.

    If that is all of them and `sketched` is false, it is not looked whether there are sketches.

    Nothing is taken from a table that is damaged. Each run of files that is taken becomes a file
    of the new table. Where many small runs lie between files that changed, reading is cheaper than
    that, and only the largest are taken.

    Returns:
        All units in order, and by their number those whose rows are there.
    """
    units, taken = _plan(files, tables)
    used = {id(one.earlier): one.earlier for one in taken.values()}
    needed = sketched or len(taken) < len(units)
    damaged = {at for at, made in used.items() if not made.is_whole(sketches=needed)}
    if damaged:
        rest = [made for made in tables if id(made) not in damaged]
        return plan(files, rest, sketched=sketched)
    return units, taken


def _plan(
    files: Sequence[readers.SourceFile], tables: Sequence[Earlier]
) -> tuple[list[Unit], dict[int, Taken]]:
    known: dict[tuple[Any, ...], tuple[Earlier, int]] = {}
    for made in tables:
        for number, file in enumerate(made.files):
            if file is not None:
                known.setdefault(_key(file), (made, number))
    least = least_bytes(files)
    units: list[Unit] = []
    taken: dict[int, Taken] = {}
    begin = 0
    for run in _worthwhile(files, _runs(files, known), least):
        part = files[run.first : run.first + len(run.numbers)]
        units += cut(files[begin : run.first], first=begin, number=len(units), least=least)
        unit = Unit(len(units), run.first, tuple(part), size=_size(part))
        taken[unit.number] = Taken(unit, run.table, run.numbers)
        units.append(unit)
        begin = run.first + len(part)
    units += cut(files[begin:], first=begin, number=len(units), least=least)
    return units, taken


@dataclass(frozen=True, slots=True)
class _Run:
    """Files that a table has in the same order, from the one with the number `first` on."""

    table: Earlier
    first: int
    numbers: tuple[int, ...]


def _worthwhile(
    files: Sequence[readers.SourceFile], runs: Iterator[_Run], least: int
) -> list[_Run]:
    """Return the runs to take: a few, and of more those that have the bytes of a unit."""
    sized = [(_size(files[run.first : run.first + len(run.numbers)]), run) for run in runs]
    sized.sort(key=lambda item: -item[0])
    large = (run for at, (size, run) in enumerate(sized) if at < FEW or size >= least)
    return sorted(large, key=lambda run: run.first)


def _size(files: Sequence[readers.SourceFile]) -> int:
    return sum(file.size for file in files)


def _runs(
    files: Sequence[readers.SourceFile], known: dict[tuple[Any, ...], tuple[Earlier, int]]
) -> Iterator[_Run]:
    """Give runs of files that one table has in the same order."""
    table: Earlier | None = None
    numbers: list[int] = []
    for at, file in enumerate(files):
        found, number = known.get(_key(state(file)), (None, -1))
        if table is not None and (found is not table or number <= numbers[-1]):
            yield _Run(table, at - len(numbers), tuple(numbers))
            numbers = []
        table = found
        if found is not None:
            numbers.append(number)
    if table is not None:
        yield _Run(table, len(files) - len(numbers), tuple(numbers))


def read(taken: Taken, asked: Asked) -> Generator[Step, None, Part]:
    """Write the part of a unit from the rows that are there, and return what it adds up to.

    Raises:
        ConflictError: The sketches are damaged, or the texts are that were kept.
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
    try:
        for rows, sketches, texts in _rows(taken, columns, asked):
            if rows.num_rows:
                writer.add(rows, sketches, texts)
                gathered.add(rows)
            totals = gathered.totals
            yield Step(totals.documents, totals.bytes, 0)
        return writer.close(gathered)
    finally:
        writer.discard()


def _rows(
    taken: Taken, columns: pa.Schema, asked: Asked
) -> Iterator[tuple[pa.RecordBatch, Selected | None, pa.RecordBatch]]:
    """Give the rows of the wanted files, with the numbers these have now, and what goes with them.

    That is their sketches if those are made, and their texts if those are kept.
    """
    renumber = np.full(len(taken.earlier.files), -1, np.int32)
    renumber[list(taken.files)] = np.arange(
        taken.unit.first, taken.unit.first + len(taken.files), dtype=np.int32
    )
    low, high = min(taken.files), max(taken.files)
    for number, (path, first, last) in enumerate(_spans(taken.earlier.documents)):
        if last < low or first > high:
            continue
        sketches = None
        if asked.sketched:
            sketches = parts.SketchFile.open(taken.earlier.sketches / parts.sketch_name(number))
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            groups = [
                group
                for group, (least, most) in enumerate(_bounds(file))
                if least <= high and most >= low
            ]
            if not groups:
                continue
            texts = _texts(taken, path.name) if asked.keep else None
            if texts is not None:
                groups = list(range(file.metadata.num_row_groups))
            places = _places(file, groups)
            size = _ROWS_WITH_TEXTS if asked.keep else _ROWS
            for batch in file.iter_batches(size, groups, columns=columns.names):
                here, places = places[: batch.num_rows], places[batch.num_rows :]
                numbers = renumber[batch.column("file").to_numpy()]
                wanted = numbers >= 0
                mask = pa.array(wanted)
                at = batch.schema.get_field_index("file")
                rows = batch.set_column(at, columns.field("file"), pa.array(numbers))
                kept = _NO_TEXTS if texts is None else texts.take(len(mask)).filter(mask)
                sketch = None if sketches is None else sketches.select(here[wanted])
                yield rows.filter(mask).cast(columns), sketch, kept


@lru_cache(maxsize=8)
def _spans(table: Path) -> tuple[tuple[Path, int, int], ...]:
    """Return the files of a table, with the numbers of the files that each may have rows of.

    One without rows has none: its numbers end before they begin. A table that is in its place never
    changes, so its files are not opened for every run.
    """
    spans = []
    for path in documents.files_of(table):
        with pq.ParquetFile(path, pre_buffer=False) as file:
            bounds = _bounds(file)
        low = min((low for low, _ in bounds), default=np.iinfo(np.int32).max)
        spans.append((path, low, max((high for _, high in bounds), default=-1)))
    return tuple(spans)


def _bounds(file: pq.ParquetFile) -> list[tuple[int, int]]:
    """Return for each row group from which to which number it may have files."""
    column = file.schema_arrow.get_field_index("file")
    found = []
    for group in range(file.metadata.num_row_groups):
        bounds = file.metadata.row_group(group).column(column).statistics
        known = bounds is not None and bounds.has_min_max
        found.append((bounds.min, bounds.max) if known else (0, np.iinfo(np.int32).max))
    return found


def _places(file: pq.ParquetFile, groups: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return which rows of a file its row groups have."""
    meta = file.metadata
    sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
    ends = np.cumsum([0, *sizes])
    return np.concatenate([np.arange(ends[group], ends[group + 1]) for group in groups])


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
    return tuple(file.get(name) for name in ("path", "size", "mtime_ns", "ctime_ns", "etag"))
