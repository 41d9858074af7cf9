"""What counts today for the documents of snapshots that were exported earlier.

Every version is looked at once, however many snapshots hold documents of it, and every file of
drawn rows is read once.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import Caller
from registry.core.claim import Mask, Numbers
from registry.core.contents import Hashes, Rows, member
from registry.core.dataset import Origin
from registry.core.recipe import Filters, Recipe, Unit
from registry.db.models import DatasetVersion
from registry.query import drawn, withdrawn
from registry.query.amounts import counted, units
from registry.query.eligible import filtered
from registry.query.impact.touched import Held
from registry.query.standing import Standing
from registry.query.standing.rows import stand
from registry.query.standing.said import About, Said, WholeTables
from registry.query.withdrawn import Tombstone

_ELSEWHERE: Final = ("anchored", "first_seen_before")


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number that is at least `low` and at most `high`; exact where they are the same."""

    low: int
    high: int

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(self.low + other.low, self.high + other.high)

    @property
    def exact(self) -> int | None:
        """Return the number, or None if it is not known."""
        return self.low if self.low == self.high else None


class Recount:
    """The versions of the catalogue as they stand today.

    Args:
        session: A reading session.
        store: The registry's storage.
        caller: Who asks: what they may not see does not count.
        needed: The versions whose documents are asked about.
    """

    def __init__(
        self, session: Session, store: Store, caller: Caller, needed: Collection[int]
    ) -> None:
        self._store = store
        abouts = About.of_all(session, caller)
        self.versions: dict[int, DatasetVersion] = {it.version.id: it.version for it in abouts}
        self.stones: Mapping[int, Sequence[Tombstone]] = withdrawn.tombstones(session)
        tables = WholeTables(store)
        asked = [it for it in abouts if it.version.id in needed]
        stands = stand((Said(it, tables) for it in asked), (Said(it, tables) for it in abouts))
        self._stands = {it.version.id: it for it in stands}
        self._rows: dict[str, Rows] = {}
        self._columns: dict[Hashable, Numbers] = {}
        self._masks: dict[Hashable, Mask] = {}
        self._sums: dict[Hashable, int] = {}
        self._filtered: dict[Hashable, list[tuple[str, Mask]]] = {}
        self._ordered: dict[int, Hashes] = {}

    def standing(self, version_id: int) -> Standing:
        """Return a version that is asked about."""
        return self._stands[version_id]

    def human(self, held: Held, recipe: Recipe) -> Bounds:
        """Return how much of what a mixture holds of a version counts as human today."""
        asked = recipe.human
        of, count = (asked.of, asked.count) if asked else (Unit.BYTES, [Origin.HUMAN])
        stand = self._stands[held.version_id]
        if of is Unit.TOKENS:
            return self._of_tokens(held, tuple(count))
        key = ("human", held.version_id, of, tuple(count))
        if key not in self._columns:
            self._columns[key] = counted(stand, of, count)
        return self._sum(held, key, self._columns[key], self._weight(held, of))

    def _of_tokens(self, held: Held, count: tuple[Origin, ...]) -> Bounds:
        """Return bounds: without the tokenizer only all of it, or nothing of it, is exact."""
        mask = self._mask(("counts", held.version_id, count), held.version_id, count)
        rows = self.count(held, ("counts", held.version_id, count), mask)
        weight = held.weight or 0
        if held.weight is not None and rows.low == held.documents:
            return Bounds(weight, weight)
        return Bounds(0, 0 if rows.high == 0 else weight)

    def _mask(self, key: Hashable, version_id: int, count: Sequence[Origin]) -> Mask:
        if key not in self._masks:
            ranks = self._stands[version_id].view.ranks
            self._masks[key] = np.isin(ranks, [origin.caution for origin in count])
        return self._masks[key]

    def _weight(self, held: Held, of: Unit) -> int | None:
        if held.weight is not None:
            return held.weight
        return {Unit.DOCUMENTS: held.documents, Unit.BYTES: held.bytes}.get(of)

    def weight(self, held: Held, recipe: Recipe) -> int | None:
        """Return what a mixture holds of a version, in the unit of the share; None if unknown."""
        return self._weight(held, recipe.human.of if recipe.human else Unit.BYTES)

    def _sum(self, held: Held, key: Hashable, column: Numbers, weight: int | None) -> Bounds:
        """Add up a column over the rows that a mixture holds, as far as they are known."""
        whole = self._whole(held)
        name = (key, held.digest, whole)
        if (whole or held.digest is not None) and name not in self._sums:
            some = column if held.digest is None else column[self._drawn(held.digest)]
            self._sums[name] = int(some.sum(dtype=np.int64))
        if name in self._sums:
            return Bounds(self._sums[name], self._sums[name])
        total = int(column.sum(dtype=np.int64))
        if weight is None:
            return Bounds(0, total)
        of = key[2] if isinstance(key, tuple) else Unit.BYTES
        everything = int(units(self._stands[held.version_id], of).sum(dtype=np.int64))
        return Bounds(max(0, total - (everything - weight)), min(weight, total))

    def _whole(self, held: Held) -> bool:
        """Return whether a mixture is known to hold all rows of a version."""
        if held.digest is not None:
            return False
        return held.known or held.documents == len(self._stands[held.version_id].hashes)

    def _drawn(self, digest: str) -> Rows:
        if digest not in self._rows:
            self._rows[digest] = drawn.decode(self._store.mixture(digest))
        return self._rows[digest]

    def known(self, held: Held) -> bool:
        """Return whether it is known which rows of a version a mixture holds."""
        return held.digest is not None or self._whole(held)

    def count(self, held: Held, key: Hashable, mask: Mask) -> Bounds:
        """Return how many of the rows that a mixture holds are masked.

        Args:
            held: What it holds of a version.
            key: Names the mask, for it is counted once for each file of rows.
            mask: The rows of that version that count.
        """
        if key not in self._sums:
            self._sums[key] = int(np.count_nonzero(mask))
        total = self._sums[key]
        if not total or self._whole(held):
            return Bounds(total, total)
        if held.digest is None:
            missing = len(mask) - held.documents
            return Bounds(max(0, total - missing), min(total, held.documents))
        name = (key, held.digest)
        if name not in self._sums:
            self._sums[name] = int(np.count_nonzero(mask[self._drawn(held.digest)]))
        return Bounds(self._sums[name], self._sums[name])

    def withdrawn(self, held: Held) -> Bounds:
        """Return how many documents that a mixture holds are withdrawn today."""
        stones = self.stones.get(held.version_id)
        if not stones:
            return Bounds(0, 0)
        key = ("withdrawn", held.version_id)
        if key not in self._masks:
            hashes = self._stands[held.version_id].hashes
            self._masks[key] = withdrawn.any_of(hashes, stones, WholeTables(self._store))
        return self.count(held, key, self._masks[key])

    def refused(self, held: Held, name: Hashable, filters: Filters) -> dict[str, Bounds]:
        """Return how many documents filters would let pass no more today, by reason.

        Args:
            held: What a mixture holds of a version.
            name: Names the filters: they are applied to each version once.
            filters: The filters; those that the index answers are left out.
        """
        key = (name, held.version_id)
        if key not in self._filtered:
            plain = filters.model_copy(update=dict.fromkeys(_ELSEWHERE))
            found = filtered(plain, self._stands[held.version_id], None)
            self._filtered[key] = [(reason, ~good) for reason, good in found]
        counts = {
            reason: self.count(held, (key, reason), mask) for reason, mask in self._filtered[key]
        }
        return {reason: bounds for reason, bounds in counts.items() if bounds.high}

    def equal_to(self, held: Held, set_id: int) -> Bounds:
        """Return how many documents that a mixture holds have the text of an evaluation item."""
        key = ("equal", held.version_id, set_id)
        if key not in self._masks:
            if set_id not in self._ordered:
                self._ordered[set_id] = np.unique(self._stands[set_id].hashes)
            hashes = self._stands[held.version_id].hashes
            self._masks[key] = member(hashes, self._ordered[set_id])
        return self.count(held, key, self._masks[key])
