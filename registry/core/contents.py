"""Content hashes by the million: which are equal, which are listed, in a few bytes each.

Hashes are NumPy arrays of dtype `S32`, which compare like the bytes themselves. Work is done on
their first 64 bits, which sort many times as fast and take a quarter; since nobody promises that
two texts differ in those, every match is compared whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.bytes_]
Leading = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

BLOCK: Final = 1 << 16
"""How many rows are worked on at a time, where all of them at once would take too much memory."""


def leading(hashes: Hashes) -> Leading:
    """Return the first 64 bits of each hash as a number that sorts like them."""
    words = np.ascontiguousarray(hashes).view(">u8").reshape(-1, 4)
    return words[:, 0].astype(np.uint64)


def member(hashes: Hashes, ordered: Hashes) -> Mask:
    """Return which hashes are in an ascending list."""
    found = np.zeros(len(hashes), np.bool_)
    for begin in range(0, len(hashes) if len(ordered) else 0, BLOCK):
        block = hashes[begin : begin + BLOCK]
        at = np.minimum(np.searchsorted(ordered, block), len(ordered) - 1)
        found[begin : begin + BLOCK] = ordered[at] == block
    return found


@dataclass(frozen=True, slots=True)
class Equals:
    """The rows whose text is that of another row too.

    Attributes:
        rows: Those rows, equal ones side by side and ascending.
        starts: Where each group of equal ones begins among them.
    """

    rows: Rows
    starts: Rows

    @property
    def groups(self) -> Rows:
        """Return for each of the rows which group it is in."""
        sizes = np.diff(self.starts, append=len(self.rows))
        return np.repeat(np.arange(len(self.starts)), sizes)

    def first(self, mask: Mask) -> Mask:
        """Return the masked rows without those that have the text of one before them."""
        masked = mask[self.rows]
        rows, groups = self.rows[masked], self.groups[masked]
        later = np.zeros(len(rows), np.bool_)
        later[1:] = groups[1:] == groups[:-1]
        first = mask.copy()
        first[rows[later]] = False
        return first


def equals(hashes: Hashes) -> Equals:
    """Find the rows whose text is that of another row too.

    Memory: 17 bytes per row, and 57 per row of those that are found.
    """
    found = leading(hashes)
    order = np.argsort(found)
    same = repeats(found, order)
    rows = np.sort(order[same[:-1] | same[1:]])
    del found, order, same
    few = hashes[rows]
    order = np.argsort(few, kind="stable")
    same = repeats(few, order)
    # Alone is what shares the first 64 bits with another text only.
    together = same[:-1] | same[1:]
    return Equals(rows[order[together]], np.flatnonzero(~same[:-1][together]))


def repeats(values: npt.NDArray[Any], order: Rows) -> Mask:
    """Return for each value, in an ascending order of them, whether the one before is equal.

    Behind them stands one more element, which is false: nothing follows the last.
    """
    same = np.zeros(len(order) + 1, np.bool_)
    for begin in range(1, len(order), BLOCK):
        end = min(begin + BLOCK, len(order))
        block = values[order[begin - 1 : end]]
        same[begin:end] = block[1:] == block[:-1]
    return same


def distinct_at(ordered: npt.NDArray[Any]) -> Rows:
    """Return where each different value of an ascending array is first."""
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return np.flatnonzero(first)


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the different values, ascending.

    `np.unique` of numbers goes through a table of hashes, which for millions of different ones
    takes several times as long as sorting them.
    """
    ordered = np.sort(values)
    return ordered[distinct_at(ordered)]


class Contents:
    """The hashes of some rows of several arrays, seen as one array.

    Args:
        parts: The arrays.
        masks: The rows of each that count; by default all.
    """

    def __init__(self, parts: Sequence[Hashes], masks: Sequence[Mask] | None = None) -> None:
        self._parts = parts
        self._masks = masks
        counts = [len(part) for part in parts]
        if masks is not None:
            counts = [int(np.count_nonzero(mask)) for mask in masks]
        self._starts = np.cumsum([0, *counts])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def leading(self) -> Leading:
        """Return the first 64 bits of each."""
        whole = np.empty(len(self), np.uint64)
        for index, part in enumerate(self._parts):
            first = leading(part) if self._masks is None else leading(part)[self._masks[index]]
            whole[self._starts[index] : self._starts[index + 1]] = first
        return whole

    def __getitem__(self, positions: Rows) -> Hashes:
        found = np.empty(len(positions), "S32")
        owner = np.searchsorted(self._starts, positions, side="right") - 1
        for index in np.unique(owner).tolist():
            mine = owner == index
            rows = positions[mine] - self._starts[index]
            if self._masks is not None:
                rows = np.flatnonzero(self._masks[index])[rows]
            found[mine] = self._parts[index][rows]
        return found


class ContentIndex:
    """Finds texts among the rows of several arrays, in 12 bytes per row (16 beyond four billion).

    Args:
        parts: The arrays of hashes; they are referred to, not copied.
        masks: The rows of each that can be found, no two of them with equal texts.
    """

    def __init__(self, parts: Sequence[Hashes], masks: Sequence[Mask]) -> None:
        self._contents = Contents(parts)
        starts = np.cumsum([0, *(len(part) for part in parts)])
        first = Contents(parts, masks).leading()
        order = np.argsort(first)
        self._leading = first[order]
        del first
        kind = np.uint32 if starts[-1] <= 1 << 32 else np.int64
        rows = np.concatenate(
            [
                (np.flatnonzero(mask) + start).astype(kind)
                for mask, start in zip(masks, starts[:-1].tolist(), strict=True)
            ]
            or [np.empty(0, kind)]
        )
        self._rows = rows[order]

    def find(self, wanted: Hashes) -> Iterator[tuple[Rows, Rows]]:
        """Give pairs of equal texts: positions in `wanted`, and rows of the arrays put together.

        A text that several arrays have gives a pair with each, in several answers.
        """
        first = leading(wanted)
        asked = np.argsort(first)
        # Ascending questions are answered several times as fast.
        at = np.searchsorted(self._leading, first[asked])
        while len(asked):
            inside = at < len(self._leading)
            at, asked = at[inside], asked[inside]
            alike = self._leading[at] == first[asked]
            at, asked = at[alike], asked[alike]
            rows = self._rows[at].astype(np.int64)
            same = self._contents[rows] == wanted[asked]
            if same.any():
                yield asked[same], rows[same]
            at = at + 1
