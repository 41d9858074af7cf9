"""Read one unit: each document is hashed and counted, and its row written."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa

from registry import documents, readers
from registry.blobs import sync_file
from registry.core.source import ReadOptions
from registry.intake.gathered import Gathered
from registry.intake.step import Step
from registry.intake.units import Unit

TEXTS: Final = pa.schema([pa.field("text", pa.large_string(), nullable=False)])


@dataclass(frozen=True, slots=True)
class Asked:
    """How units are read, and where what they give is written.

    Attributes:
        options: How files become documents.
        documents: The folder of the document table.
        texts: The folder of the texts, if they are kept.
    """

    options: ReadOptions
    documents: Path
    texts: Path | None = None

    @property
    def folders(self) -> list[Path]:
        """Return the folders that get a file from each unit."""
        return [self.documents] if self.texts is None else [self.documents, self.texts]


@dataclass(frozen=True, slots=True)
class Part:
    """What a unit gave.

    Attributes:
        digest: SHA-256 of its file of the document table.
        gathered: What it adds up to.
    """

    digest: str
    gathered: Gathered

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"digest": self.digest, **self.gathered.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        return cls(value["digest"], Gathered.from_json(value))


class PartWriter:
    """Writes the files of a part, which have their names when they are whole.

    Texts are durable by then. The rows need not be: what they hash to is noted, and compared.
    """

    def __init__(self, asked: Asked, number: int, schema: pa.Schema) -> None:
        """Write the part of a number; `schema` is that of the rows."""
        self._schema = schema
        self._names = [folder / documents.part_name(number) for folder in asked.folders]
        self._writers = [
            documents.TableWriter(_unfinished(path), plain=("content_hash", "text"))
            for path in self._names
        ]

    def add(self, rows: pa.RecordBatch, texts: pa.RecordBatch) -> None:
        """Append rows, and their texts where they are kept."""
        for writer, batch in zip(self._writers, (rows, texts), strict=False):
            writer.add(batch)

    def close(self) -> str:
        """Finish the files, and return the digest of that of the document table."""
        for path, writer, schema in zip(
            self._names, self._writers, (self._schema, TEXTS), strict=False
        ):
            writer.close(schema)
            if schema is TEXTS:
                sync_file(_unfinished(path))
            _unfinished(path).rename(path)
        return documents.digest_file(self._names[0])

    def discard(self) -> None:
        """Let go of files that are still open."""
        for writer in self._writers:
            writer.discard()


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
            rows = documents.measure(batch)
            writer.add(rows, batch.select(["text"]))
            gathered.add(rows)
            totals = gathered.totals
            yield Step(totals.documents, totals.bytes, finished if unit.ends else 0)
        return Part(writer.close(), gathered)
    finally:
        batches.close()
        writer.discard()


def schema(options: ReadOptions) -> pa.Schema:
    """Return the columns of the document tables that reading with some options gives."""
    empty = pa.RecordBatch.from_pylist([], schema=readers.schema(options))
    return documents.measure(empty).schema


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}")
