"""What is summed up while documents are read: totals, what the data says, what was passed over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from registry import documents, readers
from registry.core.dataset import Origin

MAX_LISTED: Final = 1000


@dataclass(slots=True)
class Passed:
    """What was passed over while files were read; the first ones by name.

    Attributes:
        members: Members of archives that are no input.
        bad: What is not valid and was left out, with the number of its file.
        count: How many of those each file has, by the number of the file.
    """

    members: list[str] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    count: Counter[int] = field(default_factory=Counter)

    def add(self, number: int, skip: readers.Skip) -> None:
        """Note one of them, which is in the file of that number."""
        if skip.why is None:
            if len(self.members) < MAX_LISTED:
                self.members.append(skip.where)
            return
        self.count[number] += 1
        if len(self.bad) < MAX_LISTED:
            self.bad.append((number, skip.why))

    def merge(self, other: Passed) -> None:
        """Note what was passed over in the files that follow."""
        self.members += other.members[: MAX_LISTED - len(self.members)]
        self.bad += other.bad[: MAX_LISTED - len(self.bad)]
        self.count.update(other.count)

    def of(self, number: int) -> dict[str, Any]:
        """Return what the place of a version says about a file that lacks something."""
        if not self.count[number]:
            return {}
        listed = [why for which, why in self.bad if which == number]
        return {"skipped": {"count": self.count[number], "listed": listed}}


@dataclass(slots=True)
class Spoken:
    """What the data says per document, summed up for the claim that records it."""

    origins: dict[Origin, dict[str, int]] = field(default_factory=dict)
    generators: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    dated: int = 0
    not_before: int | None = None
    not_after: int | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        names = rows.schema.names
        if "origin" in names:
            self._add_origins(documents.sums_by_origin(rows))
        if "generator" in names:
            _tally(self.generators, _not_human(rows).column("generator"))
        if "language" in names:
            _tally(self.languages, rows.column("language"))
        if "not_after" in names:
            ends = rows.column("not_after").cast(pa.int64())
            self.dated += len(ends) - ends.null_count
            low = pc.min(rows.column("not_before").cast(pa.int64())).as_py()
            self._add_dates(low, pc.max(ends).as_py())

    def merge(self, other: Spoken) -> None:
        """Count what other documents say."""
        self._add_origins(other.origins)
        self.generators.update(other.generators)
        self.languages.update(other.languages)
        self.dated += other.dated
        self._add_dates(other.not_before, other.not_after)

    def _add_origins(self, origins: dict[Origin, dict[str, int]]) -> None:
        for origin, sums in origins.items():
            entry = self.origins.setdefault(origin, dict.fromkeys(sums, 0))
            for unit, amount in sums.items():
                entry[unit] += amount

    def _add_dates(self, low: int | None, high: int | None) -> None:
        if low is not None:
            self.not_before = low if self.not_before is None else min(low, self.not_before)
        if high is not None:
            self.not_after = high if self.not_after is None else max(high, self.not_after)


@dataclass(slots=True)
class Gathered:
    """What some documents, and the files they are in, add up to."""

    totals: documents.Totals = field(default_factory=documents.Totals)
    spoken: Spoken = field(default_factory=Spoken)
    passed: Passed = field(default_factory=Passed)

    def add(self, rows: pa.RecordBatch) -> None:
        """Count rows of a document table."""
        self.totals.add(rows)
        self.spoken.add(rows)

    def merge(self, other: Gathered) -> None:
        """Count what the files that follow add up to."""
        self.totals.merge(other.totals)
        self.spoken.merge(other.spoken)
        self.passed.merge(other.passed)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        totals, spoken, passed = self.totals, self.spoken, self.passed
        return {
            "totals": [totals.documents, totals.empty, totals.bytes, totals.words],
            "origins": {str(origin): sums for origin, sums in spoken.origins.items()},
            "generators": dict(spoken.generators),
            "languages": dict(spoken.languages),
            "dates": [spoken.dated, spoken.not_before, spoken.not_after],
            "members": passed.members,
            "bad": [list(item) for item in passed.bad],
            "bad_count": [list(item) for item in passed.count.items()],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read back what `to_json` wrote."""
        return cls(
            documents.Totals(*value["totals"]),
            Spoken(
                {Origin(name): sums for name, sums in value["origins"].items()},
                Counter(value["generators"]),
                Counter(value["languages"]),
                *value["dates"],
            ),
            Passed(
                value["members"],
                [(number, why) for number, why in value["bad"]],
                Counter(dict(value["bad_count"])),
            ),
        )


def _not_human(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows that the data does not call human: only those have a generator."""
    if "origin" not in rows.schema.names:
        return rows
    human = pc.equal(rows.column("origin"), str(Origin.HUMAN))
    return rows.filter(pc.invert(pc.fill_null(human, False)))


def _tally(counter: Counter[str], column: pa.Array) -> None:
    for item in pc.value_counts(column).to_pylist():
        if item["values"] is not None:
            counter[item["values"]] += item["counts"]
