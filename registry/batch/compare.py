"""How similar the candidates are: signature to signature, or true Jaccard of their shingles.

Pairs come in the order of their left texts, so a block of them touches few signatures of the left
side and ascending ones of the right; both are fetched once per block from the memory-mapped sketch
files and compared by vector operations. That is some ten times as fast as a function that the SQL
engine calls, and no signature is ever copied into a table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.batch.bench import Bench
from registry.batch.candidates import pairs_of, writer
from registry.batch.shingles import Shingles
from registry.batch.sources import Ids, Source, signatures_of
from registry.batch.stages import Stage
from registry.core.sketch import similarity

PAIRS: Final = 1 << 15
COMPARED: Final = pa.schema(
    [
        ("left_text", pa.int64()),
        ("right_text", pa.int64()),
        ("similarity", pa.float64()),
        ("estimate", pa.float64()),
    ]
)

Shares = npt.NDArray[np.float64]
Pairs = tuple[Ids, Ids]


def compared(
    made: Stage, sources: Mapping[int, Source], shingles: Shingles | None, bench: Bench
) -> Mapping[str, Any]:
    """Write every candidate with its similarity.

    Args:
        made: The candidates.
        sources: The versions, by id.
        shingles: The shingles of the texts, for true similarity; None to estimate it.
        bench: Where the file goes.
    """

    def compare(pairs: Pairs) -> pa.RecordBatch:
        left, right = pairs
        ids = np.unique(np.concatenate(pairs))
        signatures = signatures_of(sources, ids)
        one, two = np.searchsorted(ids, left), np.searchsorted(ids, right)
        estimate = similarity(signatures[one], signatures[two])
        exact = estimate if shingles is None else shingles.jaccard(left, right)
        return pa.record_batch([left, right, exact, estimate], schema=COMPARED)

    done, total = 0, int(made.facts["candidates"])
    blocks = pairs_of(made.file("candidates.parquet"), PAIRS)
    with writer(bench.file("compared.parquet"), COMPARED) as out:
        for batch in in_order(compare, blocks, bench.limits.threads):
            out.write_batch(batch)
            done += batch.num_rows
            bench.tell(done, total)
    return {"compared": done}


def in_order(
    call: Callable[[Pairs], pa.RecordBatch], items: Iterator[Pairs], threads: int
) -> Iterator[pa.RecordBatch]:
    """Give the results of a function in the order of its arguments, some of them ahead."""
    waiting: deque[Future[pa.RecordBatch]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(call, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
