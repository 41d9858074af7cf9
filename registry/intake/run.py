"""Read all units, on all cores, and fold the parts into what identifies the content."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from registry import documents
from registry.errors import RegistryError
from registry.index.parts import PartSketch
from registry.intake import earlier, journal, part
from registry.intake.earlier import Taken
from registry.intake.gathered import Gathered
from registry.intake.part import Asked, Part
from registry.intake.pool import PARALLEL_FROM, Pool, cores
from registry.intake.step import Step
from registry.intake.units import Unit
from registry.intake.worker import Crash
from registry.shards import RecordTree

_PATIENCE: Final = 0.2
_NOT_SAID: Final = ("content_hash", "bytes", "words", "file", "record", "part")


class Phase(StrEnum):
    """What is being done: reading files, or making the index of what was read."""

    READING = "reading"
    INDEXING = "indexing"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        phase: What is being done.
        documents: Documents so far.
        bytes: Bytes of their texts.
        files: Files that are finished.
        total_files: All files.
        read: Bytes on disk of what is finished.
        total: Bytes on disk of all files.
        reused: Those of them that need not be read: unchanged, or read by an interrupted run.
    """

    phase: Phase
    documents: int
    bytes: int
    files: int
    total_files: int
    read: int
    total: int
    reused: int


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done.

    Attributes:
        units: What is read, in order.
        taken: Those whose rows another table has, by number.
        found: Those that an interrupted run had finished, by number.
        asked: How units are read, and where parts go.
        notes: Where finished parts are noted.
        jobs: How many processes may work at once; None for as many as there are cores.
        unsettled: Units, by number, that are not noted: their files may change unseen.
    """

    units: Sequence[Unit]
    taken: Mapping[int, Taken]
    found: Mapping[int, Part]
    asked: Asked
    notes: Path
    jobs: int | None = None
    unsettled: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What reading all files gave.

    Attributes:
        gathered: What all documents add up to.
        identity: What makes the content this one.
        table_digest: The digest of the document table.
        claims_root: A commitment to what the data says per document, or None if it says nothing.
        sketched: Whether there are sketches.
        parts: What the files of sketches hold, in order.
        progress: How far it was at the end.
        reused_files: How many files were not read.
        continued: Whether an interrupted run had read some of it.
    """

    gathered: Gathered
    identity: documents.Identity
    table_digest: str
    claims_root: str | None
    sketched: bool
    parts: Sequence[PartSketch]
    progress: Progress
    reused_files: int
    continued: bool


def read(work: Work, pool: Pool, on_progress: Callable[[Progress], None]) -> Draft:
    """Read every document once, and return what that gave.

    Of several errors the one in the first file is raised, whatever was read at the same time.

    Args:
        work: What is to be done.
        pool: The other processes, which are started as needed and end with an error.
        on_progress: Called often, between batches; what it raises ends everything.

    Raises:
        RegistryError: A file cannot be read under the options.
        OSError: A part cannot be written.
    """
    return _Run(work, pool, on_progress).read()


@dataclass(slots=True)
class _Fold:
    """Folds parts in the order of their units."""

    asked: Asked
    gathered: Gathered = field(default_factory=Gathered)
    contents: documents.Contents = field(init=False)
    tree: RecordTree = field(default_factory=RecordTree)
    digests: list[str] = field(default_factory=list)
    sketches: list[PartSketch] = field(default_factory=list)
    said: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.contents = documents.Contents(self.asked.folder)
        names = part.schema(self.asked.options).names
        self.said = [name for name in names if name not in _NOT_SAID]

    def add(self, one: Part) -> None:
        path = self.asked.files(len(self.digests)).rows
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            for rows in file.iter_batches(1 << 16, columns=["content_hash", *self.said]):
                self.contents.add(documents.hashes_of(rows.column("content_hash")))
                if self.said:
                    self.tree.add(rows.select(["content_hash", *self.said]))
        self.gathered.merge(one.gathered)
        self.digests.append(one.digest)
        self.sketches.append(one.sketch)

    def draft(self, progress: Progress, reused_files: int, *, continued: bool) -> Draft:
        return Draft(
            self.gathered,
            self.contents.identity(),
            documents.digest_files(self.digests),
            self.tree.root().hex() if self.said else None,
            self.asked.sketched,
            self.sketches,
            progress,
            reused_files,
            continued,
        )


class _Run:
    """Hands out units, and takes in what comes back in whatever order."""

    def __init__(self, work: Work, pool: Pool, on_progress: Callable[[Progress], None]) -> None:
        self._work = work
        self._pool = pool
        self._on_progress = on_progress
        self._fold = _Fold(work.asked)
        self._parts: dict[int, Part] = dict(work.found)
        self._errors: dict[int, Exception] = {}
        self._steps: dict[int, Step] = {}
        self._own: tuple[Unit, Generator[Step, None, Part]] | None = None
        rest = [unit for unit in work.units if unit.number not in work.found]
        # Rows that are there already are taken by this process.
        self._there = deque(unit for unit in rest if unit.number in work.taken)
        self._waiting = deque(unit for unit in rest if unit.number not in work.taken)
        size = sum(unit.size for unit in self._waiting)
        self._total = sum(unit.size for unit in work.units)
        self._reused = self._total - size
        jobs = cores() if work.jobs is None else work.jobs
        worth = size >= PARALLEL_FROM
        self._workers = max(0, min(jobs, len(self._waiting)) - 1) if worth else 0
        # Another thread is of use while there is a core that no process keeps busy.
        self._ahead = self._workers + 1 < jobs

    def read(self) -> Draft:
        self._pool.employ(self._workers, self._work.asked)
        try:
            while len(self._fold.digests) < len(self._work.units):
                while self._pool.hungry and self._waiting and not self._errors:
                    self._pool.give(self._waiting.popleft())
                self._go_on()
                busy = self._own or self._there or self._waiting
                for unit, said in self._pool.hear(0 if busy else _PATIENCE):
                    self._heard(unit, said)
                self._settle()
                self._on_progress(self._progress())
        except BaseException:
            self._pool.stop()
            raise
        finally:
            if self._own:
                self._own[1].close()
        reused = {*self._work.found, *self._work.taken}
        return self._fold.draft(
            self._progress(),
            sum(
                len(unit.files) for unit in self._work.units if unit.ends and unit.number in reused
            ),
            continued=bool(self._work.found),
        )

    def _go_on(self) -> None:
        """Read a batch of this process's own unit."""
        if self._own is None:
            self._own = self._start()
        if self._own is None:
            return
        unit, reading = self._own
        said: Step | Part | Exception
        try:
            said = next(reading)
        except StopIteration as end:
            said = end.value
        except (RegistryError, OSError) as error:
            said = error
        if not isinstance(said, Step):
            self._own = None
        self._heard(unit, said)

    def _start(self) -> tuple[Unit, Generator[Step, None, Part]] | None:
        if self._there:
            unit = self._there.popleft()
            return unit, earlier.read(self._work.taken[unit.number], self._work.asked)
        # After an error only what comes before it is of interest, and all of that was handed out.
        if self._waiting and not self._errors:
            unit = self._waiting.popleft()
            return unit, part.read(unit, self._work.asked, ahead=self._ahead)
        return None

    def _heard(self, unit: Unit, said: Any) -> None:
        if isinstance(said, Step):
            self._steps[unit.number] = said
            return
        self._steps.pop(unit.number, None)
        if isinstance(said, Part):
            self._parts[unit.number] = said
            if len(self._work.units) > 1 and unit.number not in self._work.unsettled:
                journal.note(self._work.notes, unit, said)
        else:
            self._errors[unit.number] = said

    def _settle(self) -> None:
        """Fold the parts whose turn it is; raise the error whose turn it is."""
        while (one := self._parts.pop(len(self._fold.digests), None)) is not None:
            self._fold.add(one)
        error = self._errors.get(len(self._fold.digests))
        if isinstance(error, Crash):
            raise RuntimeError(f"a process that read files has a defect:\n{error}")
        if error is not None:
            raise error

    def _progress(self) -> Progress:
        folded = self._work.units[: len(self._fold.digests)]
        done = [*folded, *(self._work.units[number] for number in self._parts)]
        counted: list[documents.Totals | Step] = [
            self._fold.gathered.totals,
            *(one.gathered.totals for one in self._parts.values()),
            *self._steps.values(),
        ]
        files = sum(len(unit.files) for unit in done if unit.ends)
        files += sum(step.files for step in self._steps.values())
        return Progress(
            phase=Phase.READING,
            documents=sum(it.documents for it in counted),
            bytes=sum(it.bytes for it in counted),
            files=files,
            total_files=sum(len(unit.files) for unit in self._work.units if unit.ends),
            read=sum(unit.size for unit in done),
            total=self._total,
            reused=self._reused,
        )
