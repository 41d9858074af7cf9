"""The shingles of documents themselves, for the true Jaccard similarity that sketches estimate.

A shingle is what it is in `sketch/v1` (`docs/sketch-v1.md`). It is compared by a hash of 64 bits,
which is not that of the sketches: of a million pairs of documents with a thousand shingles each,
one in some ten million would be off by one shingle.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from registry.core import words
from registry.core.sketch import lowered

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def different(data: Bytes, offsets: Integers) -> tuple[Hashes, Integers]:
    """Return the different shingles of each document of an Arrow string array.

    Args:
        data: The array's value buffer. Documents are valid UTF-8; what becomes of one that is not
            is unspecified, but is no error and touches no other document.
        offsets: For n documents n + 1 ascending positions in `data`.

    Returns:
        The hashes of all documents, in order, ascending within each; and how many each has, which
        is none where a document has no token.
    """
    from registry.core.kernel import shingles

    counts = np.empty(len(offsets) - 1, np.int64)
    found, kept = shingles.shingles(
        np.ascontiguousarray(data, dtype=np.uint8),
        np.ascontiguousarray(offsets, dtype=np.int64),
        *_tables(),
        counts,
    )
    return found[:kept].copy(), counts


def common(
    values: Hashes, begins: Integers, ends: Integers, other_begins: Integers, other_ends: Integers
) -> Integers:
    """Return how many values pairs of ranges share, each range ascending and without repetitions.

    Args:
        values: Where the ranges are.
        begins: Where the first range of each pair begins.
        ends: Where it ends.
        other_begins: Where the second one begins.
        other_ends: Where it ends.
    """
    from registry.core.kernel import shingles

    found = np.empty(len(begins), np.int64)
    shingles.common(values, begins, ends, other_begins, other_ends, found)
    return found


@cache
def _tables() -> tuple[Bytes, npt.NDArray[np.uint32]]:
    """Return the kind of every code point, and its lower case."""
    kinds = np.ascontiguousarray(words.kinds(), np.uint8)
    lower = np.arange(len(kinds), dtype=np.uint32)
    for point in np.flatnonzero(kinds).tolist():
        lower[point] = lowered(point)
    return kinds, lower
