"""What one caller may see of one state of the catalogue, read once and kept by a server.

Everything here is bound by the log, so its size names the state: whoever keeps a `Seen` looks at
that first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.caller import Caller
from registry.core.contents import Mask, Rows
from registry.db.models import DatasetVersion, Location, MixtureInput, Snapshot
from registry.query import catalogue, withdrawn
from registry.query.cached import Cached
from registry.query.rows import RowReader
from registry.query.standing.said import About
from registry.query.visible import visible_version

_KEPT_FILES: Final = 1 << 20
"""How many files the places of all versions that are kept may have."""


@dataclass(frozen=True, slots=True)
class Known:
    """A version with what the catalogue knows about it.

    Attributes:
        about: Its claims, places and sources.
        snapshots: The snapshots that hold documents of it, and how many.
        kept: Under which uid the vault has the texts of a place, by the place's id.
    """

    about: About
    snapshots: Sequence[tuple[Snapshot, MixtureInput]]
    kept: Mapping[int, str]


class Seen:
    """The versions that a caller may see, and where their documents are.

    Args:
        session: A reading session.
        caller: Who asks.

    Attributes:
        caller: Who asks.
        versions: For each location, the version that was found there.
        firsts: The first location of each version, by the version's id.
        documents: How many documents each version has, by its id.
        withdrawn: The locations of versions that were withdrawn as a whole. They are among
            `versions`, because what is claimed about them counts, and not among `firsts`.
        hidden: The rows of other locations whose texts were withdrawn, ascending.
    """

    def __init__(self, session: Session, caller: Caller) -> None:
        self.caller = caller
        self.versions: dict[int, int] = {}
        self.firsts: dict[int, int] = {}
        self.documents: dict[int, int] = {}
        rows = session.execute(
            sa.select(Location.id, Location.version_id, DatasetVersion.documents)
            .join(DatasetVersion, DatasetVersion.id == Location.version_id)
            .where(visible_version(caller, Location.version_id))
            .order_by(Location.id)
        )
        gone = withdrawn.whole_ids(session)
        for location, version, documents in rows:
            self.versions[location] = version
            self.documents[version] = documents
            if version not in gone:
                self.firsts.setdefault(version, location)
        self.withdrawn = frozenset(it for it, version in self.versions.items() if version in gone)
        self.hidden: dict[int, Rows] | None = None
        self._known: Cached[int, Known] = Cached(_KEPT_FILES)

    @cached_property
    def total(self) -> int:
        """Return how many documents there are."""
        return sum(self.documents[version] for version in self.firsts)

    @cached_property
    def locations(self) -> frozenset[int]:
        """Return all locations."""
        return frozenset(self.versions)

    @cached_property
    def first_locations(self) -> frozenset[int]:
        """Return the first location of each version."""
        return frozenset(self.firsts.values())

    def hide(self, session: Session, reader: RowReader) -> Mapping[int, Rows]:
        """Find the rows whose texts were withdrawn, once; those of whole versions are not listed.

        Raises:
            ConflictError: A document table or a stored list is missing or was changed.
        """
        if self.hidden is None:
            self.hidden = withdrawn.hidden_rows(session, reader)
        return self.hidden

    def is_hidden(self, location: Rows, row: Rows) -> Mask:
        """Return which documents are withdrawn; `hide` was called before."""
        gone = np.isin(location, np.fromiter(self.withdrawn, np.int64))
        for place, rows in (self.hidden or {}).items():
            here = location == place
            gone[here] |= np.isin(row[here], rows)
        return gone

    def missing(self, covered: Mapping[int, int]) -> frozenset[int]:
        """Return the locations of which an index does not have every row."""
        return frozenset(
            location
            for location, version in self.versions.items()
            if covered.get(location, 0) != self.documents[version]
        )

    def version_of(self, locations: Rows) -> Rows:
        """Return the version of each of some locations."""
        each, inverse = np.unique(locations, return_inverse=True)
        found = np.array([self.versions[location] for location in each.tolist()], np.int64)
        return found[inverse]

    def place(self, session: Session, location: int) -> Location:
        """Return a location."""
        places = self.known(session, self.versions[location]).about.locations
        return next(place for place in places if place.id == location)

    def known(self, session: Session, version_id: int) -> Known:
        """Return a version, its claims, places, lineage and snapshots."""

        def read() -> tuple[Known, int]:
            version = session.get_one(DatasetVersion, version_id)
            about = About.of(session, version, self.caller)
            snapshots = catalogue.snapshots_with(session, version, self.caller)
            kept = catalogue.kept(session, version)
            # They outlive this session, also one that is rolled back, which would expire them.
            session.expunge_all()
            files = sum(len(place.files) for place in about.locations)
            return Known(about, snapshots, kept), files + 100

        return self._known.get(version_id, read)
