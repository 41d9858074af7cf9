"""Read the files of a registration, unless the catalogue or an interrupted run has done it.

Nothing is recorded here; what reading gave is a `Draft`.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import __version__, intents, places, readers
from registry.blobs import NOTES, Store
from registry.core.digest import digest_of
from registry.core.sketch import SCHEME, SketchParams
from registry.core.source import ReadOptions
from registry.db.models import DatasetVersion, Location, SketchTable
from registry.db.session import Database
from registry.errors import InvalidInputError, UnavailableError
from registry.intake import earlier, journal, run
from registry.intake.earlier import Earlier
from registry.intake.part import Asked as Intake
from registry.intake.pool import Pool
from registry.intake.run import Draft, Progress
from registry.query import catalogue
from registry.register.declaration import Declaration

Clock = Callable[[], dt.datetime]
SETTLED: Final = dt.timedelta(seconds=2)
"""A file that was written to this short a time before it was read may change unseen: clocks of
file systems tick as coarsely as that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be registered.

    Attributes:
        found: The files.
        declaration: What is said about the whole dataset.
        options: How files become documents.
        keep: Keep the texts.
        window: Passages are the least of so many hashes in a row; None for no passages.
        reread: Read every file, also one that has not changed since it was read.
        jobs: How many processes may read at once; None for as many as there are cores.
        started: When it began.
    """

    found: readers.Discovered
    declaration: Declaration
    options: ReadOptions
    keep: bool
    window: int | None
    reread: bool
    jobs: int | None
    started: dt.datetime

    def intake(self, folder: Path, *, sketched: bool = True) -> Intake:
        """Return how its files are read, and that what they give goes into a folder."""
        return Intake(self.options, folder, self.keep, self.window, sketched)

    @property
    def key(self) -> str:
        """Return what tells which interrupted registrations this one continues."""
        ref = str(self.declaration.ref.dataset)
        return digest_of(
            {
                "dataset": ref,
                "keep": self.keep,
                "options": self.options.to_json(),
                "release": __version__,
                "window": self.window,
            }
        )

    def is_settled(self, file: readers.SourceFile) -> bool:
        """Return whether it can be told that a file was written to after it was read."""
        if file.etag is not None or file.mtime_ns is None:
            return True
        return file.mtime_ns < (self.started - SETTLED).timestamp() * 1e9


def read(
    database: Database,
    store: Store,
    writer: intents.Writer,
    asked: Asked,
    *,
    pool: Pool,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None,
    sketched: bool = False,
) -> Draft:
    """Read every document once: hash, count, sketch, and write the document table.

    Where an earlier table has all documents there is most often nothing new, and then nothing is
    done with sketches: they are not made, unless `sketched` asks for them.

    Raises:
        InvalidInputError: A file cannot be read under the options, or there is no document.
        UnavailableError: The storage cannot be written.
    """
    staging = store.staging(writer.uid)

    def watch(now: Progress) -> None:
        intents.renew(database, writer, now=clock())
        if on_progress:
            on_progress(now)

    try:
        tables: list[Earlier] = []
        if not asked.reread:
            with database.read() as session:
                tables = _tables(session, store, asked)
        units, taken = earlier.plan(asked.found.files, tables, sketched=sketched)
        how = asked.intake(staging, sketched=sketched or len(taken) < len(units))
        for folder in (*how.folders, staging / NOTES):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        if len(units) > 1:
            store.name_work(writer.uid, asked.key)
        left = store.resume(writer.uid, asked.key)
        fresh = asked.reread or not how.sketched
        found = {} if fresh else journal.take(left, units, how, staging / NOTES)
        store.end_resume(left, again=not found and not asked.reread)
        unsettled = {unit.number for unit in units if not all(map(asked.is_settled, unit.files))}
        work = run.Work(units, taken, found, how, staging / NOTES, asked.jobs, unsettled)
        draft = run.read(work, pool, watch)
    except OSError as error:
        raise cannot_write(store, error) from error
    if not draft.gathered.totals.documents:
        raise _nothing(asked, draft)
    return draft


def cannot_write(store: Store, error: OSError) -> UnavailableError:
    """Return the error for a storage that refuses, which `error` is to be the cause of."""
    return UnavailableError(
        f"the storage `{store.root}` cannot be written: {error.strerror or error}",
        hint="make room on the disk; nothing was recorded",
    )


def _nothing(asked: Asked, draft: Draft) -> InvalidInputError:
    """Return the error for files without any document: most often, the wrong files were named."""
    files = asked.found.files
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    hint = "check that these are the right files, and that they were written to their end"
    if draft.gathered.passed.bad:
        hint = "all of it was left out as not valid; `--on-bad-input fail` shows why"
    return InvalidInputError(f"there is no document in `{files[0]}`{more}", hint=hint)


def _tables(session: Session, store: Store, asked: Asked) -> list[Earlier]:
    """Return the tables of the dataset that were made with the same options, newest first.

    Tables without such sketches as are asked for are of no use.
    """
    owner = catalogue.find_dataset(session, asked.declaration.ref)
    if owner is None:
        return []
    found = session.execute(
        sa.select(Location, SketchTable.digest)
        .join(DatasetVersion, Location.version_id == DatasetVersion.id)
        .join(SketchTable, SketchTable.location_id == Location.id)
        .where(
            DatasetVersion.dataset_id == owner.id,
            SketchTable.scheme == SCHEME,
            SketchTable.permutations == SketchParams().permutations,
            SketchTable.window.is_(None)
            if asked.window is None
            else SketchTable.window == asked.window,
        )
        .order_by(Location.kept.desc(), Location.id.desc())
    )
    options = asked.options.to_json()
    return [
        _table(store, place, sketch_digest)
        for place, sketch_digest in found
        if place.options == options and (place.kept or not asked.keep)
    ]


def _table(store: Store, place: Location, sketch_digest: str) -> Earlier:
    texts = store.vault(place.uid) if place.kept else None
    return Earlier(
        store.documents(place.uid),
        place.table_digest,
        store.sketches(place.uid),
        sketch_digest,
        texts,
        [_state(place, file) for file in place.files],
    )


def _state(place: Location, file: dict[str, Any]) -> dict[str, Any] | None:
    if file.get("unsettled") or not ("etag" in file or "mtime_ns" in file):
        return None
    path = str(places.parse(place.base) / file["name"])
    times: dict[str, Any] = {
        name: int(file[name]) for name in ("ctime_ns", "mtime_ns") if name in file
    }
    return {**file, "path": path, **times}
