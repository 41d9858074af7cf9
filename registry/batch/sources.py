"""What the batch plane needs of a version: its documents' hashes, its signatures, its texts.

A document is one number everywhere in the batch plane: the version's id in the upper bits, the
row in reading order in the lower ones. It is positive and fits every engine's BIGINT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.errors import InvalidInputError

ROW_BITS: Final = 32
_ROW_MASK: Final = (1 << ROW_BITS) - 1
VERSIONS: Final = 1 << 31

Ids = npt.NDArray[np.int64]
Signatures = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Source:
    """A version, as far as it is compared.

    Attributes:
        number: The version's id.
        documents: How many it has.
        identity: What changes whenever its documents or sketches do.
        rows: Gives its document table in reading order; of it `content_hash` and `words` are used.
        signatures: Gives the signatures of its documents in reading order, in blocks, each with
            the row that it begins with.
        texts: Gives the texts of ascending rows in order, in batches, for true similarity; every
            one of them is checked against its hash.
    """

    number: int
    documents: int
    identity: tuple[str, ...]
    rows: Callable[[], Iterator[pa.RecordBatch]]
    signatures: Callable[[], Iterator[tuple[int, Signatures]]]
    texts: Callable[[Ids], Iterator[pa.Array]] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.number < VERSIONS or self.documents > 1 << ROW_BITS:
            raise InvalidInputError(
                f"version {self.number} with {self.documents:,} documents is too large to compare",
                hint=f"a version may have {1 << ROW_BITS:,} documents",
            )

    @property
    def first(self) -> int:
        """Return the id of its first document."""
        return self.number << ROW_BITS


def owners(documents: Ids) -> Ids:
    """Return the id of each document's version."""
    return documents >> ROW_BITS


def rows(documents: Ids) -> Ids:
    """Return the row of each document in its version."""
    return documents & _ROW_MASK


def selected(source: Source, wanted: Ascending) -> Iterator[tuple[pa.RecordBatch, Signatures]]:
    """Give the rows of a version that are wanted, with their signatures.

    Args:
        source: The version.
        wanted: Rows with the column `text_id`, those of versions before it taken already.
    """
    for first, block in source.signatures():
        begin = source.first + first
        for batch in wanted.upto(begin + len(block)):
            yield batch, block[batch.column("text_id").to_numpy() - begin]


class Ascending:
    """Rows of batches whose ids ascend, taken up to a limit at a time.

    Args:
        batches: Batches with the column `text_id`.
    """

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._waiting: pa.RecordBatch | None = next(batches, None)

    def upto(self, limit: int) -> list[pa.RecordBatch]:
        """Return the next rows whose ids are below a limit."""
        taken = []
        while self._waiting is not None:
            ids = self._waiting.column("text_id").to_numpy()
            cut = int(np.searchsorted(ids, limit))
            if cut:
                taken.append(self._waiting.slice(0, cut))
            if cut < len(ids):
                self._waiting = self._waiting.slice(cut)
                break
            self._waiting = next(self._batches, None)
        return taken
