"""The shingles of documents themselves, for the true Jaccard similarity that sketches estimate.

A shingle is what it is in `sketch/v1` (`docs/sketch-v1.md`), as its whole 64-bit hash: two
different ones of a pair of documents are taken for the same once in some 10^13 comparisons of
documents with a thousand each.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from registry.core.sketch import _characters
from registry.errors import InvalidInputError

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def different(data: Bytes, offsets: Integers) -> tuple[Hashes, Integers]:
    """Return the different shingles of each document of an Arrow string array.

    Args:
        data: The array's value buffer.
        offsets: For n documents n + 1 ascending positions in `data`.

    Returns:
        The hashes of all documents, in order, ascending within each; and how many each has, which
        is none where a document has no token.

    Raises:
        InvalidInputError: Five tokens take 2 GiB.
    """
    from registry.core.kernel import shingles

    counts = np.empty(len(offsets) - 1, np.int64)
    try:
        found, kept = shingles.shingles(
            np.ascontiguousarray(data, dtype=np.uint8),
            np.ascontiguousarray(offsets, dtype=np.int64),
            *_characters(),
            counts,
        )
    except OverflowError:
        raise InvalidInputError("five words in a row take more than 2 GiB") from None
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
