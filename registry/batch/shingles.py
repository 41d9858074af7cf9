"""The shingles of texts as sorted hashes on disk, and the true Jaccard similarity of two texts.

Two files: the 64-bit hashes of each text's different shingles, ascending, and where each begins.
They are memory-mapped, and their pages given back after every block of pairs.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from registry.batch import sql
from registry.batch.bench import Bench
from registry.batch.sources import Ids, Source, owners, rows
from registry.batch.stages import Stage
from registry.core.shingles import common, different
from registry.documents import text_buffers
from registry.errors import ConflictError

VALUES: Final = "shingles.u64"
INDEX: Final = "shingles.parquet"
Hashes = npt.NDArray[np.uint64]


def write(found: Stage, sources: Mapping[int, Source], bench: Bench) -> Mapping[str, Any]:
    """Write the shingles of all texts in candidates, reading each version once.

    Args:
        found: The candidates.
        sources: The versions, by id.
        bench: Where the files go.

    Raises:
        RegistryError: A text is not to be had any more.
    """
    wanted = bench.file("wanted.parquet")
    with bench.engine() as engine:
        engine.see("candidates", found.file("candidates.parquet"))
        engine.write(sql.IN_CANDIDATES, wanted)
    ids = pq.read_table(wanted, columns=["text_id"]).column(0).to_numpy()
    ends = np.zeros(len(ids) + 1, np.int64)
    numbers = owners(ids)
    done = 0
    with bench.file(VALUES).open("wb") as file:
        for number in np.unique(numbers).tolist():
            begin, end = np.searchsorted(numbers, [number, number + 1])
            chosen = rows(ids[begin:end])
            at = 0
            for hashes, counts in _of_rows(sources[number], chosen):
                file.write(hashes.tobytes())
                place = begin + at
                ends[place + 1 : place + 1 + len(counts)] = counts
                at, done = at + len(counts), done + len(counts)
                bench.tell(done, len(ids))
            if at < len(chosen):
                raise ConflictError(
                    f"{len(chosen) - at:,} texts to compare are not where they were registered from"
                )
    np.cumsum(ends, out=ends)
    table = pa.table({"text_id": ids, "begin": ends[:-1], "end": ends[1:]})
    pq.write_table(table, bench.file(INDEX), compression="none", use_dictionary=False)
    return {"texts": len(ids), "shingles": int(ends[-1])}


def _of_rows(source: Source, chosen: Ids) -> Any:
    """Give the shingles of ascending rows of a version, with how many each has."""
    assert source.texts is not None  # noqa: S101 - the caller asked for true similarity
    begin = at = 0
    for batch in source.texts():
        end = begin + batch.num_rows
        upto = int(np.searchsorted(chosen, end))
        if upto > at:
            texts = batch.column("text").take(pa.array(chosen[at:upto] - begin))
            data, ends = text_buffers(texts)
            yield different(np.frombuffer(data, np.uint8), ends)
        begin, at = end, upto
        if at == len(chosen):
            return


class Shingles:
    """The shingles that `write` wrote."""

    def __init__(self, folder: Path) -> None:
        index = pq.read_table(folder / INDEX)
        self._ids, self._begins, self._ends = (
            index.column(name).to_numpy() for name in ("text_id", "begin", "end")
        )
        self._file = (folder / VALUES).open("rb")
        self._map = None
        self._values: Hashes = np.empty(0, np.uint64)
        if (folder / VALUES).stat().st_size:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            self._values = np.frombuffer(self._map, np.uint64)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._values = np.empty(0, np.uint64)
        if self._map is not None:
            self._map.close()
        self._file.close()

    def jaccard(self, left: Ids, right: Ids) -> npt.NDArray[np.float64]:
        """Return the true similarity of pairs of texts."""
        one, two = np.searchsorted(self._ids, left), np.searchsorted(self._ids, right)
        shared = common(
            self._values, self._begins[one], self._ends[one], self._begins[two], self._ends[two]
        )
        sizes = self._ends[one] - self._begins[one] + self._ends[two] - self._begins[two]
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
        found: npt.NDArray[np.float64] = shared / np.maximum(sizes - shared, 1)
        return found
