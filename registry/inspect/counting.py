"""Read the documents once, with the options of the guess, and count what is in them.

What `register` would count is counted with the same functions. One file that cannot be read hides
no other.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry import documents, readers
from registry.core import scripts
from registry.core.evidence import DateKind, iso_time
from registry.core.source import OnBadInput, ReadOptions
from registry.errors import RegistryError
from registry.inspect.report import Counts, Dated, Problem, Refused, Sample
from registry.readers.dates import lenient
from registry.readers.fields import DocumentMaker
from registry.readers.records import Field, Records, Role
from registry.sorted_hashes import HashSorter

SHORT: Final = 5
LONG: Final = 1 << 20
_SEED: Final = 20221130
_SHOWN: Final = 400
_RANDOM: Final = 2
_PLACES: Final = 3
_KINDS: Final = tuple(DateKind)

OnProgress = Callable[[int, int, int, int], None]


@dataclass(frozen=True, slots=True)
class Extras:
    """Fields to read besides the text: an id, and dates."""

    id: str | None
    dates: tuple[str, ...]

    def added_to(self, options: ReadOptions) -> ReadOptions:
        """Return options under which a reader fetches these fields too."""
        dates = tuple(zip(_KINDS, self.dates, strict=False))
        return replace(options, origin_field=self.id, date_fields=dates)


@dataclass(slots=True)
class Noticed:
    """Something about texts, with the first places."""

    count: int = 0
    where: tuple[str, ...] = ()

    def add(self, flags: Any, records: _Placed) -> None:
        """Note the documents for which a flag is set."""
        rows = np.flatnonzero(flags.to_numpy(zero_copy_only=False))
        self.count += len(rows)
        for row in rows[: _PLACES - len(self.where)].tolist():
            self.where += (records.place(row),)


class _Placed:
    """Says where the documents of a batch are."""

    def __init__(self, records: Records, parts: int) -> None:
        self._records = records
        self._parts = parts

    def place(self, row: int) -> str:
        return self._records.place(row // self._parts).replace("`", "")


class Tally:
    """What was counted so far."""

    def __init__(self) -> None:
        self.totals = documents.Totals()
        self.contents = documents.Contents()
        self.short = 0
        self.scripts = np.zeros(len(scripts.NAMES), np.int64)
        self.noticed = {name: Noticed() for name in _SIGNS}
        self.skipped: Counter[str] = Counter()
        self.skipped_why: dict[str, str] = {}
        self.members: list[str] = []
        self.samples: dict[str, Sample] = {}
        self.random: list[tuple[float, Sample]] = []
        self.ids: HashSorter | None = None
        self.known_ids = 0
        self.dates: dict[str, _Dates] = {}
        self.rng = np.random.default_rng(_SEED)
        self.complete = True

    def add(self, batch: pa.RecordBatch, placed: _Placed) -> None:
        """Count a batch of documents."""
        rows = documents.measure(batch)
        self.totals.add(rows)
        self.contents.add(documents.hashes_of(rows.column("content_hash")))
        words = rows.column("words").to_numpy()
        sizes = rows.column("bytes").to_numpy()
        self.short += int(np.count_nonzero(words < SHORT))
        texts = batch.column("text")
        data, offsets = readers.text_buffers(texts)
        self.scripts += scripts.count(data[offsets[0] : offsets[-1]])
        for name, find in _SIGNS.items():
            self.noticed[name].add(find(texts), placed)
        self._take_samples(texts, sizes, placed)

    def _take_samples(self, texts: pa.Array, sizes: Any, placed: _Placed) -> None:
        filled = np.flatnonzero(sizes)
        if not len(filled):
            return

        def sample(kind: str, row: int) -> Sample:
            text = texts[row].as_py()
            shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
            return Sample(kind, placed.place(row), int(sizes[row]), shown)

        if "first" not in self.samples:
            self.samples["first"] = sample("first", int(filled[0]))
        shortest = int(filled[np.argmin(sizes[filled])])
        longest = int(np.argmax(sizes))
        before = self.samples.get("shortest")
        if before is None or sizes[shortest] < before.bytes:
            self.samples["shortest"] = sample("shortest", shortest)
        before = self.samples.get("longest")
        if before is None or sizes[longest] > before.bytes:
            self.samples["longest"] = sample("longest", longest)
        # The documents with the largest random numbers are a sample of all of them.
        drawn = self.rng.random(len(texts))
        for row in np.argsort(drawn)[-_RANDOM:].tolist():
            if sizes[row] and (len(self.random) < _RANDOM or drawn[row] > self.random[0][0]):
                item = (float(drawn[row]), sample("random", row))
                push = heapq.heappush if len(self.random) < _RANDOM else heapq.heapreplace
                push(self.random, item)

    def add_dates(self, records: Records, options: ReadOptions) -> None:
        """Note the dates of some records, one field at a time."""
        for _, path in options.date_fields:
            self.dates.setdefault(path, _Dates()).add(records, path)

    def counts(self) -> Counts:
        """Return the counts; the hashes are given up for it."""
        totals = self.totals
        distinct = self.contents.identity().distinct
        return Counts(
            totals.documents, distinct, totals.empty, self.short, totals.bytes, totals.words,
            self.complete,
        )  # fmt: skip

    def shares(self) -> dict[str, float]:
        """Return the share of letters in each script, the largest first."""
        total = int(self.scripts.sum())
        order = np.argsort(-self.scripts, kind="stable")
        return {
            scripts.NAMES[index]: round(int(self.scripts[index]) / total, 4)
            for index in order.tolist()
            if self.scripts[index]
        }

    def shown(self) -> tuple[Sample, ...]:
        """Return documents to look at, each once."""
        drawn = [sample for _, sample in sorted(self.random, key=lambda item: -item[0])]
        found = [self.samples[name] for name in ("first", "shortest", "longest") if self.samples]
        different: dict[str, Sample] = {}
        for sample in [*found, *drawn]:
            different.setdefault(f"{sample.where} {sample.bytes}", sample)
        return tuple(different.values())

    def doubled_ids(self) -> int:
        """Return how many ids stand for a second time."""
        return 0 if self.ids is None else self.known_ids - self.ids.finish()[1]


class _Dates:
    """The first and the last date of a field."""

    def __init__(self) -> None:
        self.known = self.wrong = 0
        self.first: int | None = None
        self.last: int | None = None

    def add(self, records: Records, path: str) -> None:
        begins, ends, wrong = lenient(records, Field(path, Role.DATE))
        self.wrong += wrong
        low = pc.min(begins.cast(pa.int64())).as_py()
        high = pc.max(ends.cast(pa.int64())).as_py()
        self.known += len(ends) - ends.null_count
        if low is not None:
            self.first = low if self.first is None else min(low, self.first)
            self.last = high if self.last is None else max(high, self.last)

    def value(self, path: str) -> Dated:
        first = None if self.first is None else iso_time(self.first)
        last = None if self.last is None else iso_time(self.last)
        return Dated(path, self.known, first, last, self.wrong)


_MARKED: Final = "texts that begin with a byte order mark, which stays in the text"
_HINTS: Final = {_MARKED: "`--encoding utf-8-sig` takes it away, in files that are UTF-8"}
_SIGNS: Final[dict[str, Callable[[pa.Array], pa.Array]]] = {
    "replacement characters (U+FFFD): these texts were decoded wrongly before": (
        lambda texts: pc.match_substring(texts, "\N{REPLACEMENT CHARACTER}")
    ),
    "texts with NUL characters": lambda texts: pc.match_substring(texts, "\0"),
    _MARKED: lambda texts: pc.starts_with(texts, "\N{ZERO WIDTH NO-BREAK SPACE}"),
    "texts that look like a list written by a program, such as `['…']`": (
        lambda texts: pc.match_substring_regex(texts, r"""^\[['"]""")
    ),
    "texts that look like HTML": (
        lambda texts: pc.match_substring_regex(texts, r"(?i)^\s*<(!doctype|html|body|div|p)\b")
    ),
    "documents of more than 1 MiB": lambda texts: pc.greater(pc.binary_length(texts), LONG),
    "texts of blanks only": lambda texts: pc.and_(
        pc.greater(pc.binary_length(texts), 0),
        pc.equal(pc.binary_length(pc.utf8_trim_whitespace(texts)), 0),
    ),
}


def count(
    files: Sequence[readers.SourceFile],
    options: ReadOptions,
    extras: Extras,
    limit: int | None,
    refused: list[Refused],
    on_progress: OnProgress | None,
) -> Tally:
    """Read the documents of files, up to a limit; files that cannot be read are noted.

    Raises:
        InvalidInputError: The options contradict themselves.
    """
    tally = Tally()
    reading = replace(options, on_bad_input=OnBadInput.SKIP)
    for index, file in enumerate(files):
        if limit is not None and tally.totals.documents >= limit:
            tally.complete = False
            break
        try:
            for batch, records, placed in _read(file, reading, extras, tally):
                left = batch.num_rows
                if limit is not None:
                    left = min(left, limit - tally.totals.documents)
                if left < batch.num_rows:
                    tally.complete = False
                tally.add(batch.slice(0, left), placed)
                tally.add_dates(records, extras.added_to(reading))
                _add_ids(tally, records, extras.id)
                if on_progress is not None:
                    on_progress(index, len(files), tally.totals.documents, tally.totals.bytes)
                if not tally.complete:
                    break
        except RegistryError as error:
            refused.append(Refused(str(file), error.message, error.hint))
    return tally


def _read(
    file: readers.SourceFile, options: ReadOptions, extras: Extras, tally: Tally
) -> Iterator[tuple[pa.RecordBatch, Records, _Placed]]:
    maker = DocumentMaker(options)
    parts = len(options.split_fields) or 1

    def passed(skip: readers.Skip) -> None:
        if skip.why is None:
            if len(tally.members) < 1000:
                tally.members.append(skip.where)
            return
        tally.skipped[str(file)] += 1
        tally.skipped_why.setdefault(str(file), skip.why)

    wanted = extras.added_to(options)
    for before, records in readers.records_of(file, wanted, passed):
        yield maker.batch(records, 0, before), records, _Placed(records, parts)


def _add_ids(tally: Tally, records: Records, path: str | None) -> None:
    if path is None:
        return
    known = records.columns[Field(path, Role.LABEL)].drop_null()
    raw = documents.hash_texts(known.cast(pa.large_string()))
    tally.ids = tally.ids or HashSorter()
    tally.ids.add(raw)
    tally.known_ids += len(known)


def problems_of(tally: Tally, id_path: str | None) -> Iterator[Problem]:
    """Give what is to be known about the texts."""
    for name, noticed in tally.noticed.items():
        if noticed.count:
            yield Problem(name, noticed.count, noticed.where, _HINTS.get(name))
    if doubled := tally.doubled_ids():
        yield Problem(
            f"records whose `{id_path}` is that of an earlier one",
            doubled,
            hint="they are registered all the same: a document is its text",
        )
