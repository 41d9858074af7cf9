"""After a registration: compare its documents with those of all other versions, and say so.

This comes after the commit, when the index has the documents: of two registrations at once, the
one that commits later finds the other. A version whose comparison was cut short by a kill is one
that is still to be compared, and the next registration makes up for it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR
from registry.db.models import DatasetVersion, Location, Overlap, SegmentKind, SketchTable
from registry.db.session import Database
from registry.index.reading import Index
from registry.query.overlaps import finding, inside
from registry.query.overlaps.records import overlap_records
from registry.query.standing import standing
from registry.query.whereis.seen import Seen
from registry.register.reading import Clock

MOST_TRIED: Final = 1_000_000
"""How many documents a dry run compares at most: nobody else can write to the catalogue while it
does."""


def compare(database: Database, store: Store, *, clock: Clock) -> int:
    """Compare every version that was not compared yet, and record what was found.

    Args:
        database: The catalogue.
        store: The registry's storage.
        clock: The registry's clock.

    Returns:
        How many versions were compared.

    Raises:
        ConflictError: A file of the index is missing or damaged.
    """
    with database.read() as session:
        waiting = session.scalars(_waiting()).all()
    for location in waiting:
        with database.read() as session:
            found = finding.overlaps(session, store, session.get_one(Location, location))
        with database.write() as session:
            _add(session, location, found, clock())
    return len(waiting)


def not_indexed(database: Database, store: Store) -> int:
    """Return how many documents `compare` could not find: those that the index does not have.

    Raises:
        ConflictError: A file of the index is missing or damaged.
    """
    with database.read() as session, Index.open(session, store) as index:
        seen = Seen(session, OPERATOR)
        missing = seen.missing(index.covered(SegmentKind.CONTENT)) & seen.first_locations
        return sum(seen.documents[seen.versions[place]] for place in missing)


def tried(
    session: Session, store: Store, version: DatasetVersion, now: dt.datetime
) -> dict[str, Any] | None:
    """Return what would be known of a version that this transaction has, and that will be undone.

    Args:
        session: The writing session.
        store: The registry's storage with the files of the version.
        version: The version.
        now: The time.

    Returns:
        What `record` returns; None if there are too many documents to look at now.

    Raises:
        ConflictError: A document table, or a file of the index, is missing or damaged.
    """
    if version.documents > MOST_TRIED:
        return None
    for location in session.scalars(_waiting().where(Location.version_id == version.id)).all():
        found = finding.overlaps(session, store, session.get_one(Location, location))
        _add(session, location, found, now)
    session.flush()
    return record(session, store, version)


def record(session: Session, store: Store, version: DatasetVersion) -> dict[str, Any]:
    """Return what is known of a version's documents, as `register --json` prints it.

    Raises:
        ConflictError: A document table is missing or was changed.
    """
    known = {
        "overlaps": overlap_records(session, version),
        "most_repeated": None,
        "contested": {"documents": 0, "texts": 0},
    }
    # What no two documents share, no two labels can be about.
    if version.exact_duplicates:
        alone = standing(session, store, version, across=False)
        known["most_repeated"] = inside.most_repeated(store, alone)
        known["contested"] = inside.contested(alone)
    return known


def _waiting() -> sa.Select[int]:
    return (
        sa.select(SketchTable.location_id)
        .join(Location, Location.id == SketchTable.location_id)
        .where(SketchTable.compared_at.is_(None))
        .order_by(SketchTable.id)
    )


def _add(session: Session, location: int, found: list[finding.Found], now: dt.datetime) -> None:
    """Write what was found, unless somebody else compared the same version meanwhile."""
    table = session.execute(
        sa.select(SketchTable)
        .where(SketchTable.location_id == location)
        .with_for_update(of=SketchTable)
    ).scalar_one_or_none()
    if table is None or table.compared_at is not None:
        return
    version = table.location.version_id
    about = sa.or_(Overlap.version_id == version, Overlap.other_id == version)
    known = {
        (row.version_id, row.other_id, row.kind)
        for row in session.scalars(sa.select(Overlap).where(about))
    }
    for one in found:
        # Two that were registered at the same time find each other; once is enough.
        pairs = ((version, one.other_id), (one.other_id, version))
        if any((*pair, one.kind) in known for pair in pairs):
            continue
        session.add(
            Overlap(
                version_id=version,
                other_id=one.other_id,
                kind=one.kind,
                documents=one.documents,
                texts=one.texts,
                other_documents=one.other_documents,
                conflicts={"differences": [it.to_json() for it in one.differences]},
                rule=one.rule,
                found_at=now,
            )
        )
    table.compared_at = now
