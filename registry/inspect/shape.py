"""The fields of records: which there are, what is in them, and how often."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from registry.inspect.report import FieldSeen, Shape

_EXAMPLES: Final = 3
_EXAMPLE_LENGTH: Final = 80
_FIELDS: Final = 200
_TEXTS: Final = "list of texts"
_TYPES: Final = {
    str: "text",
    bool: "truth value",
    int: "whole number",
    float: "number",
    dict: "object",
    bytes: "bytes",
    dt.datetime: "time",
    dt.date: "date",
    type(None): "null",
}


class Collector:
    """Gathers what the fields of records are like."""

    def __init__(self) -> None:
        self._fields: dict[str, _Field] = {}
        self._records = 0
        self._files = 0
        self._complete = True

    def add(self, records: Iterable[dict[str, Any]], *, complete: bool) -> None:
        """Look at some records of one file; `complete` says that they are all of it."""
        self._files += 1
        self._complete &= complete
        for record in records:
            self._records += 1
            for path, value in flat(record):
                seen = self._fields.get(path)
                if seen is None:
                    if len(self._fields) >= _FIELDS:
                        continue
                    seen = self._fields[path] = _Field()
                seen.add(value, self._files)

    def shape(self) -> Shape:
        """Return what was gathered, fields in the order in which they were met."""
        fields = tuple(seen.value(path) for path, seen in self._fields.items())
        return Shape(fields, self._records, self._files, self._complete)


class _Field:
    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.files: set[int] = set()
        self.values: set[int] = set()
        self.examples: list[str] = []
        self.words = 0
        self.texts = 0

    def add(self, value: Any, file: int) -> None:
        self.types[type_of(value)] += 1
        self.files.add(file)
        if value is None:
            return
        text = "\n".join(value) if type_of(value) == _TEXTS else str(value)
        if isinstance(value, str) or type_of(value) == _TEXTS:
            self.texts += 1
            # Without spaces there are no words to split: a word has some five bytes.
            self.words += max(len(text.split()), len(text.encode("utf-8", "replace")) // 12)
        mark = hash(text)
        if mark not in self.values:
            self.values.add(mark)
            if text and len(self.examples) < _EXAMPLES:
                short = len(text) > _EXAMPLE_LENGTH
                self.examples.append(text[:_EXAMPLE_LENGTH] + "…" if short else text)

    def value(self, path: str) -> FieldSeen:
        return FieldSeen(
            path,
            dict(self.types.most_common()),
            self.types.total(),
            len(self.files),
            round(self.words / self.texts, 1) if self.texts else None,
            len(self.values),
            tuple(self.examples),
        )


def flat(record: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Give the values of a record by path; of a list of objects the first and the last one's."""
    for name, value in record.items():
        path = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from flat(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from flat(value[0], f"{path}[0].")
            if isinstance(value[-1], dict):
                yield from flat(value[-1], f"{path}[-1].")
        else:
            yield path, value


def type_of(value: Any) -> str:
    """Return what a value is, in words."""
    if isinstance(value, list):
        return _TEXTS if all(isinstance(item, str) for item in value) else "list"
    return _TYPES.get(type(value), type(value).__name__)
