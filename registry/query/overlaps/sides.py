"""What the claims about one version say about some of its texts, once for each text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from registry.core.claim import UNSAID, Amounts, Property, Ranks
from registry.core.contents import Hashes
from registry.core.dataset import ORIGINS_BY_CAUTION, Origin
from registry.query.standing.dates import brackets
from registry.query.standing.labels import LabelColumn
from registry.query.standing.part import Part
from registry.query.standing.said import Said

COLUMNS: Final = ("content_hash", "bytes", "origin", "human_bytes", "generator", "not_before",
                  "not_after")  # fmt: skip
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Side:
    """What one version says about texts, which are in ascending order of their hashes.

    Attributes:
        hashes: The texts, each once.
        ranks: The most cautious origin that is claimed of each here, or `UNSAID`.
        generators: Which of `names` wrote each.
        licenses: Which of `names` each is under.
        names: Names that belong together, as one text: `A AND B`; empty for none.
        begins: Not before, microseconds since 1970 UTC.
        ends: Not after, likewise.
    """

    hashes: Hashes
    ranks: Ranks
    generators: Codes
    licenses: Codes
    names: tuple[str, ...]
    begins: Amounts
    ends: Amounts

    def __len__(self) -> int:
        return len(self.hashes)

    def at(self, positions: npt.NDArray[np.int64]) -> Self:
        """Return some of the texts."""
        return type(self)(
            self.hashes[positions],
            self.ranks[positions],
            self.generators[positions],
            self.licenses[positions],
            self.names,
            self.begins[positions],
            self.ends[positions],
        )


class SideBuilder:
    """Takes rows of a version part by part."""

    def __init__(self, said: Said) -> None:
        """Start with no rows of the version that was spoken about."""
        origins = said.of(Property.ORIGIN)
        self._said = said
        self._generators = LabelColumn(said, origins, "generators", "generator")
        self._licenses = LabelColumn(said, said.of(Property.LICENSE), "license", None)
        self._names: dict[str, int] = {"": 0}
        self._pieces: list[Side] = []

    def add(self, part: Part) -> None:
        """Add rows; they may have one text several times."""
        ranks = np.full(len(part), UNSAID, np.int8)
        for voice in self._said.voices(part):
            ranks = np.maximum(ranks, voice.ranks)
        generators = self._coded(*self._generators.combined(part))
        # Of human text nobody is the generator, whatever else a record names.
        generators[ranks == Origin.HUMAN.caution] = 0
        licenses = self._coded(*self._licenses.combined(part))
        begins, ends = brackets(self._said, part)
        self._pieces.append(
            Side(part.hashes, ranks, generators, licenses, (), begins, ends),
        )

    def side(self) -> Side:
        """Return what is said about each text of the rows: the most cautious, and the latest."""
        pieces = self._pieces
        if not pieces:
            raise ValueError("there are no rows")
        hashes = np.concatenate([piece.hashes for piece in pieces])
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        starts = np.flatnonzero(np.concatenate([[len(hashes) > 0], hashes[1:] != hashes[:-1]]))
        ranks = np.concatenate([piece.ranks for piece in pieces])[order]
        begins = np.concatenate([piece.begins for piece in pieces])[order]
        ends = np.concatenate([piece.ends for piece in pieces])[order]
        generators = np.concatenate([piece.generators for piece in pieces])[order]
        licenses = np.concatenate([piece.licenses for piece in pieces])[order]
        if not len(starts):
            return Side(hashes, ranks, generators, licenses, tuple(self._names), begins, ends)
        return Side(
            hashes[starts],
            np.maximum.reduceat(ranks, starts),
            # Of equal texts one that names a generator speaks for all.
            np.maximum.reduceat(generators, starts),
            licenses[starts],
            tuple(self._names),
            np.minimum.reduceat(begins, starts),
            np.maximum.reduceat(ends, starts),
        )

    def _coded(self, sets: list[frozenset[str]], codes: Codes) -> Codes:
        place = [
            self._names.setdefault(" AND ".join(sorted(names)), len(self._names)) for names in sets
        ]
        return np.array(place, np.int32)[codes]


def origin_name(rank: int) -> str:
    """Return the name of an origin's rank; nothing for one that nobody claimed."""
    return "" if rank == UNSAID else str(ORIGINS_BY_CAUTION[rank])
