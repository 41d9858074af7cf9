"""Which keys the documents that are searched may have, so that others need not be looked up.

Nearly all keys of new data are in none of them. Reading all entries once, to know that, is worth
it when many keys are asked about; before, they are looked up one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Final

import numpy as np

from registry.db.models import SegmentKind
from registry.index.blocks import Keys, Rows
from registry.index.reading import Index

_KEYS_PER_WORD: Final = 2
_LEAST, _MOST = 10, 24
"""Two to these powers: of how many words a sieve is made."""
_DIRECT: Final = 32
"""A key that is looked up costs as much as so many entries that are read."""


class Sieve:
    """Passes on those keys that an index may have for some locations. Threads may share it.

    It takes up to 128 MiB; where there are very many entries it passes on more than it need.

    Args:
        index: The index.
        kind: Which keys.
        among: The locations.
    """

    def __init__(self, index: Index, kind: SegmentKind, among: Collection[int]) -> None:
        self._index = index
        self._kind = kind
        self._among = among
        self._entries = index.entries(kind, among=among)
        self._asked = 0
        self._words: Keys | None = None
        self._shift = np.uint64(0)
        self._lock = threading.Lock()

    def passed(self, keys: Keys) -> Rows:
        """Return the positions of the keys that may be there; of those that are, all.

        Raises:
            ConflictError: A file of the index is damaged.
        """
        if not self._entries or not len(keys):
            return np.empty(0, np.int64)
        words = self._ready(len(keys))
        if words is None:
            return np.arange(len(keys))
        from registry.core.kernel import sieve

        found = np.empty(len(keys), np.int64)
        return found[: sieve.marked(np.ascontiguousarray(keys), words, self._shift, found)]

    def _ready(self, asked: int) -> Keys | None:
        """Return the sieve if it is worth having by now."""
        with self._lock:
            if self._words is None:
                self._asked += asked
                if self._asked * _DIRECT < self._entries:
                    return None
                self._make()
            return self._words

    def _make(self) -> None:
        from registry.core.kernel import sieve

        wanted = max(self._entries // _KEYS_PER_WORD, 1).bit_length()
        bits = min(max(wanted, _LEAST), _MOST)
        words = np.zeros(1 << bits, np.uint64)
        self._shift = np.uint64(64 - bits)
        for keys in self._index.keys(self._kind, among=self._among):
            sieve.mark(keys, words, self._shift)
        self._words = words
