"""Plain text: a document per file, or per line."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.files import SourceFile
from registry.readers.lines import decode, lines, whole
from registry.readers.records import Field, Records, Role, chosen_texts, other_fields

_TEXT = Field("", Role.TEXT)


def records(file: SourceFile, options: ReadOptions) -> Iterator[Records]:
    """Read a text file: its exact content as one record, or with `lines` one for each line.

    Lines end at newlines only; each is stripped as `str.strip` does, and blank ones are not
    records. A byte order mark is kept in a whole file and dropped from lines.

    Raises:
        InvalidInputError: The file cannot be read, is not valid UTF-8, or the options name fields.
    """
    fields = chosen_texts(options) + tuple(field.path for field in other_fields(options))
    if fields:
        raise InvalidInputError(
            f"`{file}` is a text file and has no field `{fields[0]}`",
            hint="fields are for Parquet, JSONL and CSV files: say which with `--format`",
        )
    if options.lines:
        yield from _by_line(file)
        return
    content = whole(file)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"`{file}` is not valid UTF-8 at byte {error.start}: {error.reason}",
            hint="convert it to UTF-8 first",
        ) from error
    yield _records(file, 0, [text], [1])


def _by_line(file: SourceFile) -> Iterator[Records]:
    texts: list[str] = []
    numbers: list[int] = []
    first = size = 0
    for line in lines(file):
        text = decode(file, line).strip()
        if not text:
            continue
        texts.append(text)
        numbers.append(line.number)
        size += len(line.content)
        if size >= MAX_BYTES or len(texts) == MAX_ROWS:
            yield _records(file, first, texts, numbers)
            first += len(texts)
            texts, numbers, size = [], [], 0
    if texts:
        yield _records(file, first, texts, numbers)


def _records(file: SourceFile, first: int, texts: list[str], numbers: list[int]) -> Records:
    column = pa.array(texts, pa.large_string())
    return Records(file, first, (_TEXT.path,), {_TEXT: column}, numbers)
