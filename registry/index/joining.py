"""Join the entries of one location with those of all others, in bounded memory.

Both sides are sorted, so the join walks along them. Where few keys meet a large segment, they are
looked up in it instead, and the rest of it is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
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
    """Entries that take part, with where their documents are."""

    entries: Array
    keys: Keys
    location: Rows
    row: Rows


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


def _piece(side: Side, entries: Array) -> _Piece:
    """Return the entries of those spans that take part."""
    span, row = side.segment.resolve(locals_of(entries))
    if not side.chosen.all():
        kept = side.chosen[span]
        entries, span, row = entries[kept], span[kept], row[kept]
    keys = keys_of(entries)
    if side.segment.kind is not SegmentKind.CONTENT:
        keys = keys & ~LOCAL
    return _Piece(entries, keys, side.ids[span], row)


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
    low, high = np.searchsorted(mine.keys, [other.keys[0], other.keys[-1]], side="left")
    part = mine.keys[low : high + 1]
    starts = np.flatnonzero(np.diff(part, prepend=~part[0])) if len(part) else part
    at = np.searchsorted(other.keys, part[starts])
    hit = at < len(other.keys)
    hit[hit] = other.keys[at[hit]] == part[starts][hit]
    if not hit.any():
        return
    keys, begins = part[starts][hit], at[hit]
    first = np.searchsorted(mine.keys, keys)
    sizes = np.searchsorted(mine.keys, keys, side="right") - first
    widths = np.searchsorted(other.keys, keys, side="right") - begins
    counts = sizes * widths
    dense = np.zeros(len(counts), np.bool_) if stars_above is None else counts > stars_above
    pairs = chain(
        _products(first, sizes, begins, np.where(dense, 0, widths)),
        _stars(first[dense], sizes[dense], begins[dense], widths[dense], other.location),
    )
    for left, right in pairs:
        if mine.entries.dtype.names:
            # Contents meet by their first 64 bits; nobody promises that the rest is equal.
            same = mine.entries["hash"][left] == other.entries["hash"][right]
            left, right = left[same], right[same]
        # A document is no counterpart of itself, and two of one location make one pair.
        once = (mine.location[left] != other.location[right]) | (mine.row[left] < other.row[right])
        if once.any():
            yield mine.row[left[once]], other.location[right[once]], other.row[right[once]]


def _products(first: Rows, sizes: Rows, begins: Rows, widths: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Give the positions of all pairs, group by group: each of `sizes` with each of `widths`."""
    # A group may make more pairs than are given at a time, so pairs are numbered through.
    counts = sizes * widths
    ends = np.cumsum(counts)
    for at in range(0, int(ends[-1]), PAIRS):
        number = np.arange(at, min(at + PAIRS, int(ends[-1])))
        group = np.searchsorted(ends, number, side="right")
        within: Rows = number - ends[group] + counts[group]
        left, right = np.divmod(within, widths[group])
        yield first[group] + left, begins[group] + right


def _stars(
    first: Rows, sizes: Rows, begins: Rows, widths: Rows, location: Rows
) -> Iterator[tuple[Rows, Rows]]:
    """Give those pairs of each group that have the first of mine, or the first of a location."""
    for group in range(len(first)):
        mine = np.arange(first[group], first[group] + sizes[group])
        other = np.arange(begins[group], begins[group] + widths[group])
        yield np.full(len(other), mine[0]), other
        # Those of a location stand side by side.
        for hub in other[np.flatnonzero(np.diff(location[other], prepend=-1))].tolist():
            yield mine[1:], np.full(len(mine) - 1, hub)
