"""Overlaps as the documents that commands print: seen from one version, conflicts first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.caller import OPERATOR, Caller
from registry.core.evidence import iso_time, to_micros
from registry.db.models import DatasetVersion, Location, Overlap, OverlapKind, SketchTable
from registry.query import catalogue, withdrawn
from registry.query.overlaps.differences import PROPERTIES, Difference
from registry.query.visible import visible_version

MAX_RECORDS: Final = 1000


def overlap_records(
    session: Session, version: DatasetVersion, caller: Caller = OPERATOR
) -> dict[str, Any]:
    """Return what is known of documents that other versions have too.

    Versions that the caller may not see are neither named nor counted.

    Args:
        session: A reading session.
        version: The version that is looked at.
        caller: Who asks.
    """
    found = sorted(
        (_record(item, version) for item in overlaps_of(session, version, caller)),
        key=_gravity,
    )
    return {
        "compared": is_compared(session, version),
        "count": len(found),
        "listed": found[:MAX_RECORDS],
    }


def overlaps_of(session: Session, version: DatasetVersion, caller: Caller) -> Sequence[Overlap]:
    """Return the overlaps with versions that the caller may see and are not withdrawn."""
    mine = sa.or_(
        sa.and_(Overlap.version_id == version.id, visible_version(caller, Overlap.other_id)),
        sa.and_(Overlap.other_id == version.id, visible_version(caller, Overlap.version_id)),
    )
    gone = withdrawn.whole_ids(session) - {version.id}
    found = session.scalars(sa.select(Overlap).where(mine).order_by(Overlap.id)).all()
    return [it for it in found if it.version_id not in gone and it.other_id not in gone]


def is_compared(session: Session, version: DatasetVersion) -> bool:
    """Return whether the documents were compared with those of the versions before."""
    done = (
        sa.select(SketchTable.id)
        .join(Location, Location.id == SketchTable.location_id)
        .where(Location.version_id == version.id, SketchTable.compared_at.is_not(None))
    )
    return session.execute(done.limit(1)).first() is not None


def _record(item: Overlap, version: DatasetVersion) -> dict[str, Any]:
    turned = item.other_id == version.id
    other = item.version if turned else item.other
    ref = catalogue.ref_of(other)
    counts = (item.documents, item.other_documents)
    here, there = reversed(counts) if turned else counts
    differences = [
        Difference.from_json(value, turned=turned) for value in item.conflicts["differences"]
    ]
    return {
        "dataset": str(ref.dataset),
        "version": other.number,
        "kind": str(item.kind),
        "documents": here,
        "their_documents": there,
        "their_total": other.documents,
        "texts": item.texts,
        "conflicts": [one.to_json() for one in differences],
        "rule": item.rule,
        "found_at": iso_time(to_micros(item.found_at)),
    }


def _gravity(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return what sorts overlaps: the gravest conflict, equal before near, then the size."""
    gravest = [PROPERTIES.index(one["property"]) for one in record["conflicts"]]
    return (
        min(gravest, default=len(PROPERTIES)),
        record["kind"] != OverlapKind.EXACT,
        -record["documents"],
        record["dataset"],
        record["version"],
    )


def conflicts_in_words(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return the properties that any of some overlaps has a conflict of, the gravest first."""
    named = {one["property"] for record in records for one in record["conflicts"]}
    return [name for name in PROPERTIES if name in named]
