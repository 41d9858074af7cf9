"""What the data of another location says about the same texts, found by content.

The texts of a version may be at several places, in another order and with other labels. Such
labels are looked up, so for as long as one version is looked at, they are held for all its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from registry.core.claim import Amounts, Mask, OriginVoice, Ranks, granted_bytes
from registry.core.contents import Hashes, member
from registry.query.standing.part import Codes, Part


class Elsewhere:
    """The data of one location, to be asked about texts that it has."""

    def __init__(self, parts: Iterable[Part]) -> None:
        """Take the rows of the location's table, with every column; at least one part of them."""
        self._parts = list(parts)
        hashes = np.concatenate([part.hashes for part in self._parts])
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]
        steps = self._hashes[1:] != self._hashes[:-1]
        self._starts = np.flatnonzero(np.concatenate([[len(hashes) > 0], steps]))
        self._distinct = self._hashes[self._starts]
        self._voice: tuple[Ranks, Amounts] | None = None
        self._times: dict[str, Amounts] = {}
        self._generated: Hashes | None = None
        self._names: dict[str, tuple[list[str | None], Codes]] = {}

    def voice(self, hashes: Hashes) -> OriginVoice:
        """Return what is said about texts: the most cautious, and the fewest human bytes."""
        if self._voice is None:
            voices = [(part, part.voice()) for part in self._parts]
            ranks = np.concatenate([voice.ranks for _, voice in voices])
            human = np.concatenate([granted_bytes(voice, part.bytes) for part, voice in voices])
            self._voice = (
                np.maximum.reduceat(ranks[self._order], self._starts),
                np.minimum.reduceat(human[self._order], self._starts),
            )
        at = np.searchsorted(self._distinct, hashes)
        return OriginVoice(self._voice[0][at], self._voice[1][at])

    def generated(self, hashes: Hashes) -> Mask:
        """Return which texts have a generator named for them."""
        if self._generated is None:
            named = [part.hashes[part.generated()] for part in self._parts]
            self._generated = np.sort(np.concatenate(named))
        return member(hashes, self._generated)

    def times(self, hashes: Hashes, name: str, missing: int) -> Amounts:
        """Return the times of texts; of several, the earliest lower or the latest upper bound."""
        if name not in self._times:
            times = np.concatenate([part.times(name, missing) for part in self._parts])
            widest = np.minimum if name == "not_before" else np.maximum
            self._times[name] = widest.reduceat(times[self._order], self._starts)
        return self._times[name][np.searchsorted(self._distinct, hashes)]

    def names(self, hashes: Hashes, name: str) -> tuple[list[str | None], Codes]:
        """Return the different texts of a column and which of them is beside each text."""
        if name not in self._names:
            self._names[name] = _joined([part.names(name) for part in self._parts])
        names, codes = self._names[name]
        return names, codes[self._order[np.searchsorted(self._hashes, hashes)]]


def _joined(
    pieces: Sequence[tuple[list[str | None], Codes]],
) -> tuple[list[str | None], Codes]:
    """Return names and codes of consecutive rows as one list of names and its codes."""
    known: dict[str | None, int] = {}
    codes = []
    for names, local in pieces:
        place = [known.setdefault(name, len(known)) for name in names]
        codes.append(np.array(place, np.int32)[local])
    return list(known), np.concatenate(codes)
