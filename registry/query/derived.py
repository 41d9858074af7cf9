"""Answers that took long, kept in the storage: they can be made again, and nothing relies on them.

An answer is named by all that it depends on, so it is never out of date; where it cannot be written
it is not kept, and where it cannot be read it is made again. Whoever can write to the storage can
change it (docs/trust.md): remove `storage/derived` to have everything made anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from registry.blobs import Store, write_file
from registry.core.digest import digest_of
from registry.errors import UnavailableError

FOLDER = "derived"


def load(store: Store, kind: str, of: Mapping[str, Any]) -> pa.Table | None:
    """Return what was kept, or None.

    Args:
        store: The registry's storage.
        kind: What it is, a word.
        of: What it depends on, all of it.
    """
    try:
        return pq.read_table(
            _path(store, kind, of), page_checksum_verification=True, use_threads=False
        )
    except (OSError, pa.ArrowException):
        return None


def keep(store: Store, kind: str, of: Mapping[str, Any], table: pa.Table) -> None:
    """Keep an answer, if the storage takes it."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    with contextlib.suppress(UnavailableError):
        write_file(_path(store, kind, of), sink.getvalue().to_pybytes())


def _path(store: Store, kind: str, of: Mapping[str, Any]) -> Path:
    return store.root / FOLDER / kind / f"{digest_of(dict(of))}.parquet"
