"""What was withdrawn: tombstones, and which rows of a version they are about.

A withdrawal counts from the moment it is recorded, wherever documents are looked up, drawn or
exported; nothing has to be rebuilt for it. What is *claimed* about withdrawn texts counts on:
withdrawing a dataset never makes a text human elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.claim import Mask
from registry.core.contents import Hashes, Rows, member
from registry.core.evidence import iso_date, iso_time, to_micros
from registry.db.models import DatasetVersion, ErasedText, Location, Selection, Withdrawal
from registry.errors import NotFoundError
from registry.query.catalogue import ref_of
from registry.query.rows import RowReader


class Selections(Protocol):
    """Where stored lists of content hashes come from."""

    def selection(self, digest: str) -> Hashes:
        """Return a stored list of content hashes, ascending."""
        ...


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A withdrawal.

    Attributes:
        number: Its number, by which messages name it.
        version_id: The version.
        selection: The digest of the list of texts it is about, or None for the whole version.
        texts: How many texts those are, or None.
        reason: Why.
        erased: Whether the registry's own copies were removed too.
        by: Who withdrew them.
        at: When, in microseconds since 1970 UTC.
    """

    number: int
    version_id: int
    selection: str | None
    texts: int | None
    reason: str
    erased: bool
    by: str
    at: int

    @property
    def words(self) -> str:
        """Return the tombstone in a few words."""
        what = "withdrawn and erased" if self.erased else "withdrawn"
        return f"{what} {iso_date(self.at)}, tombstone {self.number}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Return the tombstone as a document."""
        return {
            "withdrawal": self.number,
            "about": "all" if self.selection is None else self.texts,
            "reason": self.reason,
            "erased": self.erased,
            "withdrawn_by": self.by,
            "withdrawn_at": iso_time(self.at),
        }


def tombstones(
    session: Session, versions: Collection[int] | None = None
) -> dict[int, list[Tombstone]]:
    """Return the withdrawals by the ids of their versions, oldest first, with one statement.

    Args:
        session: A reading session.
        versions: The versions, or None for all of the catalogue.
    """
    wanted = (
        sa.select(
            Withdrawal.id,
            Withdrawal.version_id,
            Selection.digest,
            Selection.texts,
            Withdrawal.reason,
            Withdrawal.erased,
            Withdrawal.withdrawn_by,
            Withdrawal.withdrawn_at,
        )
        .outerjoin(Selection, Selection.id == Withdrawal.selection_id)
        .order_by(Withdrawal.id)
    )
    if versions is not None:
        wanted = wanted.where(Withdrawal.version_id.in_(versions))
    found: dict[int, list[Tombstone]] = defaultdict(list)
    for number, version, digest, texts, reason, erased, by, at in session.execute(wanted):
        stone = Tombstone(number, version, digest, texts, reason, erased, by, to_micros(at))
        found[version].append(stone)
    return dict(found)


def of_version(session: Session, version: DatasetVersion) -> list[Tombstone]:
    """Return the withdrawals of a version, oldest first."""
    return tombstones(session, [version.id]).get(version.id, [])


def whole(stones: Sequence[Tombstone]) -> Tombstone | None:
    """Return the tombstone of a version that is withdrawn as a whole, or None."""
    return next((it for it in stones if it.selection is None), None)


def mask(hashes: Hashes, stone: Tombstone, selections: Selections) -> Mask:
    """Return which rows a tombstone is about.

    Raises:
        ConflictError: The stored list is missing or was changed.
    """
    if stone.selection is None:
        return np.ones(len(hashes), np.bool_)
    return member(hashes, selections.selection(stone.selection))


def any_of(hashes: Hashes, stones: Sequence[Tombstone], selections: Selections) -> Mask:
    """Return which rows any of some tombstones is about."""
    gone = np.zeros(len(hashes), np.bool_)
    for stone in stones:
        gone |= mask(hashes, stone, selections)
    return gone


def whole_ids(session: Session) -> set[int]:
    """Return the ids of the versions that are withdrawn as a whole, with one statement."""
    found = sa.select(Withdrawal.version_id).where(Withdrawal.selection_id.is_(None))
    return set(session.scalars(found))


def require(session: Session, version: DatasetVersion, *, partly: bool = False) -> None:
    """Refuse a version that is withdrawn.

    Args:
        session: A reading session.
        version: The version.
        partly: Refuse also one of which some texts are withdrawn.

    Raises:
        NotFoundError: It is; the message names the tombstone.
    """
    stones = of_version(session, version)
    name = ref_of(version).short
    gone = whole(stones)
    if gone is not None:
        raise NotFoundError(
            f"`{name}` was {gone.words}",
            hint=f"`firsthand history {name}` tells more; another version may be there",
        )
    if partly and stones:
        raise NotFoundError(
            f"some texts of `{name}` were {stones[-1].words}",
            hint="register the others as a version of their own, and use that",
        )


def hidden_rows(session: Session, reader: RowReader) -> dict[int, Rows]:
    """Return the rows whose texts were withdrawn from versions that were not, by location.

    Raises:
        ConflictError: A document table or a stored list is missing or was changed.
    """
    partly = {
        version: [stone.selection for stone in stones if stone.selection]
        for version, stones in tombstones(session).items()
        if whole(stones) is None
    }
    if not partly:
        return {}
    places = session.scalars(
        sa.select(Location).where(Location.version_id.in_(partly)).order_by(Location.id)
    )
    found = {}
    for place in places:
        lists = [reader.selection(digest) for digest in partly[place.version_id]]
        found[place.id] = reader.find(place, np.unique(np.concatenate(lists)))
    return found


def erased_rows(session: Session, version: DatasetVersion, hashes: Hashes, store: Store) -> Mask:
    """Return which rows of a version were erased: those that have a mark instead of a hash.

    Raises:
        ConflictError: A stored list is missing or was changed.
    """
    gone = np.zeros(len(hashes), np.bool_)
    lists = sa.select(ErasedText.digest).join(Withdrawal).where(Withdrawal.version_id == version.id)
    for digest in session.scalars(lists):
        gone |= member(hashes, documents.as_hashes(store.selection(digest)))
    return gone
