"""After a registration: compare its documents with those of all other versions, and say so.

This comes after the commit, when the index has the documents: of two registrations at once, the
one that commits later finds the other. A version whose comparison was cut short by a kill is one
that is still to be compared, and the next registration makes up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from registry.blobs import Store
from registry.db.models import DatasetVersion, Location, Overlap, SketchTable
from registry.db.session import Database
from registry.query.overlaps import finding, inside
from registry.query.overlaps.records import overlap_records
from registry.query.standing import standing
from registry.register.reading import Clock


def compare(
    database: Database,
    store: Store,
    *,
    clock: Clock,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Compare every version that was not compared yet, and record what was found.

    Args:
        database: The catalogue.
        store: The registry's storage.
        clock: The registry's clock.
        on_progress: Called with how many versions are done, and of how many.

    Returns:
        How many versions were compared.

    Raises:
        ConflictError: A file of the index is missing or damaged.
    """
    with database.read() as session:
        waiting = session.scalars(
            sa.select(SketchTable.location_id)
            .where(SketchTable.compared_at.is_(None))
            .order_by(SketchTable.id)
        ).all()
    for done, location in enumerate(waiting):
        if on_progress:
            on_progress(done, len(waiting))
        with database.read() as session:
            place = session.get_one(Location, location)
            found = finding.overlaps(session, store, place)
        _record(database, location, found, clock)
    return len(waiting)


def record(database: Database, store: Store, version: DatasetVersion) -> dict[str, Any]:
    """Return what is known of a version's documents, as `register --json` prints it.

    Raises:
        ConflictError: A document table is missing or was changed.
    """
    with database.read() as session:
        here = session.get_one(DatasetVersion, version.id)
        known = {
            "overlaps": overlap_records(session, here),
            "most_repeated": None,
            "contested": {"documents": 0, "texts": 0},
        }
        # What no two documents share, no two labels can be about.
        if here.exact_duplicates:
            alone = standing(session, store, here, across=False)
            known["most_repeated"] = inside.most_repeated(store, alone)
            known["contested"] = inside.contested(alone)
    return known


def _record(database: Database, location: int, found: list[finding.Found], clock: Clock) -> None:
    """Write what was found, unless somebody else compared the same version meanwhile."""
    with database.write() as session:
        table = session.execute(
            sa.select(SketchTable)
            .where(SketchTable.location_id == location)
            .with_for_update(of=SketchTable)
        ).scalar_one_or_none()
        if table is None or table.compared_at is not None:
            return
        now = clock()
        version = table.location.version_id
        known = {
            (row.version_id, row.other_id, row.kind)
            for row in session.scalars(
                sa.select(Overlap).where(
                    sa.or_(Overlap.version_id == version, Overlap.other_id == version)
                )
            )
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
