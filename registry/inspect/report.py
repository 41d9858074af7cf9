"""What looking at files gives: plain values, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from registry.core.source import ReadOptions


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that registering would refuse, and with which message."""

    file: str
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Kind:
    """How many files there are of a format."""

    format: str
    compression: str | None
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FieldSeen:
    """A field of the records that were looked at.

    Attributes:
        path: As `--text-field` takes it.
        types: How many values of each type there are; null is one.
        records: How many records have it.
        files: In how many files it was seen.
        words: The mean number of words of its texts, or None where it has none.
        distinct: How many different values it has among those looked at.
        examples: Its first different values, cut short.
    """

    path: str
    types: dict[str, int]
    records: int
    files: int
    words: float | None
    distinct: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the first records of each file are like; text files have none."""

    fields: tuple[FieldSeen, ...]
    records: int
    files: int
    complete: bool

    def field(self, path: str) -> FieldSeen | None:
        """Return the field of a path."""
        return next((field for field in self.fields if field.path == path), None)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Options of `register`, and why."""

    flags: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Guess:
    """How files become documents, as far as one can tell by looking.

    Attributes:
        options: How to read them.
        reason: Why, in words.
        others: Other ways that make sense.
        added: What the data seems to say besides; nothing of it is assumed.
    """

    options: ReadOptions
    reason: str
    others: tuple[Suggestion, ...] = ()
    added: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Ways:
    """What each way of reading text files would give, in documents."""

    files: int
    lines: int
    paragraphs: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted; with the options of the guess, so that `register` counts the same.

    Attributes:
        complete: Whether all documents were read, or only as many as were asked for.
        short: Documents with fewer than 5 words.
    """

    documents: int
    distinct: int
    empty: int
    short: int
    bytes: int
    words: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Dated:
    """The dates of a field: the first and the last instant, as text."""

    field: str
    documents: int
    first: str | None
    last: str | None
    not_dates: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A document to look at: which one, where it is, and how it begins."""

    kind: str
    where: str
    bytes: int
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to know before registering.

    Attributes:
        what: What was found, in words.
        where: The first places, or the files.
        count: How many there are.
        hint: What to do about it, if anything.
    """

    what: str
    count: int
    where: tuple[str, ...] = ()
    hint: str | None = None


@dataclass(slots=True)
class Report:
    """Everything that looking at some paths gave.

    Attributes:
        command: The words of the `register` line to run next; none if nothing can be registered.
    """

    paths: tuple[str, ...]
    kinds: tuple[Kind, ...] = ()
    files: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    refused: list[Refused] = field(default_factory=list)
    shape: Shape | None = None
    ways: Ways | None = None
    guess: Guess | None = None
    counts: Counts | None = None
    scripts: dict[str, float] = field(default_factory=dict)
    dates: tuple[Dated, ...] = ()
    samples: tuple[Sample, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    command: tuple[str, ...] = ()
