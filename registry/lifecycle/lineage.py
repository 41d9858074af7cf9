"""Where a version came from: edges between versions, without circles."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from registry import ledger
from registry.core.dataset import DatasetRef
from registry.core.entry import EntryKind
from registry.core.lineage import EdgeKind
from registry.db.models import DatasetVersion, LineageEdge
from registry.errors import ConflictError, InvalidInputError
from registry.lifecycle.words import readable
from registry.query import catalogue


def add_lineage(
    session: Session,
    ref: DatasetRef,
    source: DatasetRef,
    kind: EdgeKind,
    *,
    added_by: str,
    now: dt.datetime,
    note: str | None = None,
) -> LineageEdge:
    """Record that a version was derived from another.

    Args:
        session: A writing session.
        ref: The derived version; without a number the latest.
        source: What it was derived from; likewise.
        kind: What was done.
        added_by: Who says so.
        now: The registry's clock.
        note: Details, or None.

    Raises:
        NotFoundError: There is no such version.
        InvalidInputError: The note has control characters.
        ConflictError: It is recorded already, or would make a version its own ancestor.
    """
    if note is not None and not readable(note):
        raise InvalidInputError("the note has control characters", hint="write it as plain text")
    version, origin = catalogue.version(session, ref), catalogue.version(session, source)
    names = catalogue.ref_of(version).short, catalogue.ref_of(origin).short
    if version.id == origin.id:
        raise ConflictError(
            f"`{names[0]}` cannot come from itself", hint="name another version with `--from`"
        )
    if _descends(session, origin, version):
        raise ConflictError(
            f"`{names[1]}` comes from `{names[0]}` already, so the reverse cannot be",
            hint=f"`firsthand show {names[1]}` shows where it comes from",
        )
    for edge in catalogue.sources_of(session, version):
        if edge.source_id == origin.id and edge.kind is kind:
            raise ConflictError(
                f"that `{names[0]}` was {kind} from `{names[1]}` is recorded already"
            )
    made = LineageEdge(
        version_id=version.id,
        source_id=origin.id,
        kind=kind,
        note=note,
        added_by=added_by,
        added_at=now,
    )
    made.version, made.source = version, origin
    session.add(made)
    facts = {
        "kind": str(kind),
    }
    ledger.append(session, EntryKind.LINEAGE_ADDED, now=now, facts=facts, rows=[made])
    return made


def _descends(session: Session, version: DatasetVersion, ancestor: DatasetVersion) -> bool:
    """Return whether a version was derived, directly or not, from another."""
    seen: set[int] = set()
    waiting = [version]
    while waiting:
        item = waiting.pop()
        for edge in catalogue.sources_of(session, item):
            if edge.source_id == ancestor.id:
                return True
            if edge.source_id not in seen:
                seen.add(edge.source_id)
                waiting.append(edge.source)
    return False
