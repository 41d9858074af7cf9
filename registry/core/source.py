"""How files become documents: the options of a reader, as a value that is stored and re-read.

The same files read with the same options give the same documents in the same order; an export
relies on that when it fetches texts again.
"""

from __future__ import annotations

import codecs
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from registry.core.dataset import FIELD_ORIGINS, Origin
from registry.core.evidence import DateKind
from registry.errors import InvalidInputError


class Format(StrEnum):
    """The file formats that can be read."""

    PARQUET = "parquet"
    ARROW = "arrow"
    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    TEXT = "text"
    TAR = "tar"
    WARC = "warc"


class Orient(StrEnum):
    """What a JSON file is: a list of records, or an object of parallel lists."""

    RECORDS = "records"
    COLUMNS = "columns"


class OnBadInput(StrEnum):
    """What happens to a record or text file that is not valid."""

    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Which fields of a record make a document, and what else each record says about it.

    A *path* is the name of a field, or names joined by dots into nested objects; an index as in
    `messages[-1].content` takes one item of a list, the negative ones from its end. A field whose
    name contains the dots or brackets literally is found first.

    Attributes:
        format: The format of every file, or None to go by each file's name. Archives are known by
            their names in any case, and then it is the format of their members.
        lines: Text files hold one document per non-blank line, stripped, instead of one per file.
        paragraphs: Text files hold one document per run of non-blank lines, stripped.
        orient: What a JSON file is.
        encoding: The Python name of the encoding of text, CSV, TSV, JSON, and of WARC records that
            name none; None is UTF-8.
        on_bad_input: What happens to a record or text file that is not valid.
        text_fields: Paths whose texts, joined by newlines, are the document; a list of texts
            counts as its items joined by newlines. Empty: the field `text`, or the only text
            field there is.
        split_fields: Instead of `text_fields`: each path gives a document of its own, with that
            origin.
        origin_by_field: Instead of `text_fields`: the paths joined by newlines are one document,
            and each part of it has that origin.
        origin_field: The path that says per record what made the text.
        origin_map: What its values mean. A value that is not listed here is `unknown` when it is
            empty, and an error otherwise.
        generator_field: The path that names the generator per record.
        language_field: The path that names the language per record.
        date_fields: For each kind of date, the path that holds it.
    """

    format: Format | None = None
    lines: bool = False
    paragraphs: bool = False
    orient: Orient = Orient.RECORDS
    encoding: str | None = None
    on_bad_input: OnBadInput = OnBadInput.FAIL
    text_fields: tuple[str, ...] = ()
    split_fields: tuple[tuple[str, Origin], ...] = ()
    origin_by_field: tuple[tuple[str, Origin], ...] = ()
    origin_field: str | None = None
    origin_map: tuple[tuple[str, Origin], ...] = ()
    generator_field: str | None = None
    language_field: str | None = None
    date_fields: tuple[tuple[DateKind, str], ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse combinations that have no meaning."""
        if self.lines and self.paragraphs:
            raise InvalidInputError(
                "`--lines` and `--paragraphs` cannot be used together", hint="leave out one of them"
            )
        if self.encoding is not None:
            _check_encoding(self.encoding)
        ways = [
            flag
            for flag, value in (
                ("--text-field", self.text_fields),
                ("--split-field", self.split_fields),
                ("--origin-by-field", self.origin_by_field),
            )
            if value
        ]
        if len(ways) > 1:
            raise InvalidInputError(
                f"{' and '.join(ways)} cannot be used together",
                hint="each of them says on its own which fields make a document",
            )
        if self.origin_field and (self.split_fields or self.origin_by_field):
            raise InvalidInputError(
                "`--origin-field` cannot be used when the origin goes by field",
                hint="leave out one of the two",
            )
        if self.origin_map and not self.origin_field:
            raise InvalidInputError(
                "`--origin-map` needs `--origin-field`",
                hint="name the field that holds the values, as in `--origin-field label`",
            )
        for path, origin in self.split_fields + self.origin_by_field:
            if origin not in FIELD_ORIGINS and origin is not Origin.UNKNOWN:
                raise InvalidInputError(
                    f"field `{path}` cannot have the origin `{origin}`",
                    hint=f"a field is one of {', '.join(FIELD_ORIGINS)} or unknown",
                )
        for flag, paths in (
            ("--text-field", list(self.text_fields)),
            ("--split-field", [path for path, _ in self.split_fields]),
            ("--origin-by-field", [path for path, _ in self.origin_by_field]),
        ):
            doubled = {path for path in paths if paths.count(path) > 1}
            if doubled:
                raise InvalidInputError(
                    f"`{flag}` names field `{min(doubled)}` twice",
                    hint="name each field once",
                )

    @property
    def says_origin(self) -> bool:
        """Return whether the data itself says the origin of each document."""
        return bool(self.origin_field or self.split_fields or self.origin_by_field)

    def to_json(self) -> dict[str, Any]:
        """Return the options as plain JSON values; options at their default are left out."""
        default = asdict(type(self)())
        return {
            name: _plain(value) for name, value in asdict(self).items() if value != default[name]
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        made: dict[str, Any] = dict(value)
        for name, parse in _PARSERS.items():
            if name in made:
                made[name] = parse(made[name])
        return cls(**made)


def _check_encoding(name: str) -> None:
    try:
        codecs.getincrementaldecoder(name)
        # Refuses what is known but encodes no text, such as `base64`; an empty text would not do.
        b"a".decode(name)
        known = True
    except UnicodeError:
        known = True
    except (LookupError, ValueError):
        known = False
    if not known:
        shown = name if name.isprintable() else "?"
        raise InvalidInputError(
            f"there is no encoding `{shown}`",
            hint="use a name that Python knows, such as `latin-1`, `utf-16`, `cp1252` or `gb18030`",
        )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


_PARSERS: Final[dict[str, Any]] = {
    "format": Format,
    "orient": Orient,
    "on_bad_input": OnBadInput,
    "text_fields": tuple,
    "split_fields": lambda rows: tuple((path, Origin(origin)) for path, origin in rows),
    "origin_by_field": lambda rows: tuple((path, Origin(origin)) for path, origin in rows),
    "origin_map": lambda rows: tuple((value, Origin(origin)) for value, origin in rows),
    "date_fields": lambda rows: tuple((DateKind(kind), path) for kind, path in rows),
}
