"""The documents of one location, each text once: what others are compared with."""

from __future__ import annotations

import numpy as np

from registry import documents
from registry.blobs import Store
from registry.core.contents import Hashes, Mask, Rows, equals
from registry.db.models import Location


class Texts:
    """The documents of a location, each text once.

    Attributes:
        hashes: The content of each row.
        first: Which rows are the first of their text.
        firsts: Those rows, ascending; its position there is the text's number.
        numbers: The text of each row.
        copies: How many rows have each text.
    """

    def __init__(self, store: Store, place: Location) -> None:
        batches = documents.read(
            store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
        )
        self.hashes: Hashes = np.concatenate(
            [documents.hashes_of(batch.column("content_hash")) for batch in batches]
        )
        repeated = equals(self.hashes)
        self.first: Mask = repeated.first(np.ones(len(self.hashes), np.bool_))
        self.firsts: Rows = np.flatnonzero(self.first)
        self.numbers: Rows = np.cumsum(self.first) - 1
        self.numbers[repeated.rows] = self.numbers[repeated.rows[repeated.starts]][repeated.groups]
        self.copies = np.bincount(self.numbers, minlength=len(self.firsts))

    def rows(self, texts: Rows) -> Rows:
        """Return all rows that have some texts, ascending."""
        chosen = np.zeros(len(self.firsts), np.bool_)
        chosen[texts] = True
        return np.flatnonzero(chosen[self.numbers])
