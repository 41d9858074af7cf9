"""Where texts are: the rows of every location that have them, as far as the caller may see."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from registry import documents
from registry.core.contents import Hashes, Rows
from registry.query.rows import RowReader
from registry.query.whereis.finder import Looking
from registry.query.whereis.seen import Seen


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Rows that have some texts.

    Attributes:
        hashes: The content hashes of the texts, ascending, each once.
        text: Of each row, the position of its text among those.
        location: Its location.
        row: Its place in the reading order there, from 0.
    """

    hashes: Hashes
    text: Rows
    location: Rows
    row: Rows

    def at(self, location: int) -> tuple[Rows, Rows]:
        """Return texts and rows of those at one location, by row."""
        mine = np.flatnonzero(self.location == location)
        mine = mine[np.argsort(self.row[mine])]
        return self.text[mine], self.row[mine]


def occurrences(
    looking: Looking, hashes: Hashes, *, among: frozenset[int] | None = None
) -> Occurrences:
    """Find the rows that have some texts, wherever the caller may see them: not withdrawn ones.

    Args:
        looking: The catalogue, as the caller sees it.
        hashes: The content hashes, ascending, each once.
        among: The locations that may answer, all of which the caller may see; None for all.

    Raises:
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    found = everywhere(looking, hashes, among=among)
    gone = looking.seen.is_hidden(found.location, found.row)
    if not gone.any():
        return found
    return Occurrences(hashes, found.text[~gone], found.location[~gone], found.row[~gone])


def everywhere(
    looking: Looking, hashes: Hashes, *, among: frozenset[int] | None = None
) -> Occurrences:
    """Find the rows that have some texts, also where they were withdrawn.

    What is claimed about withdrawn texts counts, whatever is shown of them.

    Args:
        looking: The catalogue, as the caller sees it.
        hashes: The content hashes, ascending, each once.
        among: The locations that may answer, all of which the caller may see; None for all.

    Raises:
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    places = looking.places
    known = places.among(places.known) if among is None else places.known & among
    missing = places.missing if among is None else places.missing & among
    found = looking.everything.content(hashes, among=known)
    if not missing:
        return Occurrences(hashes, found.question, found.location, found.row)
    more = scanned(looking.session, looking.seen, looking.reader, hashes, missing)
    return Occurrences(
        hashes,
        np.concatenate([found.question, more.text]),
        np.concatenate([found.location, more.location]),
        np.concatenate([found.row, more.row]),
    )


def scanned(
    session: Session,
    seen: Seen,
    reader: RowReader,
    hashes: Hashes,
    locations: Collection[int],
) -> Occurrences:
    """Find the rows of locations that the index does not have, by going through all of them.

    What a dataset calls AI must not be called human because a file of the index is missing.

    Args:
        session: A reading session.
        seen: What the caller may see.
        reader: Of document tables.
        hashes: The content hashes, ascending, each once.
        locations: The locations.

    Raises:
        ConflictError: A document table is missing or was changed.
    """
    texts, places, found = [], [], []
    for location in sorted(locations):
        place = seen.place(session, location)
        rows = reader.find(place, hashes)
        if len(rows):
            column = reader.take(place, rows, ("content_hash",)).column(0)
            texts.append(np.searchsorted(hashes, documents.hashes_of(column)))
            places.append(np.full(len(rows), location, np.int64))
            found.append(rows)
    return Occurrences(hashes, *(_joined(it) for it in (texts, places, found)))


def _joined(pieces: list[Rows]) -> Rows:
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)
