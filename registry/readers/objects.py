"""Objects as JSON has them, to columns of needed fields; and the keys they must not have twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
import pyarrow as pa

from registry.errors import InvalidInputError
from registry.readers.files import Source
from registry.readers.paths import index_of, leading_steps
from registry.readers.records import Field, Role, missing_field, no_list, wrong_type

Record = dict[str, Any]
_ALLOWED: Final[dict[Role, frozenset[type]]] = {
    Role.TEXT: frozenset({str, list}),
    Role.LABEL: frozenset({str, int, bool}),
    Role.NAME: frozenset({str}),
    Role.DATE: frozenset({str, int}),
}
_NAMES_REMEMBERED: Final = 1000
_NOTHING: Final = object()
"""Stands for a field that a record does not have; no JSON value has the type `object`."""


class Twice:
    """Refuses a record in which a key on the way to the origin stands twice.

    Parsers keep the last of equal keys and say nothing, and so a label could be replaced unseen.
    """

    def __init__(self, path: str) -> None:
        steps = path.split(".")
        starts = range(len(steps))
        # A step of a path may itself have dots, or end in what looks like an index.
        names = {".".join(steps[a:b]) for a in starts for b in range(a + 1, len(steps) + 1)}
        for name in list(names):
            while (found := index_of(name)) is not None:
                name = found[0]
                names.add(name)
        self._names = names
        self._written = [orjson.dumps(name) for name in self._names]
        # The other ways to write the characters of such a key.
        escapes = rb"\\u00[0-7]|\\/" if path.isascii() else rb"\\u|\\/"
        self._escape = re.compile(escapes)

    def check(self, content: bytes, where: str) -> None:
        """Look for the keys, and parse the object again only if one seems to be there twice.

        Args:
            content: An object as JSON.
            where: Its place, for a message, in backticks.

        Raises:
            InvalidInputError: A key stands twice in one object.
        """
        twice = any(content.count(key) > 1 for key in self._written)
        if not twice and (b"\\" not in content or not self._escape.search(content)):
            return
        try:
            json.loads(
                content.decode(), object_pairs_hook=self._pairs, parse_int=str, parse_float=str
            )
        except _TwiceError as error:
            raise InvalidInputError(
                f"{where} has the key `{error}` twice in one object",
                hint="keep one: which of them says what made the text cannot be known",
            ) from error
        except RecursionError as error:
            raise InvalidInputError(
                f"{where} is nested too deeply", hint="flatten the record"
            ) from error

    def _pairs(self, pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs if name in self._names]
        if len(set(names)) != len(names):
            raise _TwiceError(next(name for name in names if names.count(name) > 1))


class _TwiceError(Exception):
    """A key stands twice; never leaves this module."""


class Columns:
    """Turns records into columns, and remembers which fields were ever seen."""

    def __init__(self, file: Source, fields: tuple[Field, ...]) -> None:
        self._file = file
        self._getters = {field: _getter(field.path) for field in fields}
        self._unseen = {field.path for field in fields}
        self._names: set[str] = set()

    def take(self, block: list[Record], where: Callable[[int], str]) -> dict[Field, pa.Array]:
        """Return a column per field.

        Args:
            block: Some records.
            where: Gives the place of the record at an index, for messages.

        Raises:
            InvalidInputError: A value has a type that its role does not allow.
        """
        columns: dict[Field, pa.Array] = {}
        for field, get in self._getters.items():
            try:
                values = [get(record, _NOTHING) for record in block]
            except _NoWayError as error:
                index = next(i for i, record in enumerate(block) if record is error.record)
                if error.wants_list:
                    raise no_list(where(index), error.path, error.kind) from error
                found = Field(error.path, field.role)
                raise wrong_type(where(index), found, error.kind) from error
            self._note(field.path, block, values)
            columns[field] = _column(field, values, where)
        return columns

    def check_found(self) -> None:
        """Refuse fields that no record had; called after the last one.

        Raises:
            InvalidInputError: There is such a field.
        """
        if self._unseen:
            raise missing_field(self._file, min(self._unseen), self._names)

    def _note(self, path: str, block: list[Record], values: list[Any]) -> None:
        if path not in self._unseen:
            return
        if any(value is not _NOTHING for value in values):
            self._unseen.discard(path)
            return
        for record in block:
            if len(self._names) < _NAMES_REMEMBERED:
                self._names.update(_paths(record))


def _column(field: Field, values: list[Any], where: Callable[[int], str]) -> pa.Array:
    types = set(map(type, values))
    if object in types:
        values = [None if value is _NOTHING else value for value in values]
    allowed = _ALLOWED[field.role] | {type(None), object}
    if not types <= allowed:
        index = next(i for i, value in enumerate(values) if type(value) not in allowed)
        raise wrong_type(where(index), field, kind(values[index]))
    if field.role is Role.TEXT:
        if list in types:
            values = [
                _joined(field, value, where, index) if type(value) is list else value
                for index, value in enumerate(values)
            ]
        return pa.array(values, pa.large_string())
    if not types <= {str, type(None), object}:
        values = [_written(value) for value in values]
    return pa.array(values, pa.string())


def _joined(field: Field, items: list[Any], where: Callable[[int], str], index: int) -> str:
    for item in items:
        if type(item) is not str:
            raise wrong_type(where(index), field, f"a list that holds {kind(item)}")
    return "\n".join(items)


def _written(value: str | int | None) -> str | None:
    """Return a label as JSON writes it: `1`, `true`."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower()


class _NoWayError(Exception):
    """A path leads through a value that has no fields or items; never leaves this module."""

    def __init__(self, path: str, kind: str, *, wants_list: bool = False) -> None:
        super().__init__(path)
        self.wants_list = wants_list
        self.path = path
        self.kind = kind
        self.record: Record | None = None


def _getter(path: str) -> Callable[[Record, object], Any]:
    if "." not in path and index_of(path) is None:
        return lambda record, default: record.get(path, default)

    def get(record: Record, default: object) -> Any:
        try:
            return _dig(record, path, "", default)
        except _NoWayError as error:
            error.record = record
            raise

    return get


def _dig(record: Record, path: str, above: str, default: object) -> Any:
    """Find a path: the literal name first, then the shortest first step that leads anywhere."""
    found = _item(record, path, above, default)
    if found is not default:
        return found
    for step, rest in leading_steps(path):
        inner = _item(record, step, above, default)
        if isinstance(inner, dict):
            found = _dig(inner, rest, f"{above}{step}.", default)
            if found is not default:
                return found
        elif inner is not default and inner is not None:
            raise _NoWayError(above + step, kind(inner))
    return default


def _item(record: Record, step: str, above: str, default: object) -> Any:
    """Return a field of an object, or an item of a list in it where the step ends in an index."""
    if step in record:
        return record[step]
    indexed = index_of(step)
    if indexed is None:
        return default
    name, index = indexed
    items = _item(record, name, above, default)
    if items is default or items is None:
        return default
    if not isinstance(items, list):
        raise _NoWayError(above + name, kind(items), wants_list=True)
    return items[index] if -len(items) <= index < len(items) else default


def fields_of(block: list[Record]) -> tuple[list[str], list[str]]:
    """Return the names of the fields of some records, and which of them hold only strings."""
    kinds: dict[str, set[type]] = {}
    for record in block:
        for name, value in record.items():
            kinds.setdefault(name, set()).add(type(value))
    strings = [name for name, types in kinds.items() if types - {type(None)} == {str}]
    return list(kinds), strings


def _paths(record: Record, above: str = "") -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{above}{name}.")
        else:
            yield above + name


def kind(value: object) -> str:
    """Return what a value of JSON is, in words."""
    return {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }.get(type(value), "null")
