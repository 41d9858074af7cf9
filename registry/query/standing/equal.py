"""Equal texts stand equally: one origin and one number of human bytes for each text."""

from __future__ import annotations

import numpy as np

from registry.core.claim import Amounts, Mask, Numbers, OriginView, Ranks
from registry.core.contents import Hashes, Rows, equals


class Texts:
    """The rows of a version, of which those with one text stand alike.

    Attributes:
        hashes: The content hash of each row.
        firsts: The first row of each text.
    """

    def __init__(self, hashes: Hashes, ranks: Ranks, human_bytes: Numbers, contested: Mask) -> None:
        """Let the most cautious of equal rows speak for all; the arrays are taken over."""
        self.hashes = hashes
        self._ranks = ranks
        self._human = human_bytes
        self._contested = contested
        self._equal = equals(hashes)
        self.firsts = self._equal.first(np.ones(len(hashes), np.bool_))
        self._level()

    def lower(self, rows: Rows, ranks: Ranks, human_bytes: Amounts) -> None:
        """Apply to the first rows of some texts what is said about them anywhere.

        Args:
            rows: First rows, in any order and any number of times.
            ranks: How cautious an origin is claimed for each.
            human_bytes: How many human bytes the claim grants it.
        """
        np.maximum.at(self._ranks, rows, ranks)
        less = human_bytes < self._human[rows]
        if less.any():
            if not self._human.flags.writeable:
                self._human = self._human.copy()
            # What is less than a number that fits is never too wide: nothing is below 0.
            np.minimum.at(self._human, rows[less], human_bytes[less].astype(self._human.dtype))
            self._contested[rows[less]] = True

    def view(self) -> OriginView:
        """Return what counts for each row."""
        rows, groups = self._equal.rows, self._equal.groups
        first = rows[self._equal.starts][groups]
        for array in (self._ranks, self._contested, self._human):
            if array.flags.writeable:
                array[rows] = array[first]
        return OriginView(self._ranks, self._human, self._contested)

    def _level(self) -> None:
        """Give all rows of a text the most cautious rank and the fewest human bytes of them."""
        rows, starts, groups = self._equal.rows, self._equal.starts, self._equal.groups
        if not len(rows):
            return
        human = self._human[rows]
        least, most = np.minimum.reduceat(human, starts), np.maximum.reduceat(human, starts)
        contested = np.logical_or.reduceat(self._contested[rows], starts) | (most > least)
        self._ranks[rows] = np.maximum.reduceat(self._ranks[rows], starts)[groups]
        self._contested[rows] = contested[groups]
        if self._human.flags.writeable:
            self._human[rows] = least[groups]
