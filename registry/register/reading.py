"""Read the files of a registration once: hash, count, and write the document table.

Nothing is recorded here; what reading gave is a `Draft`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from registry import documents, intents, readers
from registry.blobs import DOCUMENTS, VAULT, Store
from registry.core.dataset import (
    Origin,
)
from registry.core.source import ReadOptions
from registry.db.session import Database
from registry.errors import InvalidInputError, UnavailableError
from registry.register.declaration import Declaration, Progress
from registry.shards import RecordTree

MAX_LISTED: Final = 1000
Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be registered."""

    found: readers.Discovered
    declaration: Declaration
    options: ReadOptions
    keep: bool


@dataclass(slots=True)
class Draft:
    """What reading the files gave."""

    totals: documents.Totals
    identity: documents.Identity
    table_digest: str
    claims_root: str | None
    spoken: Spoken
    passed: Passed


@dataclass(slots=True)
class Passed:
    """What was passed over while the files were read; the first ones by name."""

    members: list[str] = field(default_factory=list)
    bad: list[readers.Skip] = field(default_factory=list)
    bad_by_file: Counter[Path] = field(default_factory=Counter)

    def add(self, skip: readers.Skip) -> None:
        """Note one of them."""
        if skip.why is None:
            if len(self.members) < MAX_LISTED:
                self.members.append(skip.where)
            return
        self.bad_by_file[skip.file.path] += 1
        if len(self.bad) < MAX_LISTED:
            self.bad.append(skip)

    def of(self, file: readers.SourceFile) -> dict[str, Any]:
        """Return what the place of a version says about a file that lacks something."""
        count = self.bad_by_file[file.path]
        if not count:
            return {}
        listed = [skip.why for skip in self.bad if skip.file.path == file.path]
        return {"skipped": {"count": count, "listed": listed}}


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
            for origin, sums in documents.sums_by_origin(rows).items():
                entry = self.origins.setdefault(origin, dict.fromkeys(sums, 0))
                for unit, amount in sums.items():
                    entry[unit] += amount
        if "generator" in names:
            _tally(self.generators, _not_human(rows).column("generator"))
        if "language" in names:
            _tally(self.languages, rows.column("language"))
        if "not_after" in names:
            self._add_dates(rows)

    def _add_dates(self, rows: pa.RecordBatch) -> None:
        ends = rows.column("not_after").cast(pa.int64())
        self.dated += len(ends) - ends.null_count
        low = pc.min(rows.column("not_before").cast(pa.int64())).as_py()
        high = pc.max(ends).as_py()
        if low is not None:
            self.not_before = low if self.not_before is None else min(low, self.not_before)
        if high is not None:
            self.not_after = high if self.not_after is None else max(high, self.not_after)


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


def read(
    database: Database,
    store: Store,
    writer: intents.Writer,
    asked: Asked,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None,
) -> Draft:
    """Read every document once: hash, count, and write the document table."""
    files, options, keep = asked.found.files, asked.options, asked.keep
    staging = store.staging(writer.uid)
    folders = {DOCUMENTS: staging / DOCUMENTS} | ({VAULT: staging / VAULT} if keep else {})
    totals, spoken, finished = documents.Totals(), Spoken(), Counter[str]()
    passed = Passed()
    tree = RecordTree()
    said = _said_columns(readers.schema(options).names)
    tables: dict[str, documents.TableWriter] = {}
    try:
        for name, folder in folders.items():
            folder.mkdir()
            tables[name] = documents.TableWriter(folder, plain=("content_hash", "text"))
        stream = readers.documents(
            files,
            options,
            on_file=lambda _: finished.update(files=1),
            on_skip=passed.add,
        )
        schema: pa.Schema | None = None
        for batch, rows in _measured(stream):
            schema = rows.schema
            tables[DOCUMENTS].add(rows)
            if keep:
                tables[VAULT].add(batch.select(["text"]))
            totals.add(rows)
            spoken.add(rows)
            if said:
                tree.add(rows.select(["content_hash", *said]))
            intents.renew(database, writer, now=clock())
            if on_progress:
                on_progress(Progress(totals.documents, totals.bytes, finished["files"], len(files)))
        if schema is None:
            raise _nothing(asked, passed)
        tables[DOCUMENTS].close(schema)
        if keep:
            tables[VAULT].close(pa.schema([pa.field("text", pa.large_string(), nullable=False)]))
    except OSError as error:
        raise UnavailableError(
            f"the storage `{store.root}` cannot be written: {error.strerror or error}",
            hint="make room on the disk; nothing was recorded",
        ) from error
    finally:
        for table in tables.values():
            table.discard()
    return Draft(
        totals,
        totals.identity(),
        documents.digest_table(folders[DOCUMENTS]),
        tree.root().hex() if said else None,
        spoken,
        passed,
    )


def _nothing(asked: Asked, passed: Passed) -> InvalidInputError:
    """Return the error for files without any document: most often, the wrong files were named."""
    files = asked.found.files
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    hint = "check that these are the right files, and that they were written to their end"
    if passed.bad:
        hint = "all of it was left out as not valid; `--on-bad-input fail` shows why"
    return InvalidInputError(f"there is no document in `{files[0]}`{more}", hint=hint)


def _measured(
    stream: Iterator[pa.RecordBatch],
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    """Give each batch with the rows of its document table, while the next one is being read."""
    for batch in readers.read_ahead(stream):
        yield batch, documents.measure(batch)


def _said_columns(names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in ("text", "file", "record", "part")]
