"""Candidates that share a band, compared signature to signature: each pair once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np

from registry.core.contents import Mask, Rows, distinct
from registry.core.sketch import similarity
from registry.index.reading import Index

NEAR: Final = 0.8
"""From which similarity on two documents are near."""
_BLOCK: Final = 1 << 16
_CANDIDATES: Final = 1 << 21
"""How many candidates are looked at together."""


def alike(
    index: Index,
    mine: int,
    blocks: Iterable[tuple[Rows, Rows, Rows]],
    *,
    wanted: Callable[[int, Rows, Rows], Mask] | None = None,
) -> Iterator[tuple[int, Rows, Rows]]:
    """Give those candidates that are near.

    Args:
        index: The index.
        mine: The location whose documents are compared.
        blocks: Rows of it, the locations and the rows of the others, as `Index.joined` gives them.
        wanted: Says which rows of a location and which of mine are to be compared at all.

    Yields:
        A location, rows of mine, rows there. A pair may come several times.

    Raises:
        ConflictError: Sketches are missing or damaged.
    """
    for rows, locations, theirs in _gathered(blocks):
        for location in np.unique(locations).tolist():
            here = np.flatnonzero(locations == location)
            if wanted is not None:
                here = here[wanted(location, rows[here], theirs[here])]
            for first, there in _once(rows[here], theirs[here]) if len(here) else ():
                if wanted is not None:
                    still = wanted(location, first, there)
                    first, there = first[still], there[still]
                near = (
                    similarity(index.signatures(mine, first), index.signatures(location, there))
                    >= NEAR
                )
                if near.any():
                    yield location, first[near], there[near]


def _once(rows: Rows, theirs: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Give each pair once, some at a time; it comes once for each band that both have."""
    wide = int(theirs.max()) + 1
    pairs = distinct(rows * wide + theirs)
    for begin in range(0, len(pairs), _BLOCK):
        yield np.divmod(pairs[begin : begin + _BLOCK], wide)


def _gathered(blocks: Iterable[tuple[Rows, Rows, Rows]]) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Put blocks of candidates together."""
    parts: list[tuple[Rows, Rows, Rows]] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block[0])
        if size >= _CANDIDATES:
            yield _stacked(parts)
            parts, size = [], 0
    if parts:
        yield _stacked(parts)


def _stacked(parts: list[tuple[Rows, Rows, Rows]]) -> tuple[Rows, Rows, Rows]:
    rows, locations, theirs = (np.concatenate(part) for part in zip(*parts, strict=True))
    return rows, locations, theirs
