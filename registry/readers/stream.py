"""Documents out of files, whatever their format, as a stream of bounded batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pyarrow as pa

from registry.core.source import Format, ReadOptions
from registry.readers import csv, jsonl, parquet, text
from registry.readers.batches import bounded
from registry.readers.fields import DocumentMaker
from registry.readers.files import SourceFile
from registry.readers.records import Records

_READERS: Final[dict[Format, Callable[[SourceFile, ReadOptions], Iterator[Records]]]] = {
    Format.PARQUET: parquet.records,
    Format.JSONL: jsonl.records,
    Format.CSV: csv.records,
    Format.TEXT: text.records,
}


def documents(
    files: Sequence[SourceFile],
    options: ReadOptions,
    *,
    on_file: Callable[[SourceFile], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read the documents of files as batches with the columns of `batches.schema`.

    Documents come in the order of the files, then of their position. Batches are cut and joined
    across files, so that many small files do not make many batches. Memory is bounded by a few
    batches, or a few times the largest single document.

    Args:
        files: What `discover` found.
        options: How files become documents.
        on_file: Called with each file after its last document was read and the file was found
            unchanged; the batch with that document may still be to come.

    Raises:
        InvalidInputError: A file cannot be read under the options, or changed meanwhile. Batches
            may have been yielded before.
    """
    yield from bounded(_batches(files, options, on_file))


def _batches(
    files: Sequence[SourceFile],
    options: ReadOptions,
    on_file: Callable[[SourceFile], None] | None,
) -> Iterator[pa.RecordBatch]:
    maker = DocumentMaker(options)
    for index, file in enumerate(files):
        for records in _READERS[file.format](file, options):
            yield maker.batch(records, index)
        file.check_unchanged()
        if on_file is not None:
            on_file(file)
