"""The earliest date of each document of a version, over all versions that hold the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from registry import documents
from registry.core.claim import Amounts, Property
from registry.core.contents import Hashes, Mask, Rows, equals
from registry.db.models import DatasetVersion
from registry.errors import ConflictError
from registry.query import catalogue
from registry.query.standing import NEVER
from registry.query.standing.columns import width
from registry.query.standing.dates import brackets, same_for_all
from registry.query.standing.few import FewTables
from registry.query.standing.said import About, Said
from registry.query.whereis.finder import Looking
from registry.query.whereis.occurrences import Occurrences, occurrences

BLOCK: Final = 1 << 18
"""How many texts are looked up at a time."""
NOBODY: Final = -1
"""Stands for "no version claims a date" in `FirstSeen.by`."""


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """When each document of a version was first seen.

    Attributes:
        version: The version.
        hashes: The content hash of each row.
        not_after: Each text existed by then: microseconds since 1970 UTC, or `NEVER`.
        by: Whose date that is: a position in `dated`, or `NOBODY`.
        dated: The versions that claim dates and that the caller may see, as they were
            registered.
    """

    version: DatasetVersion
    hashes: Hashes
    not_after: Amounts
    by: Rows
    dated: tuple[About, ...]

    @property
    def known(self) -> Mask:
        """Return the documents that have a date."""
        return np.asarray(self.not_after != NEVER)


def first_seen(looking: Looking, version: DatasetVersion) -> FirstSeen:
    """Find when each document of a version was first seen.

    Only equal bytes count. Of several versions with the same earliest date, the one that was
    registered first is named, as `whereis` does. Memory follows the version: some 80 bytes per
    document.

    Args:
        looking: The catalogue, as the caller sees it: what they may not see lends no date.
        version: A version that the caller may see.

    Raises:
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    if version.id not in looking.seen.firsts:
        # It is withdrawn as a whole.
        none = np.full(version.documents, NEVER, np.int64)
        nobody = np.full(version.documents, NOBODY, np.int64)
        return FirstSeen(version, np.empty(0, "S32"), none, nobody, ())
    hashes = _hashes(looking, version)
    dated = _dated(looking)
    alike = equals(hashes)
    first = alike.first(np.ones(len(hashes), np.bool_))
    ends = np.full(len(hashes), NEVER, np.int64)
    by = np.full(len(hashes), NOBODY, width(NOBODY, len(dated)))
    if dated:
        rows = np.flatnonzero(first)
        rows = rows[np.argsort(hashes[rows], kind="stable")]
        for begin in range(0, len(rows), BLOCK):
            block = rows[begin : begin + BLOCK]
            ends[block], by[block] = _earliest(looking, dated, hashes[block])
    # What the first of equal rows has holds for the others.
    leader = alike.rows[alike.starts][alike.groups]
    ends[alike.rows], by[alike.rows] = ends[leader], by[leader]
    return FirstSeen(version, hashes, ends, by, tuple(dated))


def _hashes(looking: Looking, version: DatasetVersion) -> Hashes:
    place = looking.seen.place(looking.session, looking.seen.firsts[version.id])
    batches = documents.read(
        looking.store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    return np.concatenate([documents.hashes_of(batch.column("content_hash")) for batch in batches])


def _dated(looking: Looking) -> list[About]:
    """Return the versions that claim a date of some document."""
    seen = looking.seen
    known = [seen.known(looking.session, id).about for id in seen.firsts]
    dated = [about for about in known if same_for_all(about.claims) is None or _end_of(about)]
    return sorted(dated, key=lambda about: about.version.id)


def _end_of(about: About) -> int | None:
    """Return the end of the bracket that all documents of a version have, if they have one."""
    whole = same_for_all(about.claims)
    return None if whole is None or whole[1] == NEVER else whole[1]


def _earliest(looking: Looking, dated: list[About], hashes: Hashes) -> tuple[Amounts, Rows]:
    """Return the earliest date of some texts, which are ascending, and whose it is."""
    ends = np.full(len(hashes), NEVER, np.int64)
    by = np.full(len(hashes), NOBODY, np.int64)
    places = frozenset(id for about in dated for id in _needed(about))
    found = occurrences(looking, hashes, among=places)
    for number, about in enumerate(dated):
        mine = np.full(len(hashes), NEVER, np.int64)
        for texts, dates in _dates(looking, about, found):
            np.minimum.at(mine, texts, dates)
        earlier = mine < ends
        ends[earlier], by[earlier] = mine[earlier], number
    return ends, by


def _needed(about: About) -> Iterator[int]:
    """Give the locations whose rows are asked for: the first, and those with dates of their own."""
    yield about.locations[0].id
    dates = [claim for claim in about.claims if claim.property is Property.DATE]
    yield from {claim.location_id for claim in dates if claim.location_id is not None}


def _dates(
    looking: Looking, about: About, found: Occurrences
) -> Iterator[tuple[Rows, Amounts | int]]:
    """Give the texts that rows of a version have, and the end of each row's bracket."""
    texts, rows = found.at(about.locations[0].id)
    if not len(texts):
        return
    end = _end_of(about)
    if end is not None:
        yield texts, end
        return
    few = {}
    for place in _needed(about):
        there, few[place] = found.at(place)
        if (np.unique(there) != np.unique(texts)).any():
            ref = catalogue.ref_of(about.version)
            raise ConflictError(
                f"the index does not have the same texts of `{ref.short}` at each of its places",
                hint="run `firsthand index rebuild`",
            )
    said = Said(about, FewTables(looking.reader, few, len(rows)))
    for part in said.parts(()):
        yield texts, brackets(said, part)[1]
