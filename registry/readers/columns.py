"""Fields out of Arrow batches: by path, in the type of their role, no object per value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry.errors import InvalidInputError
from registry.readers.files import Source
from registry.readers.paths import index_of, leading_steps
from registry.readers.records import Field, Role, missing_field, place, wrong_type


@dataclass(frozen=True, slots=True)
class _Child:
    """The step into a field of a struct, or of the batch."""

    index: int


@dataclass(frozen=True, slots=True)
class _Item:
    """The step to an item of a list; a negative one counts from its end."""

    index: int


_Steps = tuple[_Child | _Item, ...]


def check_fields(file: Source, schema: pa.Schema, fields: tuple[Field, ...]) -> None:
    """Refuse fields that a file does not have, or of a type that their role does not allow.

    Raises:
        InvalidInputError: There is such a field, or two columns have its name.
    """
    for field in fields:
        _check_type(file, field, _type_of(schema, _steps(file, schema, field.path)))


def column(file: Source, field: Field, batch: pa.RecordBatch, first: int) -> pa.Array:
    """Return a field of each record of a batch, as its role wants it.

    Args:
        file: Where the batch is from, for messages.
        field: The field, which `check_fields` accepted.
        batch: Some records.
        first: The position of the first of them in the file.

    Raises:
        InvalidInputError: A text is not valid UTF-8, or a list of texts holds null.
    """
    outer, *steps = _steps(file, batch.schema, field.path)
    found = batch.column(outer.index)
    for step in steps:
        found = _item(found, step.index) if isinstance(step, _Item) else _child(found, step.index)
    if _is_list(found.type):
        found = _joined(file, field, found, first)
    elif _is_text(found.type):
        _check_utf8(file, field, found, np.arange(first, first + len(found)))
    if field.role is Role.TEXT:
        return found.cast(pa.large_string())
    if pa.types.is_timestamp(found.type):
        return found
    if pa.types.is_date64(found.type):
        found = found.cast(pa.date32())
    return found.cast(pa.string())


def projection(file: Source, schema: pa.Schema, fields: tuple[Field, ...]) -> list[str]:
    """Return the columns to read, by the names that Parquet uses, down to the first list."""
    names = set()
    for field in fields:
        fields_of: pa.Schema | pa.StructType = schema
        path = []
        for step in _steps(file, schema, field.path):
            if isinstance(step, _Item):
                break
            path.append(fields_of.field(step.index).name)
            fields_of = fields_of.field(step.index).type
        names.add(".".join(path))
    return sorted(names)


def first_level(schema: pa.Schema) -> tuple[list[str], list[str]]:
    """Return the names of all fields of the first level, and of those that hold text."""
    return schema.names, [field.name for field in schema if _is_text(field.type)]


def outer_indexes(file: Source, schema: pa.Schema, fields: tuple[Field, ...]) -> list[int]:
    """Return the positions of the columns that the fields are, or are in."""
    return sorted({_steps(file, schema, field.path)[0].index for field in fields})


def decoded_size(batch: pa.RecordBatch) -> int:
    """Return the bytes of the columns, with every value of a dictionary written out."""
    size = 0
    for values in batch.columns:
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        size += values.nbytes
    return size


def _child(values: pa.Array, index: int) -> pa.Array:
    # Unlike `StructArray.field`, this gives null where an outer struct is null.
    return pc.struct_field(values, [index])


def _item(values: pa.Array, index: int) -> pa.Array:
    """Return one item of each list, and null where a list is null or too short."""
    items, begins, lengths = _parts(values)
    wanted = np.where(index < 0, lengths + index, index)
    known = (wanted >= 0) & (wanted < lengths)
    return items.take(pa.array(np.where(known, begins + wanted, 0), pa.int64(), mask=~known))


def _parts(values: pa.Array) -> tuple[pa.Array, Numbers, Numbers]:
    """Return all items, and where each list begins in them and how many it has; null has none."""
    if not pa.types.is_large_list(values.type):
        values = values.cast(pa.large_list(values.type.value_field))
    offsets = values.offsets.to_numpy()
    lengths = np.where(values.is_valid().to_numpy(zero_copy_only=False), np.diff(offsets), 0)
    return values.values, offsets[:-1], lengths


Numbers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def _joined(file: Source, field: Field, values: pa.Array, first: int) -> pa.Array:
    """Return the texts of each list, joined by newlines; null where there is no list."""
    items, begins, lengths = _parts(values)
    if len(values) == 0 or int(lengths.sum()) == 0:
        empty = pa.array(np.full(len(values), ""), pa.large_string())
        return pc.if_else(values.is_valid(), empty, pa.scalar(None, pa.large_string()))
    # Only the items of these lists, in order: a slice, or a null list, may hide others.
    owners = np.repeat(np.arange(len(values)), lengths)
    inside = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    items = items.take(pa.array(np.repeat(begins, lengths) + inside))
    if items.null_count:
        index = int(owners[np.argmin(items.is_valid().to_numpy(zero_copy_only=False))])
        raise wrong_type(place(file, first + index), field, "a list that holds null")
    if _is_text(items.type):
        _check_utf8(file, field, items, owners + first)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    mask = pc.invert(values.is_valid())
    lists = pa.LargeListArray.from_arrays(
        pa.array(ends, pa.int64()), items.cast(pa.large_string()), mask=mask
    )
    return pc.binary_join(lists, pa.scalar("\n", pa.large_string()))


def _steps(file: Source, schema: pa.Schema, path: str) -> _Steps:
    """Return the way to a field.

    Raises:
        InvalidInputError: There is no such field, or two fields of the first level have its name.
    """
    steps = _find(schema, path)
    if steps is None:
        raise missing_field(file, path, _paths(schema))
    name = schema.field(steps[0].index).name
    if len(schema.get_all_field_indices(name)) > 1:
        raise InvalidInputError(
            f"`{file}` has two columns named `{name}`", hint="give each column its own name"
        )
    return steps


def _find(fields: pa.Schema | pa.StructType, path: str) -> _Steps | None:
    """Find a path: the literal name first, then the shortest first step that leads anywhere."""
    found = _step(fields, path)
    if found is not None:
        return found
    for name, rest in leading_steps(path):
        found = _step(fields, name)
        if found is None:
            continue
        inner = _type_of(fields, found)
        further = _find(inner, rest) if pa.types.is_struct(inner) else None
        if further is not None:
            return (*found, *further)
    return None


def _step(fields: pa.Schema | pa.StructType, name: str) -> _Steps | None:
    """Find a field by its name, or an item of a list where the name ends in an index."""
    for index in fields.get_all_field_indices(name):
        return (_Child(index),)
    indexed = index_of(name)
    if indexed is None:
        return None
    steps = _step(fields, indexed[0])
    if steps is None or not _is_list(_type_of(fields, steps)):
        return None
    return (*steps, _Item(indexed[1]))


def _type_of(fields: pa.Schema | pa.StructType, steps: _Steps) -> pa.DataType:
    found = fields
    for step in steps:
        found = found.value_type if isinstance(step, _Item) else found.field(step.index).type
    return found


def _paths(fields: pa.Schema | pa.StructType, above: str = "") -> Iterator[str]:
    for field in fields:
        if pa.types.is_struct(field.type):
            yield from _paths(field.type, f"{above}{field.name}.")
        elif _is_list(field.type) and pa.types.is_struct(field.type.value_type):
            yield from _paths(field.type.value_type, f"{above}{field.name}[0].")
        else:
            yield above + field.name


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return any(is_kind(type_) for is_kind in _TEXTS)


_TEXTS: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_LISTS: Final = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def _is_list(type_: pa.DataType) -> bool:
    return any(is_kind(type_) for is_kind in _LISTS)


def _check_type(file: Source, field: Field, type_: pa.DataType) -> None:
    accepted = _is_text(type_) or pa.types.is_null(type_)
    if field.role is Role.TEXT and _is_list(type_):
        accepted = _is_text(type_.value_type) or pa.types.is_null(type_.value_type)
    if field.role is Role.LABEL:
        accepted = accepted or pa.types.is_integer(type_) or pa.types.is_boolean(type_)
    if field.role is Role.DATE:
        accepted = accepted or pa.types.is_integer(type_) or pa.types.is_date(type_)
        accepted = accepted or pa.types.is_timestamp(type_)
    if not accepted:
        raise wrong_type(f"`{file}`", field, f"a column of type {type_}")


def _check_utf8(file: Source, field: Field, texts: pa.Array, records: Numbers) -> None:
    """Refuse texts that are not valid UTF-8; `records` has the position of each one's record."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid as error:
        if pa.types.is_dictionary(texts.type):
            texts = texts.cast(texts.type.value_type)
        for record, value in zip(records, texts.cast(pa.large_binary()), strict=True):
            try:
                str(value.as_py() or b"", "utf-8")
            except UnicodeDecodeError as reason:
                raise InvalidInputError(
                    f"{place(file, int(record))}: the field `{field.path}` is not valid UTF-8 at"
                    f" byte {reason.start}: {reason.reason}",
                    hint="write the file again with valid text",
                ) from error
        raise
