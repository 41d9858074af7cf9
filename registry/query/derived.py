"""Answers that took long, kept in the storage: they can be made again, and nothing relies on them.

An answer is named by all that it depends on, so it is never out of date; where it cannot be written
it is not kept, and where it cannot be read it is made again. A file is Parquet and then the SHA-256
of its name and of that, so that neither a damaged file nor one of another name is believed. Whoever
can write to the storage can change it (docs/trust.md): remove `storage/derived` to have everything
made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from registry.blobs import Store, write_file
from registry.core.digest import digest_of
from registry.errors import UnavailableError

FOLDER: Final = "derived"


def load(store: Store, kind: str, of: Mapping[str, Any]) -> pa.Table | None:
    """Return what was kept, or None.

    Args:
        store: The registry's storage.
        kind: What it is, a word.
        of: What it depends on, all of it.
    """
    path = _path(store, kind, of)
    try:
        held = path.read_bytes()
        body, seal = held[:-_SEAL], held[-_SEAL:]
        if seal != _seal(path, body):
            return None
        return pq.read_table(pa.BufferReader(body), use_threads=False)
    except (OSError, pa.ArrowException):
        return None


def keep(store: Store, kind: str, of: Mapping[str, Any], table: pa.Table) -> None:
    """Keep an answer, if the storage takes it."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    path, body = _path(store, kind, of), sink.getvalue().to_pybytes()
    with contextlib.suppress(UnavailableError):
        write_file(path, body + _seal(path, body))


_SEAL: Final = 32


def _seal(path: Path, body: bytes) -> bytes:
    """Return what tells a file of this kind and name from all others."""
    name = f"{path.parent.name}/{path.name}".encode()
    return hashlib.sha256(hashlib.sha256(name).digest() + body).digest()


def _path(store: Store, kind: str, of: Mapping[str, Any]) -> Path:
    return store.root / FOLDER / kind / f"{digest_of(dict(of))}"
