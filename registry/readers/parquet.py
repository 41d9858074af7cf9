"""Parquet: a record per row, read column by column without an object per value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.files import SourceFile
from registry.readers.records import (
    Field,
    Records,
    Role,
    chosen_texts,
    default_text,
    missing_field,
    needed_fields,
    no_lines,
    wrong_type,
)

_READ_BUFFER: Final = 1 << 20
_SAMPLE_ROWS: Final = 256


def records(file: SourceFile, options: ReadOptions) -> Iterator[Records]:
    """Read the rows of a file, a bounded number at a time, keeping the fields needed.

    Only those columns are read from the disk. Page checksums are verified where the file has
    them, and every string is checked to be UTF-8, which Parquet promises but nobody enforces.

    Raises:
        InvalidInputError: The file is damaged or no Parquet file, lacks a field, or a field has a
            type that is not accepted.
    """
    no_lines(file, options)
    with (
        _reading(file),
        pq.ParquetFile(
            str(file.path),
            buffer_size=_READ_BUFFER,
            pre_buffer=False,
            page_checksum_verification=True,
        ) as parquet,
    ):
        arrow = parquet.schema_arrow
        texts = chosen_texts(options) or default_text(file, options, *_fields_of(arrow))
        fields = needed_fields(texts, options)
        for field in fields:
            _check_type(file, field, _type_of(file, arrow, field.path))
        first = 0
        for group in range(parquet.metadata.num_row_groups):
            for batch in _group_batches(parquet, group, fields):
                columns = {field: _column(file, field, batch, first) for field in fields}
                yield Records(file, first, texts, columns)
                first += batch.num_rows
        # Page checksums do not cover the counts of the footer: a damaged one hides rows.
        if first != parquet.metadata.num_rows:
            raise ValueError(f"it promises {parquet.metadata.num_rows} records but has {first}")


@contextmanager
def _reading(file: SourceFile) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            reason, hint = str(error.strerror), "check the path and its permissions"
        else:
            reason, hint = str(error).partition("\n")[0], "it is damaged: fetch it again"
        raise InvalidInputError(
            f"`{file}` cannot be read as Parquet: {reason}", hint=hint
        ) from error


def _group_batches(
    parquet: pq.ParquetFile, group: int, fields: Sequence[Field]
) -> Iterator[pa.RecordBatch]:
    """Read a row group in batches of about `MAX_BYTES`, going by its first rows and its average.

    The sizes per column that the footer has would say more, but pyarrow (26) ends the process
    when they are asked for in a damaged footer. Reading rows raises a proper error, so that comes
    before even the totals of the row group are looked at.
    """
    names = sorted({field.path for field in fields})
    sample = next(parquet.iter_batches(_SAMPLE_ROWS, [group], names, use_threads=False), None)
    if sample is None or sample.num_rows == 0:
        return
    total = parquet.metadata.row_group(group)
    if sample.num_rows == total.num_rows:
        yield sample
        return
    average = max(_decoded_size(sample) // sample.num_rows, total.total_byte_size // total.num_rows)
    rows = max(1, min(MAX_ROWS, MAX_BYTES // max(average, 1)))
    yield from parquet.iter_batches(rows, [group], names, use_threads=False)


def _decoded_size(batch: pa.RecordBatch) -> int:
    """Return the bytes of the columns, with every value of a dictionary written out."""
    size = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        size += column.nbytes
    return size


def _steps(file: SourceFile, schema: pa.Schema, path: str) -> tuple[int, ...]:
    """Return the index of a field on each level.

    Raises:
        InvalidInputError: There is no such field, or two fields of the first level have its name.
    """
    steps = _find(schema, path)
    if steps is None:
        raise missing_field(file, path, _paths(schema))
    name = schema.field(steps[0]).name
    if len(schema.get_all_field_indices(name)) > 1:
        raise InvalidInputError(
            f"`{file}` has two columns named `{name}`", hint="give each column its own name"
        )
    return steps


def _find(fields: pa.Schema | pa.StructType, path: str) -> tuple[int, ...] | None:
    """Find a path: the literal name first, then the shortest first step that leads anywhere."""
    for index in fields.get_all_field_indices(path):
        return (index,)
    end = path.find(".")
    while end != -1:
        for index in fields.get_all_field_indices(path[:end]):
            inner = fields.field(index).type
            rest = _find(inner, path[end + 1 :]) if pa.types.is_struct(inner) else None
            if rest is not None:
                return (index, *rest)
        end = path.find(".", end + 1)
    return None


def _type_of(file: SourceFile, schema: pa.Schema, path: str) -> pa.DataType:
    first, *inner = _steps(file, schema, path)
    type_ = schema.field(first).type
    for step in inner:
        type_ = type_.field(step).type
    return type_


def _paths(fields: pa.Schema | pa.StructType, above: str = "") -> Iterator[str]:
    for field in fields:
        if pa.types.is_struct(field.type):
            yield from _paths(field.type, f"{above}{field.name}.")
        else:
            yield above + field.name


def _fields_of(schema: pa.Schema) -> tuple[list[str], list[str]]:
    return schema.names, [field.name for field in schema if _is_text(field.type)]


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(type_) for is_kind in kinds)


def _check_type(file: SourceFile, field: Field, type_: pa.DataType) -> None:
    accepted = _is_text(type_) or pa.types.is_null(type_)
    if field.role is Role.LABEL:
        accepted = accepted or pa.types.is_integer(type_) or pa.types.is_boolean(type_)
    if field.role is Role.DATE:
        accepted = accepted or pa.types.is_integer(type_) or pa.types.is_date(type_)
        accepted = accepted or pa.types.is_timestamp(type_)
    if not accepted:
        raise wrong_type(f"`{file}`", field, f"a column of type {type_}")


def _column(file: SourceFile, field: Field, batch: pa.RecordBatch, first: int) -> pa.Array:
    outer, *inner = _steps(file, batch.schema, field.path)
    column = batch.column(outer)
    if inner:
        # Unlike `StructArray.field`, this gives null where an outer struct is null.
        column = pc.struct_field(column, inner)
    if _is_text(column.type):
        _check_utf8(file, field, column, first)
    if field.role is Role.TEXT:
        return column.cast(pa.large_string())
    if pa.types.is_timestamp(column.type):
        return column
    if pa.types.is_date64(column.type):
        column = column.cast(pa.date32())
    return column.cast(pa.string())


def _check_utf8(file: SourceFile, field: Field, column: pa.Array, first: int) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        for index, value in enumerate(column.cast(pa.large_binary())):
            try:
                str(value.as_py() or b"", "utf-8")
            except UnicodeDecodeError as reason:
                raise InvalidInputError(
                    f"record {first + index + 1} of `{file}`: the field `{field.path}` is not valid"
                    f" UTF-8 at byte {reason.start}: {reason.reason}",
                    hint="write the file again with valid text",
                ) from error
        raise
