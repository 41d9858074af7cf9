"""Compare the documents of one version with those of others, all of them in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from registry import documents
from registry.blobs import Store
from registry.core.contents import Mask, Rows
from registry.db.models import Location, SegmentKind
from registry.index.joining import Hubs
from registry.index.reading import Index
from registry.query.matrix.counts import Amount, Common, Share
from registry.query.overlaps.pairing import alike
from registry.query.overlaps.texts import Texts

HUBS: Final = 256
"""How many documents of a version that share a band key are compared with all that do."""
HELD: Final = 256 << 20
"""How many bytes the notes on the documents of a pass may take, about."""


@dataclass(frozen=True, slots=True)
class Side:
    """A version as far as it is compared.

    Attributes:
        place: Its first location, all contents of which the index has.
        documents: How many documents it has.
        permutations: Of its sketches; None where they are not to be found.
    """

    place: Location
    documents: int
    permutations: int | None


def compared(
    index: Index, store: Store, mine: Side, others: Sequence[Side]
) -> Iterator[tuple[Side, Common]]:
    """Compare a version with others.

    Memory: some 60 bytes for each document of the version, and 256 MiB for all of the others.

    Args:
        index: The index.
        store: The registry's storage.
        mine: The version.
        others: The others.

    Raises:
        ConflictError: A document table, or a file of the index, is missing or was changed.
    """
    if not others:
        return
    texts = Texts(store, mine.place)
    sizes = _sizes(store, mine.place)
    for some in _groups(others, len(texts.firsts)):
        notes = _Notes(texts, {other.place.id: other for other in some})
        _look(index, mine, notes)
        for other in some:
            yield other, notes.common(store, other, sizes)


def _groups(others: Sequence[Side], texts: int) -> Iterator[list[Side]]:
    """Give as many of the others at a time as notes can be taken of."""
    some: list[Side] = []
    held = 0
    for other in others:
        size = 2 * texts + 10 * other.documents
        if some and held + size > HELD:
            yield some
            some, held = [], 0
        some.append(other)
        held += size
    yield some


def _look(index: Index, mine: Side, notes: _Notes) -> None:
    """Take notes of which documents have a match."""
    id, first = mine.place.id, notes.texts.first
    blocks = index.joined(SegmentKind.CONTENT, id, among=notes.others.keys(), rows=first)
    for rows, locations, there in blocks:
        for location in np.unique(locations).tolist():
            here = locations == location
            notes.add_equal(location, rows[here], there[here])
    sketched = [
        location
        for location, other in notes.others.items()
        if None not in (mine.permutations, other.permutations)
        and mine.permutations == other.permutations
    ]
    if not sketched:
        return
    hubs = Hubs(HUBS, notes.skipped)
    bands = index.joined(SegmentKind.BANDS, id, among=sketched, rows=first, hubs=hubs)
    for location, rows, there in alike(index, id, bands, wanted=notes.open):
        notes.add_near(location, rows, there)


class _Found:
    """Which texts of mine, and which rows of another version, have a match."""

    def __init__(self, texts: int, rows: int) -> None:
        self.texts_equal: Mask = np.zeros(texts, np.bool_)
        self.texts_near: Mask = np.zeros(texts, np.bool_)
        self.rows_near: Mask = np.zeros(rows, np.bool_)
        self.number: Rows = np.full(rows, -1, np.int64)
        """The text that each row has, if it is one of mine."""


class _Notes:
    """What was found of several other versions."""

    def __init__(self, texts: Texts, others: dict[int, Side]) -> None:
        self.texts = texts
        self.others = others
        self.skipped: Counter[int] = Counter()
        self._found: dict[int, _Found] = {}

    def _of(self, location: int) -> _Found:
        if location not in self._found:
            rows = self.others[location].documents
            self._found[location] = _Found(len(self.texts.firsts), rows)
        return self._found[location]

    def add_equal(self, location: int, rows: Rows, there: Rows) -> None:
        """Note that rows have the same text."""
        found, numbers = self._of(location), self.texts.numbers[rows]
        found.texts_equal[numbers] = True
        found.number[there] = numbers

    def add_near(self, location: int, rows: Rows, there: Rows) -> None:
        """Note that rows are near."""
        found = self._of(location)
        found.texts_near[self.texts.numbers[rows]] = True
        found.rows_near[there] = True

    def open(self, location: int, rows: Rows, there: Rows) -> Mask:
        """Return which pairs may tell anything new: other texts, not both of them near already."""
        found, numbers = self._of(location), self.texts.numbers[rows]
        known = found.texts_near[numbers] & found.rows_near[there]
        new: Mask = (found.number[there] != numbers) & ~known
        return new

    def common(self, store: Store, other: Side, sizes: Rows) -> Common:
        """Return what there is in common with one of the others."""
        skipped = self.skipped[other.place.id]
        found = self._found.pop(other.place.id, None)
        equal = None if found is None else found.number >= 0
        if found is None or equal is None or not (equal.any() or found.rows_near.any()):
            return Common(skipped=skipped)
        texts = int(np.count_nonzero(found.texts_equal))
        numbers = self.texts.numbers
        here = _share(found.texts_equal[numbers], found.texts_near[numbers], sizes)
        there = _share(equal, found.rows_near, _sizes(store, other.place))
        return Common(texts, here, there, skipped)


def _share(equal: Mask, near: Mask, sizes: Rows) -> Share:
    return Share(*(_amount(mask, sizes) for mask in (equal, near, equal | near)))


def _amount(mask: Mask, sizes: Rows) -> Amount:
    return Amount(int(np.count_nonzero(mask)), int(sizes[mask].sum()))


def _sizes(store: Store, place: Location) -> Rows:
    """Return how many bytes each document of a location has."""
    batches = documents.read(
        store.documents(place.uid), digest=place.table_digest, columns=["bytes"]
    )
    return np.concatenate([np.asarray(batch.column(0).to_numpy(), np.int64) for batch in batches])
