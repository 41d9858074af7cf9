"""What the reader of each format hands over: some records of a file, reduced to needed fields.

A format reader turns its own types into the Arrow type of a field's role and refuses the rest, so
that `registry.readers.fields` need not know where records came from.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

import pyarrow as pa

from registry.core.source import Format, Orient, ReadOptions
from registry.errors import InvalidInputError
from registry.readers.files import Source

_ENCODED: Final = frozenset(
    {Format.TEXT, Format.JSONL, Format.JSON, Format.CSV, Format.TSV, Format.WARC}
)
OnBad = Callable[[InvalidInputError], None]
"""What a reader calls for a record that is not valid: raises the error, or notes what is left out.

Only called where the next record is found for certain; everything else is raised.
"""
_NAMES_SHOWN: Final = 20


class Role(Enum):
    """What a field is needed for; the comment gives the Arrow types of its column."""

    TEXT = auto()  # large_string, UTF-8 checked
    LABEL = auto()  # string; whole numbers and truth values as JSON writes them
    NAME = auto()  # string
    DATE = auto()  # string or timestamp


class Field(NamedTuple):
    """A field to read. The same path may be needed in several roles."""

    path: str
    role: Role


@dataclass(frozen=True, slots=True)
class Records:
    """Some consecutive records of a file.

    Attributes:
        file: Where they are from.
        first: The position of the first of them among the file's records, from 0.
        texts: The paths of the fields whose texts make documents.
        columns: A column per field; null where a record does not have the field.
        lines: The line each record begins at, for formats made of lines.
        positions: For messages, the position of each record counting those left out before it.
    """

    file: Source
    first: int
    texts: tuple[str, ...]
    columns: dict[Field, pa.Array]
    lines: Sequence[int] | None = None
    positions: Sequence[int] | None = None

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(next(iter(self.columns.values())))

    def place(self, index: int) -> str:
        """Return where a record is, for a message; lines and records are counted from 1."""
        line = None if self.lines is None else self.lines[index]
        record = self.first + index if self.positions is None else self.positions[index]
        return place(self.file, record, line)


def place(file: Source, record: int, line: int | None = None) -> str:
    """Return where a record is, for a message; lines and records are counted from 1."""
    return f"record {record + 1} of `{file}`" if line is None else f"`{file}:{line}`"


def chosen_texts(options: ReadOptions) -> tuple[str, ...]:
    """Return the paths that the options name for texts, or none if the default applies."""
    by_origin = options.split_fields or options.origin_by_field
    return tuple(path for path, _ in by_origin) or options.text_fields


def other_fields(options: ReadOptions) -> tuple[Field, ...]:
    """Return the fields that the options need besides texts."""
    fields = [Field(path, Role.DATE) for _, path in options.date_fields]
    if options.origin_field is not None:
        fields.append(Field(options.origin_field, Role.LABEL))
    if options.generator_field is not None:
        fields.append(Field(options.generator_field, Role.NAME))
    if options.language_field is not None:
        fields.append(Field(options.language_field, Role.NAME))
    return tuple(dict.fromkeys(fields))


def needed_fields(texts: Iterable[str], options: ReadOptions) -> tuple[Field, ...]:
    """Return every field to read, each once."""
    return tuple(dict.fromkeys([Field(path, Role.TEXT) for path in texts])) + other_fields(options)


def default_text(
    file: Source, options: ReadOptions, names: Sequence[str], strings: Sequence[str]
) -> tuple[str, ...]:
    """Choose the text field of a file when the options name none.

    It is the field `text`, or else the only field of strings that is not needed otherwise.

    Args:
        file: The file, for messages.
        options: What the other fields are needed for.
        names: The names of the fields on the first level.
        strings: Those of them that hold strings.

    Raises:
        InvalidInputError: There is no such field, or more than one.
    """
    if "text" in names:
        return ("text",)
    used = {field.path for field in other_fields(options)}
    free = [name for name in strings if name not in used]
    if len(free) == 1:
        return (free[0],)
    found = f"several fields of strings: {listed(free)}" if free else "no field of strings"
    hint = f"its fields are {listed(names)}" if names else "it has no fields"
    if free:
        example = next(filter(None, free))
        hint = f"choose with `--text-field`, as in `--text-field {shlex.quote(example)}`; {hint}"
    raise InvalidInputError(f"`{file}` has no field `text` and {found}", hint=hint)


def missing_field(file: Source, path: str, names: Iterable[str]) -> InvalidInputError:
    """Return the error for a field that no record of a file has."""
    known = sorted(set(names))
    near = difflib.get_close_matches(path, known, n=1)
    hint = f"its fields are {listed(known)}" if known else "its records have no fields"
    if near:
        hint = f"did you mean `{near[0]}`? {hint}"
    return InvalidInputError(f"no record of `{file}` has the field `{path}`", hint=hint)


def wrong_type(where: str, field: Field, found: str) -> InvalidInputError:
    """Return the error for a value, or a whole column, of a type that its role does not allow."""
    expected = {
        Role.TEXT: "text",
        Role.LABEL: "text or a whole number",
        Role.NAME: "text",
        Role.DATE: "a date",
    }[field.role]
    return InvalidInputError(
        f"{where}: the field `{field.path}` is {found}, not {expected}",
        hint=f"{_way_into(field.path, found)}name another field, or write the values as {expected}",
    )


def _way_into(path: str, found: str) -> str:
    """Return how to name what is inside of a value that is described in words, or nothing."""
    shape = re.search("list|object|struct", found)
    if shape is None:
        return ""
    if shape[0] == "list":
        return f"name an item of it, as in `{path}[0]` or `{path}[0].inner`, "
    return f"name a field inside it, as in `{path}.inner`, "


def no_list(where: str, path: str, found: str) -> InvalidInputError:
    """Return the error for an index into something that has no items."""
    return InvalidInputError(
        f"{where}: the field `{path}` is {found}, not a list",
        hint=f"name it without an index, as in `{path}`",
    )


def check_options(file: Source, options: ReadOptions) -> None:
    """Refuse options that say something about other formats only.

    Raises:
        InvalidInputError: They split, transcode or turn around what this format is not.
    """
    format = file.format
    for flag, asked, formats in (
        ("--lines", options.lines, {Format.TEXT}),
        ("--paragraphs", options.paragraphs, {Format.TEXT}),
        ("--orient", options.orient is not Orient.RECORDS, {Format.JSON}),
        ("--encoding", options.encoding is not None, _ENCODED),
    ):
        if asked and format not in formats:
            names = ", ".join(sorted(formats))
            raise InvalidInputError(
                f"`{flag}` is for {names} files, and `{file}` is a {format} file",
                hint=f"leave out `{flag}`, or say what the file is with `--format`",
            )


def listed(names: Iterable[str]) -> str:
    """Return names for a message, at most 20 of them."""
    all_names = [f"`{name}`" for name in names]
    more = len(all_names) - _NAMES_SHOWN
    return ", ".join(all_names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
