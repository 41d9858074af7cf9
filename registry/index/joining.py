"""Join the entries of one location with those of all others, in bounded memory.

Both sides are sorted, so the join walks along them. Where few keys meet a large segment, they are
looked up in it instead, and the rest of it is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

import numpy as np

from registry.db.models import SegmentKind
from registry.index.blocks import Array, Keys, Rows
from registry.index.entries import LOCAL, keys_of, locals_of
from registry.index.segment import SegmentFile

PIECE: Final = 1 << 18
"""How many entries of a side are held at a time."""
PAIRS: Final = 1 << 20
"""How many pairs are given at a time, at most about."""
_SPARSE: Final = 64
"""From how many times as many entries on, keys are looked up rather than walked along."""

_UNLIKE: Final = 8

Joined = tuple[Rows, Rows, Rows]


@dataclass(frozen=True, slots=True)
class Side:
    """A segment, and which of its spans take part.

    Attributes:
        segment: The segment.
        ids: The location of each span.
        chosen: Whether each span takes part.
    """

    segment: SegmentFile
    ids: Rows
    chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Entries that take part, and the side they are of."""

    side: Side
    entries: Array
    keys: Keys

    def places(self, at: Rows) -> tuple[Rows, Rows]:
        """Return the locations and rows of some of the entries."""
        span, row = self.side.segment.resolve(locals_of(self.entries[at]))
        return self.side.ids[span], row


def joined(
    mine: Sequence[Side], others: Sequence[Side], *, stars_above: int | None
) -> Iterator[Joined]:
    """Give the rows of documents that share a key, and the location and row of the other one.

    Args:
        mine: What is joined.
        others: What it is joined with.
        stars_above: Of a key that makes more pairs than this, in the pieces that meet, only those
            are given that have the first of my documents or the first of a location.

    Raises:
        ConflictError: An entry cannot be read.
    """
    for side in mine:
        for at in range(0, side.segment.entries, PIECE):
            count = min(PIECE, side.segment.entries - at)
            piece = _piece(side, side.segment.read(at, count))
            for other in others if len(piece.keys) else ():
                yield from _with(piece, other, stars_above)


def keys_of_side(side: Side) -> Iterator[Keys]:
    """Give the keys of all entries that take part.

    Raises:
        ConflictError: An entry cannot be read.
    """
    for at in range(0, side.segment.entries, PIECE):
        count = min(PIECE, side.segment.entries - at)
        yield _piece(side, side.segment.read(at, count)).keys


def first_of(side: Side, keys: Keys, most: int) -> Iterator[tuple[Rows, Rows, Rows, Rows]]:
    """Find the first documents of each location that have some keys.

    Args:
        side: What is searched; it is not of contents.
        keys: The keys, each once.
        most: How many documents of a location are given for a key.

    Yields:
        Which key, the location and the row of each document; and which keys have more of them.

    Raises:
        ConflictError: An entry cannot be read.
    """
    if not len(keys):
        return
    begins, ends = side.segment.ranges(keys)
    sizes = ends - begins
    hot = np.flatnonzero(sizes > PIECE)
    cold = np.flatnonzero((sizes > 0) & (sizes <= PIECE))
    # Together so many keys have at most two pieces of entries.
    group = np.cumsum(sizes[cold]) // PIECE
    starts = np.flatnonzero(np.diff(group, prepend=-1)).tolist()
    for begin, end in pairwise([*starts, len(cold)]):
        some = cold[begin:end]
        question, entries = side.segment.gather(begins[some], ends[some])
        yield _firsts(side, some[question], entries, most)
    for key in hot.tolist():
        for begin in range(int(begins[key]), int(ends[key]), PIECE):
            entries = side.segment.read(begin, min(PIECE, int(ends[key]) - begin))
            yield _firsts(side, np.full(len(entries), key), entries, most)


def _firsts(side: Side, question: Rows, entries: Array, most: int) -> tuple[Rows, Rows, Rows, Rows]:
    span, row = side.segment.resolve(locals_of(entries))
    chosen = side.chosen[span]
    question, location, row = question[chosen], side.ids[span[chosen]], row[chosen]
    if not len(question):
        return question, location, row, question
    # Those of a key and a location stand side by side, unless they are in several spans.
    order = np.lexsort((row, location, question))
    question, location, row = question[order], location[order], row[order]
    # A document that has a key at several places has an entry for each.
    new = np.ones(len(row), np.bool_)
    new[1:] = (np.diff(question) != 0) | (np.diff(location) != 0) | (np.diff(row) != 0)
    question, location, row = question[new], location[new], row[new]
    group = np.ones(len(row), np.bool_)
    group[1:] = (np.diff(question) != 0) | (np.diff(location) != 0)
    starts = np.flatnonzero(group)
    rank = np.arange(len(row)) - np.repeat(starts, np.diff(starts, append=len(row)))
    kept = rank < most
    return question[kept], location[kept], row[kept], np.unique(question[~kept])


def _piece(side: Side, entries: Array) -> _Piece:
    """Return the entries of those spans that take part."""
    if not side.chosen.all():
        span, _ = side.segment.resolve(locals_of(entries))
        entries = entries[side.chosen[span]]
    keys = keys_of(entries)
    if side.segment.kind is not SegmentKind.CONTENT:
        keys = keys & ~LOCAL
    return _Piece(side, entries, keys)


def _with(piece: _Piece, other: Side, stars_above: int | None) -> Iterator[Joined]:
    begin, end = other.segment.range_of(piece.keys[0], piece.keys[-1])
    if end - begin > _SPARSE * len(piece.keys):
        wanted = piece.keys[np.flatnonzero(np.diff(piece.keys, prepend=~piece.keys[0]))]
        for at in range(0, len(wanted), PIECE):
            _, entries = other.segment.find(wanted[at : at + PIECE])
            for first in range(0, len(entries), PIECE):
                met = _piece(other, entries[first : first + PIECE])
                yield from _pairs(piece, met, stars_above)
        other.segment.file.forget()
        return
    for at in range(begin, end, PIECE):
        met = _piece(other, other.segment.read(at, min(PIECE, end - at)))
        yield from _pairs(piece, met, stars_above)


def _pairs(mine: _Piece, other: _Piece, stars_above: int | None) -> Iterator[Joined]:
    """Give the pairs of two pieces."""
    if not len(other.keys):
        return
    low = int(np.searchsorted(mine.keys, other.keys[0]))
    asked = mine.keys[low : int(np.searchsorted(mine.keys, other.keys[-1], side="right"))]
    if not len(asked):
        return
    keys = _shared(asked, other.keys)
    if not len(keys):
        return
    groups = _Groups(
        first := np.searchsorted(mine.keys, keys),
        np.searchsorted(mine.keys, keys, side="right") - first,
        begin := np.searchsorted(other.keys, keys),
        np.searchsorted(other.keys, keys, side="right") - begin,
    )
    dense = np.zeros(len(keys), np.bool_)
    if stars_above is not None:
        dense = groups.sizes * groups.widths > stars_above
    for left, right in chain(_products(groups.chosen(~dense)), _stars(groups.chosen(dense), other)):
        if mine.entries.dtype.names:
            # Contents meet by their first 64 bits; nobody promises that the rest is equal.
            same = mine.entries["hash"][left] == other.entries["hash"][right]
            left, right = left[same], right[same]
        location, row = mine.places(left)
        others, there = other.places(right)
        # A document is no counterpart of itself, and two of one location make one pair.
        once = (location != others) | (row < there)
        if once.any():
            yield row[once], others[once], there[once]


def _shared(one: Keys, two: Keys) -> Keys:
    """Return the keys that are in both of two ascending lists, each once."""
    if len(one) * _UNLIKE < len(two):
        at = np.minimum(np.searchsorted(two, one), len(two) - 1)
        return np.unique(one[two[at] == one])
    # Sorting all of them is several times as fast as looking each up, where few are in both.
    both = np.concatenate([one, two])
    both.sort()
    twice = np.unique(both[1:][both[1:] == both[:-1]])
    for side in (one, two):
        at = np.minimum(np.searchsorted(side, twice), len(side) - 1)
        twice = twice[side[at] == twice]
    return twice


@dataclass(frozen=True, slots=True)
class _Groups:
    """For each key that both sides have, where its entries are: from where on, and how many."""

    firsts: Rows
    sizes: Rows
    begins: Rows
    widths: Rows

    def chosen(self, mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> _Groups:
        """Return some of them."""
        return _Groups(self.firsts[mask], self.sizes[mask], self.begins[mask], self.widths[mask])


def _products(groups: _Groups) -> Iterator[tuple[Rows, Rows]]:
    """Give the positions of all pairs: each of mine with each of the others."""
    if not len(groups.firsts):
        return
    # A group may make more pairs than are given at a time, so pairs are numbered through.
    counts = groups.sizes * groups.widths
    ends = np.cumsum(counts)
    for at in range(0, int(ends[-1]), PAIRS):
        number = np.arange(at, min(at + PAIRS, int(ends[-1])))
        group = np.searchsorted(ends, number, side="right")
        within: Rows = number - ends[group] + counts[group]
        left, right = np.divmod(within, groups.widths[group])
        yield groups.firsts[group] + left, groups.begins[group] + right


def _stars(groups: _Groups, others: _Piece) -> Iterator[tuple[Rows, Rows]]:
    """Give those pairs of each group that have the first of mine, or the first of a location."""
    for group in range(len(groups.firsts)):
        first, begin = int(groups.firsts[group]), int(groups.begins[group])
        mine = np.arange(first, first + int(groups.sizes[group]))
        other = np.arange(begin, begin + int(groups.widths[group]))
        yield np.full(len(other), mine[0]), other
        # Those of a location stand side by side.
        location, _ = others.places(other)
        for hub in other[np.flatnonzero(np.diff(location, prepend=-1))].tolist():
            yield mine[1:], np.full(len(mine) - 1, hub)
