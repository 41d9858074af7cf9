"""What two versions that hold the same texts say differently about them, as their claims are now.

What matching stored when it found the overlap says what was claimed then. As long as nothing was
claimed, ended or derived since, that is still so, and nothing is read.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.caller import Caller
from registry.core.contents import Hashes, distinct_at, member
from registry.db.models import (
    Claim,
    DatasetVersion,
    Dispute,
    DisputeResolution,
    LineageEdge,
    Location,
    Overlap,
)
from registry.query import as_of
from registry.query.overlaps.differences import Difference, Differences, disagreeing
from registry.query.overlaps.sides import COLUMNS, Side, SideBuilder
from registry.query.standing.part import Part, parts
from registry.query.standing.said import About, Said


def differences(
    session: Session, store: Store, item: Overlap, caller: Caller
) -> tuple[Difference, ...]:
    """Return what the two versions of an overlap say differently about their equal texts.

    Args:
        session: A reading session.
        store: The registry's storage.
        item: An overlap of equal texts.
        caller: Who asks: lineage from what they may not see says nothing.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    if caller.sees_all and not as_of.is_past(session) and not _spoken_since(session, item):
        return tuple(Difference.from_json(value) for value in item.conflicts["differences"])
    said = Differences()
    said.add(*sides(session, store, item.version, item.other, caller))
    return said.found()


def texts(
    session: Session,
    store: Store,
    versions: tuple[DatasetVersion, DatasetVersion],
    property: str,
    caller: Caller,
) -> Hashes:
    """Return the texts about which two versions contradict each other.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    here, there = sides(session, store, *versions, caller)
    return here.hashes[disagreeing(property, here, there)]


def sides(
    session: Session, store: Store, one: DatasetVersion, other: DatasetVersion, caller: Caller
) -> tuple[Side, Side]:
    """Return what the claims about two versions say about the texts that both have.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    abouts = [About.of(session, version, caller) for version in (one, other)]
    hashes = [_texts(store, about.locations[0]) for about in abouts]
    common = hashes[0][member(hashes[0], hashes[1])]
    first, second = (_side(Said(about, _Common(store, common))) for about in abouts)
    return first, second


def _spoken_since(session: Session, item: Overlap) -> bool:
    """Return whether anything that counts was recorded about either version since it was found."""
    both = (item.version_id, item.other_id)
    asked = (
        sa.select(Claim.id).where(Claim.version_id.in_(both), Claim.claimed_at >= item.found_at),
        sa.select(LineageEdge.id).where(
            LineageEdge.version_id.in_(both), LineageEdge.added_at >= item.found_at
        ),
        sa.select(DisputeResolution.id)
        .join(Dispute, Dispute.id == DisputeResolution.dispute_id)
        .where(Dispute.version_id.in_(both), DisputeResolution.resolved_at >= item.found_at),
    )
    return any(session.execute(one.limit(1)).first() is not None for one in asked)


def _texts(store: Store, place: Location) -> Hashes:
    found = [
        documents.hashes_of(batch.column("content_hash"))
        for batch in documents.read(
            store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
        )
    ]
    ordered = np.sort(np.concatenate(found))
    return ordered[distinct_at(ordered)]


def _side(said: Said) -> Side:
    builder = SideBuilder(said)
    for part in said.parts(COLUMNS):
        builder.add(part)
    return builder.side()


class _Common:
    """The rows of document tables that have some texts.

    Args:
        store: The registry's storage.
        hashes: The texts, ascending.
    """

    def __init__(self, store: Store, hashes: Hashes) -> None:
        self._store = store
        self._hashes = hashes

    def documents(self, version: DatasetVersion) -> int:
        """Return an upper bound; nobody asks for a column of all rows."""
        return version.documents

    def parts(self, location: Location, columns: tuple[str, ...]) -> Iterable[Part]:
        """Give the rows of a location that have one of the texts."""
        for part in parts(self._store, location, columns):
            yield part.where(member(part.hashes, self._hashes))

    def selection(self, digest: str) -> Hashes:
        """Return a stored list of content hashes, ascending."""
        return documents.as_hashes(self._store.selection(digest))

    def raw(self, digest: str) -> bytes:
        """Return a stored file that goes with a list of content hashes."""
        return self._store.selection(digest)
