"""Some rows of a document table, its columns as arrays, and what the data says in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry import documents
from registry.blobs import Store
from registry.core.claim import UNSAID, Amounts, Mask, OriginVoice
from registry.db.models import Location

Codes = npt.NDArray[np.int32]

ORIGINS: Final = ("content_hash", "bytes", "origin", "human_bytes", "generator")
"""The columns that say who or what wrote a text."""
EVERYTHING: Final = (*ORIGINS, "words", "language", "not_before", "not_after")


def parts(store: Store, location: Location, columns: tuple[str, ...]) -> Iterator[Part]:
    """Give a location's document table in parts of bounded size; at least one.

    Raises:
        ConflictError: The table is missing or was changed.
    """
    for batch in documents.read(
        store.documents(location.uid), digest=location.table_digest, columns=columns
    ):
        yield Part(batch)


class Part:
    """Consecutive rows of a location's document table."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        """Look at the rows of a batch."""
        self._batch = batch
        self.hashes = documents.hashes_of(batch.column("content_hash"))
        self.bytes = self.integers("bytes")

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    def where(self, mask: Mask) -> Part:
        """Return some of the rows."""
        return Part(self._batch.filter(pa.array(mask)))

    def column(self, name: str) -> pa.Array | None:
        """Return a column, or None if the table does not have it."""
        return self._batch.column(name) if name in self._batch.schema.names else None

    def integers(self, name: str) -> Amounts:
        """Return a column of numbers that the table has."""
        return np.asarray(self._batch.column(name).to_numpy(), np.int64)

    def voice(self) -> OriginVoice:
        """Return what the data itself says about the origin of each row."""
        labels = self.column("origin")
        if labels is None:
            return OriginVoice(np.full(len(self), UNSAID, np.int8))
        human = self.column("human_bytes")
        return OriginVoice(
            documents.origin_ranks(labels),
            None if human is None else self.integers("human_bytes"),
        )

    def generated(self) -> Mask:
        """Return the rows for which the data itself names a generator."""
        names = self.column("generator")
        if names is None:
            return np.zeros(len(self), np.bool_)
        return np.asarray(names.is_valid().to_numpy(zero_copy_only=False), np.bool_)

    def times(self, name: str, missing: int) -> Amounts:
        """Return a column of times as microseconds."""
        column = self.column(name)
        if column is None:
            return np.full(len(self), missing, np.int64)
        filled = column.cast(pa.int64()).fill_null(missing)
        return np.asarray(filled.to_numpy(), np.int64)

    def names(self, name: str) -> tuple[list[str | None], Codes]:
        """Return the different texts of a column, null first, and which of them each row has."""
        values = self.column(name)
        if values is None:
            return [None], np.zeros(len(self), np.int32)
        encoded = values.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32) + 1
        return [None, *encoded.dictionary.to_pylist()], codes
