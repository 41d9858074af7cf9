"""What the catalogue says should be in the index, and what its segments say they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import SEGMENTS, Store
from registry.core.dataset import DatasetRef
from registry.db.models import Location, Segment, SegmentKind, SketchTable
from registry.db.session import Database
from registry.errors import ConflictError
from registry.index.blocks import damaged
from registry.index.reading import Lease
from registry.index.segment import SegmentFile
from registry.query import catalogue


@dataclass(frozen=True, slots=True)
class Place:
    """A location, and what should be known of it.

    Attributes:
        location: The location.
        first: Whether it is the first of its version: its documents have sketches.
        table: What is known of the sketches, if it has any.
    """

    location: Location
    first: bool
    table: SketchTable | None

    @property
    def ref(self) -> DatasetRef:
        """Return the name of its version."""
        return catalogue.ref_of(self.location.version)

    @property
    def documents(self) -> int:
        """Return how many documents it has."""
        return self.location.version.documents

    def kinds(self) -> list[SegmentKind]:
        """Return what its documents should be found by, given the sketches it has."""
        kinds = [SegmentKind.CONTENT]
        if self.table is not None:
            kinds.append(SegmentKind.BANDS)
            if self.table.window is not None:
                kinds.append(SegmentKind.PASSAGES)
        return kinds


@dataclass(frozen=True, slots=True)
class Opened:
    """A row of the catalogue, with the segment it names or why that cannot be opened."""

    row: Segment
    lease: Lease | None
    problem: ConflictError | None

    @property
    def segment(self) -> SegmentFile | None:
        """Return the segment."""
        return None if self.lease is None else self.lease.segment


@dataclass(frozen=True, slots=True)
class Held:
    """What should be in the index, and its segments, which stay while they are looked at."""

    places: Sequence[Place]
    segments: Sequence[Opened]

    def covered(self, kind: SegmentKind) -> dict[str, int]:
        """Return how many documents of each location the segments of a kind hold."""
        counts: dict[str, int] = {}
        for one in self.segments:
            if one.segment is not None and one.row.kind is kind:
                for span in one.segment.spans:
                    counts[span.uid] = counts.get(span.uid, 0) + span.rows
        return counts


@contextmanager
def held(database: Database, store: Store) -> Iterator[Held]:
    """Open every segment that is in use, to look at what it says of itself."""
    found: list[Opened] = []
    before: set[str] = set()
    while True:
        with database.read() as session:
            known = places(session)
            rows = session.scalars(sa.select(Segment).order_by(Segment.kind, Segment.id)).all()
        found = [_opened(store, row) for row in rows]
        gone = {one.row.name for one in found if isinstance(one.problem, _GoneError)}
        # What is still missing when asked again was not replaced by others meanwhile.
        if gone <= before:
            break
        before = gone
        _release(found)
    try:
        yield Held(known, found)
    finally:
        _release(found)


class _GoneError(ConflictError):
    """A file is not there."""


def _opened(store: Store, row: Segment) -> Opened:
    path = store.root / SEGMENTS / row.name
    try:
        return Opened(row, Lease(path, row.digest), None)
    except FileNotFoundError:
        error = damaged(path, "is missing")
        return Opened(row, None, _GoneError(error.message, hint=error.hint))
    except OSError as error:
        return Opened(row, None, damaged(path, f"cannot be read: {error.strerror}"))
    except ConflictError as error:
        return Opened(row, None, error)


def _release(found: Sequence[Opened]) -> None:
    for one in found:
        if one.lease is not None:
            one.lease.release()


def places(session: Session) -> list[Place]:
    """Return every location of the catalogue, oldest first."""
    firsts = set(session.scalars(sa.select(sa.func.min(Location.id)).group_by(Location.version_id)))
    tables = {row.location_id: row for row in session.scalars(sa.select(SketchTable))}
    return [
        Place(location, location.id in firsts, tables.get(location.id))
        for location in session.scalars(sa.select(Location).order_by(Location.id))
    ]
