"""The first records of a file with all their fields, for those who have to choose among them.

Everything else in this package reads only the fields it was told to read. Nothing here decides
what a text is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from registry.core.source import Format, ReadOptions
from registry.readers import arrow, csv, json, jsonl, parquet, warc
from registry.readers.files import Source, SourceFile
from registry.readers.records import OnBad, check_options
from registry.readers.stream import sources

_ROWS: Final = 256


def peek(
    file: SourceFile, options: ReadOptions, limit: int, bad: OnBad
) -> tuple[Format, list[dict[str, Any]]]:
    """Return what a file, or the members of an archive, hold, and the first records of it.

    Args:
        file: What `discover` found.
        options: How it is read; fields are not looked at.
        limit: How many records, at most. Text files have none.
        bad: Called for a record that is not valid.

    Raises:
        InvalidInputError: The file cannot be read under the options.
    """
    found: list[dict[str, Any]] = []
    format = file.format
    for source in sources(file, options, lambda _: None):
        check_options(source, options)
        format = source.format
        for record in _records(source, options, bad):
            found.append(record)
            if len(found) >= limit:
                return format, found
        if format is Format.TEXT:
            break
    return format, found


def _records(source: Source, options: ReadOptions, bad: OnBad) -> Iterator[dict[str, Any]]:
    match source.format:
        case Format.PARQUET:
            with parquet.opened_file(source) as opened:
                for batch in opened.iter_batches(_ROWS, use_threads=False):
                    yield from _rows(batch)
        case Format.ARROW:
            for batch in arrow.raw_batches(source):
                for start in range(0, batch.num_rows, _ROWS):
                    yield from _rows(batch.slice(start, _ROWS))
        case Format.JSONL:
            for _, block, _ in jsonl.blocks(source, options, bad):
                yield from block
        case Format.JSON:
            for block, _ in json.blocks(source, options, bad):
                yield from block
        case Format.WARC:
            for block, _ in warc.blocks(source, options, bad, lambda _: None):
                yield from block
        case Format.CSV | Format.TSV:
            rows = csv.raw_rows(source, options, bad)
            _, header = next(rows, (1, []))
            for _, row in rows:
                if len(row) == len(header):
                    yield dict(zip(header, row, strict=True))


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    columns = [_values(column) for column in batch.columns]
    return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pa.Array) -> list[Any]:
    """Return the values of a column; those that Python has no type for as text, or not at all."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        try:
            values = column.cast(pa.string()).to_pylist()
        except (ValueError, pa.ArrowException):
            values = [None] * len(column)
    return values
