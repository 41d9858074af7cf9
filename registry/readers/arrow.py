"""Arrow IPC files and streams (Feather version 2 is the former): a record per row.

Which of the two it is, its first bytes say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.columns import (
    check_fields,
    column,
    decoded_size,
    first_level,
    outer_indexes,
)
from registry.readers.files import Source
from registry.readers.parquet import reading
from registry.readers.records import (
    OnBad,
    Records,
    check_options,
    chosen_texts,
    default_text,
    needed_fields,
)

_FILE_MAGIC: Final = b"ARROW1"
_FEATHER_1: Final = b"FEA1"
_STREAM_ENDS: Final = (b"\xff\xff\xff\xff\0\0\0\0", b"\0\0\0\0")
"""How a stream says that it is complete; the second is how versions before 0.15 did."""


def records(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[Records]:
    """Read the rows of a file, one of its batches at a time, keeping the fields needed.

    A batch of the file is in memory as a whole: how large they are was decided by who wrote it.
    Every column that is used is checked to be sound, since Arrow has no checksums.

    Raises:
        InvalidInputError: The file is damaged, truncated or no Arrow file, lacks a field, or a
            field has a type that is not accepted.
    """
    check_options(file, options)
    with reading(file, "Arrow"), file.at_random() as opened:
        schema = _schema(file, opened)
        texts = chosen_texts(options) or default_text(file, options, *first_level(schema))
        fields = needed_fields(texts, options)
        check_fields(file, schema, fields)
        first = 0
        for batch in _batches(file, opened, outer_indexes(file, schema, fields)):
            for piece in _pieces(batch):
                columns = {field: column(file, field, piece, first) for field in fields}
                yield Records(file, first, texts, columns)
                first += piece.num_rows


def raw_batches(file: Source) -> Iterator[pa.RecordBatch]:
    """Give the batches of a file with all their columns.

    Raises:
        InvalidInputError: The file is damaged, truncated or no Arrow file.
    """
    with reading(file, "Arrow"), file.at_random() as opened:
        yield from _batches(file, opened, list(range(len(_schema(file, opened)))))


def _schema(file: Source, opened: pa.NativeFile) -> pa.Schema:
    magic = opened.read(8)
    if magic.startswith(_FEATHER_1):
        raise InvalidInputError(
            f"`{file}` is a Feather file of version 1",
            hint="write it again as version 2, or as Parquet",
        )
    if not magic.startswith(_FILE_MAGIC):
        _check_complete(file, opened)
    opened.seek(0)
    is_file = magic.startswith(_FILE_MAGIC)
    schema = (pa.ipc.open_file(opened) if is_file else pa.ipc.open_stream(opened)).schema
    opened.seek(0)
    return schema


def _check_complete(file: Source, opened: pa.NativeFile) -> None:
    """Refuse a stream without its end: where it was cut between two batches, nobody would know."""
    size = opened.size()
    opened.seek(max(0, size - 8))
    if not opened.read().endswith(_STREAM_ENDS):
        raise InvalidInputError(
            f"`{file}` cannot be read as Arrow: it does not end as a file or stream does",
            hint="it is truncated, damaged or something else: fetch it again",
        )


def _batches(file: Source, opened: pa.NativeFile, wanted: list[int]) -> Iterator[pa.RecordBatch]:
    settings = pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)
    magic = opened.read(len(_FILE_MAGIC))
    opened.seek(0)
    if magic == _FILE_MAGIC:
        reader = pa.ipc.open_file(opened, options=settings)
        found = (reader.get_batch(index) for index in range(reader.num_record_batches))
    else:
        found = iter(pa.ipc.open_stream(opened, options=settings))
    for batch in found:
        # Offsets that lead outside of the data would end the process, not raise an error. Text
        # that is not valid is looked at later, where its record can be named.
        batch.validate()
        _check_offsets(batch)
        yield batch


def _check_offsets(batch: pa.RecordBatch) -> None:
    for values in batch.columns:
        values.view(_with_bytes(values.type)).validate(full=True)


def _with_bytes(type_: pa.DataType) -> pa.DataType:
    """Return a type with bytes for texts, so that their offsets are checked and not their UTF-8."""
    if type_ in _BYTES:
        return _BYTES[type_]
    if pa.types.is_list(type_):
        return pa.list_(type_.value_field.with_type(_with_bytes(type_.value_type)))
    if pa.types.is_large_list(type_):
        return pa.large_list(type_.value_field.with_type(_with_bytes(type_.value_type)))
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(_with_bytes(field.type)) for field in type_])
    return type_


_BYTES: Final = {
    pa.string(): pa.binary(),
    pa.large_string(): pa.large_binary(),
    pa.string_view(): pa.binary_view(),
}


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into parts of about `MAX_BYTES`, going by its average."""
    if batch.num_rows == 0:
        return
    average = decoded_size(batch) // batch.num_rows
    rows = max(1, min(MAX_ROWS, MAX_BYTES // max(average, 1)))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
