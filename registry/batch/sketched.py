"""A registered version as a source: its document table and its sketch files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa

from registry import documents
from registry.batch.sources import Ids, Signatures, Source
from registry.blobs import Store
from registry.db.models import DatasetVersion, Location, SketchTable
from registry.errors import ConflictError
from registry.index.parts import SketchFile

REOPEN_AFTER: Final = 1 << 18
"""After so many signatures a file is mapped anew: pages that were read count as our memory."""


def source(
    version: DatasetVersion,
    location: Location,
    table: SketchTable,
    store: Store,
    *,
    texts: Callable[[], Iterator[pa.RecordBatch]] | None = None,
) -> Source:
    """Return what the batch plane needs of a version.

    Args:
        version: The version.
        location: Its first location, whose rows are meant.
        table: The sketches of that location.
        store: The registry's storage.
        texts: Gives its texts, checked.

    Raises:
        ConflictError: The sketches are missing, damaged, or of other documents.
    """
    signatures = _Signatures(location, table, store)
    return Source(
        number=version.id,
        documents=version.documents,
        identity=(location.uid, location.table_digest, table.digest),
        rows=lambda: documents.read(
            store.documents(location.uid),
            digest=location.table_digest,
            columns=["content_hash", "words"],
        ),
        signatures=signatures.of,
        texts=texts,
    )


class _Signatures:
    """Finds signatures by row in the files of a location, several threads at once."""

    def __init__(self, location: Location, table: SketchTable, store: Store) -> None:
        self._paths = sorted(store.sketches(location.uid).glob("part-*.sketch"))
        files = [SketchFile.open(path) for path in self._paths]
        self._starts = np.cumsum([0, *(file.documents for file in files)])
        if int(self._starts[-1]) != table.documents:
            raise ConflictError(
                f"the sketches of `{location.uid}` are of {int(self._starts[-1]):,} documents, "
                f"not of {table.documents:,}",
                hint="run `firsthand index rebuild`",
            )
        self._open: dict[int, tuple[SketchFile, int]] = {}
        self._lock = Lock()

    def of(self, rows: Ids) -> Signatures:
        """Return the signatures of ascending rows."""
        cuts = np.searchsorted(rows, self._starts)
        found = [
            self._file(part, end - begin).signatures(rows[begin:end] - self._starts[part])
            for part, (begin, end) in enumerate(pairwise(cuts))
            if begin < end
        ]
        return np.concatenate(found)

    def _file(self, part: int, wanted: int) -> SketchFile:
        with self._lock:
            file, taken = self._open.get(part, (None, 0))
            if file is None or taken > REOPEN_AFTER:
                file, taken = SketchFile.open(self._paths[part]), 0
            self._open[part] = file, taken + int(wanted)
            return file
