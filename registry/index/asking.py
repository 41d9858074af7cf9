"""Ask a segment about many keys, where very many documents may have one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from registry.core.contents import Mask
from registry.db.models import SegmentKind
from registry.index.blocks import Array, Keys, Rows
from registry.index.entries import LOCAL, keys_of, locals_of
from registry.index.segment import SegmentFile

_PIECE: Final = 1 << 18
"""How many entries are held at a time, at most about twice as many."""


@dataclass(frozen=True, slots=True)
class Firsts:
    """The first documents of each location that have some keys.

    Attributes:
        question: Which key.
        location: The location of each document.
        row: Its row there.
        more: Which keys have more of them.
    """

    question: Rows
    location: Rows
    row: Rows
    more: Rows


@dataclass(frozen=True, slots=True)
class Spans:
    """Some spans of a segment.

    Attributes:
        segment: The segment.
        ids: The location of each of its spans.
        chosen: Whether each span is asked.
    """

    segment: SegmentFile
    ids: Rows
    chosen: Mask

    def keys(self) -> Iterator[Keys]:
        """Give the keys of all their entries; the first 64 bits of contents.

        Raises:
            ConflictError: An entry cannot be read.
        """
        for at in range(0, self.segment.entries, _PIECE):
            entries = self.segment.read(at, min(_PIECE, self.segment.entries - at))
            if not self.chosen.all():
                span, _ = self.segment.resolve(locals_of(entries))
                entries = entries[self.chosen[span]]
            keys = keys_of(entries)
            yield keys if self.segment.kind is SegmentKind.CONTENT else keys & ~LOCAL

    def firsts(self, keys: Keys, most: int) -> Iterator[Firsts]:
        """Find documents by keys of bands or passages.

        Args:
            keys: The keys, each once.
            most: How many documents of a location are given for a key.

        Raises:
            ConflictError: An entry cannot be read.
        """
        if not len(keys):
            return
        begins, ends = self.segment.ranges(keys)
        sizes = ends - begins
        hot = np.flatnonzero(sizes > _PIECE)
        cold = np.flatnonzero((sizes > 0) & (sizes <= _PIECE))
        group = np.cumsum(sizes[cold]) // _PIECE
        starts = np.flatnonzero(np.diff(group, prepend=-1)).tolist()
        for begin, end in pairwise([*starts, len(cold)]):
            some = cold[begin:end]
            question, entries = self.segment.gather(begins[some], ends[some])
            yield self._firsts(some[question], entries, most)
        for key in hot.tolist():
            for begin in range(int(begins[key]), int(ends[key]), _PIECE):
                entries = self.segment.read(begin, min(_PIECE, int(ends[key]) - begin))
                yield self._firsts(np.full(len(entries), key), entries, most)

    def _firsts(self, question: Rows, entries: Array, most: int) -> Firsts:
        span, row = self.segment.resolve(locals_of(entries))
        asked = self.chosen[span]
        question, location, row = question[asked], self.ids[span[asked]], row[asked]
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
        return Firsts(question[kept], location[kept], row[kept], np.unique(question[~kept]))
