"""A registered version as a source: its document table and its sketch files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from registry import documents
from registry.batch.sources import Ids, Signatures, Source
from registry.blobs import Store
from registry.db.models import DatasetVersion, Location, SketchTable
from registry.errors import ConflictError
from registry.index.parts import SketchFile

ROWS: Final = 1 << 14
"""How many signatures are read at a time."""


def source(
    version: DatasetVersion,
    location: Location,
    table: SketchTable,
    store: Store,
    *,
    texts: Callable[[Ids], Iterator[pa.Array]] | None = None,
) -> Source:
    """Return what the batch plane needs of a version.

    Args:
        version: The version.
        location: Its first location, whose rows are meant.
        table: The sketches of that location.
        store: The registry's storage.
        texts: Gives the texts of ascending rows, checked.

    Raises:
        ConflictError: The sketches are missing, damaged, or of other documents.
    """
    paths = sorted(store.sketches(location.uid).glob("part-*.sketch"))
    there = sum(SketchFile.open(path).documents for path in paths)
    if there != table.documents:
        raise ConflictError(
            f"{there:,} of the {table.documents:,} sketches of version {version.id} are there",
            hint="run `firsthand index rebuild`",
        )
    return Source(
        number=version.id,
        documents=version.documents,
        identity=(location.uid, location.table_digest, table.digest),
        rows=lambda: documents.read(
            store.documents(location.uid),
            digest=location.table_digest,
            columns=["content_hash", "words"],
        ),
        signatures=lambda: _signatures(paths),
        texts=texts,
    )


def _signatures(paths: Sequence[Path]) -> Iterator[tuple[int, Signatures]]:
    begin = 0
    for path in paths:
        file = SketchFile.open(path)
        for first, block in file.stream(ROWS):
            yield begin + first, block
        begin += file.documents
