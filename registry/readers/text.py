"""Plain text: a document per file, per line or per paragraph."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.encodings import not_valid
from registry.readers.files import Source
from registry.readers.lines import LONGEST_LINE, decode, lines, too_long, whole
from registry.readers.records import (
    Field,
    OnBad,
    Records,
    Role,
    check_options,
    chosen_texts,
    other_fields,
)

_TEXT = Field("", Role.TEXT)


def records(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[Records]:
    """Read a text file: its exact content as one record, or one for each line or paragraph.

    Lines end at newlines only; each is stripped as `str.strip` does, and blank ones are not
    records. A paragraph is a run of lines that are not blank, stripped as a whole. A byte order
    mark is kept in a whole file and dropped from lines and paragraphs.

    Raises:
        InvalidInputError: The file cannot be read, or the options name fields.
    """
    _check(file, options)
    if options.lines:
        yield from _blocks(file, _by_line(file, options, bad))
    elif options.paragraphs:
        yield from _blocks(file, _by_paragraph(file, options, bad))
    elif (text := content(file, options, bad)) is not None:
        yield _records(file, 0, [text], [1])


def content(file: Source, options: ReadOptions, bad: OnBad) -> str | None:
    """Read the exact content of a text file, or None where it is not valid and left out.

    Raises:
        InvalidInputError: As `records`.
    """
    _check(file, options)
    found = whole(file, options)
    try:
        return found.decode()
    except UnicodeDecodeError as error:
        bad(not_valid(str(file), options, error, 0))
        return None


def _check(file: Source, options: ReadOptions) -> None:
    check_options(file, options)
    fields = chosen_texts(options) + tuple(field.path for field in other_fields(options))
    if fields:
        raise InvalidInputError(
            f"`{file}` is a text file and has no field `{fields[0]}`",
            hint="fields are for Parquet, Arrow, JSON, CSV and TSV: say which with `--format`",
        )


def _by_line(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[tuple[int, str]]:
    for line in lines(file, options):
        try:
            text = decode(file, line, options).strip()
        except InvalidInputError as error:
            bad(error)
            continue
        if text:
            yield line.number, text


def _by_paragraph(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[tuple[int, str]]:
    """Give each paragraph with its first line; one with a line that is not valid is left out."""
    begun: list[str] = []
    begin = size = 0
    valid = True
    for line in lines(file, options):
        try:
            text = decode(file, line, options)
        except InvalidInputError as error:
            if valid:
                bad(error)
            valid = False
            text = "?"
        if text.strip():
            begin = begin if begun else line.number
            begun.append(text)
            size += len(text)
            if size > LONGEST_LINE:
                raise too_long(file, f"the paragraph at line {begin}")
        elif begun:
            if valid:
                yield begin, "\n".join(begun).strip()
            begun, size, valid = [], 0, True
    if begun and valid:
        yield begin, "\n".join(begun).strip()


def _blocks(file: Source, found: Iterator[tuple[int, str]]) -> Iterator[Records]:
    texts: list[str] = []
    numbers: list[int] = []
    first = size = 0
    for number, text in found:
        texts.append(text)
        numbers.append(number)
        size += len(text)
        if size >= MAX_BYTES or len(texts) == MAX_ROWS:
            yield _records(file, first, texts, numbers)
            first += len(texts)
            texts, numbers, size = [], [], 0
    if texts:
        yield _records(file, first, texts, numbers)


def _records(file: Source, first: int, texts: list[str], numbers: list[int]) -> Records:
    column = pa.array(texts, pa.large_string())
    return Records(file, first, (_TEXT.path,), {_TEXT: column}, numbers)
