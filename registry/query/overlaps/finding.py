"""Which documents of a version other versions have too: equal ones, and near ones.

Cost follows the documents of the version: equal texts are looked up once each, and near ones come
from the band index. In a bucket of the band index that very many documents share, such as
boilerplate, only some of them are compared, so that numbers of near documents are lower bounds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR
from registry.core.contents import Hashes, Rows, distinct, leading
from registry.core.sketch import SCHEME
from registry.db.models import DatasetVersion, Location, OverlapKind, SegmentKind
from registry.errors import ConflictError
from registry.index.joining import Hubs
from registry.index.reading import Index
from registry.query import withdrawn
from registry.query.overlaps.differences import Difference, Differences
from registry.query.overlaps.pairing import NEAR, alike
from registry.query.overlaps.sides import COLUMNS, Side, SideBuilder
from registry.query.overlaps.texts import Texts
from registry.query.rows import RowReader
from registry.query.standing.part import Part
from registry.query.standing.said import About, Said

EXACT_RULE: Final = "equal bytes (sha-256)"
NEAR_RULE: Final = f"{SCHEME} similarity >= {NEAR}"
BLOCK: Final = 1 << 16
TEXTS: Final = 1 << 20
"""Of how many texts the claims are compared at a time."""
HUBS: Final = 64
"""How many documents of a version that share a band key are compared with all that do."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a version has in common with one other.

    Attributes:
        other_id: The other version.
        kind: Whether texts are equal or near.
        documents: How many documents of the version have a counterpart.
        texts: How many different texts those are.
        other_documents: How many documents of the other version are counterparts.
        differences: What the claims of the two contradict each other on; for equal texts.
        rule: What counts as alike.
    """

    other_id: int
    kind: OverlapKind
    documents: int
    texts: int
    other_documents: int
    differences: tuple[Difference, ...]
    rule: str


@dataclass(slots=True)
class _Pairs:
    """Texts of the version, by number, and rows of another one."""

    texts: list[Rows] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)

    def add(self, texts: Rows, rows: Rows) -> None:
        self.texts.append(texts)
        self.rows.append(rows)

    def all(self) -> tuple[Rows, Rows]:
        return np.concatenate(self.texts), np.concatenate(self.rows)


def overlaps(session: Session, store: Store, place: Location) -> list[Found]:
    """Compare the documents of a version with those of all other versions.

    Args:
        session: A reading session, whose catalogue is compared with.
        store: The registry's storage.
        place: The version's first location, which the index has.

    Raises:
        ConflictError: A document table, or a file of the index, is missing or was changed.
    """
    others = _first_locations(session, place.version_id)
    if not others:
        return []
    mine = Texts(store, place)
    reader = RowReader(store)
    found = []
    hidden = withdrawn.hidden_rows(session, reader)
    with Index.open(session, store) as opened:
        index = opened.without(hidden)
        exact = {id: it.all() for id, it in _exact(index, mine, others).items()}
        equal = {id: distinct(texts) for id, (texts, _) in exact.items()}
        near = {id: it.all() for id, it in _near(index, mine, place, others, equal).items()}
        for other_id, pairs in exact.items():
            other = session.get_one(DatasetVersion, other_id)
            differ = _differences(session, index, reader, mine, (place.version, other), pairs)
            found.append(_found(mine, other_id, OverlapKind.EXACT, pairs, differ, EXACT_RULE))
    for other_id, pairs in near.items():
        found.append(_found(mine, other_id, OverlapKind.NEAR, pairs, (), NEAR_RULE))
    return found


def _found(
    mine: Texts,
    other_id: int,
    kind: OverlapKind,
    pairs: tuple[Rows, Rows],
    differences: tuple[Difference, ...],
    rule: str,
) -> Found:
    """Count texts that have a counterpart, and the rows that are counterparts."""
    texts, rows = map(distinct, pairs)
    documents = int(mine.copies[texts].sum())
    return Found(other_id, kind, documents, len(texts), len(rows), differences, rule)


def _first_locations(session: Session, version_id: int) -> dict[int, int]:
    """Return the other versions by their first location."""
    rows = session.execute(
        sa.select(sa.func.min(Location.id), Location.version_id)
        .where(Location.version_id != version_id)
        .group_by(Location.version_id)
    )
    gone = withdrawn.whole_ids(session)
    return {int(location): int(version) for location, version in rows if version not in gone}


def _exact(index: Index, mine: Texts, others: dict[int, int]) -> dict[int, _Pairs]:
    """Look every text up once."""
    found: dict[int, _Pairs] = defaultdict(_Pairs)
    # Ascending questions are answered several times as fast.
    order = np.argsort(leading(mine.hashes[mine.firsts]))
    for begin in range(0, len(order), BLOCK):
        texts = order[begin : begin + BLOCK]
        hits = index.content(mine.hashes[mine.firsts[texts]], among=others.keys())
        for location in np.unique(hits.location).tolist():
            here = hits.location == location
            found[others[location]].add(texts[hits.question[here]], hits.row[here])
    return found


def _near(
    index: Index,
    mine: Texts,
    place: Location,
    others: dict[int, int],
    equal: dict[int, Rows],
) -> dict[int, _Pairs]:
    """Compare with what shares a band: each text once, and not with what is equal to it."""
    found: dict[int, _Pairs] = defaultdict(_Pairs)
    if place.id not in index.sketched():
        return found
    sketched = [location for location in others if location in index.sketched()]
    blocks = index.joined(
        SegmentKind.BANDS,
        place.id,
        among=sketched,
        hubs=Hubs(HUBS),
        rows=mine.first,
        without={
            location: mine.firsts[equal[version]]
            for location, version in others.items()
            if version in equal
        },
    )
    for location, rows, theirs in alike(index, place.id, blocks):
        found[others[location]].add(mine.numbers[rows], theirs)
    return found


def _differences(
    session: Session,
    index: Index,
    reader: RowReader,
    mine: Texts,
    versions: tuple[DatasetVersion, DatasetVersion],
    pairs: tuple[Rows, Rows],
) -> tuple[Difference, ...]:
    """Return what two versions say differently about texts that both have.

    Args:
        session: A reading session.
        index: The index.
        reader: Reads document tables.
        mine: The documents of the first version.
        versions: The two.
        pairs: Texts that both have, and each row of the second one that has them.
    """
    said = Differences()
    about = [About.of(session, version, OPERATOR) for version in versions]
    numbers, theirs = pairs
    texts = distinct(numbers)
    for begin in range(0, len(texts), TEXTS):
        some = texts[begin : begin + TEXTS]
        here = mine.rows(some)
        there = np.sort(theirs[(some[0] <= numbers) & (numbers <= some[-1])])
        known = {
            item.locations[0].id: rows for item, rows in zip(about, (here, there), strict=True)
        }
        tables = _Texts(index, reader, mine.hashes[mine.firsts[some]], known)
        one, other = (_side(Said(item, tables)) for item in about)
        if len(one) != len(other) or (one.hashes != other.hashes).any():
            raise ConflictError(
                "the index and a document table do not have the same texts",
                hint="run `firsthand index rebuild`",
            )
        said.add(one, other)
    return said.found()


def _side(said: Said) -> Side:
    builder = SideBuilder(said)
    for part in said.parts(COLUMNS):
        builder.add(part)
    return builder.side()


class _Texts:
    """The rows of document tables that have some texts, wherever they are.

    Args:
        index: The index.
        reader: Reads document tables.
        hashes: The texts.
        known: The rows that have them of locations that were asked for already, ascending.
    """

    def __init__(
        self, index: Index, reader: RowReader, hashes: Hashes, known: dict[int, Rows]
    ) -> None:
        self._index = index
        self._reader = reader
        self._hashes = hashes
        self._known = known

    def documents(self, version: DatasetVersion) -> int:
        """Return an upper bound; nobody asks for a column of all rows."""
        return version.documents

    def parts(self, location: Location, columns: tuple[str, ...]) -> Iterable[Part]:
        """Give all rows of a location that have one of the texts."""
        rows = self._known.get(location.id)
        if rows is None:
            asked = self._hashes[np.argsort(leading(self._hashes))]
            rows = np.sort(self._index.content(asked, among=[location.id]).row)
        if not len(rows):
            raise ConflictError(
                "the index does not have the same texts at each place of a version",
                hint="run `firsthand index rebuild`",
            )
        return [Part(self._reader.take(location, rows, columns))]

    def selection(self, digest: str) -> Hashes:
        """Return a stored list of content hashes, ascending."""
        return self._reader.selection(digest)

    def raw(self, digest: str) -> bytes:
        """Return a stored file that goes with a list of content hashes."""
        return self._reader.raw(digest)
