"""Texts that a version has several times, and what its own records say differently of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from registry.core.claim import Mask
from registry.core.contents import equals
from registry.query.standing import Standing


def most_repeated(stand: Standing) -> dict[str, Any] | None:
    """Return the text that most documents of a version have, if any has it twice.

    Args:
        stand: The version.

    Returns:
        Its hash, how many documents have it, the first of their rows, and who wrote that.
    """
    repeated = equals(stand.hashes)
    if not len(repeated.starts):
        return None
    sizes = np.diff(repeated.starts, append=len(repeated.rows))
    # Of texts that are as frequent, the one that comes first.
    first = repeated.rows[repeated.starts]
    at = int(np.lexsort((first, -sizes))[0])
    row = int(first[at])
    return {
        "content_hash": stand.hashes[row : row + 1].tobytes().hex(),
        "documents": int(sizes[at]),
        "row": row,
        "generators": list(stand.generators.names[stand.generators.codes[row]]),
    }


def contested(stand: Standing) -> dict[str, int]:
    """Return how many texts the claims about one version call human and also something else.

    Args:
        stand: The version, looked at alone.
    """
    mask: Mask = stand.view.contested
    if not mask.any():
        return {"documents": 0, "texts": 0}
    return {
        "documents": int(np.count_nonzero(mask)),
        "texts": len(np.unique(stand.hashes[mask])),
    }
