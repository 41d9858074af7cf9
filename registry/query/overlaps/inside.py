"""Texts that a version has several times, and what its own records say differently of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from registry.blobs import Store
from registry.core.claim import Mask
from registry.core.contents import equals
from registry.query.rows import RowReader
from registry.query.standing import Standing


def most_repeated(store: Store, stand: Standing) -> dict[str, Any] | None:
    """Return the text that most documents of a version have, if any has it twice.

    Args:
        store: The registry's storage.
        stand: The version.

    Returns:
        Its hash, how many documents have it, the first of their rows with its file, and who wrote
        that.

    Raises:
        ConflictError: The document table is missing or was changed.
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
        "file": stand.location.files[_file(store, stand, row)]["name"],
        "generators": list(stand.generators.names[stand.generators.codes[row]]),
    }


def _file(store: Store, stand: Standing, row: int) -> int:
    at = np.array([row], np.int64)
    return int(RowReader(store).take(stand.location, at, ("file",)).column(0)[0].as_py())


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
