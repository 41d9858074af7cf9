"""Dates of documents: from fields of several kinds and types to one bracket each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from registry.core.evidence import instant_range
from registry.errors import InvalidInputError
from registry.readers.batches import TIME, Integers
from registry.readers.records import Field, Records

_NEVER: Final = np.iinfo(np.int64).max
_ZONE_SLACK: Final = 14 * 3_600_000_000
"""A time without a zone could have been meant in any, as in `instant_range`."""
_EARLIEST: Final = instant_range("0001")[0]
_LATEST: Final = instant_range("9999")[1]

_Flags = npt.NDArray[np.bool_]


def brackets(records: Records, fields: Sequence[Field]) -> tuple[pa.Array, pa.Array]:
    """Return for each record the first and last instant that its dates leave open.

    With several fields, the one whose interval ends first is taken whole: a text that was
    collected in 2021 existed in 2021, whatever a later date says. Ties go to the field named
    first. A record without any date has null in both.

    Args:
        records: The records, with a column for every field.
        fields: The date fields, in the order of the options.

    Raises:
        InvalidInputError: A value is not a date between the years 0001 and 9999.
    """
    begins, ends, known = zip(*(_instants(records, field) for field in fields), strict=True)
    last = np.stack([np.where(flags, end, _NEVER) for end, flags in zip(ends, known, strict=True)])
    chosen = np.argmin(last, axis=0)
    unknown = ~np.any(np.stack(known), axis=0)
    rows = np.arange(len(records))
    first, last = (
        pa.array(np.stack(values)[chosen, rows], pa.int64(), mask=unknown).cast(TIME)
        for values in (begins, ends)
    )
    return first, last


def lenient(records: Records, field: Field) -> tuple[pa.Array, pa.Array, int]:
    """Return what `brackets` does for one field, with null where a value is no date.

    Returns:
        The first and the last instants, and how many values are no dates.
    """
    column = records.columns[field]
    if not pa.types.is_timestamp(column.type):
        coded = column.dictionary_encode()
        is_date = pa.array([_is_date(value) for value in coded.dictionary.to_pylist()], pa.bool_())
        known = is_date.take(coded.indices).fill_null(True)
        wrong = len(known) - int(pc.sum(known).as_py() or 0)
        kept = pc.if_else(known, column, pa.scalar(None, column.type))
        records = replace(records, columns={field: kept})
        return (*brackets(records, [field]), wrong)
    try:
        return (*brackets(records, [field]), 0)
    except InvalidInputError:
        nothing = pa.nulls(len(column), TIME)
        return nothing, nothing, len(column) - column.null_count


def _is_date(value: str) -> bool:
    try:
        _parsed(value)
    except InvalidInputError:
        return False
    return True


def _instants(records: Records, field: Field) -> tuple[Integers, Integers, _Flags]:
    column = records.columns[field]
    if pa.types.is_timestamp(column.type):
        return _of_timestamps(records, field, column)
    return _of_strings(records, field, column)


def _of_strings(
    records: Records, field: Field, column: pa.Array
) -> tuple[Integers, Integers, _Flags]:
    """Parse each distinct string once; an empty string says nothing."""
    coded = column.dictionary_encode()
    codes = coded.indices.fill_null(len(coded.dictionary)).to_numpy()
    parsed: list[tuple[int, int] | None] = []
    for code, value in enumerate(coded.dictionary.to_pylist()):
        try:
            parsed.append(_parsed(value))
        except InvalidInputError as error:
            where = records.place(int(np.argmax(codes == code)))
            raise InvalidInputError(
                f"{where}: the field `{field.path}` has no date: {error.message}", hint=error.hint
            ) from error
    parsed.append(None)
    known = np.array([interval is not None for interval in parsed], np.bool_)
    table = np.array([interval or (0, 0) for interval in parsed], np.int64)
    return table[codes, 0], table[codes, 1], known[codes]


@lru_cache(maxsize=1 << 16)
def _parsed(value: str) -> tuple[int, int] | None:
    return instant_range(value) if value.strip() else None


def _of_timestamps(
    records: Records, field: Field, column: pa.Array
) -> tuple[Integers, Integers, _Flags]:
    """Give each timestamp the time its unit stands for, in its zone or in any."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    ticks = column.cast(pa.int64()).fill_null(0).to_numpy()
    unit = column.type.unit
    scale = 1000 if unit == "ms" else 1
    if unit == "ns":
        ticks = ticks // 1000
    slack = _ZONE_SLACK if column.type.tz is None else 0
    first, last = _EARLIEST + slack, _LATEST - slack
    outside = known & ((ticks < -(-first // scale)) | (ticks > last // scale))
    if outside.any():
        index = int(np.argmax(outside))
        raise InvalidInputError(
            f"{records.place(index)}: the field `{field.path}` has no date:"
            f" {column[index].value} {unit} since 1970 is outside the years 0001 to 9999",
            hint="check the unit of the column",
        )
    begin = ticks * scale
    end = begin + (scale - 1)
    return begin - slack, end + slack, known
