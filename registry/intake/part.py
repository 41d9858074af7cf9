"""Read one unit: each document is hashed, counted and sketched, and its row written.

A unit becomes a part: a file of the document table and, with the same rows in the same order, one
of the texts where they are kept, one of the sketches, and one of sorted runs for the index.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from registry import documents, readers
from registry.blobs import DOCUMENTS, RUNS, SKETCHES, VAULT, sync_file
from registry.core import sketch
from registry.core.sketch import WINDOW, Sketches, SketchParams
from registry.core.source import ReadOptions
from registry.index import parts
from registry.index.parts import PartSketch, Selected
from registry.intake.gathered import Gathered
from registry.intake.step import Step
from registry.intake.units import Unit

TEXTS: Final = pa.schema([pa.field("text", pa.large_string(), nullable=False)])


@dataclass(frozen=True, slots=True)
class Asked:
    """How units are read, and where what they give is written.

    Attributes:
        options: How files become documents.
        folder: A folder of this run alone; parts go into folders of it.
        keep: Keep the texts.
        window: Passages are the least of so many hashes in a row; None for no passages.
        sketched: Make sketches; otherwise only what finds documents by their content.
        params: How documents are sketched.
    """

    options: ReadOptions
    folder: Path
    keep: bool = False
    window: int | None = WINDOW
    sketched: bool = True
    params: SketchParams = field(default_factory=SketchParams)

    @property
    def documents(self) -> Path:
        """Return the folder of the document table."""
        return self.folder / DOCUMENTS

    @property
    def folders(self) -> list[Path]:
        """Return the folders that get a file from each unit."""
        names = [DOCUMENTS, RUNS]
        names += [SKETCHES] if self.sketched else []
        names += [VAULT] if self.keep else []
        return [self.folder / name for name in names]

    def files(self, number: int) -> Files:
        """Return the files of the part of a number."""
        rows = documents.part_name(number)
        return Files(
            self.documents / rows,
            self.folder / VAULT / rows if self.keep else None,
            self.folder / SKETCHES / parts.sketch_name(number) if self.sketched else None,
            self.folder / RUNS / parts.runs_name(number),
        )

    def elsewhere(self, folder: Path) -> Asked:
        """Return the same for a run in another folder."""
        return replace(self, folder=folder)


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a part.

    Attributes:
        rows: Of the document table.
        texts: The texts, if they are kept.
        sketches: The sketches, if they are made.
        runs: What goes into the index, as sorted runs.
    """

    rows: Path
    texts: Path | None
    sketches: Path | None
    runs: Path

    def all(self) -> list[Path]:
        """Return those there are."""
        return [path for path in (self.rows, self.texts, self.sketches, self.runs) if path]


@dataclass(frozen=True, slots=True)
class Part:
    """What a unit gave.

    Attributes:
        digest: SHA-256 of its file of the document table.
        sketch: What is in its file of sketches.
        gathered: What it adds up to.
    """

    digest: str
    sketch: PartSketch
    gathered: Gathered

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        sketched = asdict(self.sketch)
        return {"digest": self.digest, "sketch": sketched, **self.gathered.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        return cls(value["digest"], PartSketch(**value["sketch"]), Gathered.from_json(value))


class PartWriter:
    """Writes the files of a part, which have their names when they are whole.

    Texts are durable by then. The rest need not be: what it hashes to is noted, and compared.
    """

    def __init__(self, asked: Asked, number: int, schema: pa.Schema) -> None:
        """Write the part of a number; `schema` is that of the rows."""
        self._files = asked.files(number)
        self._schema = schema
        self._rows = documents.TableWriter(_unfinished(self._files.rows))
        self._texts = None
        if self._files.texts is not None:
            self._texts = documents.TableWriter(_unfinished(self._files.texts), plain=("text",))
        self._index = parts.PartWriter(
            self._files.sketches, self._files.runs, params=asked.params, window=asked.window
        )

    def add(
        self, rows: pa.RecordBatch, sketches: Sketches | Selected | None, texts: pa.RecordBatch
    ) -> None:
        """Append rows, their sketches where they are made, their texts where they are kept."""
        self._rows.add(rows)
        self._index.add(documents.hashes_of(rows.column("content_hash")), sketches)
        if self._texts is not None:
            self._texts.add(texts)

    def close(self, gathered: Gathered) -> Part:
        """Finish the files, and return the part that they are."""
        self._rows.close(self._schema)
        _unfinished(self._files.rows).rename(self._files.rows)
        if self._texts is not None and self._files.texts is not None:
            self._texts.close(TEXTS)
            sync_file(_unfinished(self._files.texts))
            _unfinished(self._files.texts).rename(self._files.texts)
        sketched = self._index.close()
        return Part(documents.digest_file(self._files.rows), sketched, gathered)

    def discard(self) -> None:
        """Let go of files that are still open."""
        self._rows.discard()
        self._index.discard()
        if self._texts is not None:
            self._texts.discard()


def read(unit: Unit, asked: Asked, *, ahead: bool) -> Generator[Step, None, Part]:
    """Read a unit, write its part, and return what it adds up to.

    Args:
        unit: What is read.
        asked: How, and where the part goes.
        ahead: Read in a thread of its own.

    Yields:
        How far it is, after each batch.

    Raises:
        InvalidInputError: A file cannot be read under the options.
        OSError: The part cannot be written.
    """
    gathered, finished = Gathered(), 0
    numbers = {file: unit.first + at for at, file in enumerate(unit.files)}

    def on_file(_: readers.SourceFile) -> None:
        nonlocal finished
        finished += 1

    stream = readers.documents(
        unit.files,
        asked.options,
        on_file=on_file,
        on_skip=lambda skip: gathered.passed.add(numbers[skip.file], skip),
        first=unit.first,
        groups=None if unit.groups is None else range(*unit.groups),
    )
    writer = PartWriter(asked, unit.number, schema(asked.options))
    batches = readers.read_ahead(stream) if ahead else stream
    try:
        for batch in batches:
            sketches = sketched(batch, asked)
            rows = documents.measure(batch, counted=sketches.tokens)
            writer.add(rows, sketches, batch.select(["text"]))
            gathered.add(rows)
            totals = gathered.totals
            yield Step(totals.documents, totals.bytes, finished if unit.ends else 0)
        return writer.close(gathered)
    finally:
        batches.close()
        writer.discard()


def sketched(batch: pa.RecordBatch, asked: Asked) -> Sketches:
    """Return the sketches of a batch of documents."""
    data, ends = documents.text_buffers(batch.column("text"))
    return sketch.sketch(
        np.frombuffer(data, np.uint8), ends, params=asked.params, window=asked.window
    )


def schema(options: ReadOptions) -> pa.Schema:
    """Return the columns of the document tables that reading with some options gives."""
    empty = pa.RecordBatch.from_pylist([], schema=readers.schema(options))
    return documents.measure(empty).schema


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}")
