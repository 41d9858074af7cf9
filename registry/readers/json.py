"""JSON files: a list of objects, or an object of parallel lists.

A list is never parsed as a whole: its elements are found by their commas and brackets, and parsed
one at a time. Columns are: where a record ends is known only when all of them are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from registry.core.source import Orient, ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.encodings import not_valid, utf8_stream
from registry.readers.files import ByteStream, Source
from registry.readers.lines import LONGEST_LINE, too_long
from registry.readers.objects import Columns, Record, Twice, fields_of, kind
from registry.readers.records import (
    OnBad,
    Records,
    check_options,
    chosen_texts,
    default_text,
    listed,
    needed_fields,
    place,
)

LARGEST_OBJECT: Final = 256 << 20
"""The most bytes of an object of parallel lists, which is parsed as a whole: 256 MiB."""
_CHUNK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"


def records(file: Source, options: ReadOptions, bad: OnBad) -> Iterator[Records]:
    """Read the records of a file, some thousand at a time, keeping the fields needed.

    They are the objects of a list, or with `Orient.COLUMNS` made of the first items of each list,
    the second ones, and so on. Fields are as in JSON lines.

    Raises:
        InvalidInputError: The file cannot be read, has another shape, is broken between two
            records, a value has a type that is not accepted, or a field is in no record at all.
    """
    check_options(file, options)
    texts = chosen_texts(options)
    columns: Columns | None = None
    first = 0
    for block, positions in blocks(file, options, bad):
        if columns is None:
            if not texts:
                texts = default_text(file, options, *fields_of(block))
            columns = Columns(file, needed_fields(texts, options))
        taken = columns.take(block, partial(_place, file, positions))
        yield Records(file, first, texts, taken, None, positions)
        first += len(block)
    if columns is not None:
        columns.check_found()


def _place(file: Source, positions: Sequence[int], index: int) -> str:
    return place(file, positions[index])


def blocks(
    file: Source, options: ReadOptions, bad: OnBad
) -> Iterator[tuple[list[Record], Sequence[int]]]:
    """Give the records of a file with their positions, some thousand at a time.

    Raises:
        InvalidInputError: The file cannot be read, has another shape, or is broken between two
            records.
    """
    with utf8_stream(file, options) as stream:
        skipped, begin = _skip_space(stream)
        if options.orient is Orient.COLUMNS:
            yield from _of_columns(file, options, begin, stream)
        elif begin.startswith(b"["):
            yield from _of_list(file, options, bad, _elements(file, begin, skipped, stream))
        else:
            raise _wrong_shape(file, options, begin, stream)


def _skip_space(stream: ByteStream) -> tuple[int, bytes]:
    """Skip a byte order mark and blanks; return their size, and what follows as far as read."""
    read = stream.read(_CHUNK)
    while len(read) < len(_BOM) and (more := stream.read(_CHUNK)):
        read += more
    size = len(read)
    begin = read.removeprefix(_BOM).lstrip(_SPACE)
    while not begin and (read := stream.read(_CHUNK)):
        size += len(read)
        begin = read.lstrip(_SPACE)
    return size - len(begin), begin


# A list


def _of_list(
    file: Source, options: ReadOptions, bad: OnBad, elements: Iterator[_Element]
) -> Iterator[tuple[list[Record], Sequence[int]]]:
    twice = Twice(options.origin_field) if options.origin_field else None
    block: list[Record] = []
    positions: list[int] = []
    size = 0
    for position, (offset, content) in enumerate(elements):
        where = place(file, position)
        try:
            record = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            bad(_not_json(where, options, content, offset, error))
            continue
        if type(record) is not dict:
            bad(
                InvalidInputError(
                    f"{where} is {kind(record)}, not an object",
                    hint='the list must hold objects, as in [{"text": "…"}]; what is'
                    " something else is left out with `--on-bad-input skip`",
                )
            )
            continue
        if twice is not None:
            twice.check(content, where)
        block.append(record)
        positions.append(position)
        size += len(content)
        if size >= MAX_BYTES or len(block) == MAX_ROWS:
            yield block, positions
            block, positions, size = [], [], 0
    if block:
        yield block, positions


class _Element(NamedTuple):
    """An element of a list, and where it begins in the file, counted in UTF-8."""

    offset: int
    content: bytes


def _elements(file: Source, begin: bytes, skipped: int, stream: ByteStream) -> Iterator[_Element]:
    """Cut a list at its commas; what is between them is looked at by nobody yet."""
    scan = _Scan()
    pieces: list[bytes] = []
    before = skipped
    size = start = found = 0
    ended = False
    chunk = begin
    while chunk:
        at = 0
        for cut in scan.cuts(chunk):
            char = chunk[cut : cut + 1]
            if ended:
                break
            if char == b"[" and before + cut == skipped:
                at, start = 1, before + 1
                continue
            pieces.append(chunk[at:cut])
            between = b"".join(pieces)
            content = between.lstrip(_SPACE)
            if content:
                yield _Element(start + len(between) - len(content), content.rstrip(_SPACE))
                found += 1
            elif char == b"," or found:
                raise _broken(file, before + cut, "there is no value between two commas")
            if char == b"}":
                raise _broken(file, before + cut, "`}` closes the list")
            ended = char == b"]"
            pieces, size, at = [], 0, cut + 1
            start = before + at
        rest = chunk[at:]
        if ended:
            if rest.strip(_SPACE):
                raise _broken(file, before + at, "something follows after the list")
        else:
            pieces.append(rest)
            size += len(rest)
            if size > LONGEST_LINE:
                raise too_long(file, f"record {found + 1}")
        before += len(chunk)
        chunk = stream.read(_CHUNK)
    if not ended:
        raise _broken(file, before, "it ends inside the list")


class _Scan:
    """Finds the commas and brackets of a list itself, not those in its elements or in strings.

    Works on whole chunks at once, and carries what one chunk says about the next.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def cuts(self, chunk: bytes) -> list[int]:
        """Return the positions in the next chunk, in order, at which the list is cut."""
        codes = np.frombuffer(chunk, np.uint8)
        marks = np.flatnonzero(_IS_MARK[codes])
        kinds = codes[marks]
        quotes = marks[kinds == _QUOTE]
        quotes = quotes[~self._are_escaped(codes, quotes)]
        # How many quotes come before each mark says whether it is in a string.
        outside = (np.searchsorted(quotes, marks) + self._in_string) % 2 == 0
        others = outside & (kinds != _QUOTE)
        marks, kinds = marks[others], kinds[others]
        steps = _STEP[kinds]
        depths = self._depth + np.cumsum(steps)
        cutting = ((kinds == _COMMA) & (depths == 1)) | ((steps == 1) & (depths == 1))
        cutting |= (steps == -1) & (depths <= 0)
        self._in_string = (len(quotes) + self._in_string) % 2 == 1
        self._depth = int(depths[-1]) if len(depths) else self._depth
        found: list[int] = marks[cutting].tolist()
        return found

    def _are_escaped(
        self, codes: npt.NDArray[np.uint8], quotes: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.bool_]:
        """Return which quotes have an odd number of backslashes before them."""
        carried = self._escaped
        slashes = np.flatnonzero(codes == _BACKSLASH)
        # Each run of backslashes escapes what follows it, if its length is odd.
        begins = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
        lengths = np.diff(begins, append=len(slashes))
        firsts = slashes[begins]
        after = firsts + lengths
        if carried and len(firsts) and firsts[0] == 0:
            lengths[0] += 1
            carried = False
        escaped = after[lengths % 2 == 1]
        self._escaped = len(codes) == 0 and carried
        if len(escaped) and escaped[-1] == len(codes):
            self._escaped = True
        if carried:
            escaped = np.concatenate([[0], escaped])
        return np.isin(quotes, escaped)


_QUOTE, _COMMA, _BACKSLASH = b'",\\'
_IS_MARK: Final = np.isin(np.arange(256), list(b'",[]{}'))
_STEP: Final = np.zeros(256, np.int64)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1


def _not_json(
    where: str, options: ReadOptions, content: bytes, offset: int, error: orjson.JSONDecodeError
) -> InvalidInputError:
    try:
        content.decode()
    except UnicodeDecodeError as reason:
        return not_valid(where.replace("`", ""), options, reason, offset)
    return InvalidInputError(
        f"{where} is not valid JSON: {error.msg} at character {error.pos} of the record",
        hint="write the file again, or leave the record out with `--on-bad-input skip`",
    )


def _broken(file: Source, offset: int, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"`{file}` is not valid JSON at byte {offset}: {what}",
        hint="it is truncated or damaged: fetch it again",
    )


# An object


def _of_columns(
    file: Source, options: ReadOptions, begin: bytes, stream: ByteStream
) -> Iterator[tuple[list[Record], Sequence[int]]]:
    if not begin.startswith(b"{"):
        shape = "a list" if begin.startswith(b"[") else "no object"
        raise InvalidInputError(
            f"`{file}` is {shape}, not an object of parallel lists",
            hint="leave out `--orient columns`: a list of records is read as it is",
        )
    content = _all_of(file, begin, stream)
    if len(content) > LARGEST_OBJECT:
        raise InvalidInputError(
            f"`{file}` is an object of more than {LARGEST_OBJECT >> 20} MiB, which is parsed as a"
            " whole",
            hint="write it as JSON lines or Parquet",
        )
    found = _parsed(file, options, content)
    if options.origin_field:
        Twice(options.origin_field).check(content, f"`{file}`")
    _check_parallel(file, found)
    rows = zip(*found.values(), strict=True)
    records = (dict(zip(found, row, strict=True)) for row in rows)
    count = len(next(iter(found.values())))
    size = max(1, min(MAX_ROWS, MAX_BYTES * count // max(len(content), 1)))
    for first in range(0, count, size):
        positions = range(first, min(first + size, count))
        yield [next(records) for _ in positions], positions


def _all_of(file: Source, begin: bytes, stream: ByteStream) -> bytes:
    """Return the rest of a file, or as much of it as says that it is too much."""
    chunks = [begin]
    size = len(begin)
    while size <= LARGEST_OBJECT and (chunk := stream.read(_CHUNK)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _parsed(file: Source, options: ReadOptions, content: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        try:
            content.decode()
        except UnicodeDecodeError as reason:
            raise not_valid(str(file), options, reason, 0) from error
        hint = "it is truncated or damaged: fetch it again"
        if content.count(b"\n{"):
            hint = "if it has an object on each line, say `--format jsonl`"
        raise InvalidInputError(
            f"`{file}` is not valid JSON: {error.msg} at line {error.lineno}", hint=hint
        ) from error
    return found


def _check_parallel(file: Source, found: dict[str, Any]) -> None:
    lengths = {name: len(value) for name, value in found.items() if type(value) is list}
    if len(lengths) == len(found) and len(set(lengths.values())) == 1:
        return
    raise InvalidInputError(
        f"`{file}` is {_shape(found)}, not an object of lists of one length",
        hint="write it as a list of objects, or as JSON lines",
    )


def _shape(found: dict[str, Any]) -> str:
    """Return what an object is like, in words."""
    lists = {name: value for name, value in found.items() if type(value) is list}
    if not found:
        return "an empty object"
    if len(lists) < len(found) or not lists:
        inside = [
            f"a list of {len(value)}" if name in lists else kind(value)
            for name, value in found.items()
        ]
        named = [f"`{name}` ({what})" for name, what in zip(found, inside, strict=True)][:5]
        return f"one object with the fields {', '.join(named)}"
    lengths = [f"`{name}` of {len(value)}" for name, value in lists.items()][:5]
    return f"an object of {len(lists)} lists: {', '.join(lengths)}"


def _wrong_shape(
    file: Source, options: ReadOptions, begin: bytes, stream: ByteStream
) -> InvalidInputError:
    if not begin:
        return InvalidInputError(
            f"`{file}` is empty", hint='it must hold a list of objects, as in [{"text": "…"}]'
        )
    if not begin.startswith(b"{"):
        try:
            begin[:4].decode()
        except UnicodeDecodeError as error:
            if error.start == 0:
                return not_valid(str(file), options, error, 0)
        return InvalidInputError(
            f"`{file}` holds neither a list nor an object",
            hint="it must hold a list of objects, or be read as what it is with `--format`",
        )
    content = _all_of(file, begin, stream)
    if len(content) > LARGEST_OBJECT:
        return InvalidInputError(
            f"`{file}` is one large object, not a list of objects",
            hint="write it as JSON lines; if it is that already, say `--format jsonl`",
        )
    found = _parsed(file, options, content)
    lists = [value for value in found.values() if type(value) is list]
    if lists and len(lists) == len(found) and len(set(map(len, lists))) == 1:
        return InvalidInputError(
            f"`{file}` is an object of parallel lists, {listed(found)}, with {len(lists[0])} items"
            " each, not a list of objects",
            hint="read the first items as the first record, and so on, with `--orient columns`",
        )
    return InvalidInputError(
        f"`{file}` is {_shape(found)}, not a list of objects",
        hint="write the records as a list of objects, or as JSON lines with `--format jsonl`",
    )
