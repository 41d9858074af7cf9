"""Stream the data through scanners, and settle what they find piece by piece."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry import documents, readers
from registry.batch.run import Progress
from registry.check.against import Against
from registry.check.data import Data
from registry.check.facts import known
from registry.check.listing import Files, gravest
from registry.check.reasons import FAILURES, reasons
from registry.check.report import Counted, Report
from registry.check.rows import SCHEMA, rows_of
from registry.core import words
from registry.core.contents import Mask, Rows
from registry.errors import InvalidInputError
from registry.matching import Kind, Matches, Scanner, Target
from registry.matching.targets import RUN

_HELD_BYTES: Final = 128 << 20
"""How many bytes of texts that share a passage are held before they are compared."""
_HELD_MATCHES: Final = 1 << 18
"""How many matches are held before it is looked up what is known of them."""
_COLUMNS: Final = ("file", "record", "part", "origin", "generator", "not_after")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How it is checked, and what makes the answer no.

    Attributes:
        fail_on: Names of `FAILURES`.
        allow_incomplete: The answer may be yes although something was not searched for.
        min_similarity: The smallest similarity of near documents, in (0, 1].
        run: The shortest run of shared tokens that counts; evaluation sets take 13 at most.
        limit: How many matches the report itself lists.
        threads: How many threads look up; by default one for each core.
        declared: What is said about all of the data: `origin` and `license`.
    """

    fail_on: Sequence[str] = tuple(FAILURES)
    allow_incomplete: bool = False
    min_similarity: float = 0.8
    run: int = RUN
    limit: int = 20
    threads: int | None = None
    declared: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        Raises:
            InvalidInputError: It is.
        """
        if not 0 < self.min_similarity <= 1:
            raise InvalidInputError(
                f"the smallest similarity is {self.min_similarity}",
                hint="it is above 0 and at most 1",
            )
        if not 8 <= self.run <= 1000:
            raise InvalidInputError(
                f"the shortest run is {self.run} tokens", hint="it is from 8 to 1,000"
            )
        unknown = [name for name in self.fail_on if name not in FAILURES]
        if unknown:
            raise InvalidInputError(
                f"a check cannot fail on `{unknown[0][:80]}`",
                hint=f"name {' or '.join(f'`{name}`' for name in FAILURES)}, or nothing",
            )


def check(
    data: Data,
    against: Sequence[Against],
    wanted: Wanted,
    *,
    files: Files | None = None,
    scratch: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Compare data with registered documents; nothing is written to any catalogue.

    Memory does not grow with the data: batches are looked up as they are read, and matches are
    written when there are a quarter of a million, or 128 MiB of texts to compare.

    Args:
        data: The data.
        against: What it is compared with.
        wanted: How, and what makes the answer no.
        files: Where all matches are written to.
        scratch: A folder for spooled texts; by default a temporary one.
        on_progress: Hears how many bytes of how many were read.

    Raises:
        InvalidInputError: There is nothing to compare with, or a file cannot be read.
        ConflictError: A file of the index or a document table is missing or was changed.
        UnavailableError: The report cannot be written.
    """
    if not any(it.versions for it in against):
        raise InvalidInputError(
            "there is nothing to compare with: no version is selected",
            hint="register or protect one, or name others with `--against`; `firsthand dataset "
            "list` shows what there is",
        )
    with ExitStack() as stack:
        if scratch is None:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firsthand-")))
        checking = _Checking(data, against, wanted, files, scratch)
        many = wanted.threads or _cores()
        pool = ThreadPoolExecutor(many, thread_name_prefix="check")
        # What is interrupted waits for the batches at hand, and for no others.
        stack.callback(pool.shutdown, cancel_futures=True)
        batches = readers.read_ahead(data.batches())
        stack.callback(batches.close)
        for found in _in_order(pool, checking.look, batches, ahead=2 * many):
            checking.take(found)
            on_progress(Progress("checking", data.read, data.size))
        checking.settle()
    report = checking.report
    if not report.documents:
        left = f", and {data.bad_count:,} records were not valid" if data.bad_count else ""
        raise InvalidInputError(
            f"there is no document to check{left}",
            hint="check that these are the right files, and that they were written to their end",
        )
    report.files = len(data.names)
    report.bad, report.bad_count, report.passed = data.bad, data.bad_count, data.passed
    if files is not None:
        files.finish(report)
    return report


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[pa.RecordBatch], _Looked],
    items: Iterator[pa.RecordBatch],
    *,
    ahead: int,
) -> Iterator[_Looked]:
    """Give what work makes of each item, in their order, some of it done at once."""
    waiting: deque[Future[_Looked]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found for a batch.

    Attributes:
        documents: How many it has.
        bytes: How many bytes of text.
        empty: How many of them have no token.
        mine: The rows that match something, with their text if they share a passage.
        found: What they match in each catalogue; `question` counts the rows of `mine`.
    """

    documents: int
    bytes: int
    empty: int
    mine: pa.RecordBatch
    found: list[Matches]


@dataclass(frozen=True, slots=True)
class _Searched:
    """A catalogue that is searched."""

    against: Against
    targets: dict[int, Target]
    scanner: Scanner
    counted: dict[int, Counted]


class _Checking:
    """Data while it is checked."""

    def __init__(
        self,
        data: Data,
        against: Sequence[Against],
        wanted: Wanted,
        files: Files | None,
        scratch: Path,
    ) -> None:
        self._data = data
        self._wanted = wanted
        self._files = files
        self._searched = [_searched(it, wanted, scratch) for it in against]
        self._held: list[_Looked] = []
        self.report = Report(
            wanted.fail_on,
            wanted.allow_incomplete,
            wanted.min_similarity,
            [counted for it in self._searched for counted in it.counted.values()],
        )

    def look(self, batch: pa.RecordBatch) -> _Looked:
        """Look a batch up; threads may do so at once."""
        texts = batch.column("text")
        found = [it.scanner.look(texts) for it in self._searched]
        _, offsets = readers.text_buffers(texts)
        # Only texts that are short can be without a token.
        short = np.flatnonzero(np.diff(offsets) < 1 << 12)
        taken = texts.take(pa.array(short))
        empty = int(np.count_nonzero(words.count(*readers.text_buffers(taken)) == 0))
        which = np.unique(np.concatenate([it.question for it in found]))
        shares = np.unique(np.concatenate([it.question[it.kind == Kind.PASSAGE] for it in found]))
        moved = [replace(it, question=np.searchsorted(which, it.question)) for it in found]
        mine = _rows(batch, which, np.isin(which, shares))
        return _Looked(batch.num_rows, int(offsets[-1] - offsets[0]), empty, mine, moved)

    def take(self, looked: _Looked) -> None:
        """Take what was found for the next batch."""
        self.report.documents += looked.documents
        self.report.bytes += looked.bytes
        self.report.empty += looked.empty
        if not looked.mine.num_rows:
            return
        self._held.append(looked)
        size = sum(it.mine.column("text").nbytes for it in self._held)
        many = sum(len(found) for it in self._held for found in it.found)
        if size >= _HELD_BYTES or many >= _HELD_MATCHES:
            self.settle()

    def settle(self) -> None:
        """Compare what is held, look up what is known of it, count and write it."""
        if not self._held:
            return
        held, self._held = self._held, []
        mine = pa.Table.from_batches([it.mine for it in held]).combine_chunks().to_batches()[0]
        starts = np.cumsum([0, *(it.mine.num_rows for it in held)]).tolist()
        tables, questions, why = [], [], []
        for number, searched in enumerate(self._searched):
            found = Matches.together(
                [it.found[number].moved(begin) for it, begin in zip(held, starts, strict=False)]
            )
            rows, question, reason = self._settled(searched, found, mine)
            tables.append(rows)
            questions.append(question)
            why.append(reason)
        question, reason = np.concatenate(questions), np.concatenate(why)
        self.report.add(question, reason)
        rows = pa.Table.from_batches(tables)
        order = np.argsort(question, kind="stable")
        rows, reason = rows.take(pa.array(order)).combine_chunks(), reason[order]
        self.report.first = gravest(self.report.first, rows, reason, limit=self._wanted.limit)
        if self._files is not None:
            self._files.add(rows, reason)

    def _settled(
        self, searched: _Searched, found: Matches, mine: pa.RecordBatch
    ) -> tuple[pa.RecordBatch, Rows, Any]:
        against = searched.against
        found = searched.scanner.compare(found, mine.column("text"))
        sure = ~_undecided(found, searched)
        version = against.looking.seen.version_of(found.location)
        for number, counted in searched.counted.items():
            unsure = ~sure & (version == number)
            counted.cut += int(np.count_nonzero(unsure & found.cut))
            counted.undecided += int(np.count_nonzero(unsure & ~found.cut))
        found, version = found.at(sure), version[sure]
        if not len(found):
            none = np.empty(0, np.int64)
            return pa.RecordBatch.from_pylist([], SCHEMA), none, none.astype(np.int8)
        about = known(against.looking, version, found.location, found.row, dict(against.paths))
        evaluation = np.isin(version, list(against.evaluation))
        why = reasons(found.kind, about.by_model, evaluation)
        for number, counted in searched.counted.items():
            here = version == number
            if here.any():
                counted.add(found.at(here), why[here])
        rows = rows_of(
            against,
            found,
            about,
            why,
            version=version,
            mine=mine,
            declared=dict(self._wanted.declared),
            files=self._data.names,
        )
        return rows, found.question, why


def _searched(against: Against, wanted: Wanted, scratch: Path) -> _Searched:
    targets = against.targets(wanted.run)
    scanner = Scanner(
        against.looking.index,
        list(targets.values()),
        texts=partial(against.texts, scratch),
        min_similarity=wanted.min_similarity,
    )
    counted = {
        version.id: Counted.of(
            against,
            version,
            targets[version.id],
            scanner.reach[targets[version.id].location],
        )
        for version in against.versions
    }
    return _Searched(against, targets, scanner, counted)


def _undecided(found: Matches, searched: _Searched) -> Mask:
    """Return passages that were not compared, and of which the index knows less than is asked."""
    runs = {target.location: target.run for target in searched.targets.values()}
    least = np.array([runs[it] for it in found.location.tolist()], np.int64)
    unsure: Mask = (found.kind == Kind.PASSAGE) & ~found.verified
    return unsure & ((found.run < least) | found.cut)


def _rows(batch: pa.RecordBatch, which: Rows, shares: Mask) -> pa.RecordBatch:
    """Return some rows of a batch with the hashes of their texts, and those texts that share."""
    at = pa.array(which)
    texts = batch.column("text").take(at)
    hashes = documents.hash_column(documents.as_hashes(documents.hash_texts(texts)))
    kept = pc.if_else(pa.array(shares), texts, pa.scalar("", pa.large_string()))
    names = [name for name in _COLUMNS if name in batch.schema.names]
    columns = [batch.column(name).take(at) for name in names]
    return pa.record_batch([kept, hashes, *columns], names=["text", "content_hash", *names])
