"""Say what is in the index, what it takes, and which documents are not in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.db.models import SegmentKind
from registry.db.session import Database
from registry.reindex import held
from registry.reindex.held import Held, Place


@dataclass(frozen=True, slots=True)
class KindStatus:
    """The segments of a kind, or the sketches.

    Attributes:
        kind: What documents are found by; `sketches` for those.
        files: How many files.
        documents: How many documents they hold.
        entries: How many entries; for sketches, how many documents have one.
        bytes: What they take on disk.
    """

    kind: str
    files: int
    documents: int
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Documents that are not in the index, or not wholly.

    Attributes:
        ref: Their version.
        base: The location they are at.
        documents: How many.
        kinds: What they are not found by.
        why: Why not.
    """

    ref: DatasetRef
    base: str
    documents: int
    kinds: tuple[SegmentKind, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Status:
    """What is in the index.

    Attributes:
        documents: How many documents the versions of the catalogue have.
        kinds: What there is of each kind.
        missing: What is not in it.
        damaged: What cannot be opened, and why.
    """

    documents: int
    kinds: tuple[KindStatus, ...]
    missing: tuple[Missing, ...]
    damaged: tuple[str, ...]

    @property
    def not_indexed(self) -> int:
        """Return how many documents are not found by everything that they should be found by."""
        return sum(one.documents for one in self.missing)


def status(database: Database, store: Store) -> Status:
    """Look at the segments' headers and the catalogue; no entry is read."""
    with held.held(database, store) as now:
        return _status(now, store)


def _status(now: Held, store: Store) -> Status:
    places, found = now.places, now.segments
    kinds = []
    for kind in SegmentKind:
        rows = [one.row for one in found if one.row.kind is kind]
        kinds.append(
            KindStatus(
                str(kind),
                len(rows),
                sum(row.documents for row in rows),
                sum(row.entries for row in rows),
                sum(row.bytes for row in rows),
            )
        )
    kinds.append(_sketches(places, store))
    counts = {kind: now.covered(kind) for kind in SegmentKind}
    missing = []
    for place in places:
        uid, total = place.location.uid, place.documents
        lacking = tuple(kind for kind in place.kinds() if counts[kind].get(uid, 0) < total)
        why = "no file of the index holds them"
        if place.first and place.table is None:
            lacking = (*lacking, SegmentKind.BANDS, SegmentKind.PASSAGES)
            why = "they have no sketches: an earlier release registered them"
        if lacking and total:
            missing.append(Missing(place.ref, place.location.base, total, lacking, why))
    return Status(
        sum(place.documents for place in places if place.first),
        tuple(kinds),
        tuple(missing),
        tuple(one.problem.message for one in found if one.problem is not None),
    )


def _sketches(places: Sequence[Place], store: Store) -> KindStatus:
    tables = [(place.location.uid, place.table) for place in places if place.table is not None]
    sizes = [
        path.stat().st_size for uid, _ in tables for path in store.sketches(uid).glob("*.sketch")
    ]
    return KindStatus(
        "sketches",
        len(sizes),
        sum(table.documents for _, table in tables),
        sum(table.sketched for _, table in tables),
        sum(sizes),
    )
