"""Join the entries of one location with those of all others, in bounded memory.

Both sides are sorted, so the join walks along them. Where few keys meet a large segment, they are
looked up in it instead, and the rest of it is not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
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
class Hubs:
    """Of the documents of a location that share a key, only some are compared with all others.

    Those are the first ones: which, depends on the two locations alone, neither on how entries
    are cut into pieces, nor on what else is in the index. So a pair of locations always has the
    same pairs.

    Attributes:
        most: How many of a location, for each key.
        skipped: How many pairs that share a key are not given for that, by the other location;
            pairs of several keys count several times.
    """

    most: int
    skipped: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Entries that take part, the side they are of, and which are hubs; None for all of them."""

    side: Side
    entries: Array
    keys: Keys
    hubs: Mask | None = None

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
        hubs = None if self.hubs is None else self.hubs[here]
        return _Piece(self.side, self.entries[here], self.keys[here], hubs)

    def others(self, begins: Rows, counts: Rows) -> Rows:
        """Return how many of some stretches of entries are no hubs."""
        if self.hubs is None:
            return np.zeros(len(begins), np.int64)
        upto: Rows = np.concatenate([[0], np.cumsum(~self.hubs)])
        found: Rows = upto[begins + counts] - upto[begins]
        return found

    def parted(self, begin: int, count: int) -> tuple[Rows, Rows]:
        """Return which entries of a stretch are hubs, and which are not."""
        at = np.arange(begin, begin + count)
        if self.hubs is None:
            return at, at[:0]
        hub = self.hubs[at]
        return at[hub], at[~hub]


class _Ranked:
    """Tells the hubs among entries that come piece by piece, in order."""

    def __init__(self, hubs: Hubs | None) -> None:
        self._most = hubs.most if hubs else 0
        self._key: np.uint64 | None = None
        self._before: Rows = np.empty(0, np.int64)

    def of(self, piece: _Piece) -> _Piece:
        """Return a piece that knows its hubs."""
        keys, most = piece.keys, self._most
        if not most or not len(keys):
            return piece
        going_on = self._key is not None and bool(keys[0] == self._key)
        hubs = None
        if going_on or (len(keys) > most and bool((keys[most:] == keys[:-most]).any())):
            hubs = self._ranks(piece, going_on) < most
        last = int(np.searchsorted(keys, keys[-1]))
        span = self._spans(piece, last)
        counts = np.bincount(span, minlength=len(piece.side.ids))
        self._before = self._before + counts if going_on and not last else counts
        self._key = keys[-1]
        return replace(piece, hubs=hubs)

    def _ranks(self, piece: _Piece, going_on: bool) -> Rows:
        """Return how many entries before each have its key and its span."""
        keys, span = piece.keys, self._spans(piece, 0)
        new = np.ones(len(keys), np.bool_)
        new[1:] = (keys[1:] != keys[:-1]) | (span[1:] != span[:-1])
        starts = np.flatnonzero(new)
        ranks = np.arange(len(keys)) - np.repeat(starts, np.diff(starts, append=len(keys)))
        if going_on:
            first = int(np.searchsorted(keys, keys[0], side="right"))
            ranks[:first] += self._before[span[:first]]
        return ranks

    @staticmethod
    def _spans(piece: _Piece, begin: int) -> Rows:
        return piece.side.segment.resolve(locals_of(piece.entries[begin:]))[0]


def joined(
    mine: Sequence[Side], others: Sequence[Side], *, hubs: Hubs | None = None
) -> Iterator[Joined]:
    """Give the rows of documents that share a key, and the location and row of the other one.

    Args:
        mine: What is joined.
        others: What it is joined with.
        hubs: Of which pairs not all are given; None to give them all.

    Raises:
        ConflictError: An entry cannot be read.
    """
    for side in mine:
        for piece in _pieces(side, hubs):
            for other in others:
                asked = piece.of_rows(other.asked)
                if len(asked.keys):
                    yield from _with(asked, other, hubs)


def _pieces(side: Side, hubs: Hubs | None) -> Iterator[_Piece]:
    """Give the entries of a side that take part, all of them, so many at a time."""
    ranked = _Ranked(hubs)
    parts: list[_Piece] = []
    size = 0
    for at in range(0, side.segment.entries, PIECE):
        count = min(PIECE, side.segment.entries - at)
        piece = _piece(side, side.segment.read(at, count)).of_rows(side.asked)
        if not len(piece.keys):
            continue
        if size + len(piece.keys) > PIECE:
            yield ranked.of(_stacked(parts))
            parts, size = [], 0
        parts.append(piece)
        size += len(piece.keys)
    if size:
        yield ranked.of(_stacked(parts))


def _stacked(parts: list[_Piece]) -> _Piece:
    """Return pieces that follow one another as one."""
    if len(parts) == 1:
        return parts[0]
    entries = np.concatenate([part.entries for part in parts])
    return _Piece(parts[0].side, entries, np.concatenate([part.keys for part in parts]))


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


def _with(piece: _Piece, other: Side, hubs: Hubs | None) -> Iterator[Joined]:
    ranked = _Ranked(hubs)
    begin, end = other.segment.range_of(piece.keys[0], piece.keys[-1])
    if end - begin > _SPARSE * len(piece.keys):
        wanted = piece.keys[distinct_at(piece.keys)]
        for at in range(0, len(wanted), PIECE):
            _, entries = other.segment.find(wanted[at : at + PIECE])
            for first in range(0, len(entries), PIECE):
                met = ranked.of(_piece(other, entries[first : first + PIECE]))
                yield from _pairs(piece, met, hubs)
        other.segment.file.forget()
        return
    for at in range(begin, end, PIECE):
        met = ranked.of(_piece(other, other.segment.read(at, min(PIECE, end - at))))
        yield from _pairs(piece, met, hubs)


def _pairs(mine: _Piece, other: _Piece, hubs: Hubs | None) -> Iterator[Joined]:
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
    crowded = mine.others(groups.firsts, groups.sizes) > 0
    crowded &= other.others(groups.begins, groups.widths) > 0
    everything = _products(groups.chosen(~crowded))
    for left, right in chain(everything, _around(groups.chosen(crowded), mine, other, hubs)):
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


def _around(
    groups: _Groups, mine: _Piece, others: _Piece, hubs: Hubs | None
) -> Iterator[tuple[Rows, Rows]]:
    """Give those pairs of each group that have a hub, and count the others."""
    for group in range(len(groups.firsts)):
        my, few = mine.parted(int(groups.firsts[group]), int(groups.sizes[group]))
        their, more = others.parted(int(groups.begins[group]), int(groups.widths[group]))
        yield from _crossed(my, np.concatenate([their, more]))
        yield from _crossed(few, their)
        if hubs is not None:
            location, _ = others.places(more)
            each, counts = np.unique(location, return_counts=True)
            for one, count in zip(each.tolist(), counts.tolist(), strict=True):
                hubs.skipped[one] += count * len(few)


def _crossed(left: Rows, right: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Give each of some with each of others, so many at a time."""
    for at in range(0, len(left) * len(right), PAIRS):
        number = np.arange(at, min(at + PAIRS, len(left) * len(right)))
        one, two = np.divmod(number, len(right))
        yield left[one], right[two]
