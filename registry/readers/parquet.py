"""Parquet: a record per row, read column by column without an object per value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.columns import (
    check_fields,
    column,
    decoded_size,
    first_level,
    projection,
)
from registry.readers.files import Source
from registry.readers.records import (
    OnBad,
    Records,
    check_options,
    chosen_texts,
    default_text,
    needed_fields,
)

_READ_BUFFER: Final = 1 << 20
_SAMPLE_ROWS: Final = 256


def records(
    file: Source, options: ReadOptions, bad: OnBad, groups: range | None = None
) -> Iterator[Records]:
    """Read the rows of a file, a bounded number at a time, keeping the fields needed.

    Only those columns are read from the disk. Page checksums are verified where the file has
    them, and every string is checked to be UTF-8, which Parquet promises but nobody enforces.

    Args:
        file: The file.
        options: Which fields are needed.
        bad: Never called: a damaged row is not told from a damaged file.
        groups: The row groups to read; all of them by default.

    Raises:
        InvalidInputError: The file is damaged or no Parquet file, lacks a field, or a field has a
            type that is not accepted.
    """
    check_options(file, options)
    with opened_file(file) as parquet:
        arrow = parquet.schema_arrow
        texts = chosen_texts(options) or default_text(file, options, *first_level(arrow))
        fields = needed_fields(texts, options)
        check_fields(file, arrow, fields)
        names = projection(file, arrow, fields)
        begin = first = _rows(parquet, range(groups.start if groups else 0))
        if groups is None:
            groups = range(parquet.metadata.num_row_groups)
        sizes = _Sizes()
        for group in groups:
            for batch in _group_batches(parquet, group, names, sizes):
                columns = {field: column(file, field, batch, first) for field in fields}
                yield Records(file, first, texts, columns)
                first += batch.num_rows
        # Page checksums do not cover the counts of the footer: a damaged one hides rows.
        whole = len(groups) == parquet.metadata.num_row_groups
        promised = parquet.metadata.num_rows if whole else _rows(parquet, groups)
        if first - begin != promised:
            raise ValueError(f"it promises {promised} records but has {first - begin}")


def row_groups(file: Source) -> list[int]:
    """Return the bytes of each row group of a file; none where they cannot be trusted.

    A footer whose row groups do not add up is for `records` to refuse.
    """
    try:
        with file.at_random() as opened, pq.ParquetFile(opened, pre_buffer=False) as parquet:
            groups = range(parquet.metadata.num_row_groups)
            if _rows(parquet, groups) != parquet.metadata.num_rows:
                return []
            return [parquet.metadata.row_group(group).total_byte_size for group in groups]
    except (pa.ArrowException, OSError, ValueError):
        return []


def _rows(parquet: pq.ParquetFile, groups: range) -> int:
    return sum(parquet.metadata.row_group(group).num_rows for group in groups)


@contextmanager
def opened_file(file: Source) -> Iterator[pq.ParquetFile]:
    """Open a file, and turn what goes wrong while it is read into our error."""
    with (
        reading(file, "Parquet"),
        file.at_random() as opened,
        pq.ParquetFile(
            opened,
            buffer_size=_READ_BUFFER,
            pre_buffer=False,
            page_checksum_verification=True,
        ) as parquet,
    ):
        yield parquet


@contextmanager
def reading(file: Source, what: str) -> Iterator[None]:
    """Turn what pyarrow raises while it reads a file into our error; `what` is the format."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, PermissionError | FileNotFoundError):
            reason, hint = str(error.strerror), "check the path and its permissions"
        else:
            reason, hint = (
                str(error).partition("\n")[0].rstrip("."),
                "it is damaged: fetch it again",
            )
        raise InvalidInputError(
            f"`{file}` cannot be read as {what}: {reason}", hint=hint
        ) from error


class _Sizes:
    """How many bytes a row takes, in the file and in memory, as a sample of row groups shows it."""

    def __init__(self) -> None:
        self._stored = self._decoded = 0

    def known(self, stored: int) -> int | None:
        """Return what a row takes in memory, if rows like these were looked at before."""
        alike = self._stored and self._stored <= 2 * stored and stored <= 2 * self._stored
        return self._decoded if alike else None

    def add(self, stored: int, decoded: int) -> None:
        """Note what a sample showed."""
        self._stored, self._decoded = stored, decoded


def _group_batches(
    parquet: pq.ParquetFile, group: int, names: list[str], sizes: _Sizes
) -> Iterator[pa.RecordBatch]:
    """Read a row group in batches of about `MAX_BYTES`, going by some of its rows and its average.

    The sizes per column that the footer has would say more, but pyarrow (26) ends the process
    when they are asked for in a damaged footer. The first rows are read to know what rows take
    in memory, unless they were for a group before that has rows as large.
    """
    total = parquet.metadata.row_group(group)
    if not total.num_rows:
        return
    stored = total.total_byte_size // total.num_rows
    average = sizes.known(stored)
    if average is None:
        sample = next(parquet.iter_batches(_SAMPLE_ROWS, [group], names, use_threads=False), None)
        if sample is None or sample.num_rows == 0:
            return
        if sample.num_rows == total.num_rows:
            yield sample
            return
        average = decoded_size(sample) // sample.num_rows
        sizes.add(stored, average)
    rows = max(1, min(MAX_ROWS, MAX_BYTES // max(average, stored, 1)))
    yield from parquet.iter_batches(rows, [group], names, use_threads=False)
