"""Make the index anew: from document tables and sketches, and those from the texts where need be.

1. One command at a time: the intent says so. Registrations go on meanwhile.
2. Sketches that are missing or damaged are made again from the texts, a location at a time.
   Each is put into its place with its row, so that an interrupted command goes on behind it.
3. Of every location, sorted runs of contents and bands are written.
4. Runs are merged into segments.
5. The segments take the place of all those that were there when the command began, in one
   transaction. Until then those answer.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from registry import documents, intents, merging
from registry.blobs import SEGMENTS, SKETCHES, Store, sync_tree
from registry.core.contents import Mask
from registry.core.dataset import DatasetRef
from registry.core.sketch import EVALUATION_WINDOW, SCHEME, WINDOW, SketchParams, band_keys
from registry.db.models import IntentKind, Segment, SketchTable
from registry.db.session import Database
from registry.errors import ConflictError, RegistryError
from registry.index import merge, parts
from registry.index.parts import EMPTY, PartWriter, Selected, Signatures, SketchFile
from registry.index.reading import Sketched
from registry.query import protection, withdrawn
from registry.reindex import held, sketching
from registry.reindex.held import Place

Clock = Callable[[], dt.datetime]

_ROWS: Final = 1 << 13


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        phase: `sketches`, `entries` or `segments`.
        documents: How many documents that is done for.
        total: Of how many.
    """

    phase: str
    documents: int
    total: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A location that could not be indexed, or not wholly.

    Attributes:
        ref: Its version.
        documents: How many documents it has.
        message: What is wrong.
        hint: What to do about it.
    """

    ref: DatasetRef
    documents: int
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made.

    Attributes:
        documents: How many documents the versions have that are in the index now.
        sketched: How many were sketched again from their texts.
        segments: How many files were made.
        unreadable: What is left out, and why.
    """

    documents: int
    sketched: int
    segments: int
    unreadable: tuple[Unreadable, ...]


def rebuild(
    database: Database,
    store: Store,
    *,
    clock: Clock,
    sketches: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Rebuilt:
    """Make all segments anew, and the sketches that are missing or damaged.

    Args:
        database: The catalogue.
        store: The registry's storage, with room for the index a second time.
        clock: The registry's clock.
        sketches: Make all sketches again from the texts, also those that are whole. Those of an
            evaluation set that lacks passages are made again in any case.
        on_progress: Called often; what it raises ends everything.

    Returns:
        What was made. What cannot be read is told there, and the rest goes on.

    Raises:
        ConflictError: Another command is at work on the index.
        UnavailableError: The disk or the database refused; the index is as it was.
    """
    intents.recover(database, store, now=clock())
    writer = intents.open_intent(database, IntentKind.INDEX, now=clock(), alone=True)
    try:
        return _Rebuild(database, store, writer, clock, on_progress).run(sketches=sketches)
    except OSError as error:
        intents.abandon(database, store, writer)
        raise merging.no_room(error) from error
    except BaseException:
        intents.abandon(database, store, writer)
        raise


class _Rebuild:
    def __init__(
        self,
        database: Database,
        store: Store,
        writer: intents.Writer,
        clock: Clock,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._database = database
        self._store = store
        self._writer = writer
        self._clock = clock
        self._tell = on_progress
        self._params = SketchParams()
        self._unreadable: list[Unreadable] = []
        self._evaluations: set[int] = set()
        self._staging = store.staging(writer.uid)
        self._phase, self._done, self._total = "", 0, 0

    def run(self, *, sketches: bool) -> Rebuilt:
        """Do it."""
        with self._database.read() as session:
            places = held.places(session)
            self._evaluations = protection.evaluation_ids(session)
        mending = [place for place in places if place.first and (sketches or self._lacks(place))]
        self._begin("sketches", mending)
        again = sum(self._mended(place) for place in mending)
        # Together: what is registered from here on has segments of its own, which stay.
        with self._database.read() as session:
            places = held.places(session)
            old = list(session.scalars(sa.select(Segment.id)))
        self._begin("entries", places)
        made = [found for place in places if (found := self._runs(place)) is not None]
        self._begin("segments", ())
        segments = merge.build_all(
            self._staging / SEGMENTS, made, params=self._params, on_progress=lambda: self._step(0)
        )
        for name in ("runs", "again"):
            shutil.rmtree(self._staging / name, ignore_errors=True)
        merging.replace(self._database, self._store, self._writer, old, segments, clock=self._clock)
        intents.drop_index_files(self._database, self._store)
        lost = {one.ref for one in self._unreadable}
        return Rebuilt(
            sum(place.documents for place in places if place.first and place.ref not in lost),
            again,
            len(segments),
            tuple(self._unreadable),
        )

    def _begin(self, phase: str, places: Sequence[Place]) -> None:
        self._phase, self._done = phase, 0
        self._total = sum(place.documents for place in places)
        self._step(0)

    def _step(self, rows: int) -> None:
        self._done += rows
        intents.renew(self._database, self._writer, now=self._clock())
        if self._tell is not None:
            self._tell(Progress(self._phase, self._done, self._total))

    def _cannot(self, place: Place, error: RegistryError) -> None:
        self._unreadable.append(Unreadable(place.ref, place.documents, error.message, error.hint))

    def _lacks(self, place: Place) -> bool:
        """Return whether a location has no sketches, damaged ones, or too few passages."""
        if place.table is None or self._window(place) != place.table.window:
            return True
        try:
            for file in self._sketches(place, place.table):
                file.file.check_all()
        except ConflictError:
            return True
        return False

    def _window(self, place: Place) -> int | None:
        """Return what the passages of a location should be the least of."""
        window = WINDOW if place.table is None else place.table.window
        if place.location.version_id in self._evaluations:
            return min(window or EVALUATION_WINDOW, EVALUATION_WINDOW)
        return window

    def _sketches(self, place: Place, table: SketchTable) -> Sequence[SketchFile]:
        """Return the sketch files of a location.

        Raises:
            ConflictError: They are damaged, or not of the rows of the document table.
        """
        uid = place.location.uid
        files = Sketched(self._store.sketches(uid), table).files
        sizes = sketching.rows_of_parts(self._store.documents(uid))
        if [file.documents for file in files] != sizes:
            raise ConflictError(
                f"the sketches of `{place.ref.short}` are not of its documents",
                hint="run `firsthand index rebuild`",
            )
        return files

    def _mended(self, place: Place) -> int:
        """Sketch a location again; return how many documents that are."""
        uid = place.location.uid
        folder = self._staging / "again" / uid
        (folder / SKETCHES).mkdir(parents=True)
        window = self._window(place)
        try:
            made = sketching.again(
                self._database,
                self._store,
                place.location,
                folder,
                params=self._params,
                window=window,
                erased=self._erased(place),
                on_progress=self._step,
            )
        except RegistryError as error:
            self._cannot(place, error)
            shutil.rmtree(folder, ignore_errors=True)
            return 0
        sync_tree(folder)
        with self._database.write() as session:
            # Who alone may write may also put the files there: nobody takes them for left over.
            self._store.replace_sketches(uid, folder / SKETCHES)
            # What was found with the same sketches holds; with others it has to be found again.
            compared = session.scalar(
                sa.select(SketchTable.compared_at).where(
                    SketchTable.location_id == place.location.id,
                    SketchTable.digest == made.digest,
                )
            )
            session.execute(
                sa.delete(SketchTable).where(SketchTable.location_id == place.location.id)
            )
            session.add(
                SketchTable(
                    location_id=place.location.id,
                    scheme=SCHEME,
                    permutations=self._params.permutations,
                    window=window,
                    documents=made.documents,
                    sketched=made.sketched,
                    digest=made.digest,
                    made_at=self._clock(),
                    compared_at=compared,
                )
            )
        shutil.rmtree(folder, ignore_errors=True)
        return made.documents

    def _erased(self, place: Place) -> Mask | None:
        """Return which documents of a location were erased, if any."""
        with self._database.read() as session:
            hashes = sketching.hashes_of(self._store, place.location)
            gone = withdrawn.erased_rows(session, place.location.version, hashes, self._store)
        return gone if gone.any() else None

    def _runs(self, place: Place) -> merge.Parts | None:
        """Write the runs of a location; return None where its document table cannot be read."""
        uid = place.location.uid
        table = place.table if place.first else None
        folder = self._staging / "runs" / uid
        folder.mkdir(parents=True)
        try:
            if not documents.is_whole(self._store.documents(uid), place.location.table_digest):
                raise ConflictError(
                    f"the document table of `{place.ref.short}` is missing or was changed",
                    hint="restore the storage folder from a backup",
                )
        except RegistryError as error:
            self._cannot(place, error)
            return None
        sketches: Sequence[SketchFile | None]
        paths = documents.files_of(self._store.documents(uid))
        try:
            sketches = [None] * len(paths) if table is None else self._sketches(place, table)
        except ConflictError as error:
            if place.ref not in {one.ref for one in self._unreadable}:
                self._cannot(place, error)
            sketches = [None] * len(paths)
        files = []
        for number, (path, sketched) in enumerate(zip(paths, sketches, strict=True)):
            runs = folder / parts.runs_name(number)
            count = self._runs_of(path, sketched, runs)
            files.append((None if sketched is None else sketched.file.path, runs, count))
        return merge.Parts(uid, files, None if table is None else table.window)

    def _runs_of(self, path: Path, sketched: SketchFile | None, runs: Path) -> int:
        writer = PartWriter(None, runs, params=self._params, window=None)
        try:
            at = 0
            signatures = _Rows(sketched)
            with pq.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(_ROWS, columns=["content_hash"]):
                    hashes = documents.hashes_of(batch.column("content_hash"))
                    writer.add(hashes, self._banded(signatures.take(len(hashes))))
                    at += len(hashes)
                    self._step(len(hashes))
            writer.close()
        except pa.ArrowException as error:
            raise ConflictError(
                f"the document table `{path}` cannot be read: {error}",
                hint="restore the storage folder from a backup",
            ) from error
        finally:
            writer.discard()
        return at

    def _banded(self, signatures: Signatures | None) -> Selected | None:
        if signatures is None:
            return None
        return Selected(
            signatures,
            (signatures != EMPTY).any(axis=1).astype(np.int64),
            band_keys(signatures, self._params),
            np.empty(0, np.uint64),
            np.empty(0, np.int32),
        )


class _Rows:
    """Gives the signatures of a part in order, as many as are asked for."""

    def __init__(self, file: SketchFile | None) -> None:
        self._file = file
        self._pieces = iter(()) if file is None else file.stream(_ROWS)
        self._waiting: list[Signatures] = []

    def take(self, count: int) -> Signatures | None:
        if self._file is None:
            return None
        ready = sum(map(len, self._waiting))
        while ready < count:
            _, piece = next(self._pieces)
            self._waiting.append(piece)
            ready += len(piece)
        if not self._waiting:
            return np.empty((0, self._file.params.permutations), np.uint32)
        whole = np.concatenate(self._waiting)
        self._waiting = [whole[count:]]
        return whole[:count]
