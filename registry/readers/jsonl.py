"""JSON lines: a record per line, each an object."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import orjson

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.files import Source
from registry.readers.lines import Line, decode, lines
from registry.readers.objects import Columns, Record, Twice, fields_of, kind
from registry.readers.records import (
    OnBad,
    Records,
    check_options,
    chosen_texts,
    default_text,
    needed_fields,
    place,
)


def records(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[Records]:
    """Read the objects of a file, some thousand at a time, keeping the fields needed.

    Blank lines are not records. A record that lacks a field has null there. When no text field
    is named, the first records decide which it is: up to 8192 of them or 8 MB.

    Raises:
        InvalidInputError: The file cannot be read, a value has a type that is not accepted, or a
            field is in no record at all (known only at the end).
    """
    check_options(file, options)
    texts = chosen_texts(options)
    columns: Columns | None = None
    for first, block, numbers in blocks(file, options, bad):
        if columns is None:
            if not texts:
                texts = default_text(file, options, *fields_of(block))
            columns = Columns(file, needed_fields(texts, options))
        taken = columns.take(block, partial(_place, file, first, numbers))
        yield Records(file, first, texts, taken, numbers)
    if columns is not None:
        columns.check_found()


def _place(file: Source, first: int, numbers: list[int], index: int) -> str:
    return place(file, first + index, numbers[index])


def blocks(
    file: Source, options: ReadOptions, bad: OnBad
) -> Iterator[tuple[int, list[Record], list[int]]]:
    """Parse lines; yield the position of the first record, the records, and their lines.

    Raises:
        InvalidInputError: The file cannot be read.
    """
    twice = Twice(options.origin_field) if options.origin_field else None
    block: list[Record] = []
    numbers: list[int] = []
    first = size = 0
    for line in lines(file, options):
        content = line.content
        if not content or content.isspace():
            continue
        try:
            record = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            bad(_not_json(file, line, options, error))
            continue
        if type(record) is not dict:
            bad(
                InvalidInputError(
                    f"`{file}:{line.number}` is {kind(record)}, not an object",
                    hint='each line must be one JSON object, as in {"text": "…"}; others are'
                    " left out with `--on-bad-input skip`",
                )
            )
            continue
        if twice is not None:
            twice.check(content, f"`{file}:{line.number}`")
        block.append(record)
        numbers.append(line.number)
        size += len(content)
        if size >= MAX_BYTES or len(block) == MAX_ROWS:
            yield first, block, numbers
            first += len(block)
            block, numbers, size = [], [], 0
    if block:
        yield first, block, numbers


def _not_json(
    file: Source, line: Line, options: ReadOptions, error: orjson.JSONDecodeError
) -> InvalidInputError:
    try:
        decode(file, line, options)
    except InvalidInputError as not_valid:
        return not_valid
    hint = "each line must be one JSON object; `--on-bad-input skip` leaves out those that are not"
    if line.content.lstrip().startswith(b"["):
        hint = "each line must be one JSON object; if all is one JSON list, say `--format json`"
    return InvalidInputError(
        f"`{file}:{line.number}` is not valid JSON: {error.msg} at column {error.colno}", hint=hint
    )
