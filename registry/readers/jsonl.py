"""JSON lines: a record per line, each an object."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
import pyarrow as pa

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers.batches import MAX_BYTES, MAX_ROWS
from registry.readers.files import SourceFile
from registry.readers.lines import Line, decode, lines
from registry.readers.records import (
    Field,
    Records,
    Role,
    chosen_texts,
    default_text,
    missing_field,
    needed_fields,
    no_lines,
    place,
    wrong_type,
)

_Record = dict[str, Any]
_ALLOWED: Final[dict[Role, frozenset[type]]] = {
    Role.TEXT: frozenset({str}),
    Role.LABEL: frozenset({str, int, bool}),
    Role.NAME: frozenset({str}),
    Role.DATE: frozenset({str, int}),
}
_NAMES_REMEMBERED: Final = 1000
_NOTHING: Final = object()
"""Stands for a field that a record does not have; no JSON value has the type `object`."""


def records(file: SourceFile, options: ReadOptions) -> Iterator[Records]:
    """Read the objects of a file, some thousand at a time, keeping the fields needed.

    Blank lines are not records. A record that lacks a field has null there. When no text field
    is named, the first records decide which it is: up to 8192 of them or 8 MB.

    Raises:
        InvalidInputError: The file cannot be read, a line is no object, a value has a type that
            is not accepted, or a field is in no record at all (known only at the end).
    """
    no_lines(file, options)
    texts = chosen_texts(options)
    columns: _Columns | None = None
    twice = _Twice(file, options.origin_field) if options.origin_field else None
    for first, block, numbers in _blocks(file, twice):
        if columns is None:
            if not texts:
                texts = default_text(file, options, *_fields_of(block))
            columns = _Columns(file, needed_fields(texts, options))
        yield Records(file, first, texts, columns.take(first, block, numbers), numbers)
    if columns is not None:
        columns.check_found()


def _blocks(
    file: SourceFile, twice: _Twice | None
) -> Iterator[tuple[int, list[_Record], list[int]]]:
    """Parse lines; yield the position of the first record, the records, and their lines."""
    block: list[_Record] = []
    numbers: list[int] = []
    first = size = 0
    for line in lines(file):
        content = line.content
        if not content or content.isspace():
            continue
        try:
            record = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise _not_json(file, line, error) from error
        if type(record) is not dict:
            raise InvalidInputError(
                f"`{file}:{line.number}` is {_kind(record)}, not an object",
                hint='each line must be one JSON object, as in {"text": "…"}',
            )
        if twice is not None:
            twice.check(line)
        block.append(record)
        numbers.append(line.number)
        size += len(content)
        if size >= MAX_BYTES or len(block) == MAX_ROWS:
            yield first, block, numbers
            first += len(block)
            block, numbers, size = [], [], 0
    if block:
        yield first, block, numbers


class _Twice:
    """Refuses a record in which a key on the way to the origin stands twice.

    Parsers keep the last of equal keys and say nothing, and so a label could be replaced unseen.
    """

    def __init__(self, file: SourceFile, path: str) -> None:
        self._file = file
        steps = path.split(".")
        starts = range(len(steps))
        # A step of a path may itself have dots.
        self._names = {".".join(steps[a:b]) for a in starts for b in range(a + 1, len(steps) + 1)}
        self._written = [orjson.dumps(name) for name in self._names]
        # The other ways to write the characters of such a key.
        escapes = rb"\\u00[0-7]|\\/" if path.isascii() else rb"\\u|\\/"
        self._escape = re.compile(escapes)

    def check(self, line: Line) -> None:
        """Look for the keys, and parse the line again only if one seems to be there twice."""
        content = line.content
        twice = any(content.count(key) > 1 for key in self._written)
        if not twice and (b"\\" not in content or not self._escape.search(content)):
            return
        try:
            json.loads(
                content.decode(), object_pairs_hook=self._pairs, parse_int=str, parse_float=str
            )
        except _TwiceError as error:
            raise InvalidInputError(
                f"`{self._file}:{line.number}` has the key `{error}` twice in one object",
                hint="keep one: which of them says what made the text cannot be known",
            ) from error
        except RecursionError as error:
            raise InvalidInputError(
                f"`{self._file}:{line.number}` is nested too deeply", hint="flatten the record"
            ) from error

    def _pairs(self, pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs if name in self._names]
        if len(set(names)) != len(names):
            raise _TwiceError(next(name for name in names if names.count(name) > 1))


class _TwiceError(Exception):
    """A key stands twice; never leaves this module."""


class _Columns:
    """Turns records into columns, and remembers which fields were ever seen."""

    def __init__(self, file: SourceFile, fields: tuple[Field, ...]) -> None:
        self._file = file
        self._getters = {field: _getter(field.path) for field in fields}
        self._unseen = {field.path for field in fields}
        self._names: set[str] = set()

    def take(self, first: int, block: list[_Record], numbers: list[int]) -> dict[Field, pa.Array]:
        columns: dict[Field, pa.Array] = {}
        for field, get in self._getters.items():
            try:
                values = [get(record, _NOTHING) for record in block]
            except _NotAnObjectError as error:
                index = next(i for i, record in enumerate(block) if record is error.record)
                where = place(self._file, first + index, numbers[index])
                raise wrong_type(where, Field(error.path, field.role), error.kind) from error
            self._note(field.path, block, values)
            columns[field] = self._column(field, values, first, numbers)
        return columns

    def check_found(self) -> None:
        if self._unseen:
            raise missing_field(self._file, min(self._unseen), self._names)

    def _note(self, path: str, block: list[_Record], values: list[Any]) -> None:
        if path not in self._unseen:
            return
        if any(value is not _NOTHING for value in values):
            self._unseen.discard(path)
            return
        for record in block:
            if len(self._names) < _NAMES_REMEMBERED:
                self._names.update(_paths(record))

    def _column(self, field: Field, values: list[Any], first: int, numbers: list[int]) -> pa.Array:
        types = set(map(type, values))
        if object in types:
            values = [None if value is _NOTHING else value for value in values]
        allowed = _ALLOWED[field.role] | {type(None), object}
        if not types <= allowed:
            index = next(i for i, value in enumerate(values) if type(value) not in allowed)
            where = place(self._file, first + index, numbers[index])
            raise wrong_type(where, field, _kind(values[index]))
        if field.role is Role.TEXT:
            return pa.array(values, pa.large_string())
        if not types <= {str, type(None), object}:
            values = [_written(value) for value in values]
        return pa.array(values, pa.string())


def _written(value: str | int | None) -> str | None:
    """Return a label as JSON writes it: `1`, `true`."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower()


class _NotAnObjectError(Exception):
    """A path leads through a value that has no fields; never leaves this module."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(path)
        self.path = path
        self.kind = kind
        self.record: _Record | None = None


def _getter(path: str) -> Callable[[_Record, object], Any]:
    if "." not in path:
        return lambda record, default: record.get(path, default)

    def get(record: _Record, default: object) -> Any:
        try:
            return _dig(record, path, "", default)
        except _NotAnObjectError as error:
            error.record = record
            raise

    return get


def _dig(record: _Record, path: str, above: str, default: object) -> Any:
    """Find a path: the literal name first, then the shortest first step that leads anywhere."""
    if path in record:
        return record[path]
    end = path.find(".")
    while end != -1:
        step = path[:end]
        inner = record.get(step)
        if isinstance(inner, dict):
            found = _dig(inner, path[end + 1 :], above + step + ".", default)
            if found is not default:
                return found
        elif inner is not None:
            raise _NotAnObjectError(above + step, _kind(inner))
        end = path.find(".", end + 1)
    return default


def _fields_of(block: list[_Record]) -> tuple[list[str], list[str]]:
    """Return the names of the fields of some records, and which of them hold only strings."""
    kinds: dict[str, set[type]] = {}
    for record in block:
        for name, value in record.items():
            kinds.setdefault(name, set()).add(type(value))
    strings = [name for name, types in kinds.items() if types - {type(None)} == {str}]
    return list(kinds), strings


def _paths(record: _Record, above: str = "") -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{above}{name}.")
        else:
            yield above + name


def _kind(value: object) -> str:
    return {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }.get(type(value), "null")


def _not_json(file: SourceFile, line: Line, error: orjson.JSONDecodeError) -> InvalidInputError:
    try:
        decode(file, line)
    except InvalidInputError as not_utf8:
        return not_utf8
    hint = "each line must be one JSON object"
    if line.content.lstrip().startswith(b"["):
        hint += "; the file looks like one JSON array instead"
    return InvalidInputError(
        f"`{file}:{line.number}` is not valid JSON: {error.msg} at column {error.colno}", hint=hint
    )
