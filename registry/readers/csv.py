"""Comma-separated values, as RFC 4180 describes them: a header, then a record per row.

Tab-separated values are the same with tabs, quotes included.

The standard library's parser is used for its exactness: texts of any length that span lines,
quotes inside quotes, and an error instead of a guess for everything else.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from registry.core.source import Format, OnBadInput, ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.files import Source
from registry.readers.lines import LONGEST_LINE, decode, lines
from registry.readers.records import (
    Field,
    OnBad,
    Records,
    Role,
    check_options,
    chosen_texts,
    default_text,
    listed,
    missing_field,
    needed_fields,
)

_DELIMITERS: Final = {Format.CSV: ",", Format.TSV: "\t"}


def records(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[Records]:
    """Read the rows of a file, some thousand at a time, keeping the columns needed.

    Every value is text, exactly as written; an empty one is an empty text. Blank lines between
    rows are not records.

    Raises:
        InvalidInputError: The file cannot be read, is empty, has two columns of one name, a row
            of another length than the header, wrong quotes, invalid UTF-8, or lacks a column.
    """
    check_options(file, options)
    rows = raw_rows(file, options, bad)
    number, header = next(rows, (1, []))
    if not header:
        raise InvalidInputError(f"`{file}` is empty", hint="the first line must name the columns")
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        what = f"two columns named {listed(doubled)}" if doubled[0] else "two unnamed columns"
        raise InvalidInputError(f"`{file}` has {what}", hint="give each column its own name")
    texts = chosen_texts(options) or _default_text(file, options, header)
    fields = needed_fields(texts, options)
    for field in fields:
        if field.path not in header:
            raise missing_field(file, field.path, header)
    indexes = {field: header.index(field.path) for field in fields}

    block: list[list[str]] = []
    numbers: list[int] = []
    first = size = 0
    for number, row in rows:
        if len(row) != len(header):
            bad(
                InvalidInputError(
                    f"`{file}:{number}` should have {len(header)} values as the header, not"
                    f" {len(row)}",
                    hint=f"quote values that contain {_separators(file)}, quotes or newlines",
                )
            )
            continue
        block.append(row)
        numbers.append(number)
        size += sum(map(len, row))
        if size >= MAX_BYTES or len(block) == MAX_ROWS:
            yield Records(file, first, texts, _columns(block, indexes), numbers)
            first += len(block)
            block, numbers, size = [], [], 0
    if block:
        yield Records(file, first, texts, _columns(block, indexes), numbers)


def _default_text(file: Source, options: ReadOptions, header: list[str]) -> tuple[str, ...]:
    try:
        return default_text(file, options, header, header)
    except InvalidInputError as error:
        hint = f"{error.hint}; if these are values, write the names of the columns above them"
        raise InvalidInputError(error.message, hint=hint) from error


def raw_rows(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[tuple[int, list[str]]]:
    """Parse the rows that are not blank, each with the line it begins at."""
    csv.field_size_limit(LONGEST_LINE)
    skipping = options.on_bad_input is OnBadInput.SKIP
    texts = _escaped(file, options) if skipping else _decoded(file, options)
    reader = csv.reader(texts, strict=True, delimiter=_DELIMITERS[file.format])
    begin = 1
    header = True
    try:
        for row in reader:
            if row and not (skipping and _has_escapes(row)):
                yield begin, row
                header = False
            elif row:
                said = options.encoding or "UTF-8"
                error = InvalidInputError(f"`{file}:{begin}` is not valid {said}")
                if header:
                    raise error
                bad(error)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInputError(
            f"`{file}:{begin}` is not valid {file.format.upper()}: {error}",
            hint=f"quote values that contain {_separators(file)}, quotes or newlines, and double"
            " quotes inside",
        ) from error


def _decoded(file: Source, options: ReadOptions) -> Iterator[str]:
    return (decode(file, line, options) + "\n" for line in lines(file, options))


def _escaped(file: Source, options: ReadOptions) -> Iterator[str]:
    """Decode lines so that bytes which are not valid are known in the row they come to."""
    return (line.content.decode(errors="surrogateescape") + "\n" for line in lines(file, options))


def _has_escapes(row: list[str]) -> bool:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return True
    return False


def _separators(file: Source) -> str:
    return "tabs" if file.format is Format.TSV else "commas"


def _columns(block: list[list[str]], indexes: dict[Field, int]) -> dict[Field, pa.Array]:
    return {
        field: pa.array(
            [row[index] for row in block],
            pa.large_string() if field.role is Role.TEXT else pa.string(),
        )
        for field, index in indexes.items()
    }
