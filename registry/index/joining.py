"""Join the entries of one location with those of all others, in bounded memory.

Both sides are sorted, so the join walks along them. Where few keys meet a large segment, they are
looked up in it instead, and the rest of it is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from registry.core.contents import Mask, distinct_at
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
        asked: Of the other side, which rows this one is joined with; None for all.
    """

    segment: SegmentFile
    ids: Rows
    chosen: Mask
    asked: Mask | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows of a location are joined with which others.

    Attributes:
        rows: Those that take part; None for all.
        without: Rows that make no pair with a location, ascending and each once.
    """

    rows: Mask | None
    without: Mapping[int, Rows]

    def alike(self, ids: Rows, chosen: Mask) -> Iterator[Mask]:
        """Part spans into those whose locations most rows make no pair with, and the others.

        Together, the rows that the others need would be joined with the first ones as well.
        """
        few = np.zeros(len(ids), np.bool_)
        if self.rows is not None:
            half = np.count_nonzero(self.rows) // 2
            few = np.array(
                [len(self.without.get(one, ())) > half for one in ids.tolist()], np.bool_
            )
        for some in (chosen & few, chosen & ~few):
            if some.any():
                yield some

    def of(self, ids: Rows) -> Mask | None:
        """Return the rows that make a pair with any of some locations; None for all."""
        if self.rows is None:
            return None
        locations = np.unique(ids).tolist()
        left_out = np.zeros(len(self.rows), np.int64)
        for location in locations:
            left_out[self.without.get(location, [])] += 1
        return self.rows & (left_out < len(locations))

    def kept(self, pairs: Iterator[Joined]) -> Iterator[Joined]:
        """Give those pairs that are asked for."""
        for rows, others, there in pairs:
            keep = np.ones(len(rows), np.bool_)
            for location in np.unique(others).tolist() if self.without else ():
                out = self.without.get(location)
                if out is not None and len(out):
                    here = np.flatnonzero(others == location)
                    at = np.minimum(np.searchsorted(out, rows[here]), len(out) - 1)
                    keep[here] = out[at] != rows[here]
            yield rows[keep], others[keep], there[keep]


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

    def of_rows(self, rows: Mask | None) -> _Piece:
        """Return the entries of some rows of the location."""
        if rows is None or not len(self.keys):
            return self
        _, row = self.side.segment.resolve(locals_of(self.entries))
        here = rows[row]
        return _Piece(self.side, self.entries[here], self.keys[here])


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
        for piece in _pieces(side):
            for other in others:
                asked = piece.of_rows(other.asked)
                if len(asked.keys):
                    yield from _with(asked, other, stars_above)


def _pieces(side: Side) -> Iterator[_Piece]:
    """Give the entries of a side that take part, all of them, so many at a time."""
    parts: list[_Piece] = []
    size = 0
    for at in range(0, side.segment.entries, PIECE):
        count = min(PIECE, side.segment.entries - at)
        piece = _piece(side, side.segment.read(at, count)).of_rows(side.asked)
        if not len(piece.keys):
            continue
        if size + len(piece.keys) > PIECE:
            yield _stacked(parts)
            parts, size = [], 0
        parts.append(piece)
        size += len(piece.keys)
    if size:
        yield _stacked(parts)


def _stacked(parts: list[_Piece]) -> _Piece:
    """Return pieces that follow one another as one."""
    if len(parts) == 1:
        return parts[0]
    entries = np.concatenate([part.entries for part in parts])
    return _Piece(parts[0].side, entries, np.concatenate([part.keys for part in parts]))


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
        wanted = piece.keys[distinct_at(piece.keys)]
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
    groups = _shared(asked, other.keys, low)
    if not len(groups.firsts):
        return
    dense = np.zeros(len(groups.firsts), np.bool_)
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


@dataclass(frozen=True, slots=True)
class _Groups:
    """For each key that both sides have, where its entries are: from where on, and how many."""

    firsts: Rows
    sizes: Rows
    begins: Rows
    widths: Rows

    def chosen(self, mask: Mask) -> _Groups:
        """Return some of them."""
        return _Groups(self.firsts[mask], self.sizes[mask], self.begins[mask], self.widths[mask])


def _shared(one: Keys, two: Keys, low: int) -> _Groups:
    """Return which keys are in both of two ascending lists.

    Args:
        one: Mine.
        two: The others.
        low: How many of mine stand before the first in `one`.
    """
    my, their = distinct_at(one), distinct_at(two)
    left, right = one[my], two[their]
    if len(left) * _UNLIKE < len(right):
        at = np.minimum(np.searchsorted(right, left), len(right) - 1)
        found = np.flatnonzero(right[at] == left)
        at = at[found]
    else:
        # Sorting all of them is several times as fast as looking each up.
        both = np.concatenate([left, right])
        both.sort()
        twice = both[1:][both[1:] == both[:-1]]
        found, at = np.searchsorted(left, twice), np.searchsorted(right, twice)
    return _Groups(
        low + my[found],
        np.diff(my, append=len(one))[found],
        their[at],
        np.diff(their, append=len(two))[at],
    )


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
