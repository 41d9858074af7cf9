"""Something of every text in candidates, such as its signature, in one file that is read in pieces.

The values of all texts in the order of their ids, and where each begins. They are read by plain
reads of runs of neighbors, not mapped: a mapped file counts as the memory of whoever touched it,
and the system maps sixteen pages where one was asked for.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from registry.batch.bench import Bench
from registry.batch.sources import Ids

Values = npt.NDArray[Any]


class PiecesWriter:
    """Writes the values of texts whose ids ascend.

    Args:
        bench: Where the files go.
        name: What they are called.
    """

    def __init__(self, bench: Bench, name: str) -> None:
        self._index = bench.file(f"{name}.parquet")
        self._file = bench.file(f"{name}.values").open("wb")
        self._ids: list[Ids] = []
        self._counts: list[Ids] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, ids: Ids, values: Values, counts: Ids) -> None:
        """Append texts: the values of all of them, and how many each has."""
        self._file.write(np.ascontiguousarray(values).data)
        self._ids.append(ids)
        self._counts.append(counts)

    def close(self) -> None:
        """Write where each text begins."""
        self._file.flush()
        none = np.empty(0, np.int64)
        ids, counts = (np.concatenate([none, *parts]) for parts in (self._ids, self._counts))
        table = pa.table({"text_id": ids, "end": np.cumsum(counts)})
        pq.write_table(table, self._index, compression="none", use_dictionary=False)


class Pieces:
    """Reads what `PiecesWriter` wrote; several threads may.

    Memory: 16 bytes per text, and what is read.

    Args:
        folder: Where the files are.
        name: What they are called.
        dtype: What a value is.
    """

    def __init__(self, folder: Path, name: str, dtype: npt.DTypeLike) -> None:
        index = pq.read_table(folder / f"{name}.parquet")
        self._ids = index.column("text_id").to_numpy()
        self._ends = index.column("end").to_numpy()
        self._dtype = np.dtype(dtype)
        self._file = (folder / f"{name}.values").open("rb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def places(self, ids: Ids) -> Ids:
        """Return the places of texts among those there are."""
        return np.searchsorted(self._ids, ids)

    def sizes(self, places: Ids) -> Ids:
        """Return how many values texts have."""
        sizes: Ids = self._ends[places] - self._begins(places)
        return sizes

    def read(self, places: Ids) -> tuple[Values, Ids]:
        """Return the values of texts at ascending places, and where each begins among them."""
        if not len(places):
            return np.empty(0, self._dtype), places
        sizes = self.sizes(places)
        begins = np.cumsum(sizes) - sizes
        values = np.empty(int(sizes.sum()), self._dtype)
        raw = values.data.cast("B")
        width, handle = self._dtype.itemsize, self._file.fileno()
        # What stands side by side is read at once.
        first = np.flatnonzero(np.diff(places, prepend=-2) != 1)
        last = np.append(first[1:], len(places)) - 1
        froms = self._begins(places[first]) * width
        tos, ends = begins[first] * width, (begins[last] + sizes[last]) * width
        for begin, to, end in zip(froms.tolist(), tos.tolist(), ends.tolist(), strict=True):
            _read(handle, raw[to:end], begin)
        return values, begins

    def _begins(self, places: Ids) -> Ids:
        return np.where(places > 0, self._ends[np.maximum(places - 1, 0)], 0)


def _read(handle: int, into: memoryview, begin: int) -> None:
    while into:
        read = os.preadv(handle, [into], begin)
        if not read:
            raise OSError("a file of a stage is shorter than when it was made")
        into, begin = into[read:], begin + read
